"""How many of those who hold a card use it: 用卡率 is taken of the same people above and below the line.

Whoever has left, or whose card no longer works, was served and is counted there (`people_served`); here they would make
a rate of more than the whole.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from cardnet.issuance.services import answers
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import with_all_below


@dataclass(frozen=True)
class CardUse:
    """Holders who used a benefit, by the path of the union they are in now: its own people, and with all below it."""

    own: Mapping[str, int]
    total: Mapping[str, int]


_USERS = """
select distinct person_id from redemption
where captured_fen > refunded_fen and business_date between %(first)s and %(last)s
  and person_id = any(%(holders)s::uuid[])"""


def card_use(session: Session, world: World, path: str, first: date, last: date) -> CardUse:
    """Of the members under `path` who hold a card today, those with a live use on these business days, wherever it was."""
    unions = membership.unions_under(session, path)
    holders = answers.holders(session, world, path)
    asked = {"first": first, "last": last, "holders": list(holders)}
    used = Counter(holders[row.person_id] for row in session.connection().exec_driver_sql(_USERS, asked))
    own: dict[str, int] = {union.path: used[union.id] for union in unions}
    return CardUse(own, with_all_below(own))


def holders_who_used(session: Session, world: World, path: str, first: date, last: date) -> int:
    """The same of the whole."""
    return sum(card_use(session, world, path, first, last).own.values())
