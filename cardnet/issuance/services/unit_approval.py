"""The unit's own approval where the unit has one officer, who never approves what they sent in.

The chair confirms by a one-time link, or the officer uploads the stamped 《办卡汇总审核表》 that was printed here, with
its number and check code. Both are about one list of people; when that list changes, they approve nothing any more.
The township's is then the first review by somebody independent, and sees how the unit approved.
"""

import hashlib
import json
import uuid
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance import rules
from cardnet.issuance.models import UnitApproval, UnitApprovalFile
from cardnet.issuance.rules import ApplicationAction, ApplicationState, Verdict
from cardnet.issuance.rules.unit_approval import (
    LINK_DAYS,
    SUMMARY_DAYS,
    ApprovalKind,
    ApprovalOutcome,
    check_code,
    fingerprint,
    typed_check_code,
)
from cardnet.issuance.services.batches import batch_of
from cardnet.issuance.services.deadlines import review_clock
from cardnet.issuance.services.delegation import OFFICER_ROLES
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.scans import SCAN_BYTES, media_type
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import PersonView, UnionNode, code_of
from cardnet.membership.services import notices

SIGNER_FIELD = "unit_approval.signer"
FILE_FIELD = "unit_approval.file"


@dataclass(frozen=True)
class AskApproval:
    """An officer asks for the approval of the unit with this code, by a link for `signer` or a sheet to be stamped.

    With the chair's own mobile number (`phone`) the link goes there and the officer never sees it; `link_prefix` is
    what stands before its token.
    """

    batch_id: uuid.UUID
    unit_code: str
    kind: ApprovalKind
    signer: str
    officer: Principal
    phone: str = field(default="", repr=False)
    link_prefix: str = ""


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
class ApprovalLine:
    """One approval that was asked for. `state` is open, confirmed, declined, expired or outdated (the list changed)."""

    id: uuid.UUID
    number: str
    kind: ApprovalKind
    union: UnionNode
    signer: str
    rows: int
    check_code: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    state: str
    decided_at: datetime | None
    words: str
    file_type: str | None


@dataclass(frozen=True)
class ApprovalList:
    """The list an approval is about, as the sheet prints it and the chair reads it."""

    line: ApprovalLine
    batch_id: uuid.UUID
    filename: str
    people: tuple[tuple[int, PersonView], ...]


@dataclass(frozen=True)
class Asked:
    """The approval asked for, and for a link its token: shown this once, or `sent` to the chair's own phone instead."""

    approval_id: uuid.UUID
    number: str
    token: str | None = field(repr=False)
    sent: bool = False


@dataclass(frozen=True)
class UnitApproved:
    """How many rows the unit's answer moved, and whose turn it is."""

    rows: int
    state: ApplicationState
    next_path: str | None


def ask_approval(session: Session, world: World, command: AskApproval) -> Asked:
    """Make a link or a sheet for the rows that stand before the unit now.

    Raises NotFound("batch_unknown", "unit_unknown"), NotAllowed("role_missing", "out_of_scope"), InvalidInput
    ("signer_missing", "phone_format"), Conflict("unit_has_reviewer", "nothing_to_review").
    """
    phone = membership.phone_typed(command.phone) if command.phone.strip() else ""
    batch = batch_of(session, command.batch_id)
    unit = membership.union_of_code(session, command.unit_code)
    _must_serve(command.officer, unit)
    _must_have_one_officer(session, unit)
    signer = " ".join(command.signer.split())[:50]
    if not signer:
        raise InvalidInput("signer_missing", "请填写工会主席的姓名。")
    rows = _standing(session, batch.id, unit.path)
    if not rows:
        raise Conflict("nothing_to_review", f"{unit.name}现在没有等本单位审核的申请。")
    at = world.now()
    token = urlsafe_b64encode(world.random_bytes(24)).decode() if command.kind is ApprovalKind.LINK else None
    approval_id, number = world.new_id(), _next_number(session, at)
    approval = {
        "id": approval_id,
        "number": number,
        "kind": str(command.kind),
        "batch_id": batch.id,
        "union_id": unit.id,
        "path": unit.path,
        "rows": len(rows),
        "fingerprint": fingerprint(batch.id, unit.code, _listed(rows)),
        "signer": vault_of(session).seal(SIGNER_FIELD, signer),
        "token_hash": _hashed(token) if token else None,
        "made_by": command.officer.account_id,
        "made_at": at,
        "expires_at": at + (LINK_DAYS if token else SUMMARY_DAYS),
    }
    session.execute(insert(UnitApproval).values(approval))
    _record(session, world, "unit_approval.ask", approval_id, command.officer.account_id, kind=str(command.kind), rows=len(rows), sent=bool(phone and token))  # fmt: skip
    if not phone or token is None:
        return Asked(approval_id, number, token)
    values = {
        "union": unit.name, "rows": str(len(rows)), "days": str(LINK_DAYS.days), "url": f"{command.link_prefix}{token}",
    }  # fmt: skip
    link = notices.DirectKind.CHAIR_LINK
    message = notices.SendDirect(link, approval_id, phone, values, at + LINK_DAYS, command.officer.account_id)
    notices.send_direct(session, world, message)
    return Asked(approval_id, number, None, sent=True)


def note_own_link(session: Session, world: World, token: str, officer: Principal, address: str | None) -> None:
    """An officer of the unit tried to answer in the chair's place; the trail keeps it."""
    approval = _by_token(session, token)
    _record(session, world, "unit_approval.own_link", approval.id, officer.account_id, address)


def approval_by_link(session: Session, world: World, token: str) -> ApprovalList:
    """What the holder of a link is asked. Raises NotFound("link_unknown")."""
    return _list(session, world, _by_token(session, token))


def approval_list(session: Session, world: World, officer: Principal, approval_id: uuid.UUID) -> ApprovalList:
    """The list of one approval, to be printed. Raises NotFound("approval_unknown"), also when it is not the officer's."""
    return _list(session, world, _visible(session, officer, approval_id))


def list_to_sign(session: Session, world: World, officer: Principal, approval_id: uuid.UUID) -> ApprovalList:
    """The same list for its people to tick and sign, while it still is the one the approval is about.

    Raises NotFound("approval_unknown"), Conflict("list_changed") once it was answered, ran out or the list changed.
    """
    listed = approval_list(session, world, officer, approval_id)
    if listed.line.state != "open":
        raise Conflict("list_changed", "这次确认已经办完、过期或名单有了变化，请重新发起后再打印签名表。")
    return listed


def approvals_of_batch(
    session: Session, world: World, officer: Principal, batch_id: uuid.UUID
) -> tuple[ApprovalLine, ...]:
    """What was asked for in a batch, within the officer's scope, the newest first."""
    rows = session.scalars(
        select(UnitApproval).where(UnitApproval.batch_id == batch_id).order_by(UnitApproval.made_at.desc(), UnitApproval.number.desc())
    ).all()  # fmt: skip
    return tuple(_line(session, world, row) for row in rows if in_scope(officer.scope_path, row.path))


def decide_by_link(session: Session, world: World, command: DecideByLink) -> UnitApproved:
    """The chair confirms or sends back, once.

    Raises NotFound("link_unknown"), InvalidInput("signer_wrong", "reason_unknown", "reason_missing"), Conflict
    ("link_used", "link_expired", "list_changed", "frozen"), NotAllowed("link_not_yours") in a browser in which an
    officer over this unit is signed in: whoever sends in a list does not confirm it.
    """
    approval = _by_token(session, command.token, lock=True)
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
    _record(session, world, f"unit_approval.{approval.outcome}", approval.id, None, command.address, rows=done.rows, kind="link")  # fmt: skip
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
    _must_serve(command.officer, membership.union_of_id(session, approval.union_id))
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
    _record(
        session, world, "unit_approval.confirmed", approval.id, command.officer.account_id, command.address,
        rows=done.rows, kind="summary", sha256=hashlib.sha256(command.content).hexdigest(),
    )  # fmt: skip
    return done


def stamped_file(session: Session, world: World, officer: Principal, approval_id: uuid.UUID) -> tuple[str, str, bytes]:
    """The stamped sheet as it was uploaded: number, media type, bytes. Reading it is noted. Raises NotFound("approval_unknown")."""
    approval = _visible(session, officer, approval_id)
    kept = session.get(UnitApprovalFile, approval.id)
    if kept is None:
        raise _unknown()
    _record(session, world, "unit_approval.read", approval.id, officer.account_id)
    return approval.number, kept.media_type, vault_of(session).open_bytes(FILE_FIELD, kept.content)


_AT_OWN_DESK = text("""
    select union_id, count(*) as rows from application
     where batch_id = :batch and review_path = path and state = 'submitted' and starts_with(path, :under)
     group by union_id""")


def awaiting_unit_approval(
    session: Session, batch_id: uuid.UUID, under: str
) -> tuple[tuple[UnionNode, int, int], ...]:  # fmt: skip
    """The unions of a batch whose own people's applications stand before themselves: how many, and the officers there.

    With fewer than two officers the chair is asked; the rows of unions below that stand there are no part of it.
    """
    rows = session.execute(_AT_OWN_DESK, {"batch": batch_id, "under": under}).all()
    unions = membership.unions_of_ids(session, {row.union_id for row in rows})
    officers = officers_of_units(session, unions.values(), under)
    found = ((unions[row.union_id], row.rows, officers[row.union_id]) for row in rows if row.union_id in officers)
    return tuple(sorted(found, key=lambda one: one[0].path))


# ---- pieces ----

_STANDING = text("""
    select id, row, round, person_id from application
     where batch_id = :batch and path = :path and review_path = :path and state = 'submitted' order by row""")

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
    if not _same_list(approval, rows):
        raise Conflict("list_changed", "名单在这之后有了变化，原来的确认不再有效，请经办人重新发起。")
    return rows


def _standing(session: Session, batch_id: uuid.UUID, path: str) -> list[Row[Any]]:
    return list(session.execute(_STANDING, {"batch": batch_id, "path": path}).all())


def _same_list(approval: UnitApproval, rows: Sequence[Row[Any]]) -> bool:
    """Whether these are the rows it was asked for; of a union that was merged away the code is another one now."""
    code = code_of(approval.path)
    listed = _listed(rows)
    return approval.fingerprint in {fingerprint(approval.batch_id, name, listed) for name in (code, approval.path)}


def _listed(rows: Sequence[Row[Any]]) -> list[tuple[uuid.UUID, int, uuid.UUID]]:
    return [(row.id, row.round, row.person_id) for row in rows]


def _must_not_be_the_desk(approval: UnitApproval, opened_by: Principal | None) -> None:
    if opened_by is None:
        return
    desk = opened_by.has(*OFFICER_ROLES) and in_scope(opened_by.scope_path, approval.path)
    if desk or opened_by.account_id == approval.made_by:
        raise NotAllowed(
            "link_not_yours", "这个链接是给工会主席本人的：经办人员不能代为确认，请主席在自己的手机上打开。"
        )


def _must_serve(officer: Principal, unit: UnionNode) -> None:
    if not officer.has(*OFFICER_ROLES):
        raise NotAllowed("role_missing", f"{officer.display_name}不是工会工作人员，不能办理单位确认。")
    if not in_scope(officer.scope_path, unit.path):
        raise NotAllowed("out_of_scope", f"{unit.name}不在{officer.display_name}的管理范围内。")


def officers_of_units(session: Session, units: Iterable[UnionNode], under: str) -> Mapping[uuid.UUID, int]:
    """How many officers each of these unions has, all of them under a path; with two, one reviews what the other sent.

    The district is not among them: what it sends in for its own people has nobody above to be the first review.
    """
    wanted = {unit.id for unit in units if unit.parent_id is not None}
    if not wanted:
        return {}
    roles = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER)
    serving = Counter(one.union_id for one in access.principals_under(session, under, *roles))
    return {unit: serving[unit] for unit in wanted}


def _must_have_one_officer(session: Session, unit: UnionNode) -> None:
    if unit.parent_id is None:
        raise Conflict("unit_has_reviewer", f"{unit.name}没有上级工会，请在系统内审核。")
    officers = officers_of_units(session, (unit,), unit.path)[unit.id]
    if officers > 1:
        raise Conflict("unit_has_reviewer", f"{unit.name}有 {officers} 位工会干部，请由没有经办的那一位在系统内审核。")


def _must_be_open(approval: UnitApproval, at: datetime) -> None:
    what = "link" if approval.kind == ApprovalKind.LINK else "summary"
    if approval.outcome is not None:
        done = "已经用过" if what == "link" else "已经上传过"
        raise Conflict(f"{what}_used", f"{approval.number} {done}，不能再次办理。")
    if approval.expires_at <= at:
        raise Conflict(f"{what}_expired", f"{approval.number} 已过期，请经办人重新发起。")


def _by_token(session: Session, token: str, *, lock: bool = False) -> UnitApproval:
    query = select(UnitApproval).where(UnitApproval.token_hash == _hashed(token))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    approval = session.scalar(query)
    if approval is None:
        raise NotFound("link_unknown", "这个链接不对或不完整，请向经办人要一个新的。")
    return approval


def _visible(session: Session, officer: Principal, approval_id: uuid.UUID) -> UnitApproval:
    approval = session.get(UnitApproval, approval_id)
    if approval is None or not in_scope(officer.scope_path, approval.path):
        raise _unknown()
    return approval


def _list(session: Session, world: World, approval: UnitApproval) -> ApprovalList:
    rows = _standing(session, approval.batch_id, approval.path)
    people = membership.people(session, [row.person_id for row in rows])
    batch = batch_of(session, approval.batch_id)
    return ApprovalList(
        _line(session, world, approval), batch.id, batch.filename,
        tuple((row.row, people[row.person_id]) for row in rows),
    )  # fmt: skip


def _line(session: Session, world: World, row: UnitApproval) -> ApprovalLine:
    made_on = day_of(row.made_at)
    union = membership.as_called_on(session, membership.unions_of_ids(session, {row.union_id}), made_on)[row.union_id]
    kept = session.scalar(select(UnitApprovalFile.media_type).where(UnitApprovalFile.approval_id == row.id))
    return ApprovalLine(
        row.id, row.number, ApprovalKind(row.kind), union, vault_of(session).open(SIGNER_FIELD, row.signer), row.rows,
        check_code(row.number, row.fingerprint), access.display_names(session, [row.made_by]).get(row.made_by, ""),
        row.made_at, row.expires_at, _state(session, row, world.now()), row.decided_at, row.words or "", kept,
    )  # fmt: skip


def _state(session: Session, row: UnitApproval, at: datetime) -> str:
    if row.outcome is not None:
        return row.outcome
    if row.expires_at <= at:
        return "expired"
    return "open" if _same_list(row, _standing(session, row.batch_id, row.path)) else "outdated"


def _next_number(session: Session, at: datetime) -> str:
    """`HZ20261124-0007`: the day and a running number of it; the table refuses two of one number."""
    prefix = f"HZ{day_of(at):%Y%m%d}-"
    # One number at a time; the lock ends with the transaction.
    session.execute(text("select pg_advisory_xact_lock(hashtext('cardnet.unit_approval'))"))
    count = session.scalar(select(func.count()).select_from(UnitApproval).where(UnitApproval.number.startswith(prefix)))
    return f"{prefix}{(count or 0) + 1:04d}"


def _hashed(token: str) -> bytes:
    # SHA-256 is enough: the token has 192 random bits, so there is nothing to guess.
    return hashlib.sha256(token.encode()).digest()


def _record(
    session: Session, world: World, action: str, approval_id: uuid.UUID, actor: uuid.UUID | None,
    address: str | None = None, **after: object,
) -> None:  # fmt: skip
    act = audit.Act(action, "unit_approval", str(approval_id), actor_id=actor, address=address, after=after or None)
    audit.record(session, world, act)


def _unknown() -> NotFound:
    return NotFound("approval_unknown", "没有这份单位确认，或者不在您的管理范围内。")
