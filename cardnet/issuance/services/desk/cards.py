"""Cards of a scope: found by number, by state, by batch."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.issuance.rules import CardState
from cardnet.issuance.services.desk.listing import Listed, within
from cardnet.kernel.errors import NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import PersonView, UnionNode


@dataclass(frozen=True)
class CardLine:
    """One card in a list, with whose it is."""

    card_id: uuid.UUID
    number: str
    state: CardState
    person: PersonView | None
    union: UnionNode | None
    valid_from: date
    valid_to: date
    issued_at: datetime
    delivered_at: datetime | None
    activated_at: datetime | None
    batch_id: uuid.UUID | None
    row: int | None


@dataclass(frozen=True)
class CardEventLine:
    """One thing that happened to a card."""

    at: datetime
    action: str
    to_state: str
    channel: str
    actor: str
    words: str


@dataclass(frozen=True)
class CardFilter:
    """Which cards: by whole number, by its last digits, under `path`, in one of `states`, of one batch."""

    number: str = ""
    ending: str = ""
    path: str | None = None
    states: frozenset[CardState] = field(default_factory=frozenset)
    batch_id: uuid.UUID | None = None


_CARDS = """
    select c.*, a.batch_id, a.row, count(*) over () as total
      from card c left join application a on a.id = c.application_id
     where c.union_id = any(cast(:unions as uuid[]))
       and (cast(:number as text) = '' or c.number = :number)
       and (cast(:ending as text) = '' or right(c.number, length(:ending)) = :ending)
       and (cardinality(cast(:states as text[])) = 0 or c.state = any(cast(:states as text[])))
       and (cast(:batch as uuid) is null or a.batch_id = :batch)
       and (cast(:card as uuid) is null or c.id = :card)
     order by a.batch_id desc nulls last, a.row, c.number
     limit :limit offset :offset"""


def find_cards(session: Session, officer: Principal, wanted: CardFilter, *, limit: int = 50, offset: int = 0) -> Listed:
    """Cards of the officer's scope."""
    return _cards(session, officer, wanted, None, limit, offset)


def card_of_id(session: Session, officer: Principal, card_id: uuid.UUID) -> CardLine:
    """One card. Raises NotFound("card_unknown"), also when it is not the officer's to see."""
    found = _cards(session, officer, CardFilter(), card_id, 1, 0).items
    if not found:
        raise NotFound("card_unknown", "没有这张卡，或者不在您的管理范围内。")
    line: CardLine = found[0]
    return line


def _cards(
    session: Session, officer: Principal, wanted: CardFilter, card_id: uuid.UUID | None, limit: int, offset: int
) -> Listed:
    unions = {union.id: union for union in membership.unions_under(session, within(officer, wanted.path))}
    given = {
        "unions": list(unions),
        "number": wanted.number,
        "ending": wanted.ending,
        "states": sorted(wanted.states),
        "batch": wanted.batch_id,
        "card": card_id,
        "limit": limit,
        "offset": offset,
    }
    rows = session.execute(text(_CARDS), given).mappings().all()
    people = membership.people(session, {row["person_id"] for row in rows})
    items = tuple(_card_line(row, people, unions) for row in rows)
    return Listed(items, rows[0]["total"] if rows else 0)


def _card_line(
    row: RowMapping, people: Mapping[uuid.UUID, PersonView], unions: Mapping[uuid.UUID, UnionNode]
) -> CardLine:
    return CardLine(
        row["id"],
        row["number"],
        CardState(row["state"]),
        people.get(row["person_id"]),
        unions.get(row["union_id"]),
        row["valid_from"],
        row["valid_to"],
        row["issued_at"],
        row["delivered_at"],
        row["activated_at"],
        row["batch_id"],
        row["row"],
    )


def card_history(session: Session, card_id: uuid.UUID) -> tuple[CardEventLine, ...]:
    """What happened to a card, oldest first."""
    statement = text("select * from card_event where card_id = :card order by seq")
    rows: Sequence[RowMapping] = session.execute(statement, {"card": card_id}).mappings().all()
    names = access.display_names(session, [row["actor_id"] for row in rows if row["actor_id"]])
    return tuple(
        CardEventLine(
            row["at"],
            row["action"],
            row["to_state"],
            row["channel"],
            names.get(row["actor_id"], ""),
            row["words"] or "",
        )
        for row in rows
    )
