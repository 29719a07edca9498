"""Cards that end soon or have ended, and those that follow them: for the desk that renews and the unit that applies."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.issuance import rules
from cardnet.issuance.rules import CardKind, CardState
from cardnet.issuance.services.card_life import card_life
from cardnet.issuance.services.issue import IssuedCard, new_codes, new_numbers
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import PersonView

RENEWABLE = rules.USABLE_CARD - {CardState.SUSPENDED}


@dataclass(frozen=True, slots=True)
class EndingCard:
    """A card and its last day; `row` is its line in a batch, where it stands in one."""

    id: uuid.UUID
    person_id: uuid.UUID
    union_id: uuid.UUID
    valid_to: date
    number: str = ""
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Whose:
    """Of the officer's whole scope or of `path` below it; all, or those numbered."""

    officer: Principal
    path: str | None = None
    numbers: tuple[str, ...] | None = None

    @property
    def where(self) -> str:
        """The path that is meant."""
        scope = self.officer.scope_path
        return self.path if self.path and in_scope(scope, self.path) else scope


# A card somebody else has given out ends as they say, and its holder asks for one of ours like anybody without.
_WHICH = """
      from card c
     where c.union_id = any(:unions) and c.state = any(:states) and c.external_index is null
       and c.valid_to <= cast(:today as date) + cast(:window as integer)
       and (cast(:numbers as text[]) is null or c.number = any(cast(:numbers as text[])))
       and not exists (select from card n where n.replaces_id = c.id)
       and not exists (select from application a where a.replaces_card_id = c.id and a.state = any(:open))"""

_COUNT = text(f"select count(*) as cards, min(c.valid_to) as first_end {_WHICH}")
_ENDING = text(
    f"select c.id, c.person_id, c.union_id, c.valid_to, c.number {_WHICH} order by c.id for no key update of c"
)


def ending_cards(session: Session, whose: Whose, today: date) -> list[tuple[EndingCard, PersonView]]:
    """Cards in use that end within 90 days or have ended, neither renewed nor applied for, of people still in a union.

    Locked, in the order of their ids.
    """
    cards = [EndingCard(*row) for row in session.execute(_ENDING, _terms(session, whose, today))]
    people = membership.people(session, {card.person_id for card in cards})
    pairs = ((card, people[card.person_id]) for card in cards)
    return [(card, person) for card, person in pairs if person.unit is not None and person.deceased_on is None]


def count_ending(session: Session, whose: Whose, today: date) -> int:
    """How many there may be, without looking at their holders."""
    return ending_soonest(session, whose, today)[0]


def ending_soonest(session: Session, whose: Whose, today: date) -> tuple[int, date | None]:
    """How many there may be, and the last day of the one that ends first."""
    row = session.execute(_COUNT, _terms(session, whose, today)).one()
    return row.cards, row.first_end


def successors(
    session: Session, world: World, cards: Sequence[EndingCard], today: date, valid_to: date | None
) -> dict[date, list[tuple[EndingCard, IssuedCard]]]:
    """A new card for each, by the first day it may be used: the day after the old one's last (S20).

    `valid_to` is their last day; None is as the district decided. Raises Conflict("renewal_period").
    """
    found: dict[date, list[tuple[EndingCard, IssuedCard]]] = {}
    life = card_life(session, CardKind.OWN)
    fresh = zip(cards, new_numbers(session, world, len(cards)), new_codes(world, len(cards)), strict=True)
    for card, number, code in fresh:
        first = rules.first_day_of_renewal(card.valid_to, today)
        last = valid_to or rules.last_day_of_card(first, life)
        if last < first:
            raise Conflict("renewal_period", f"新卡自 {first.isoformat()} 起使用，到期日不能更早。")
        new = IssuedCard(world.new_id(), number, code, card.person_id, card.union_id, card.row, last)
        found.setdefault(first, []).append((card, new))
    return found


def _terms(session: Session, whose: Whose, today: date) -> dict[str, Any]:
    return {
        "unions": [union.id for union in membership.unions_under(session, whose.where)],
        "states": sorted(RENEWABLE),
        "today": today,
        "window": rules.RENEWAL_WINDOW_DAYS,
        "numbers": None if whose.numbers is None else [rules.typed_number(number) for number in whose.numbers],
        "open": sorted(rules.OPEN_APPLICATION),
    }
