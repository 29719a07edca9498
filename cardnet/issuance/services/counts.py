"""Counts for the overview and the half-monthly bulletin (通报): per union, and added up.

All of one year, of people, and each the part of the one before it: asked ≥ agreed ≥ approved ≥ issued ≥ handed out ≥
activated, in every union and in every sum. What is said of members is of today and across years.

持卡 of the overview and the bulletin's 已办卡 are one figure, and it is the register's (`answers`): members of the union
as it is today who have a card that works today. issuance.md has every member in exactly one of 已办卡, 办理中, 未答复,
本人暂不办, so coverage is a part of the members it is taken of: a card that has expired covers nobody, and whoever left or
moved is no member of the union that once issued the card, but covered where they are now.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.issuance.rules import QuotaKind
from cardnet.issuance.services.answers import UnionAnswers, answers_by_union
from cardnet.kernel.calendar import SHANGHAI
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode, with_all_below


@dataclass(frozen=True)
class CardCounts:
    """One union's figures of a year. Rates are per person: a replaced card is not counted twice.

    `members`, `holders` (已办卡), `declined` and `no_answer` are the register's of today; `consent` are the others, who
    agreed: holders and those whose card is in progress. `quota` is what the union itself may
    issue (received less passed down). `submitted` are the people with a new application, however it stands now; the
    four after it say where open ones stand, `approved` how many were approved, issued or not. `issued` are the places
    used; `handed_out` and `activated` of these the people who signed for a card of theirs, or used one.
    """

    members: int = 0
    consent: int = 0
    declined: int = 0
    no_answer: int = 0
    quota: int = 0
    submitted: int = 0
    in_review: int = 0
    returned: int = 0
    waitlisted: int = 0
    approved: int = 0
    issued: int = 0
    handed_out: int = 0
    activated: int = 0
    holders: int = 0

    @property
    def collected(self) -> int:
        """采集: people asked and on record, who agreed and applied or said no."""
        return self.submitted + self.declined

    def __add__(self, other: "CardCounts") -> "CardCounts":
        return CardCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class UnionCounts:
    """A union, its own figures, and those of all below it with it."""

    union: UnionNode
    own: CardCounts
    total: CardCounts


@dataclass(frozen=True)
class WeekCount:
    """How many people of one union activated their first card in the week that begins on `monday`."""

    union_id: uuid.UUID
    monday: date
    activated: int


# One person may have had several applications in a year (rejected, then new): the last one says where they stand.
# A card's person may have changed employer since: what a union issued stays its own, as its places do (Q4).
_APPLICATIONS = text("""
    with last as (
        select distinct on (person_id) id, person_id, union_id, state from application
         where kind = 'new' and quota_year = :year and union_id = any(:unions)
         order by person_id, (state = 'issued') desc, submitted_at desc, id desc
    ), stands as (
        select last.union_id, last.state, first.issued_at,
               exists (select from card c where c.person_id = last.person_id and c.issued_at >= first.issued_at
                          and (c.delivered_at is not null or c.activated_at is not null)) as handed_out,
               exists (select from card c where c.person_id = last.person_id and c.issued_at >= first.issued_at
                          and c.activated_at is not null) as activated
          from last left join card first on first.application_id = last.id
    )
    select union_id, count(*) as submitted,
           count(*) filter (where state in ('submitted', 'in_review')) as in_review,
           count(*) filter (where state = 'returned') as returned,
           count(*) filter (where state = 'waitlisted') as waitlisted,
           count(*) filter (where state in ('approved', 'issued')) as approved,
           count(*) filter (where state = 'issued') as issued,
           count(*) filter (where state = 'issued' and handed_out) as handed_out,
           count(*) filter (where state = 'issued' and activated) as activated
      from stands group by union_id""")

_QUOTA = text("""
    select union_id, received - passed_down as quota from quota_node
     where year = :year and kind = :kind and union_id = any(:unions)""")


def card_counts(session: Session, world: World, path: str, year: int) -> tuple[UnionCounts, ...]:
    """The unions under `path`, parents first, with their figures of `year`; the first line's total is the whole."""
    return counts_beside(session, answers_by_union(session, world, path), year)


def counts_beside(session: Session, answered: Sequence[UnionAnswers], year: int) -> tuple[UnionCounts, ...]:
    """The figures of `year` of these unions, for whoever has the register's already."""
    unions = [one.union for one in answered]
    keys = {
        "unions": [union.id for union in unions],
        "year": year,
        "kind": str(QuotaKind.NEW_CARD),
    }
    figures: dict[object, dict[str, int]] = {union.id: {} for union in unions}
    for statement in (_APPLICATIONS, _QUOTA):
        for row in session.execute(statement, keys).mappings():
            figures[row["union_id"]].update({name: row[name] for name in row if name != "union_id"})
    for one in answered:
        own = one.own
        figures[one.union.id].update(
            members=own.members, consent=own.has_card + own.in_progress, declined=own.declined,
            no_answer=own.no_answer, holders=own.has_card,
        )  # fmt: skip
    owns = {union.path: CardCounts(**figures[union.id]) for union in unions}
    totals = with_all_below(owns)
    return tuple(UnionCounts(union, owns[union.path], totals[union.path]) for union in unions)


_WEEKS = text("""
    with first as (
        select distinct on (c.person_id) c.union_id, c.activated_at from card c
         where c.union_id = any(:unions) and c.activated_at is not null
         order by c.person_id, c.activated_at
    )
    select union_id, cast(date_trunc('week', activated_at at time zone :zone) as date) as monday, count(*) as activated
      from first where activated_at >= :since and activated_at < :until
     group by union_id, monday order by monday""")


def activations_by_week(session: Session, path: str, since: datetime, until: datetime) -> tuple[WeekCount, ...]:
    """People who activated a first card in [since, until), by union and week; weeks begin on Monday, in Shanghai."""
    unions = [union.id for union in membership.unions_under(session, path)]
    rows = session.execute(_WEEKS, {"unions": unions, "since": since, "until": until, "zone": SHANGHAI.key})
    return tuple(WeekCount(row.union_id, row.monday, row.activated) for row in rows)
