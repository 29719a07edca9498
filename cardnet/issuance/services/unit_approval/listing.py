"""What was asked for and of whom, the list it is about, the sheet that came back."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, in_scope
from cardnet.issuance.models import UnitApproval, UnitApprovalFile
from cardnet.issuance.rules import BatchOrigin
from cardnet.issuance.rules.unit_approval import ApprovalKind, check_code
from cardnet.issuance.services.batches import batch_of
from cardnet.issuance.services.unit_approval.records import (
    FILE_FIELD,
    SIGNER_FIELD,
    by_token,
    officers_of_units,
    record,
    same_list,
    standing,
    unknown,
    visible,
)
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import PersonView, UnionNode


@dataclass(frozen=True)
class ApprovalLine:
    """One approval that was asked for. `state` is open, confirmed, declined, withdrawn, replaced, expired or outdated.

    Outdated: the list changed. `ended_by` is the officer who withdrew it or asked anew.
    """

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
    ended_by: str


@dataclass(frozen=True)
class ApprovalList:
    """The list an approval is about, as the sheet prints it and the chair reads it."""

    line: ApprovalLine
    batch_id: uuid.UUID
    filename: str
    origin: BatchOrigin
    people: tuple[tuple[int, PersonView], ...]


def approval_by_link(session: Session, world: World, token: str) -> ApprovalList:
    """What the holder of a link is asked. Raises NotFound("link_unknown")."""
    return _list(session, world, by_token(session, token))


def approval_list(session: Session, world: World, officer: Principal, approval_id: uuid.UUID) -> ApprovalList:
    """The list of one approval, to be printed. Raises NotFound("approval_unknown"), also when it is not the officer's."""
    return _list(session, world, visible(session, officer, approval_id))


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


def stamped_file(session: Session, world: World, officer: Principal, approval_id: uuid.UUID) -> tuple[str, str, bytes]:
    """The stamped sheet as it was uploaded: number, media type, bytes. Reading it is noted. Raises NotFound("approval_unknown")."""
    approval = visible(session, officer, approval_id)
    kept = session.get(UnitApprovalFile, approval.id)
    if kept is None:
        raise unknown()
    record(session, world, "unit_approval.read", approval.id, officer.account_id)
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


def _list(session: Session, world: World, approval: UnitApproval) -> ApprovalList:
    rows = standing(session, approval.batch_id, approval.path)
    people = membership.people(session, [row.person_id for row in rows])
    batch = batch_of(session, approval.batch_id)
    return ApprovalList(
        _line(session, world, approval), batch.id, batch.filename, batch.origin,
        tuple((row.row, people[row.person_id]) for row in rows),
    )  # fmt: skip


def _line(session: Session, world: World, row: UnitApproval) -> ApprovalLine:
    made_on = day_of(row.made_at)
    union = membership.as_called_on(session, membership.unions_of_ids(session, {row.union_id}), made_on)[row.union_id]
    kept = session.scalar(select(UnitApprovalFile.media_type).where(UnitApprovalFile.approval_id == row.id))
    names = access.display_names(session, [one for one in (row.made_by, row.decided_by) if one])
    return ApprovalLine(
        row.id, row.number, ApprovalKind(row.kind), union, vault_of(session).open(SIGNER_FIELD, row.signer), row.rows,
        check_code(row.number, row.fingerprint), names.get(row.made_by, ""),
        row.made_at, row.expires_at, _state(session, row, world.now()), row.decided_at, row.words or "", kept,
        names.get(row.decided_by, "") if row.decided_by else "",
    )  # fmt: skip


def _state(session: Session, row: UnitApproval, at: datetime) -> str:
    if row.outcome is not None:
        return row.outcome
    if row.expires_at <= at:
        return "expired"
    return "open" if same_list(row, standing(session, row.batch_id, row.path)) else "outdated"
