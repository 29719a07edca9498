"""Counts for the overview and the half-monthly bulletin (通报): per union, and added up."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.issuance.rules import QuotaKind
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class CardCounts:
    """One union's figures. Rates are per person: a replaced card is not counted twice.

    `submitted` counts every application of the year, `approved` those approved or issued; `handed_out` and
    `activated` are people whose card in use was. `quota` is what the union itself may issue (received less passed down).
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

    def __add__(self, other: "CardCounts") -> "CardCounts":
        return CardCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class UnionCounts:
    """A union, its own figures, and those of all below it with it."""

    union: UnionNode
    own: CardCounts
    total: CardCounts


_APPLICATIONS = text("""
    select union_id, count(*) as submitted,
           count(*) filter (where state in ('submitted', 'in_review')) as in_review,
           count(*) filter (where state = 'returned') as returned,
           count(*) filter (where state = 'waitlisted') as waitlisted,
           count(*) filter (where state in ('approved', 'issued')) as approved
      from application where kind = 'new' and quota_year = :year and union_id = any(:unions) group by union_id""")

_CARDS = text("""
    select union_id, count(*) as issued, count(*) filter (where delivered_at is not null) as handed_out,
           count(*) filter (where activated_at is not null) as activated
      from card
     where union_id = any(:unions) and state <> 'replaced' and state <> 'cancelled'
     group by union_id""")

_QUOTA = text("""
    select union_id, received - passed_down as quota from quota_node
     where year = :year and kind = :kind and union_id = any(:unions)""")


def card_counts(session: Session, path: str, year: int) -> tuple[UnionCounts, ...]:
    """The unions under `path`, parents first, with their figures of `year`; the first line's total is the whole."""
    unions = membership.unions_under(session, path)
    keys = {"unions": [union.id for union in unions], "year": year, "kind": str(QuotaKind.NEW_CARD)}
    figures: dict[object, dict[str, int]] = {union.id: {} for union in unions}
    for statement in (_APPLICATIONS, _CARDS, _QUOTA):
        for row in session.execute(statement, keys).mappings():
            figures[row["union_id"]].update({name: row[name] for name in row if name != "union_id"})
    members = membership.member_counts(session, path)
    for union in unions:
        if counted := members.get(union.id):
            figures[union.id].update(
                members=counted.members, consent=counted.given, declined=counted.declined, no_answer=counted.no_answer
            )
    own = {union.path: CardCounts(**figures[union.id]) for union in unions}
    totals = _totals(own)
    return tuple(UnionCounts(union, own[union.path], totals[union.path]) for union in unions)


def _totals(own: Mapping[str, CardCounts]) -> dict[str, CardCounts]:
    totals = dict(own)
    for path in sorted(own, key=_longest_first):
        parent = path.rstrip("/").rsplit("/", 1)[0] + "/"
        if parent in totals:
            totals[parent] += totals[path]
    return totals


def _longest_first(path: str) -> tuple[int, str]:
    return -path.count("/"), path
