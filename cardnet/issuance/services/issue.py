"""Issuing: every approved application of a batch becomes a card with a number and an activation code.

A bulk issue reads the approved rows once, plans numbers and codes in memory and writes by COPY and set-based
statements; 30,000 rows take the same ten or so statements as three.
"""

import json
import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import psycopg
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance import rules
from cardnet.issuance.rules import ApplicationAction, ApplicationState, CardKind, CardState, ReviewReason
from cardnet.issuance.services.batches import BatchView
from cardnet.issuance.services.bulk import copy_rows
from cardnet.issuance.services.card_life import card_life
from cardnet.issuance.services.waiting import lock_nodes, release_places, use_places
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import CardnetError, Conflict, NotAllowed
from cardnet.kernel.vault import Vault, vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier
from cardnet.membership.services import notices

CODE_FIELD = "activation_code"

_TIER = Tier.DISTRICT
"""The service centre's: a district's role on an account of a lower union issues nothing, as it reviews nothing."""


@dataclass(frozen=True)
class IssueCards:
    """The service centre issues cards for the approved rows of a batch that lie in the officer's scope.

    `valid_to` is the last day the cards work; None is as the district decided.
    """

    batch_id: uuid.UUID
    officer: Principal
    valid_to: date | None = None


@dataclass(frozen=True)
class IssuedCard:
    """A new card. The activation code is in the clear here and nowhere else, ever."""

    card_id: uuid.UUID
    number: str
    activation_code: str = field(repr=False)
    person_id: uuid.UUID
    union_id: uuid.UUID
    row: int | None
    valid_to: date


@dataclass(frozen=True)
class Issue:
    """The new cards in the order of the roster, and the rows whose people got a card by another way meanwhile.

    Those are rejected with R05, and their places are given to the next in line.
    """

    cards: tuple[IssuedCard, ...]
    skipped: tuple[int, ...]


def must_issue_cards(session: Session, officer: Principal) -> None:
    """Raises NotAllowed("role_missing")."""
    if not officer.has(Role.DISTRICT_OFFICER) or membership.union_of_id(session, officer.union_id).tier is not _TIER:
        raise NotAllowed("role_missing", f"{officer.display_name}不是职工援助服务中心的工作人员，不能发卡。")


def issue_new(session: Session, world: World, command: IssueCards, batch: BatchView) -> Issue:
    """New cards for who has none: what is approved is issued, and who has a card by now is left out.

    Raises Conflict("nothing_to_issue", "already_has_card" when somebody gets one in this very moment),
    NotAllowed("out_of_scope").
    """
    officer = command.officer
    rows = approved_rows(session, batch, officer)
    at = world.now()
    first = day_of(at)
    last = command.valid_to or rules.last_day_of_card(first, card_life(session, CardKind.OWN))
    holders = _holders(session, rows, first, last)
    skipped = [row for row in rows if row.person_id in holders]
    rows = [row for row in rows if row.person_id not in holders]
    numbers = new_numbers(session, world, len(rows))
    cards = tuple(
        IssuedCard(world.new_id(), number, code, row.person_id, row.union_id, row.row, last)
        for row, number, code in zip(rows, numbers, new_codes(world, len(rows)), strict=True)
    )
    quota_year = {row.id: row.quota_year for row in rows}
    origins = [(row.id, quota_year[row.id], None) for row in rows]
    try:
        write_cards(session, at, first, cards, origins, "issue", officer.account_id)
    except psycopg.errors.ExclusionViolation:
        # Two desks giving one person a card at once: the other one committed first (K1).
        raise Conflict("already_has_card", "其中有人刚刚由别处办了卡，请再点一次发卡，已有卡的人会自动跳过。") from None
    mark_issued(session, at, officer, [row.id for row in rows])
    # All at once, since used and released places are written one after the other.
    lock_nodes(session, {row.quota_node_id for row in (*rows, *skipped) if row.quota_node_id is not None})
    held = Counter(row.quota_node_id for row in rows if row.quota_node_id is not None)
    use_places(session, world, held, batch.id, officer.account_id)
    audit.record(
        session,
        world,
        audit.Act(
            "card.issue", "batch", str(batch.id), actor_id=officer.account_id,
            after={"cards": len(cards), "valid_to": last.isoformat(), "skipped": len(skipped)},
        ),
    )  # fmt: skip
    reject_rows(session, world, batch, officer, skipped, "发卡时本人已持有有效卡")
    told = [notices.Recipient(card.person_id, card.union_id, card.card_id) for card in cards]
    notices.tell(session, world, notices.Tell(notices.NoticeKind.CARD_ISSUED, told, officer.account_id))
    return Issue(cards, tuple(row.row for row in skipped))


# ---- pieces that replacing a card shares ----


def new_numbers(session: Session, world: World, count: int) -> list[str]:
    """Card numbers nobody has; two clerks drawing the same one at once is stopped by the table."""
    numbers: dict[str, None] = {}
    while len(numbers) < count:
        missing = count - len(numbers)
        chance = world.random_bytes(8 * missing)
        drawn = {rules.card_number(chance[8 * i : 8 * i + 8]): None for i in range(missing)}
        taken = session.scalars(text("select number from card where number = any(:n)"), {"n": list(drawn)}).all()
        numbers.update((number, None) for number in drawn if number not in set(taken))
    return list(numbers)


def new_codes(world: World, count: int) -> list[str]:
    """Activation codes."""
    size = rules.CODE_LENGTH
    chance = world.random_bytes(size * count)
    return [rules.activation_code(chance[size * i : size * (i + 1)]) for i in range(count)]


def code_index(vault: Vault, number: str, code: str) -> bytes:
    """What is stored of an activation code: a keyed hash that binds it to its card.

    HMAC under the vault's key rather than a slow hash: argon2 over 30,000 codes would take hours, the key never
    lies in the database, and five tries are all a guesser gets.
    """
    return vault.index(CODE_FIELD, f"{number}:{code}")


_CARD_COLUMNS = {
    "id": "uuid",
    "number": "text",
    "person_id": "uuid",
    "union_id": "uuid",
    "application_id": "uuid",
    "state": "text",
    "valid_from": "date",
    "valid_to": "date",
    "quota_year": "int8",
    "replaces_id": "uuid",
    "issued_at": "timestamptz",
    "events": "int8",
}
_EVENT_COLUMNS = {
    "card_id": "uuid",
    "seq": "int8",
    "at": "timestamptz",
    "action": "text",
    "to_state": "text",
    "channel": "text",
    "actor_id": "uuid",
}
_CODE_COLUMNS = {"card_id": "uuid", "code_index": "bytea", "made_at": "timestamptz"}


def write_cards(
    session: Session,
    at: datetime,
    first: date,
    cards: Sequence[IssuedCard],
    origins: Sequence[tuple[uuid.UUID | None, int | None, uuid.UUID | None]],
    action: str,
    actor_id: uuid.UUID | None,
) -> None:
    """Write new cards, their first events and their codes. `origins` are (application, quota year, replaces)."""
    vault = vault_of(session)
    state = str(CardState.ORDERED)
    copy_rows(
        session,
        "card",
        _CARD_COLUMNS,
        (
            (c.card_id, c.number, c.person_id, c.union_id, application, state, first, c.valid_to, year, replaces, at, 1)
            for c, (application, year, replaces) in zip(cards, origins, strict=True)
        ),
    )
    copy_rows(
        session, "card_event", _EVENT_COLUMNS, ((c.card_id, 1, at, action, state, "office", actor_id) for c in cards)
    )
    copy_rows(
        session,
        "activation_code",
        _CODE_COLUMNS,
        ((c.card_id, code_index(vault, c.number, c.activation_code), at) for c in cards),
    )


# ---- pieces of the bulk issue ----

_APPROVED = text("""
    select a.id, a.row, a.person_id, a.union_id, a.quota_node_id, a.quota_year, a.replaces_card_id
      from application a
     where a.batch_id = :batch and a.state = 'approved' and left(a.path, length(:scope)) = :scope
     order by a.id for no key update of a""")


def approved_rows(session: Session, batch: BatchView, officer: Principal) -> list[Row[Any]]:
    """The approved rows of the officer's scope, locked. Raises Conflict("nothing_to_issue"), NotAllowed("out_of_scope")."""
    rows = session.execute(_APPROVED, {"batch": batch.id, "scope": officer.scope_path}).all()
    if not rows:
        raise _nothing(session, batch, officer)
    return sorted(rows, key=lambda row: row.row)


def _nothing(session: Session, batch: BatchView, officer: Principal) -> CardnetError:
    paths = session.execute(
        text("select path, state, count(*) as people from application where batch_id = :batch group by path, state"),
        {"batch": batch.id},
    ).all()
    mine = [row for row in paths if in_scope(officer.scope_path, row.path)]
    if not mine:
        return NotAllowed("out_of_scope", f"批次“{batch.filename}”不在{officer.display_name}的管理范围内。")
    states = Counter[str]()
    for row in mine:
        states[rules.APPLICATION_WORDS[ApplicationState(row.state)]] += row.people
    listed = "、".join(f"{word} {count} 人" for word, count in states.items())
    return Conflict("nothing_to_issue", f"批次“{batch.filename}”没有审核通过而未发卡的申请（{listed}）。")


def _holders(session: Session, rows: Collection[Row[Any]], first: date, last: date) -> frozenset[uuid.UUID]:
    """Who among them has a card that is usable on any of these days."""
    return frozenset(
        session.scalars(
            text("""
                select person_id from card
                 where person_id = any(:people) and state = any(:usable)
                   and daterange(valid_from, valid_to, '[]') && daterange(:first, :last, '[]')"""),
            {
                "people": [row.person_id for row in rows],
                "usable": [str(state) for state in rules.USABLE_CARD],
                "first": first,
                "last": last,
            },
        )
    )


_REJECT = text("""
    with rejected as (
        update application a set state = :state, quota_node_id = null, events = a.events + 1
         where a.id = any(:ids) and a.state = 'approved'
        returning a.id, a.events, a.round
    )
    insert into application_event
        (application_id, seq, at, action, from_state, to_state, round, actor_id, reasons, words)
    select id, events, :at, :action, 'approved', :state, round, :actor, cast(:reasons as jsonb), :words from rejected""")


def reject_rows(
    session: Session, world: World, batch: BatchView, officer: Principal, rows: Sequence[Row[Any]], words: str
) -> None:
    """Approved, and no card to be made after all, as `words` say: a place that was held goes to the next in line."""
    if not rows:
        return
    session.execute(
        _REJECT,
        {
            "ids": [row.id for row in rows],
            "at": world.now(),
            "actor": officer.account_id,
            "action": str(ApplicationAction.REJECT),
            "state": str(rules.next_application_state(ApplicationState.APPROVED, ApplicationAction.REJECT)),
            "reasons": json.dumps([ReviewReason.R05]),
            "words": words,
        },
    )
    held = Counter(row.quota_node_id for row in rows if row.quota_node_id is not None)
    release_places(session, world, held, batch.id, officer.account_id)


_ISSUED = text("""
    with issued as (
        update application a set state = :state, events = a.events + 1
         where a.id = any(:ids) and a.state = 'approved'
        returning a.id, a.events, a.round
    )
    insert into application_event (application_id, seq, at, action, from_state, to_state, round, actor_id)
    select id, events, :at, :action, 'approved', :state, round, :actor from issued""")


def mark_issued(session: Session, at: datetime, officer: Principal, ids: list[uuid.UUID]) -> None:
    """These approved applications are issued, with an event each."""
    session.execute(
        _ISSUED,
        {
            "ids": ids,
            "at": at,
            "actor": officer.account_id,
            "action": str(ApplicationAction.ISSUE),
            "state": str(rules.next_application_state(ApplicationState.APPROVED, ApplicationAction.ISSUE)),
        },
    )
