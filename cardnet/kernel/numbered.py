"""SQL texts whose named parameters are numbered once, and what is sent of them. For `kernel.statement` and its lines only.

psycopg parses `%(name)s` anew on every call of a statement that is long or has many parameters, which costs more than
running it.
"""

import functools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from psycopg.adapt import PyFormat
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]
Settle = Callable[[Row | None, DBAPIError | None], None]
"""Hears the row (None: no row) or the error of a statement that went later; may raise what its caller should see."""
Failing = Callable[[DBAPIError], Exception]
"""Says what to raise for an error of a statement that went later."""

SECOND = b"second_is_there"
"""The column of `both` behind which the second one's row begins."""

_NAME = re.compile(r"%\((\w+)\)s|%%")
_NUMBER = re.compile(rb"\$(\d+)")


class Numbered:
    """One SQL text with `%(name)s` parameters. A literal per cent sign is written `%%`."""

    __slots__ = ("formats", "names", "text")

    is_question = False
    """Whether it is a plain select of one row at most, which changes and locks nothing."""

    def __init__(self, text: str) -> None:
        numbers: dict[str, int] = {}

        def numbered(found: re.Match[str]) -> str:
            name = found[1]
            return f"${numbers.setdefault(name, len(numbers) + 1)}" if name else "%"

        self.text = _NAME.sub(numbered, text).encode()
        self.names = tuple(numbers)
        self.formats = [PyFormat.AUTO] * len(numbers)


class Sent(NamedTuple):
    """A statement on its way, with its values in the order of their numbers."""

    statement: Numbered
    values: list[Any]
    settle: Settle | None = None
    failing: Failing | None = None


@functools.lru_cache(maxsize=256)
def both(first: Numbered, second: Numbered) -> Numbered:
    """One statement with the rows of both, each behind a column that says whether it is there."""
    one = Numbered("")
    shifted = _NUMBER.sub(lambda found: b"$%d" % (int(found[1]) + len(first.names)), second.text)
    one.text = (
        b"select * from (select) as nothing\n"
        b"left join (select true as first_is_there, q.* from (" + first.text + b"\n) as q) as one on true\n"
        b"left join (select true as " + SECOND + b", q.* from (" + shifted + b"\n) as q) as two on true"
    )
    one.formats = first.formats + second.formats
    return one
