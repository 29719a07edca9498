"""Asking for a unit's approval, and taking back what was asked."""

import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance.models import UnitApproval
from cardnet.issuance.rules.unit_approval import LINK_DAYS, SUMMARY_DAYS, ApprovalKind, ApprovalOutcome, fingerprint
from cardnet.issuance.services.batches import batch_of
from cardnet.issuance.services.unit_approval.records import (
    SIGNER_FIELD,
    hashed,
    listed_rows,
    must_be_unanswered,
    must_serve,
    officers_of_units,
    record,
    standing,
    visible,
)
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.membership.services import notices


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
class WithdrawApproval:
    """An officer takes back a link or a sheet that was not answered yet, and says why."""

    approval_id: uuid.UUID
    words: str
    officer: Principal


@dataclass(frozen=True)
class Asked:
    """The approval asked for, and for a link its token: shown this once, or `sent` to the chair's own phone instead."""

    approval_id: uuid.UUID
    number: str
    token: str | None = field(repr=False)
    sent: bool = False


def ask_approval(session: Session, world: World, command: AskApproval) -> Asked:
    """Make a link or a sheet for the rows that stand before the unit now.

    Raises NotFound("batch_unknown", "unit_unknown"), NotAllowed("role_missing", "out_of_scope"), InvalidInput
    ("signer_missing", "phone_format"), Conflict("unit_has_reviewer", "nothing_to_review").
    """
    phone = membership.phone_typed(command.phone) if command.phone.strip() else ""
    batch = batch_of(session, command.batch_id)
    unit = membership.union_of_code(session, command.unit_code)
    must_serve(command.officer, unit)
    _must_have_one_officer(session, unit)
    signer = " ".join(command.signer.split())[:50]
    if not signer:
        raise InvalidInput("signer_missing", "请填写工会主席的姓名。")
    at = world.now()
    token = urlsafe_b64encode(world.random_bytes(24)).decode() if command.kind is ApprovalKind.LINK else None
    approval_id, number = world.new_id(), _next_number(session, at)
    _wait_for_an_answer(session, batch.id, unit)
    rows = standing(session, batch.id, unit.path)
    if not rows:
        raise Conflict("nothing_to_review", f"{unit.name}现在没有等本单位审核的申请。")
    approval = {
        "id": approval_id,
        "number": number,
        "kind": str(command.kind),
        "batch_id": batch.id,
        "union_id": unit.id,
        "path": unit.path,
        "rows": len(rows),
        "fingerprint": fingerprint(batch.id, unit.code, listed_rows(rows)),
        "signer": vault_of(session).seal(SIGNER_FIELD, signer),
        "token_hash": hashed(token) if token else None,
        "made_by": command.officer.account_id,
        "made_at": at,
        "expires_at": at + (LINK_DAYS if token else SUMMARY_DAYS),
    }
    replaced = _replace_links(session, batch.id, unit, command, at) if token else []
    session.execute(insert(UnitApproval).values(approval))
    record(session, world, "unit_approval.ask", approval_id, command.officer.account_id, kind=str(command.kind), rows=len(rows), sent=bool(phone and token), replaces=replaced)  # fmt: skip
    if not phone or token is None:
        return Asked(approval_id, number, token)
    values = {
        "union": unit.name, "rows": str(len(rows)), "days": str(LINK_DAYS.days), "url": f"{command.link_prefix}{token}",
    }  # fmt: skip
    link = notices.DirectKind.CHAIR_LINK
    message = notices.SendDirect(link, approval_id, phone, values, at + LINK_DAYS, command.officer.account_id)
    notices.send_direct(session, world, message)
    return Asked(approval_id, number, None, sent=True)


def withdraw_approval(session: Session, world: World, command: WithdrawApproval) -> None:
    """Nobody may answer it any more; the rows stand where they stood, and the unit may be asked anew.

    Raises NotFound("approval_unknown"), NotAllowed("role_missing"), InvalidInput("words_missing"),
    Conflict("link_used", "summary_used") once it was answered, replaced or withdrawn.
    """
    approval = visible(session, command.officer, command.approval_id, lock=True)
    must_serve(command.officer, membership.union_of_id(session, approval.union_id))
    must_be_unanswered(approval)
    words = command.words.strip()[:300]
    if not words:
        raise InvalidInput("words_missing", "请写明为什么撤回，例如“名单要改”或“发错了人”。")
    approval.outcome, approval.decided_at = ApprovalOutcome.WITHDRAWN, world.now()
    approval.decided_by, approval.words = command.officer.account_id, words
    session.flush()
    record(session, world, "unit_approval.withdraw", approval.id, command.officer.account_id, words=words)


# ---- pieces ----


def _wait_for_an_answer(session: Session, batch_id: uuid.UUID, unit: UnionNode) -> None:
    """What the unit is answering at this moment has its rows moved before they are read."""
    open_ones = select(UnitApproval.id).where(
        UnitApproval.batch_id == batch_id, UnitApproval.path == unit.path, UnitApproval.outcome.is_(None)
    )
    session.execute(open_ones.order_by(UnitApproval.id).with_for_update()).all()


def _replace_links(
    session: Session, batch_id: uuid.UUID, unit: UnionNode, command: AskApproval, at: datetime
) -> list[str]:
    """One live link for a list: whoever holds an earlier one is told there is a newer. Returns the numbers of those.

    Two officers asking at once come one after the other, by the lock of the numbers.
    """
    live = (
        update(UnitApproval)
        .where(
            UnitApproval.batch_id == batch_id, UnitApproval.path == unit.path,
            UnitApproval.kind == str(ApprovalKind.LINK), UnitApproval.outcome.is_(None),
        )
        .values(outcome=str(ApprovalOutcome.REPLACED), decided_at=at, decided_by=command.officer.account_id)
    )  # fmt: skip
    return sorted(session.scalars(live.returning(UnitApproval.number)))


def _must_have_one_officer(session: Session, unit: UnionNode) -> None:
    if unit.parent_id is None:
        raise Conflict("unit_has_reviewer", f"{unit.name}没有上级工会，请在系统内审核。")
    officers = officers_of_units(session, (unit,), unit.path)[unit.id]
    if officers > 1:
        raise Conflict("unit_has_reviewer", f"{unit.name}有 {officers} 位工会干部，请由没有经办的那一位在系统内审核。")


def _next_number(session: Session, at: datetime) -> str:
    """`HZ20261124-0007`: the day and a running number of it; the table refuses two of one number."""
    prefix = f"HZ{day_of(at):%Y%m%d}-"
    # One number at a time; the lock ends with the transaction.
    session.execute(text("select pg_advisory_xact_lock(hashtext('cardnet.unit_approval'))"))
    count = session.scalar(select(func.count()).select_from(UnitApproval).where(UnitApproval.number.startswith(prefix)))
    return f"{prefix}{(count or 0) + 1:04d}"
