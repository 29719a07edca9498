"""The two sides of a comparison as columns: our lines of the period and theirs, with the neighbouring days."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.benefits import services as benefits
from cardnet.benefits.services import SettlementFact
from cardnet.finance.matching import OURS, THEIRS
from cardnet.finance.models import StatementFile
from cardnet.finance.result import Outside
from cardnet.finance.services.columns import lines_of_file
from cardnet.finance.services.runs import RunReconciliation

_EPOCH = date(1970, 1, 1)
_OUR_SCHEMA = pa.schema([*OURS, pa.field("store", pa.string())])
_THEIR_SCHEMA = pa.schema(
    [*THEIRS, pa.field("file", pa.int64()), pa.field("line", pa.int64()), pa.field("store", pa.string())]
)


def our_side(
    session: Session, command: RunReconciliation, theirs: pa.Table, reach: timedelta, replaced: Sequence[uuid.UUID]
) -> pa.Table:
    """Our lines, numbered: the merchant's within `reach` of the period, and what the files name of other merchants."""
    facts = benefits.settlement_facts(session, command.merchant_id, command.first_on - reach, command.last_on + reach)
    ours = _ours(facts, command)
    ours = pa.concat_tables([ours, _foreign(session, command, ours, theirs, reach)])
    return _numbered(_with_pairs_of_other_runs(session, command, ours, reach, replaced))


def _ours(facts: Iterable[SettlementFact], command: RunReconciliation, *, foreign: bool = False) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in _OUR_SCHEMA.names}
    ordered = sorted(facts, key=lambda fact: (fact.business_date, fact.occurred_at, str(fact.type), fact.redemption_id))
    for fact in ordered:
        row = (
            0,
            str(fact.redemption_id),
            None if fact.original_redemption_id is None else str(fact.original_redemption_id),
            fact.merchant_ref,
            str(fact.type),
            (fact.business_date - _EPOCH).days,
            int(fact.occurred_at.timestamp()),
            fact.terminal_code,
            abs(fact.union_fen),
            abs(fact.discount_fen),
            abs(fact.benefit_fen),
            abs(fact.gross_fen),
            command.first_on <= fact.business_date <= command.last_on,
            foreign,
            None,
            fact.store_code,
        )
        for name, value in zip(_OUR_SCHEMA.names, row, strict=True):
            columns[name].append(value)
    return pa.table(columns, schema=_OUR_SCHEMA)


def _foreign(
    session: Session, command: RunReconciliation, ours: pa.Table, theirs: pa.Table, reach: timedelta
) -> pa.Table:
    """Other merchants' lines that this merchant's file names (E10). Asked only when it names what is not its own."""
    own = pa.chunked_array([ours["redemption_id"].combine_chunks(), ours["original_id"].combine_chunks()])
    named = pc.unique(theirs["redemption_id"].drop_null())
    strange = set(named.filter(pc.invert(pc.is_in(named, value_set=own.drop_null()))).to_pylist())
    if not strange:
        return _OUR_SCHEMA.empty_table()
    every = benefits.settlement_facts(session, None, command.first_on - reach, command.last_on + reach)
    others = [f for f in every if f.merchant_id != command.merchant_id and str(f.redemption_id) in strange]
    return _ours(others, command, foreign=True)


def _with_pairs_of_other_runs(
    session: Session, command: RunReconciliation, ours: pa.Table, reach: timedelta, replaced: Sequence[uuid.UUID]
) -> pa.Table:
    """Lines near the period's ends that another run has paired cannot be paired again (L14).

    One it paired across the cut-off (P4) stays, with the day of the line it was paired with: the same sale may stand
    in this run's file too, and is no difference of its own. A neighbour it paired in any other way is left out.
    """
    inside_first, inside_last = command.first_on + reach, command.last_on - reach
    middle = pc.and_(
        pc.greater_equal(ours["day"], (inside_first - _EPOCH).days),
        pc.less_equal(ours["day"], (inside_last - _EPOCH).days),
    )
    near = ours.filter(pc.and_(pc.invert(middle), pc.invert(ours["foreign"])))
    if not near.num_rows:
        return ours
    rows = session.execute(
        text("""select m.our_type, m.our_id::text as id, m.pass, l.day from reconciliation_match m
                left join statement_line l on l.file_id = m.file_id and l.line = m.line
                where m.live and m.our_id = any(cast(:ids as uuid[])) and m.run_id <> all(cast(:replaced as uuid[]))"""),
        {"ids": near["redemption_id"].to_pylist(), "replaced": list(replaced)},
    )
    spent = {(row.our_type, row.id): row.day if row[2] == "P4" else None for row in rows}
    if not spent:
        return ours
    columns = (ours[column].to_pylist() for column in ("in_period", "foreign", "type", "redemption_id"))
    lines = list(zip(*columns, strict=True))
    days = [None if foreign else spent.get((kind, name)) for _, foreign, kind, name in lines]
    kept = [
        inside or foreign or (kind, name) not in spent or day is not None
        for (inside, foreign, kind, name), day in zip(lines, days, strict=True)
    ]
    place = ours.schema.get_field_index("paired_day")
    return ours.set_column(place, "paired_day", pa.array(days, pa.int32())).filter(pa.array(kept, pa.bool_()))


def their_side(
    session: Session,
    command: RunReconciliation,
    files: Sequence[StatementFile],
    reach: timedelta,
    replaced: Sequence[uuid.UUID],
) -> tuple[pa.Table, Outside]:
    """Lines of the files, numbered: those of the neighbouring days marked as such, and what stands on other days.

    Days further off are left out, and so are neighbouring lines that another run of the same file has paired (L14).
    """
    parts = []
    days: list[int] = []
    first, last = (command.first_on - _EPOCH).days, (command.last_on - _EPOCH).days
    for index, file in enumerate(files):
        lines = lines_of_file(session, file.id)
        day = lines["day"]
        off = pc.or_(pc.less(day, first), pc.greater(day, last))
        days += day.filter(pc.fill_null(off, fill_value=False)).to_pylist()
        near = pc.and_(pc.greater_equal(day, first - reach.days), pc.less_equal(day, last + reach.days))
        lines = lines.filter(pc.fill_null(near, fill_value=True))
        day = lines["day"]
        inside = pc.fill_null(pc.and_(pc.greater_equal(day, first), pc.less_equal(day, last)), fill_value=True)
        lines = lines.append_column("in_period", inside)
        lines = _without_spent_lines(session, lines, file.id, replaced)
        lines = lines.append_column("file", pa.array([index] * lines.num_rows, pa.int64()))
        parts.append(lines.append_column("no", pa.nulls(lines.num_rows, pa.int64())).select(_THEIR_SCHEMA.names))
    outside = Outside(len(days), min(days, default=None), max(days, default=None))
    return _numbered(pa.concat_tables(parts).cast(_THEIR_SCHEMA)), outside


def _without_spent_lines(
    session: Session, lines: pa.Table, file_id: uuid.UUID, replaced: Sequence[uuid.UUID]
) -> pa.Table:
    if pc.all(lines["in_period"]).as_py() is not False:
        return lines
    rows = session.execute(
        text("""select line from reconciliation_match
                where live and file_id = :file and run_id <> all(cast(:replaced as uuid[]))"""),
        {"file": file_id, "replaced": list(replaced)},
    )
    spent = pa.array([row.line for row in rows], pa.int64())
    return lines.filter(pc.or_(lines["in_period"], pc.invert(pc.is_in(lines["line"], value_set=spent))))


def _numbered(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("no")
    return table.set_column(place, "no", pa.array(range(table.num_rows), pa.int64())).combine_chunks()
