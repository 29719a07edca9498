"""Correcting one returned row by itself: the same check as of a whole roster, then round two in the same place.

What was typed is kept beside the roster's own cells; nothing is overwritten.
"""

import csv
import io
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.rules import ApplicationAction, ApplicationState
from cardnet.issuance.services.batches import CELLS_FIELD, batch_of
from cardnet.issuance.services.deadlines import due_dates
from cardnet.issuance.services.delegation import OFFICER_ROLES
from cardnet.issuance.services.roster import CheckRoster, check_roster
from cardnet.kernel import audit
from cardnet.kernel.errors import FieldError, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.roster import CheckedRow, Column, RowStatus, Severity
from cardnet.membership.rules import code_of

CORRECTED = (
    Column.NAME, Column.ID_TYPE, Column.ID_NUMBER, Column.ID_VALID_UNTIL, Column.PHONE, Column.EMPLOYMENT,
    Column.DEPARTMENT,
)  # fmt: skip
"""What can be corrected here. Another unit is another application: withdraw this one and send the person in there."""


@dataclass(frozen=True)
class CorrectRow:
    """A returned row is sent again. `values` are the columns of `CORRECTED`, as an officer types them."""

    batch_id: uuid.UUID
    row: int
    officer: Principal
    values: Mapping[Column, str] = field(repr=False)


@dataclass(frozen=True)
class Corrected:
    """Which round it is now, and before whom the row stands."""

    round: int
    review_path: str


def correct_row(session: Session, world: World, command: CorrectRow) -> Corrected:
    """Check the row and send it in again: round + 1, its place kept, the terms of every tier begin anew.

    Raises NotFound("batch_unknown", "row_unknown"), NotAllowed("out_of_scope"), Conflict("illegal_transition") unless
    the row stands returned, InvalidInput("row_has_errors") with a sentence for each column.
    """
    batch = batch_of(session, command.batch_id)
    application = session.execute(_LOCKED, {"batch": batch.id, "row": command.row}).one_or_none()
    if application is None:
        raise NotFound("row_unknown", f"批次里没有第 {command.row} 行的申请。")
    officer = command.officer
    if not officer.has(*OFFICER_ROLES) or (
        application.submitted_by != officer.account_id and application.path != officer.scope_path
    ):
        raise NotAllowed("out_of_scope", "只有提交人和本单位的工作人员可以改正退回的申请。")
    rules.next_application_state(ApplicationState(application.state), ApplicationAction.RESUBMIT)
    checked = _checked(session, world, command, application.path)
    assert checked.person is not None and checked.key is not None
    people = membership.save_people(session, world, [checked.person])
    at = world.now()
    round_now: int = session.scalar(
        _RESUBMIT,
        {
            "id": application.id, "person": people[checked.key], "actor": officer.account_id, "at": at,
            "due": due_dates(session, [application.path], at)[application.path],
        },
    )  # fmt: skip
    typed = {column.value: value for column, value in command.values.items()}
    session.execute(
        _KEEP,
        {
            "id": application.id, "round": round_now, "actor": officer.account_id, "at": at,
            "cells": vault_of(session).seal(CELLS_FIELD, json.dumps(typed, ensure_ascii=False)),
            "findings": Jsonb([[found.column, str(found.code), str(found.severity)] for found in checked.findings]),
        },
    )  # fmt: skip
    other_person = people[checked.key] != application.person_id
    act = audit.Act(
        "application.correct", "application", str(application.id), actor_id=officer.account_id,
        after={"batch": str(batch.id), "row": command.row, "round": round_now, "other_document": other_person},
    )  # fmt: skip
    audit.record(session, world, act)
    return Corrected(round_now, application.path)


_LOCKED = text("""
    select id, state, path, person_id, submitted_by from application
     where batch_id = :batch and row = :row for no key update""")

_RESUBMIT = text("""
    with again as (
        update application a
           set state = 'submitted', person_id = :person, round = a.round + 1, review_path = a.path, hold_until = null,
               submitted_by = :actor, submitted_at = :at, due_at = :due, escalated_at = null, events = a.events + 1
         where a.id = :id and a.state = 'returned'
        returning a.id, a.events, a.round
    ), told as (
        insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id)
        select id, events, :at, 'resubmit', 'returned', 'submitted', round, :actor from again
    )
    select round from again""")

_KEEP = text("""
    insert into row_correction (application_id, round, cells, findings, made_by, made_at)
    values (:id, :round, :cells, :findings, :actor, :at)""")


def _checked(session: Session, world: World, command: CorrectRow, path: str) -> CheckedRow:
    """The row as the checker of rosters sees it. What is wrong comes back column by column."""
    given = {column: command.values.get(column, "").strip() for column in CORRECTED}
    sheet = io.StringIO()
    csv.writer(sheet).writerows([[*(c.value for c in CORRECTED), Column.CONSENT.value], [*given.values(), "是"]])
    unit_code = code_of(path)
    command_of_check = CheckRoster(sheet.getvalue().encode("utf-8-sig"), "更正.csv", unit_code)
    rows = check_roster(session, world, command_of_check).rows
    if not rows:
        raise InvalidInput("row_has_errors", "请填写姓名、证件、手机号码和用工形式。")
    (checked,) = rows
    wrong = [found for found in checked.findings if found.severity is Severity.ERROR]
    if wrong or checked.status not in (RowStatus.VALID, RowStatus.WARNING):
        raise InvalidInput(
            "row_has_errors",
            "；".join(found.message for found in wrong) or "这一行还不能提交。",
            [FieldError(f"/{found.column}", found.message, str(found.code)) for found in wrong],
        )
    return checked
