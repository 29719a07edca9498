"""What an API says of itself beside the English of its calls and schemas: the same in Chinese, and what members mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_PAGE = "A page of a list; `next_cursor` is null on the last one. Items: {}."
_WHOLE = "The whole list. Items: {}."
_LISTS = ((_PAGE, "列表的一页，最后一页的 `next_cursor` 为 null。每项是 {}。"), (_WHOLE, "整个列表。每项是 {}。"))


class Meaning(NamedTuple):
    """What a member of a body or an answer is."""

    english: str
    chinese: str


@dataclass(frozen=True)
class ApiWords:
    """By what each stands beside: calls as `GET /me` with summary and notes, shapes and problems by their names.

    `members` by `Shape.name` or, for all shapes and queries that have it, by `name`.
    """

    title: str
    description: str
    tags: Mapping[str, str]
    calls: Mapping[str, tuple[str, str]]
    shapes: Mapping[str, str]
    problems: Mapping[str, str]
    members: Mapping[str, Meaning] = field(default_factory=dict)
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Bodies of a call beside its own example, each under a name."""
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Answers of a call as they may come, each under a name."""

    def meaning(self, shape: str, name: str) -> Meaning | None:
        """What a member of a shape is."""
        return self.members.get(f"{shape}.{name}") or self.members.get(name)

    def shape(self, name: str, english: str) -> str:
        """What a shape is, in Chinese; lists say it of their items."""
        if name in self.shapes:
            return self.shapes[name]
        for told, chinese in _LISTS:
            head, tail = told.split("{}")
            if english.startswith(head) and english.endswith(tail):
                return chinese.format(english.removeprefix(head).removesuffix(tail))
        return english
