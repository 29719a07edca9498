"""Reading the quota tree: one line per union of a year."""

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.issuance.models import QuotaNode
from cardnet.issuance.rules import QuotaKind
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class QuotaLine:
    """One union's places of a year. `waiting` counts who waits without an offer, `offered` who has one to answer.

    `recall_after` is the last day on which free places are the union's own.
    """

    union: UnionNode
    received: int
    passed_down: int
    held: int
    used: int
    waiting: int
    offered: int = 0
    recall_after: date | None = None

    @property
    def free(self) -> int:
        """What may still be held or handed down."""
        return self.received - self.passed_down - self.held - self.used


def quota_tree(
    session: Session, year: int, path: str = "/", kind: QuotaKind = QuotaKind.NEW_CARD
) -> tuple[QuotaLine, ...]:
    """Every union under `path` that has places in the year or somebody waiting, parents first."""
    nodes = {node.union_id: node for node in session.scalars(select(QuotaNode).filter_by(year=year, kind=kind)).all()}
    waiting = _waiting(session, year, kind)
    return tuple(
        _line_of(union, nodes.get(union.id), waiting.get(union.id, (0, 0)))
        for union in membership.unions_under(session, path)
        if union.id in nodes or union.id in waiting
    )


def quota_line(session: Session, year: int, kind: QuotaKind, union: UnionNode) -> QuotaLine:
    """One union's places of a year."""
    node = session.scalar(
        select(QuotaNode).filter_by(year=year, kind=kind, union_id=union.id).execution_options(populate_existing=True)
    )
    return _line_of(union, node, _waiting(session, year, kind, union.id).get(union.id, (0, 0)))


_WAITING = text("""
    select union_id, count(*) filter (where offer_until is null) as waiting, count(offer_until) as offered
      from application
     where state = 'waitlisted' and quota_year = :year
       and (cast(:union as uuid) is null or union_id = cast(:union as uuid))
     group by union_id""")


def _waiting(
    session: Session, year: int, kind: QuotaKind, union_id: uuid.UUID | None = None
) -> dict[uuid.UUID, tuple[int, int]]:
    if kind is not QuotaKind.NEW_CARD:
        return {}
    rows = session.execute(_WAITING, {"year": year, "union": union_id})
    return {row.union_id: (row.waiting, row.offered) for row in rows}


def _line_of(union: UnionNode, node: QuotaNode | None, waiting: tuple[int, int]) -> QuotaLine:
    if node is None:
        return QuotaLine(union, 0, 0, 0, 0, *waiting)
    return QuotaLine(
        union, node.received, node.passed_down, node.held, node.used, *waiting, recall_after=node.recall_after
    )
