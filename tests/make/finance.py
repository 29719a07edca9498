"""Lines of both sides for reconciliation, as the tests of finance need them."""

from datetime import date

import pyarrow as pa

from cardnet.finance.matching import OURS, THEIRS

EPOCH = date(1970, 1, 1)
DAY = date(2026, 11, 21)


def day_no(day: date) -> int:
    return (day - EPOCH).days


def ours(*lines: dict) -> pa.Table:
    """Lines of ours: `{"id": "a", "fen": 600}` is a capture of 6.00 on the 21st under reference R-a."""
    return _table(OURS, [_our(no, **line) for no, line in enumerate(lines)])


def theirs(*lines: dict) -> pa.Table:
    """Lines of theirs: `{"ref": "R-a", "fen": 600}`."""
    return _table(THEIRS, [_their(no, **line) for no, line in enumerate(lines)])


def _our(
    no,
    id,
    fen=600,
    type="capture",
    day=DAY,
    at=None,
    terminal="T01",
    ref=None,
    original=None,
    gross=10_000,
    discount=1_400,
    within=True,
    foreign=False,
):
    at = day_no(day) * 86_400 + no * 1_000 if at is None else at
    ref = f"R-{id}" if ref is None else ref
    return (no, id, original, ref or None, type, day_no(day), at, terminal, fen, discount, gross, within, foreign)


def _their(no, fen=600, ref=None, id=None, type="capture", day=DAY, at=None, terminal=None, within=True):
    return (no, id, ref, type, None if day is None else day_no(day), at, terminal, fen, within)


def _table(schema: pa.Schema, rows: list[tuple]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in schema.names]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
