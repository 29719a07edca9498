"""Rosters: checking one against what is known, and turning its rows into applications.

Submitting is: read and judge the file (pure, in membership), write people and their answers, hold a place for each
row in its unit's quota by one guarded UPDATE, and COPY the rows, applications and their first events. The same
bytes for the same union are one batch, however often and however simultaneously they arrive.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from psycopg.types.json import Jsonb
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance import rules
from cardnet.issuance.models import Batch
from cardnet.issuance.rules import ApplicationState, RosterMode
from cardnet.issuance.services.applications import OpenBatch, apply_rows
from cardnet.issuance.services.batches import CELLS_FIELD
from cardnet.issuance.services.bulk import copy_rows
from cardnet.issuance.services.year_end import quota_year_of
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import InvalidInput, NotAllowed
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership import roster
from cardnet.membership import services as membership
from cardnet.membership.roster import CheckedRow, KnownPerson, RosterCheck, RosterContext, RowStatus
from cardnet.membership.rules import KnownMember, Tier, UnionNode


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

    `all_or_nothing` refuses the file when a row has an error; `valid_rows_only` leaves such rows out.
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
    check: RosterCheck | None


def check_roster(session: Session, world: World, command: CheckRoster) -> RosterCheck:
    """Every finding of every row.

    Raises NotFound("unit_unknown"), NotAllowed("out_of_scope"), and InvalidInput when the file cannot be read.
    """
    unit = membership.union_of_code(session, command.unit_code)
    if command.officer is not None:
        _must_cover(command.officer, unit)
    return _check(session, world, command.content, command.filename, unit)


def submit_roster(session: Session, world: World, command: SubmitRoster) -> RosterReceipt:
    """Send a roster in.

    Raises as `check_roster`, InvalidInput("roster_has_errors") under all_or_nothing, InvalidInput
    ("roster_nothing_valid") when no row can be taken, Conflict("application_open") when another roster was first.
    """
    unit = membership.union_of_code(session, command.unit_code)
    _must_cover(command.officer, unit)
    sha256 = hashlib.sha256(command.content).digest()
    if known := _batch_of_bytes(session, unit.id, sha256):
        return _resumed(session, known)
    checked = _check(session, world, command.content, command.filename, unit)
    _must_be_acceptable(checked, command.mode)
    batch = _open_batch(session, world, command, unit, sha256, checked)
    if batch is None:
        first = _batch_of_bytes(session, unit.id, sha256)
        assert first is not None
        return _resumed(session, first)
    named = [(row.key, row.person) for row in checked.rows if row.key is not None and row.person is not None]
    people = membership.save_people(session, world, [person for _, person in named], [key for key, _ in named])
    _write_roster_rows(session, batch.id, checked, people)
    rows = [row for row in checked.rows if row.status in (RowStatus.VALID, RowStatus.WARNING)]
    counts = apply_rows(session, world, batch, rows, people)
    audit.record(
        session,
        world,
        audit.Act(
            "roster.submit", "batch", str(batch.id), actor_id=command.officer.account_id,
            after={"rows": len(checked.rows), "sha256": sha256.hex(), **counts},
        ),
    )  # fmt: skip
    return RosterReceipt(
        batch_id=batch.id,
        resumed=False,
        rows=len(checked.rows),
        valid=checked.valid,
        declined=checked.declined,
        invalid=checked.invalid,
        **counts,
        check=checked,
    )


# ---- checking ----


def _must_cover(officer: Principal, unit: UnionNode) -> None:
    if not officer.has(Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER):
        raise NotAllowed("role_missing", f"{officer.display_name}不是工会经办人员，不能报送办卡名单。")
    if not in_scope(officer.scope_path, unit.path):
        raise NotAllowed("out_of_scope", f"{unit.name}不在{officer.display_name}的管理范围内。")


def _check(session: Session, world: World, content: bytes, filename: str, unit: UnionNode) -> RosterCheck:
    at = day_of(world.now())
    identified = roster.identify(roster.read_sheet(content, filename), at)
    key = membership.key_of(session)
    units, unit_names = membership.unit_codes(session)
    context = RosterContext(
        units=units,
        unit_names=unit_names,
        default_unit=unit.code if unit.tier is Tier.UNIT else None,
        scope_path=unit.path,
        on=at,
        known=_known(session, membership.known_in_sheet(session, world, identified, key), at),
        quota_free=_quota_free(session, unit, quota_year_of(session, at)),
        key_of=key,
    )
    return roster.check(identified, context)


def _known(session: Session, members: Mapping[bytes, KnownMember], on: date) -> dict[bytes, KnownPerson]:
    ids = [member.person_id for member in members.values()]
    holders = set(
        session.scalars(
            text("select person_id from card where person_id = any(:ids) and state = any(:usable) and valid_to >= :on"),
            {"ids": ids, "usable": list(map(str, rules.USABLE_CARD)), "on": on},
        )
    )
    # A returned application waits for exactly this: the corrected row, sent again.
    applicants = set(
        session.scalars(
            text(
                "select person_id from application where person_id = any(:ids) and kind = 'new' and state = any(:open)"
            ),
            {"ids": ids, "open": list(map(str, rules.OPEN_APPLICATION - {ApplicationState.RETURNED}))},
        )
    )
    return {
        key: KnownPerson(
            has_card=member.person_id in holders,
            application_open=member.person_id in applicants,
            deceased=member.deceased,
            unit_path=member.unit_path,
            unit_name=member.unit_name,
        )
        for key, member in members.items()
    }


def _quota_free(session: Session, unit: UnionNode, year: int) -> int | None:
    """Places left where the rows will be held; None where none have been handed down yet, which nobody is warned of."""
    if unit.tier is not Tier.UNIT:
        return None
    free: int | None = session.scalar(
        text(
            "select received - passed_down - held - used from quota_node "
            "where union_id = :union and year = :year and kind = 'new_card'"
        ),
        {"union": unit.id, "year": year},
    )
    return free


def _must_be_acceptable(checked: RosterCheck, mode: RosterMode) -> None:
    if mode is RosterMode.ALL_OR_NOTHING and checked.invalid:
        raise InvalidInput(
            "roster_has_errors",
            f"有 {checked.invalid} 行需要修改，按“全部通过才提交”未提交任何一行。",
            detail={"rows": len(checked.rows), "invalid": checked.invalid},
        )
    if not checked.valid and not checked.declined:
        raise InvalidInput(
            "roster_nothing_valid",
            f"没有可以提交的行：{checked.invalid} 行都需要修改，请按检查结果改正后再提交。",
            detail={"rows": len(checked.rows), "invalid": checked.invalid},
        )


# ---- writing ----


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
        check=None,
    )


def _open_batch(
    session: Session, world: World, command: SubmitRoster, unit: UnionNode, sha256: bytes, checked: RosterCheck
) -> OpenBatch | None:
    """Insert the batch; None when the same bytes arrived at the same moment and were first."""
    at = world.now()
    year = quota_year_of(session, day_of(at))
    batch_id = session.scalar(
        insert(Batch)
        .values(
            id=world.new_id(),
            union_id=unit.id,
            path=unit.path,
            filename="".join(filter(str.isprintable, command.filename))[:200],
            content_sha256=sha256,
            mode=str(command.mode),
            quota_year=year,
            columns=[column.value for column, _ in sorted(checked.sheet.header.columns.items(), key=lambda c: c[1])],
            rows=len(checked.rows),
            valid=checked.valid,
            declined=checked.declined,
            invalid=checked.invalid,
            submitted_by=command.officer.account_id,
            submitted_at=at,
        )
        .on_conflict_do_nothing()
        .returning(Batch.id)
    )
    return None if batch_id is None else OpenBatch(batch_id, year, at, command.officer)


_ROW_COLUMNS = {
    "batch_id": "uuid",
    "row": "int8",
    "line": "int8",
    "state": "text",
    "findings": "jsonb",
    "cells": "bytea",
    "person_id": "uuid",
}


def _write_roster_rows(
    session: Session, batch_id: uuid.UUID, checked: RosterCheck, people: Mapping[bytes, uuid.UUID]
) -> None:
    """Keep every row as it was typed, sealed with its findings' words, since those may quote what was typed."""
    vault = vault_of(session)
    copy_rows(
        session,
        "roster_row",
        _ROW_COLUMNS,
        (
            (
                batch_id,
                row.row,
                row.line,
                str(row.status),
                Jsonb([[found.column, str(found.code), str(found.severity)] for found in row.findings]),
                vault.seal(CELLS_FIELD, _cells(typed.cells, row)),
                people.get(row.key) if row.key is not None and row.person is not None else None,
            )
            for row, typed in zip(checked.rows, checked.sheet.rows, strict=True)
        ),
    )


def _cells(cells: Sequence[object], row: CheckedRow) -> str:
    words = [found.message for found in row.findings]
    return json.dumps({"cells": cells, "words": words}, ensure_ascii=False, default=str, separators=(",", ":"))
