"""Exceptions after the run that found them: kept across runs, cleared by themselves, listed for people."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from cardnet.finance.difference import Difference, explain
from cardnet.finance.models import ReconciliationException
from cardnet.finance.rules import DifferenceCode, DifferenceGroup, ExceptionState, Resolution, closed_by_people
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import NotFound
from cardnet.kernel.world import World

CLEARED = "timing"
GONE = "gone"
SET_ASIDE = "set_aside"
"""Why an exception closed by itself: its later day is over, a newer run no longer finds it, or the run that found it
was set aside."""

_UNDER_WAY = (
    ExceptionState.OPEN,
    ExceptionState.ASSIGNED,
    ExceptionState.PROPOSED,
    ExceptionState.REOPENED,
    ExceptionState.REJECTED,
)

_NOT_PROPOSED = tuple(state for state in _UNDER_WAY if state is not ExceptionState.PROPOSED)
"""What still may close by itself: no proposal waits for its check."""

_NOBODYS = dict.fromkeys(("maker_id", "resolution", "evidence", "proposed_at", "checker_id", "decided_at"))
"""What closes by itself has no conclusion of anybody's; what was proposed once stands in its steps."""

_PAIRED_ELSEWHERE = """
    (e.code = 'E01' and e.ours -> 0 ->> 'redemption_id' = m.our_id::text and e.ours -> 0 ->> 'type' = m.our_type
     or e.code = 'E02' and (e.theirs -> 0 ->> 'line')::bigint = m.line and e.theirs -> 0 ->> 'file' =
        (select encode(f.sha256, 'hex') from statement_file f where f.id = m.file_id))"""
"""An exception about a line that a run paired with one of a neighbouring day (P4)."""


@dataclass(frozen=True)
class ExceptionView:
    """A difference and where it stands."""

    id: uuid.UUID
    run_id: uuid.UUID
    no: int
    code: DifferenceCode
    group: DifferenceGroup
    state: ExceptionState
    ours: list[dict[str, Any]]
    theirs: list[dict[str, Any]]
    detail: dict[str, Any]
    our_fen: int
    their_fen: int
    clears_on: date | None
    opened_at: datetime
    closing_words: str | None
    resolution: Resolution | None = None
    evidence: str | None = None
    maker_id: uuid.UUID | None = None
    checker_id: uuid.UUID | None = None

    @property
    def settled_by_people(self) -> bool:
        """Closed, and not by itself."""
        return closed_by_people(self.closing_words)

    @property
    def difference_fen(self) -> int:
        """Ours less theirs."""
        return self.our_fen - self.their_fen

    @property
    def explanation(self) -> str:
        """Why, and what to do, in Chinese."""
        return explain(self.code, self.detail["words"])


def exceptions_of_run(
    session: Session, run_id: uuid.UUID, group: DifferenceGroup | None = None, limit: int = 200, offset: int = 0
) -> tuple[ExceptionView, ...]:
    """The exceptions a run found, in its order; of one group when named."""
    conditions = [ReconciliationException.run_id == run_id]
    if group:
        conditions.append(ReconciliationException.group == group)
    rows = session.scalars(
        select(ReconciliationException)
        .where(*conditions)
        .order_by(ReconciliationException.no)
        .limit(limit)
        .offset(offset)
        .execution_options(populate_existing=True)
    )
    return tuple(_view(row) for row in rows)


def exception_of_id(session: Session, difference_id: uuid.UUID) -> ExceptionView:
    """One of them. Raises NotFound("difference_unknown")."""
    return _view(row_of_difference(session, difference_id))


def row_of_difference(session: Session, difference_id: uuid.UUID, *, lock: bool = False) -> ReconciliationException:
    """Its row; locked, two people at once decide one after the other. Raises NotFound("difference_unknown")."""
    row = session.get(ReconciliationException, difference_id, populate_existing=True, with_for_update=lock)
    if row is None:
        raise NotFound("difference_unknown", "没有这条差异，请返回对账结果重新选择。")
    return row


def open_exceptions(session: Session) -> dict[DifferenceGroup, int]:
    """How many exceptions of live runs wait for somebody, by group."""
    rows = session.execute(
        select(ReconciliationException.group, func.count())
        .where(ReconciliationException.state != ExceptionState.CLOSED)
        .group_by(ReconciliationException.group)
    )
    counted = {DifferenceGroup(row[0]): int(row[1]) for row in rows}
    return {group: counted.get(group, 0) for group in DifferenceGroup}


def proposals_waiting(session: Session) -> dict[uuid.UUID, int]:
    """How many resolutions wait for the checker, by run."""
    found = ReconciliationException.state == ExceptionState.PROPOSED
    rows = session.execute(
        select(ReconciliationException.run_id, func.count()).where(found).group_by(ReconciliationException.run_id)
    )
    return {run_id: int(count) for run_id, count in rows}


def open_exceptions_by_code(session: Session) -> dict[tuple[DifferenceCode, ExceptionState], int]:
    """How many exceptions wait for somebody, by class and by where they stand."""
    kinds = ReconciliationException.code, ReconciliationException.state
    rows = session.execute(
        select(*kinds, func.count()).where(ReconciliationException.state != ExceptionState.CLOSED).group_by(*kinds)
    )
    return {(DifferenceCode(code), ExceptionState(state)): count for code, state, count in rows}


def clear_timing_differences(session: Session, world: World, day: date) -> None:
    """E08 whose later day is `day` or before: both sides have the line now, so nothing is left to do."""
    session.execute(
        update(ReconciliationException)
        .where(ReconciliationException.state.in_(_NOT_PROPOSED), ReconciliationException.clears_on <= day)
        .values(**_closed(world.now(), CLEARED))
    )


def store_differences(
    session: Session,
    world: World,
    run_id: uuid.UUID,
    merchant_id: uuid.UUID,
    differences: Sequence[Difference],
    replaced: Sequence[uuid.UUID],
) -> None:
    """Write a run's differences.

    One that was known keeps its state and its people's decisions; one that `replaced` runs found and this one does
    not is closed.
    """
    at = world.now()
    known = {
        bytes(row.key): row
        for row in session.scalars(
            select(ReconciliationException)
            .where(
                ReconciliationException.merchant_id == merchant_id,
                ReconciliationException.key.in_([one.key for one in differences]),
            )
            .execution_options(populate_existing=True)
        )
    }
    fresh = []
    for no, one in enumerate(differences, 1):
        values = _values(one, no, run_id)
        if row := known.get(one.key):
            for name, value in values.items():
                setattr(row, name, value)
            _come_back(row, one, at)
        else:
            fresh.append(
                {"id": world.new_id(), "merchant_id": merchant_id, "opened_at": at, **values, **_first_state(one, at)}
            )
    session.flush()
    if fresh:
        session.execute(insert(ReconciliationException), fresh)
    session.execute(
        update(ReconciliationException)
        .where(ReconciliationException.run_id.in_(replaced), ReconciliationException.state.in_(_NOT_PROPOSED))
        .values(**_closed(at, GONE))
    )


def close_matched_elsewhere(session: Session, world: World, run_id: uuid.UUID) -> None:
    """A line that yesterday's run missed on the other side and this run paired needs nobody any more (E01, E02)."""
    session.execute(
        text(f"""
        update reconciliation_exception e set state = 'closed', closed_at = :at, closing_words = :words,
          {", ".join(f"{name} = null" for name in _NOBODYS)}
        from reconciliation_match m
        where m.run_id = :run and m.live and m.pass = 'P4' and e.run_id <> m.run_id and e.state = any(:states)
          and {_PAIRED_ELSEWHERE}"""),  # noqa: S608 - a constant
        {"run": run_id, "at": world.now(), "words": GONE, "states": list(map(str, _NOT_PROPOSED))},
    )


def reopen_matched_elsewhere(session: Session, run_ids: Sequence[uuid.UUID]) -> None:
    """The opposite, when the runs that had paired those lines are set aside."""
    session.execute(
        text(f"""
        update reconciliation_exception e set state = 'open', closed_at = null, closing_words = null
        from reconciliation_match m, reconciliation_run r
        where m.run_id = any(:runs) and m.pass = 'P4' and r.id = e.run_id and r.superseded_by is null
          and e.state = 'closed' and e.closing_words = :words and {_PAIRED_ELSEWHERE}"""),  # noqa: S608 - a constant
        {"runs": list(run_ids), "words": GONE},
    )


def close_set_aside(session: Session, world: World, run_ids: Sequence[uuid.UUID]) -> None:
    """What runs that were set aside found and no other has taken over waits for nobody."""
    session.execute(
        update(ReconciliationException)
        .where(ReconciliationException.run_id.in_(run_ids), ReconciliationException.state.in_(_UNDER_WAY))
        .values(**_closed(world.now(), SET_ASIDE))
    )


def _closed(at: datetime, words: str) -> dict[str, Any]:
    return {"state": ExceptionState.CLOSED, "closed_at": at, "closing_words": words, **_NOBODYS}


def _values(one: Difference, no: int, run_id: uuid.UUID) -> dict[str, Any]:
    return {
        "key": one.key,
        "run_id": run_id,
        "no": no,
        "code": one.code.value,
        "group": one.group.value,
        "ours": one.ours,
        "theirs": one.theirs,
        "detail": {"words": one.words, "related": {"ours": one.related_ours, "theirs": one.related_theirs}},
        "our_fen": one.our_fen,
        "their_fen": one.their_fen,
        "clears_on": one.clears_on,
    }


def _first_state(one: Difference, at: datetime) -> dict[str, Any]:
    over = one.clears_on is not None and one.clears_on < day_of(at)
    if over:
        return {"state": ExceptionState.CLOSED, "closed_at": at, "closing_words": CLEARED}
    return {"state": ExceptionState.OPEN, "closed_at": None, "closing_words": None}


def _come_back(row: ReconciliationException, one: Difference, at: datetime) -> None:
    """What closed by itself and is found again is open again; what people closed stays closed."""
    if (
        row.state == ExceptionState.CLOSED
        and not closed_by_people(row.closing_words)
        and _first_state(one, at)["state"] is not ExceptionState.CLOSED
    ):
        # A mistake that was taken back is no history of the difference.
        again = ExceptionState.OPEN if row.closing_words == SET_ASIDE else ExceptionState.REOPENED
        row.state, row.closed_at, row.closing_words = again, None, None


def _view(row: ReconciliationException) -> ExceptionView:
    return ExceptionView(
        row.id,
        row.run_id,
        row.no,
        DifferenceCode(row.code),
        DifferenceGroup(row.group),
        ExceptionState(row.state),
        row.ours,
        row.theirs,
        row.detail,
        row.our_fen,
        row.their_fen,
        row.clears_on,
        row.opened_at,
        row.closing_words,
        Resolution(row.resolution) if row.resolution else None,
        row.evidence,
        row.maker_id,
        row.checker_id,
    )
