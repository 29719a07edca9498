"""Few rows as parameters: a `values` list of a given length, for statements that are prepared once per length.

`unnest` of arrays takes any number of rows with one text, and forty microseconds for the first of them; a redemption
writes one row into most of its tables, and a `values` list of one row costs nothing.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1024)
def values_text(name: str, types: tuple[str, ...], count: int) -> str:
    """`values (%(name_0_0)s::type, …), …`: `count` rows whose columns have these types."""
    rows = (", ".join(f"%({name}_{row}_{at})s::{kind}" for at, kind in enumerate(types)) for row in range(count))
    return "values " + ", ".join(f"({row})" for row in rows)


def values_parameters(name: str, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The parameters of that list. Whole numbers go as text: the driver would type each by its size."""
    if not rows:
        return {}
    flat = [str(value) if type(value) is int else value for row in rows for value in row]
    return dict(zip(_names(name, len(rows[0]), len(rows)), flat, strict=True))


@lru_cache(maxsize=1024)
def _names(name: str, columns: int, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{row}_{at}" for row in range(count) for at in range(columns))
