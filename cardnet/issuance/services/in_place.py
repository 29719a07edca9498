"""Applications for a card in the place of another: replacement and renewal. They take no quota and hold none (K3).

Each is a row of a batch like any other and goes the same way up; what differs is what it names (`replaces_card_id`)
and how it is issued (`renewing`). A card has at most one of them open, whoever asks at once.
"""

import hashlib
import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Row, insert, select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.models import Application, Batch, Card
from cardnet.issuance.rules import ApplicationAction, ApplicationKind, ApplicationState, BatchOrigin, RosterMode
from cardnet.issuance.services.batches import CELLS_FIELD, batch_of
from cardnet.issuance.services.bulk import copy_rows
from cardnet.issuance.services.cards import CardView, view_of
from cardnet.issuance.services.deadlines import due_dates
from cardnet.issuance.services.delegation import OFFICER_ROLES
from cardnet.issuance.services.withdrawal import OpenRow, end_applications
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Released
from cardnet.membership.rules import UnionNode

COLUMNS = ("姓名", "卡号", "原因")
"""What such a batch keeps of each row, as a roster keeps its cells."""

_TITLE = {BatchOrigin.REPLACEMENT: "补卡申请", BatchOrigin.RENEWAL: "换卡申请"}
_KIND = {BatchOrigin.REPLACEMENT: ApplicationKind.REPLACEMENT, BatchOrigin.RENEWAL: ApplicationKind.RENEWAL}


@dataclass(frozen=True)
class CardToReplace:
    """One card that is to be replaced or renewed, and whose review it goes to: the union of its holder today."""

    card_id: uuid.UUID
    number: str
    person_id: uuid.UUID
    name: str
    union: UnionNode
    words: str = ""


@dataclass(frozen=True)
class Applied:
    """The batch of the new applications, and how many they are."""

    batch_id: uuid.UUID
    rows: int


@dataclass(frozen=True)
class ResubmitInPlace:
    """A returned replacement or renewal is sent in again with an answer to what was asked."""

    batch_id: uuid.UUID
    row: int
    words: str
    officer: Principal | None = None
    person_id: uuid.UUID | None = None


_APPLICATION_COLUMNS = {
    "id": "uuid", "kind": "text", "state": "text", "batch_id": "uuid", "row": "int8", "person_id": "uuid",
    "union_id": "uuid", "path": "text", "review_path": "text", "quota_year": "int8", "submitted_by": "uuid",
    "submitted_at": "timestamptz", "due_at": "timestamptz", "replaces_card_id": "uuid", "events": "int8",
}  # fmt: skip
_EVENT_COLUMNS = {
    "application_id": "uuid", "seq": "int8", "at": "timestamptz", "action": "text", "from_state": "text",
    "to_state": "text", "round": "int8", "actor_id": "uuid", "words": "text",
}  # fmt: skip
_ROW_COLUMNS = {
    "batch_id": "uuid", "row": "int8", "line": "int8", "state": "text", "findings": "jsonb", "cells": "bytea",
    "person_id": "uuid",
}  # fmt: skip


def open_batch(
    session: Session, world: World, origin: BatchOrigin, union: UnionNode, sender: uuid.UUID,
    cards: Sequence[CardToReplace],
) -> Applied:  # fmt: skip
    """One batch of these applications, each before its own unit; `sender` is an account, or the member themselves.

    Raises Conflict("application_open") when one of the cards has an application open already, Conflict("union_closed").
    """
    held = membership.unions_held(session, {union.id, *(card.union.id for card in cards)})
    union, cards = held[union.id], [replace(card, union=held[card.union.id]) for card in cards]
    at = world.now()
    batch_id = world.new_id()
    session.execute(
        insert(Batch).values(
            id=batch_id, union_id=union.id, path=union.path,
            filename=f"{_TITLE[origin]} {day_of(at).isoformat()}",
            content_sha256=hashlib.sha256(batch_id.bytes).digest(),
            mode=str(RosterMode.ALL_OR_NOTHING), origin=str(origin), quota_year=day_of(at).year,
            columns=list(COLUMNS), header=list(COLUMNS), rows=len(cards), valid=len(cards), declined=0, invalid=0,
            submitted_by=sender, submitted_at=at,
        )
    )  # fmt: skip
    _keep_rows(session, batch_id, cards)
    _write_applications(session, world, at, batch_id, origin, sender, cards)
    return Applied(batch_id, len(cards))


def _keep_rows(session: Session, batch_id: uuid.UUID, cards: Sequence[CardToReplace]) -> None:
    vault = vault_of(session)
    copy_rows(
        session, "roster_row", _ROW_COLUMNS,
        (
            (batch_id, row, row + 1, "valid", Jsonb([]), vault.seal(CELLS_FIELD, _cells(card)), card.person_id)
            for row, card in enumerate(cards, 1)
        ),
    )  # fmt: skip


def _cells(card: CardToReplace) -> str:
    return json.dumps({"cells": [card.name, card.number, card.words], "words": []}, ensure_ascii=False)


def _write_applications(
    session: Session, world: World, at: datetime, batch_id: uuid.UUID, origin: BatchOrigin, sender: uuid.UUID,
    cards: Sequence[CardToReplace],
) -> None:  # fmt: skip
    draft = ApplicationState.DRAFT
    state = str(rules.next_application_state(draft, ApplicationAction.SUBMIT))
    due = due_dates(session, {card.union.path for card in cards}, at)
    ids = [world.new_id() for _ in cards]
    try:
        copy_rows(
            session, "application", _APPLICATION_COLUMNS,
            (
                (
                    one, str(_KIND[origin]), state, batch_id, row, card.person_id, card.union.id, card.union.path,
                    card.union.path, day_of(at).year, sender, at, due[card.union.path], card.card_id, 1,
                )
                for row, (one, card) in enumerate(zip(ids, cards, strict=True), 1)
            ),
        )  # fmt: skip
    except psycopg.errors.UniqueViolation:
        # Two clerks asking for one card at once: the other one committed first.
        raise Conflict("application_open", "其中有的卡已有补卡或换卡申请在办，请先查看那份申请。") from None
    copy_rows(
        session, "application_event", _EVENT_COLUMNS,
        (
            (one, 1, at, str(ApplicationAction.SUBMIT), str(draft), state, 1, sender, card.words or None)
            for one, card in zip(ids, cards, strict=True)
        ),
    )  # fmt: skip


def open_application_of(session: Session, card_id: uuid.UUID) -> Row[Any] | None:
    """The open application that names this card (id, batch_id, row, kind, state, submitted_at), if there is one."""
    return session.execute(_OPEN_OF, {"card": card_id, "open": _OPEN}).one_or_none()


def replaced_by(session: Session, application_id: uuid.UUID) -> CardView | None:
    """The card an application is about, when it is for one in the place of another."""
    card = session.scalar(
        select(Card).join(Application, Application.replaces_card_id == Card.id).where(Application.id == application_id)
    )
    return None if card is None else view_of(card)


def resubmit_in_place(session: Session, world: World, command: ResubmitInPlace) -> int:
    """Returned → submitted, round + 1; the review begins anew at the unit. Returns the round.

    The officers of the applicant's unit and who sent it in may. Raises NotFound("batch_unknown", "row_unknown"),
    NotAllowed("out_of_scope"), Conflict("illegal_transition"), InvalidInput("words_missing").
    """
    batch = batch_of(session, command.batch_id)
    found = session.execute(_LOCKED, {"batch": batch.id, "row": command.row}).one_or_none()
    if found is None or not batch.origin.in_place:
        raise NotFound("row_unknown", f"批次里没有第 {command.row} 行的补换卡申请。")
    sender = _sender(command, found)
    rules.next_application_state(ApplicationState(found.state), ApplicationAction.RESUBMIT)
    words = command.words.strip()[:200]
    if not words:
        raise InvalidInput("words_missing", "请写明怎样答复退回的原因，审核人会看到。")
    at = world.now()
    due = due_dates(session, [found.path], at)[found.path]
    given = {"id": found.id, "actor": sender, "at": at, "due": due, "words": words}
    round_now: int = session.scalars(_RESUBMIT, given).one()
    after = {"batch": str(batch.id), "row": command.row, "round": round_now}
    actor = command.officer.account_id if command.officer else None
    audit.record(session, world, audit.Act("application.resubmit", "application", str(found.id), actor, after=after))
    return round_now


def _sender(command: ResubmitInPlace, found: Row[Any]) -> uuid.UUID:
    if command.officer is None:
        if command.person_id is None or found.person_id != command.person_id:
            raise NotFound("row_unknown", "没有这份申请。")
        return command.person_id
    officer = command.officer
    if not officer.has(*OFFICER_ROLES) or (
        found.submitted_by != officer.account_id and found.path != officer.scope_path
    ):
        raise NotAllowed("out_of_scope", "只有提交人和本单位的工作人员可以重新提交退回的申请。")
    return officer.account_id


# ---- ended by another way, or moved with the member ----


def lock_open(session: Session, card_ids: Collection[uuid.UUID]) -> Sequence[Row[Any]]:
    """The open applications that name these cards, locked: always before the cards, as issuing does."""
    return session.execute(_LOCK_OPEN, {"cards": list(card_ids), "open": _OPEN}).all()


def end_open(
    session: Session, world: World, card_ids: Collection[uuid.UUID], actor: uuid.UUID | None, words: str
) -> int:
    """What an application asked for was done by another way: it ends; returns how many."""
    rows = lock_open(session, card_ids)
    at = world.now()
    for action in (ApplicationAction.WITHDRAW, ApplicationAction.REJECT):
        approved = action is ApplicationAction.REJECT
        ending = [
            OpenRow(row.id, row.row, ApplicationState(row.state), None)
            for row in rows
            if (row.state == ApplicationState.APPROVED) == approved
        ]
        if ending:
            end_applications(session, at, ending, action, actor, words)
    if rows:
        acts = (
            audit.Act("application.withdraw", "application", str(r.id), actor, after={"words": words}) for r in rows
        )
        audit.record(session, world, *acts)
    return len(rows)


def reopen_after_transfer(
    session: Session, world: World, released: Sequence[Released], ended: Collection[uuid.UUID]
) -> None:
    """Replacements and renewals that ended at the old unit begin again at the new one, from its first review (S19).

    What the old township had approved counts for nobody in the new one. `ended` are the applications taken back.
    """
    rows = session.execute(_ENDED, {"ids": list(ended)}).all() if ended else ()
    if not rows:
        return
    to = {line.person_id: line.to_union_id for line in released}
    unions = membership.unions_of_ids(session, {*to.values(), *(row.union_id for row in rows)})
    names = membership.names(session, {row.person_id for row in rows})
    groups: dict[tuple[BatchOrigin, uuid.UUID, uuid.UUID], list[CardToReplace]] = {}
    for row in rows:
        union = unions[to[row.person_id]]
        words = "；".join(filter(None, (row.words, f"会籍自{unions[row.union_id].name}转来，申请重新受理")))
        card = CardToReplace(row.card_id, row.number, row.person_id, names[row.person_id], union, words[:200])
        # Who sent it in is still who asks: they review it nowhere.
        groups.setdefault((BatchOrigin(row.kind), union.id, row.submitted_by), []).append(card)
    for (origin, union_id, sender), cards in groups.items():
        opened = open_batch(session, world, origin, unions[union_id], sender, cards)
        after = {"rows": opened.rows, "union": unions[union_id].code}
        audit.record(session, world, audit.Act("application.reopen", "batch", str(opened.batch_id), after=after))


# ---- pieces ----

_OPEN = sorted(str(state) for state in rules.OPEN_APPLICATION)

_OPEN_OF = text("""
    select id, batch_id, row, kind, state, submitted_at from application
     where replaces_card_id = :card and state = any(:open)""")

_LOCK_OPEN = text("""
    select id, row, state from application
     where replaces_card_id = any(cast(:cards as uuid[])) and state = any(:open) order by id for no key update""")

_LOCKED = text("""
    select id, state, path, person_id, submitted_by from application
     where batch_id = :batch and row = :row for no key update""")

_RESUBMIT = text("""
    with again as (
        update application a
           set state = 'submitted', round = a.round + 1, review_path = a.path, hold_until = null,
               submitted_by = :actor, submitted_at = :at, due_at = :due, escalated_at = null, events = a.events + 1
         where a.id = :id and a.state = 'returned'
        returning a.id, a.events, a.round
    ), told as (
        insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id, words)
        select id, events, :at, 'resubmit', 'returned', 'submitted', round, :actor, :words from again
    )
    select round from again""")

_ENDED = text("""
    select a.id, a.kind, a.person_id, a.union_id, a.submitted_by, c.id as card_id, c.number, e.words
      from application a join card c on c.id = a.replaces_card_id
      join application_event e on e.application_id = a.id and e.seq = 1
     where a.id = any(cast(:ids as uuid[])) order by a.id""")
