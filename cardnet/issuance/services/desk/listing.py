"""Pieces of every list: one page of it, and the scope no filter widens."""

from dataclasses import dataclass
from typing import Any

from cardnet.access.rules import Principal, in_scope


@dataclass(frozen=True)
class Listed:
    """One page of a list, how long the whole is, and where the page begins: beyond the end there is the last page."""

    items: tuple[Any, ...]
    total: int
    offset: int = 0


def start_of_page(total: int, limit: int, offset: int) -> int:
    """`offset`, or where the last page begins when the list is shorter than that."""
    return offset if offset < total else max(0, (total - 1) // limit * limit)


def within(officer: Principal, path: str | None) -> str:
    """`path` when it lies in the officer's scope, else the scope: a filter narrows and never widens it."""
    return path if path and in_scope(officer.scope_path, path) else officer.scope_path
