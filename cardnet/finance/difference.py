"""One difference between their file and our lines, and its words. Pure, and free of the libraries that find it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cardnet.finance.rules import (
    EXPLANATIONS,
    GROUP_WORDS,
    MOVER_OF,
    TITLES,
    UNREAD_EXPLANATION,
    DifferenceCode,
    DifferenceGroup,
    Mover,
    group_of,
)


@dataclass(frozen=True)
class FileFacts:
    """A file as the result names it: its hash, its lines, and what could not be read."""

    sha256: str
    filename: str
    lines: int
    faults: Sequence[Mapping[str, Any]]
    refusal: Mapping[str, str] | None = None
    unproved_fen: int | None = None
    """The total the file declares, where lines that could not be read keep it from being checked."""
    readable_fen: int = 0
    """What its readable lines come to, of whatever day."""


@dataclass(frozen=True)
class Difference:
    """One finding with its lines. `key` names it across runs; amounts are signed and count lines of the period only."""

    key: bytes
    code: DifferenceCode
    ours: list[dict[str, Any]]
    theirs: list[dict[str, Any]]
    related_ours: list[dict[str, Any]]
    related_theirs: list[dict[str, Any]]
    our_fen: int
    their_fen: int
    clears_on: date | None
    words: dict[str, Any]

    @property
    def group(self) -> DifferenceGroup:
        """One of the four words people use."""
        return group_of(self.code)

    def as_document(self, no: int) -> dict[str, Any]:
        """As it stands in a result; `no` counts from 1."""
        return {
            "no": no,
            "code": self.code.value,
            "title": TITLES[self.code],
            "group": self.group.value,
            "group_words": GROUP_WORDS[self.group],
            "whose_move": MOVER_OF.get(self.code, Mover.FINANCE).value,
            "ours": self.ours,
            "theirs": self.theirs,
            "related": {"ours": self.related_ours, "theirs": self.related_theirs},
            "our_fen": self.our_fen,
            "their_fen": self.their_fen,
            "difference_fen": self.our_fen - self.their_fen,
            "clears_on": None if self.clears_on is None else self.clears_on.isoformat(),
            "explanation": explain(self.code, self.words),
        }


def explain(code: DifferenceCode, words: Mapping[str, Any], template: str | None = None) -> str:
    """Why, and what to do, in Chinese; `template` is the same sentence in another language."""
    own = UNREAD_EXPLANATION if is_unread(words) else EXPLANATIONS[code]
    return (template or own) % words


def is_unread(words: Mapping[str, Any]) -> bool:
    """Whether a line of ours that nothing of theirs matches (E01) has its number on a line that could not be read."""
    return "unread_line" in words


def differences_of_files(files: Sequence[FileFacts]) -> list[Difference]:
    """E05 for each line nobody could read, E17 for each file whose total is wrong."""
    unreadable = [
        _of_file(DifferenceCode.UNREADABLE, file, fault["line"], {**fault, "cells": list(fault["cells"])})
        for file in files
        for fault in file.faults
    ]
    wrong = [_of_file(DifferenceCode.FILE_TOTAL, file, 0, dict(file.refusal)) for file in files if file.refusal]
    return [*unreadable, *wrong]


def unread_line(file: str, line: int | None, fault: Mapping[str, Any]) -> dict[str, Any]:
    """A line nobody could read as it stands beside ours: its place, the numbers it names, its cells."""
    return {
        "file": file,
        "line": line,
        "redemption_id": fault.get("redemption_id"),
        "merchant_ref": fault.get("merchant_ref"),
        "type": None,
        "business_date": None,
        "occurred_at": None,
        "store": None,
        "terminal": None,
        "amount_fen": None,
        "cells": list(fault.get("cells", [])),
    }


def _of_file(code: DifferenceCode, file: FileFacts, line: int, words: dict[str, Any]) -> Difference:
    their = unread_line(file.sha256, line or None, words)
    key = hashlib.sha256(f"{code.value}\nt:{file.sha256}:{line}".encode()).digest()
    return Difference(key, code, [], [their], [], [], 0, 0, None, words)
