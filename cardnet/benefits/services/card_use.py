"""How many of those who hold a card use it: 用卡率 is taken of the same people above and below the line.

Whoever has left, or whose card no longer works, was served and is counted there (`people_served`); here they would make
a rate of more than the whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from cardnet.benefits.models import Redemption
from cardnet.issuance.services import answers
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import with_all_below


@dataclass(frozen=True)
class CardUse:
    """Holders who used a benefit, by the path of the union they are in now: its own people, and with all below it."""

    own: Mapping[str, int]
    total: Mapping[str, int]


def card_use(session: Session, world: World, path: str, first: date, last: date) -> CardUse:
    """Of the members under `path` who hold a card today, those with a live use on these business days, wherever it was.

    What was used under a file that was merged into theirs is theirs.
    """
    holder, file = answers.holders(world, path), membership.files_as_they_count()
    query = (
        select(holder.c.union_id, func.count(distinct(holder.c.person_id)))
        .join(file, file.c.counts_as == holder.c.person_id)
        .join(Redemption, Redemption.person_id == file.c.id)
        .where(Redemption.captured_fen > Redemption.refunded_fen, Redemption.business_date.between(first, last))
        .group_by(holder.c.union_id)
    )
    used = {row[0]: int(row[1]) for row in session.execute(query)}
    own = {union.path: used.get(union.id, 0) for union in membership.unions_under(session, path)}
    return CardUse(own, with_all_below(own))


def holders_who_used(session: Session, world: World, path: str, first: date, last: date) -> int:
    """The same of the whole."""
    return sum(card_use(session, world, path, first, last).own.values())
