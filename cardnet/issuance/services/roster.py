"""Rosters: checking one against what is known, and turning its rows into applications.

Submitting is: read and judge the file (pure, in membership), write people and their answers, hold a place for each
row in its unit's quota by one guarded UPDATE, and COPY the rows, applications and their first events. The same
bytes for the same union are one batch, however often and however simultaneously they arrive.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance.models import Batch
from cardnet.issuance.rules import RosterMode
from cardnet.issuance.services.applications import OpenBatch, apply_rows
from cardnet.issuance.services.roster_check import judged, must_cover
from cardnet.issuance.services.roster_rows import SealedRows, write_roster_rows
from cardnet.issuance.services.year_end import quota_year_of
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.progress import Progress, unseen
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership import roster
from cardnet.membership import services as membership
from cardnet.membership.roster import FindingCode, RosterCheck, RowStatus
from cardnet.membership.rules import TransferOrigin, UnionNode


@dataclass(frozen=True)
class CheckRoster:
    """Judge a roster and store nothing. Rows may name any union under `unit_code`; `officer` None checks at the console."""

    content: bytes = field(repr=False)
    filename: str
    unit_code: str
    officer: Principal | None = None


@dataclass(frozen=True)
class SubmitRoster:
    """Send a roster in: every row that may be submitted becomes an application at its own unit.

    `all_or_nothing` refuses the file when a row has an error to mend; `valid_rows_only` leaves such rows out.
    """

    content: bytes = field(repr=False)
    filename: str
    unit_code: str
    officer: Principal
    mode: RosterMode = RosterMode.VALID_ROWS_ONLY


@dataclass(frozen=True)
class RosterReceipt:
    """What became of a roster. `resumed` says that these bytes had been sent in before and nothing new was made.

    `submitted` hold a place and are in review, `waitlisted` wait for one; `resubmitted` of them answer a return.
    `transfers` are members of other units whose transfer was proposed now.
    """

    batch_id: uuid.UUID
    resumed: bool
    rows: int
    valid: int
    declined: int
    invalid: int
    submitted: int
    waitlisted: int
    resubmitted: int
    transfers: int
    check: RosterCheck | None


def check_roster(session: Session, world: World, command: CheckRoster, progress: Progress = unseen) -> RosterCheck:
    """Every finding of every row.

    Raises NotFound("unit_unknown"), NotAllowed("out_of_scope"), and InvalidInput when the file cannot be read.
    """
    unit = membership.union_of_code(session, command.unit_code)
    if command.officer is not None:
        must_cover(command.officer, unit)
    progress("read", 0, 1)
    return judged(session, world, roster.read_sheet(command.content, command.filename), unit, progress)


def submit_roster(session: Session, world: World, command: SubmitRoster, progress: Progress = unseen) -> RosterReceipt:
    """Send a roster in.

    Raises as `check_roster`, InvalidInput("roster_has_errors") under all_or_nothing, InvalidInput
    ("roster_nothing_valid") when no row can be taken, Conflict("application_open") when another roster was first.
    """
    unit = membership.union_of_code(session, command.unit_code)
    must_cover(command.officer, unit)
    sha256 = hashlib.sha256(command.content).digest()
    if known := _batch_of_bytes(session, unit.id, sha256):
        return _resumed(session, known)
    progress("read", 0, 1)
    checked = judged(session, world, roster.read_sheet(command.content, command.filename), unit, progress)
    sent = Sent(command.filename, unit, command.officer, command.mode, sha256)
    return write_batch(session, world, sent, checked, progress)


def batch_of_content(session: Session, unit_code: str, content: bytes) -> uuid.UUID | None:
    """The batch that these very bytes became when they were sent in for this union; None when they were not."""
    unit = membership.union_of_code(session, unit_code)
    found = _batch_of_bytes(session, unit.id, hashlib.sha256(content).digest())
    return found.id if found else None


@dataclass(frozen=True)
class Sent:
    """What is sent in as one batch, and how; `origin` is a file or what members filled in themselves."""

    filename: str
    unit: UnionNode
    officer: Principal
    mode: RosterMode
    sha256: bytes
    origin: TransferOrigin = TransferOrigin.ROSTER


def write_batch(
    session: Session, world: World, sent: Sent, checked: RosterCheck, progress: Progress = unseen
) -> RosterReceipt:
    """Make a batch of judged rows: people and answers, kept rows, applications, transfer proposals.

    Raises InvalidInput("roster_has_errors"), ("roster_nothing_valid"), Conflict("application_open", "union_closed").
    """
    _must_be_acceptable(checked, sent.mode)
    membership.hold_calendar(session)
    # All at once, in the one order of everybody: a move of the township locks it and the units below it.
    rows = [row for row in checked.rows if row.status in (RowStatus.VALID, RowStatus.WARNING) and row.applies]
    named = membership.unions_of_codes(session, {row.person.unit_code for row in rows if row.person})
    held = membership.unions_held(session, {sent.unit.id, *(union.id for union in named.values())})
    sent = replace(sent, unit=held[sent.unit.id])
    batch = _open_batch(session, world, sent, checked)
    if batch is None:
        first = _batch_of_bytes(session, sent.unit.id, sent.sha256)
        assert first is not None
        return _resumed(session, first)
    persons = [row.person for row in checked.rows if row.person is not None and row.key is not None]
    keys = [row.key for row in checked.rows if row.person is not None and row.key is not None]
    with SealedRows(vault_of(session), checked) as sealed:
        people = membership.save_people(session, world, persons, keys, progress)
        write_roster_rows(session, batch.id, checked, sealed, people, progress)
    progress("applications", 0, len(rows))
    counts = apply_rows(session, world, batch, rows, people)
    transfers = _propose_transfers(session, world, sent, checked, people)
    audit.record(
        session,
        world,
        audit.Act(
            "roster.submit", "batch", str(batch.id), actor_id=sent.officer.account_id,
            after={"rows": len(checked.rows), "sha256": sent.sha256.hex(), "transfers": transfers, **counts},
        ),
    )  # fmt: skip
    progress("applications", len(rows), len(rows))
    return RosterReceipt(
        batch_id=batch.id,
        resumed=False,
        rows=len(checked.rows),
        valid=checked.valid,
        declined=checked.declined,
        invalid=checked.invalid,
        **counts,
        transfers=transfers,
        check=checked,
    )


def _must_be_acceptable(checked: RosterCheck, mode: RosterMode) -> None:
    if mode is RosterMode.ALL_OR_NOTHING and checked.to_mend:
        raise InvalidInput(
            "roster_has_errors",
            f"有 {checked.to_mend} 行需要修改，按“全部通过才提交”未提交任何一行。",
            detail={"rows": len(checked.rows), "invalid": checked.to_mend},
        )
    if not checked.valid and not checked.declined:
        at_work = f"{checked.running} 行已在办理，不用再提交" if checked.running else ""
        to_mend = f"{checked.to_mend} 行都需要修改，请按检查结果改正后再提交" if checked.to_mend else ""
        raise InvalidInput(
            "roster_nothing_valid",
            f"没有可以提交的行：{'；'.join(filter(None, (at_work, to_mend)))}。",
            detail={"rows": len(checked.rows), "invalid": checked.to_mend},
        )


def _batch_of_bytes(session: Session, union_id: uuid.UUID, sha256: bytes) -> Batch | None:
    return session.scalar(select(Batch).where(Batch.union_id == union_id, Batch.content_sha256 == sha256))


def _resumed(session: Session, batch: Batch) -> RosterReceipt:
    waiting = session.execute(
        text(
            "select count(*) filter (where state <> 'waitlisted'), count(*) filter (where state = 'waitlisted') "
            "from application where batch_id = :batch"
        ),
        {"batch": batch.id},
    ).one()
    return RosterReceipt(
        batch_id=batch.id,
        resumed=True,
        rows=batch.rows,
        valid=batch.valid,
        declined=batch.declined,
        invalid=batch.invalid,
        submitted=waiting[0],
        waitlisted=waiting[1],
        resubmitted=0,
        transfers=0,
        check=None,
    )


def _open_batch(session: Session, world: World, sent: Sent, checked: RosterCheck) -> OpenBatch | None:
    """Insert the batch; None when the same bytes arrived at the same moment and were first."""
    at = world.now()
    year = quota_year_of(session, day_of(at))
    header = checked.sheet.header
    batch_id = session.scalar(
        insert(Batch)
        .values(
            id=world.new_id(),
            union_id=sent.unit.id,
            path=sent.unit.path,
            filename=plain_filename(sent.filename),
            content_sha256=sent.sha256,
            mode=str(sent.mode),
            origin="self_filled" if sent.origin is TransferOrigin.SELF_FILLED else "file",
            quota_year=year,
            columns=[column.value for column, _ in sorted(header.columns.items(), key=lambda c: c[1])],
            header=[str(cell).replace("\0", "")[:80] for cell in checked.sheet.table.rows[header.last]],
            rows=len(checked.rows),
            valid=checked.valid,
            declined=checked.declined,
            invalid=checked.invalid,
            submitted_by=sent.officer.account_id,
            submitted_at=at,
        )
        .on_conflict_do_nothing()
        .returning(Batch.id)
    )
    return None if batch_id is None else OpenBatch(batch_id, year, at, sent.officer)


def plain_filename(filename: str) -> str:
    """A file's name without what no column can hold."""
    return "".join(filter(str.isprintable, filename))[:200]


def _propose_transfers(
    session: Session, world: World, sent: Sent, checked: RosterCheck, people: Mapping[bytes, uuid.UUID]
) -> int:
    elsewhere = [
        (people[row.key], row.person.unit_code)
        for row in checked.rows
        if row.key is not None
        and row.person is not None
        and any(found.code is FindingCode.MEMBER_ELSEWHERE for found in row.findings)
    ]
    unions = membership.unions_of_codes(session, {code for _, code in elsewhere})
    command = membership.ProposeTransfers(
        [(person_id, unions[code].id) for person_id, code in elsewhere], sent.origin, sent.officer.account_id
    )
    return membership.propose_transfers(session, world, command)
