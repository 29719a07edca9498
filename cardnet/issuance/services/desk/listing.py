"""Pieces of every list: one page of it, and the scope no filter widens."""

from dataclasses import dataclass
from typing import Any

from cardnet.access.rules import Principal, in_scope


@dataclass(frozen=True)
class Listed:
    """One page of a list and how long the whole is."""

    items: tuple[Any, ...]
    total: int


def within(officer: Principal, path: str | None) -> str:
    """`path` when it lies in the officer's scope, else the scope: a filter narrows and never widens."""
    return path if path and in_scope(officer.scope_path, path) else officer.scope_path
