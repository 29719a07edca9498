"""What comes back: the chair's answer by the link, or the stamped sheet; each counts once and for one list."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.issuance import rules
from cardnet.issuance.models import UnitApproval, UnitApprovalFile
from cardnet.issuance.rules import ApplicationAction, ApplicationState, Verdict
from cardnet.issuance.rules.unit_approval import ApprovalKind, ApprovalOutcome, check_code, typed_check_code
from cardnet.issuance.services.deadlines import review_clock
from cardnet.issuance.services.delegation import OFFICER_ROLES
from cardnet.issuance.services.unit_approval.records import (
    FILE_FIELD,
    SIGNER_FIELD,
    by_token,
    must_be_unanswered,
    must_serve,
    record,
    same_list,
)
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.scans import SCAN_BYTES, media_type
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership


@dataclass(frozen=True)
class DecideByLink:
    """Who holds the link says yes, or sends the list back with a reason."""

    token: str = field(repr=False)
    signer: str
    verdict: Verdict
    reason: str = ""
    words: str = ""
    address: str | None = None
    opened_by: Principal | None = None


@dataclass(frozen=True)
class UploadStamped:
    """The stamped sheet comes back: a PDF or a photograph, with the check code printed on it."""

    number: str
    typed_code: str
    content: bytes = field(repr=False)
    officer: Principal
    address: str | None = None


@dataclass(frozen=True)
class UnitApproved:
    """How many rows the unit's answer moved, and whose turn it is."""

    rows: int
    state: ApplicationState
    next_path: str | None


def note_own_link(session: Session, world: World, token: str, officer: Principal, address: str | None) -> None:
    """An officer of the unit tried to answer in the chair's place; the trail keeps it."""
    approval = by_token(session, token)
    record(session, world, "unit_approval.own_link", approval.id, officer.account_id, address)


def decide_by_link(session: Session, world: World, command: DecideByLink) -> UnitApproved:
    """The chair confirms or sends back, once.

    Raises NotFound("link_unknown"), InvalidInput("signer_wrong", "reason_unknown", "reason_missing"), Conflict
    ("link_used", "link_expired", "list_changed", "frozen"), NotAllowed("link_not_yours") in a browser in which an
    officer over this unit is signed in: whoever sends in a list does not confirm it.
    """
    approval = by_token(session, command.token, lock=True)
    at = world.now()
    _must_be_open(approval, at)
    _must_not_be_the_desk(approval, command.opened_by)
    signer = vault_of(session).open(SIGNER_FIELD, approval.signer)
    if "".join(command.signer.split()) != "".join(signer.split()):
        raise InvalidInput("signer_wrong", "姓名与发给的对象不一致，请填写您本人的姓名；不是发给您的，请转告经办人。")
    reasons = (command.reason,) if command.reason and command.verdict is not Verdict.APPROVE else ()
    rules.reasons_of(reasons, command.verdict)
    rows = _unchanged(session, approval)
    confirmed = command.verdict is Verdict.APPROVE
    words = f"工会主席{signer}凭一次性链接（{approval.number}）" + ("确认" if confirmed else "退回")
    note = f"{words}：{command.words.strip()[:300]}" if command.words.strip() else words
    done = _move(session, at, approval, rows, confirmed=confirmed, reasons=reasons, words=note)
    approval.outcome = ApprovalOutcome.CONFIRMED if confirmed else ApprovalOutcome.DECLINED
    approval.decided_at, approval.decided_from, approval.words = (
        at,
        command.address,
        command.words.strip()[:300] or None,
    )
    session.flush()
    record(session, world, f"unit_approval.{approval.outcome}", approval.id, None, command.address, rows=done.rows, kind="link")  # fmt: skip
    return done


def upload_stamped(session: Session, world: World, command: UploadStamped) -> UnitApproved:
    """The stamped sheet is kept, sealed, and the unit's rows go on to the next tier.

    Raises NotFound("approval_unknown"), InvalidInput("check_code_wrong", "file_type", "file_too_large"), Conflict
    ("summary_used", "summary_expired", "list_changed", "frozen"), NotAllowed.
    """
    approval = session.scalar(
        select(UnitApproval)
        .where(UnitApproval.number == command.number.strip().upper(), UnitApproval.kind == str(ApprovalKind.SUMMARY))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if approval is None or not in_scope(command.officer.scope_path, approval.path):
        raise NotFound("approval_unknown", f"没有编号为“{command.number[:40]}”的汇总审核表，请核对纸上的编号。")
    must_serve(command.officer, membership.union_of_id(session, approval.union_id))
    at = world.now()
    _must_be_open(approval, at)
    if typed_check_code(command.typed_code) != check_code(approval.number, approval.fingerprint):
        raise InvalidInput("check_code_wrong", "校验码不对：请照盖章的那张表上印的校验码填写。")
    if len(command.content) > SCAN_BYTES:
        raise InvalidInput("file_too_large", f"文件超过 {SCAN_BYTES >> 20} MB，请调低扫描清晰度后再上传。")
    kind = media_type(command.content)
    if kind is None:
        raise InvalidInput("file_type", "请上传盖章审核表的 PDF 扫描件，或 JPG、PNG 照片。")
    rows = _unchanged(session, approval)
    words = f"凭盖章《办卡汇总审核表》（{approval.number}）"
    done = _move(session, at, approval, rows, confirmed=True, reasons=(), words=words)
    session.execute(
        insert(UnitApprovalFile).values(
            approval_id=approval.id, content=vault_of(session).seal(FILE_FIELD, command.content), media_type=kind,
            sha256=hashlib.sha256(command.content).digest(), uploaded_by=command.officer.account_id, uploaded_at=at,
        )
    )  # fmt: skip
    approval.outcome, approval.decided_at, approval.decided_from = ApprovalOutcome.CONFIRMED, at, command.address
    session.flush()
    record(
        session, world, "unit_approval.confirmed", approval.id, command.officer.account_id, command.address,
        rows=done.rows, kind="summary", sha256=hashlib.sha256(command.content).hexdigest(),
    )  # fmt: skip
    return done


# ---- pieces ----


_LOCKED = text("""
    select id, row, round, person_id from application
     where batch_id = :batch and path = :path and review_path = :path and state = 'submitted'
     order by id for no key update""")

_MOVE = text("""
    with decided as (
        update application a
           set state = :state, review_path = :next_path, due_at = :due, escalated_at = null, hold_until = :hold_until,
               events = a.events + 1
         where a.id = any(:ids) and a.state = 'submitted'
        returning a.id, a.events, a.round
    )
    insert into application_event
        (application_id, seq, at, action, from_state, to_state, review_path, round, reasons, words)
    select id, events, :at, :action, 'submitted', :state, :path, round, cast(:reasons as jsonb), :words from decided""")


def _move(
    session: Session,
    at: datetime,
    approval: UnitApproval,
    rows: list[Row[Any]],
    *,
    confirmed: bool,
    reasons: tuple[str, ...],
    words: str,
) -> UnitApproved:
    above = rules.review_route(approval.path)[1]
    clock = review_clock(session, [above])
    clock.must_run(approval.path, at)
    action = ApplicationAction.CONFIRM if confirmed else ApplicationAction.RETURN
    state = rules.next_application_state(ApplicationState.SUBMITTED, action)
    session.execute(
        _MOVE,
        {
            "ids": [row.id for row in rows], "state": str(state), "path": approval.path, "at": at,
            "next_path": above if confirmed else None,
            "due": clock.due(above, at) if confirmed else None,
            "hold_until": None if confirmed else at + timedelta(days=rules.RETURNED_HOLD_DAYS),
            "action": str(action), "reasons": json.dumps(list(reasons)) if reasons else None, "words": words,
        },
    )  # fmt: skip
    return UnitApproved(len(rows), state, above if confirmed else None)


def _unchanged(session: Session, approval: UnitApproval) -> list[Row[Any]]:
    """The rows, locked, when they still are the list that was confirmed."""
    rows = list(session.execute(_LOCKED, {"batch": approval.batch_id, "path": approval.path}).all())
    if not same_list(approval, rows):
        raise Conflict("list_changed", "名单在这之后有了变化，原来的确认不再有效，请经办人重新发起。")
    return rows


def _must_not_be_the_desk(approval: UnitApproval, opened_by: Principal | None) -> None:
    if opened_by is None:
        return
    desk = opened_by.has(*OFFICER_ROLES) and in_scope(opened_by.scope_path, approval.path)
    if desk or opened_by.account_id == approval.made_by:
        raise NotAllowed(
            "link_not_yours", "这个链接是给工会主席本人的：经办人员不能代为确认，请主席在自己的手机上打开。"
        )


def _must_be_open(approval: UnitApproval, at: datetime) -> None:
    must_be_unanswered(approval)
    if approval.expires_at <= at:
        raise Conflict(f"{approval.kind}_expired", f"{approval.number} 已过期，请经办人重新发起。")
