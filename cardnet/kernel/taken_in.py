"""What became of a file of any kind: how many rows, and what was found where. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Found(NamedTuple):
    """One thing about one line of a file; `severity` is error, warning or note."""

    line: int
    column: str
    code: str
    severity: str
    message: str


@dataclass(frozen=True)
class TakenIn:
    """What became of a file: how many rows of each sort, what was found, and what concerns the file as a whole."""

    counts: Mapping[str, int]
    findings: tuple[Found, ...] = ()
    notices: tuple[str, ...] = ()
    more: int = 0
