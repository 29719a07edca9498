"""What an act changed, as people read it: `状态 筹备中 → 合作中`, money in yuan, moments on a Shanghai clock.

What has no word stands for itself: the trail is read years later, and a key nobody knows any more is still evidence.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Flask
from flask_babel import lazy_gettext
from markupsafe import Markup

from cardnet.web import merchant_words
from cardnet.web.act_words import act_word
from cardnet.web.change_words import DAYS, FIELDS, INNER, REFERENCES, VALUES, names_of
from cardnet.web.formats import cn_date, cn_datetime, money
from cardnet.web.language import gettext

Document = Mapping[str, Any] | None
Names = Mapping[tuple[str, str], str]
"""What things are called, by kind and id."""

_Path = tuple[str, ...]
_MISSING = object()
_ORDER = {key: place for place, key in enumerate(FIELDS)}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LONG_CODE = re.compile(r"[0-9a-f]{24,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHOWN_OF_CODE = 12


@dataclass(frozen=True)
class Change:
    """One field: what it was, None when that is not told, and what it is, None when it is no more."""

    what: str
    was: str | None
    now: str | None


def install(app: Flask) -> None:
    """Give templates the filter `shortened`."""
    app.jinja_env.filters.update(shortened=shortened)


class Reader:
    """Reads acts in the language of whoever asks: a word that was said once is not looked up again.

    For one page or one file; a file has up to 200,000 acts.
    """

    def __init__(self) -> None:
        self._acts: dict[str, str] = {}
        self._labels: dict[tuple[str, _Path], str] = {}
        self._words: dict[tuple[str, str], dict[Any, str]] = {}
        self._next_line, self._next_value = gettext("；"), gettext("、")
        self._told, self._only_was = gettext("%(what)s：%(told)s"), gettext("%(what)s：原为 %(was)s")

    def act(self, action: str) -> str:
        """`card.issue` in words."""
        if action not in self._acts:
            self._acts[action] = act_word(action)
        return self._acts[action]

    def changes(self, action: str, before: Document, after: Document, names: Names) -> tuple[Change, ...]:
        """Field by field in the order of the tables, then what has no word; what stayed only if nothing changed."""
        was, now = (dict(_leaves(action, document or {})) for document in (before, after))
        changed = [path for path in was.keys() | now.keys() if was.get(path, _MISSING) != now.get(path, _MISSING)]

        def told(side: Mapping[_Path, Any], path: _Path) -> str | None:
            return self._value(action, path, side[path], names) if path in side else None

        paths = sorted(changed or now, key=lambda path: (_place(action, path[0]), path))
        return tuple(Change(self._label(action, path), told(was, path), told(now, path)) for path in paths)

    def in_one_line(self, changes: tuple[Change, ...]) -> str:
        """`状态：筹备中 → 合作中；原因：协议已签`, for files and terminals."""
        return self._next_line.join(map(self._line, changes))

    def _line(self, one: Change) -> str:
        if one.now is None:
            return self._only_was % {"what": one.what, "was": one.was}
        return self._told % {"what": one.what, "told": one.now if one.was is None else f"{one.was} → {one.now}"}

    def _label(self, action: str, path: _Path) -> str:
        if (action, path) not in self._labels:
            self._labels[action, path] = _label(action, path)
        return self._labels[action, path]

    def _word(self, action: str, field: str, value: Any) -> str | None:
        known = self._words.get((action, field))
        if known is None:
            table = next((VALUES[name] for name in names_of(action, field) if name in VALUES), _YES_AND_NO)
            known = self._words[action, field] = {code: str(word) for code, word in table.items()}
        return known.get(value)

    def _value(self, action: str, path: _Path, value: Any, names: Names) -> str:
        field = path[0]
        if value is None or value in ("", [], {}):
            return "—"
        if field in _WHOLE and isinstance(value, Mapping):
            return _WHOLE[field](value)
        if isinstance(value, list):
            return self._next_value.join(self._value(action, path, one, names) for one in value)
        if isinstance(value, int) and not isinstance(value, bool):
            return money(value) if path[-1].endswith("_fen") else str(value)
        if isinstance(value, str | bool) and (word := self._word(action, field, value)) is not None:
            return word
        return self.act(value) if field == "action" else _text(path, str(value), names)


def references(action: str, document: Document) -> Iterator[tuple[str, str]]:
    """What a document names by its id: kinds and ids."""
    for path, value in _leaves(action, document or {}):
        kind = REFERENCES.get(path[0])
        for one in value if isinstance(value, list) else [value]:
            if kind and isinstance(one, str):
                yield kind, one


def shortened(text: str) -> str | Markup:
    """A fingerprint or an id by its beginning, the whole of it on asking; anything else as it is."""
    if not _LONG_CODE.fullmatch(text):
        return text
    return Markup('<span class="code" title="{}">{}…</span>').format(text, text[:_SHOWN_OF_CODE])


def _leaves(action: str, document: Mapping[str, Any], above: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    for key, value in document.items():
        path = (*above, str(key))
        if isinstance(value, Mapping) and value and path[0] not in _WHOLE:
            yield from _leaves(action, value, path)
        else:
            yield path, value


def _place(action: str, field: str) -> int:
    return _ORDER.get(_known(action, field), len(_ORDER))


def _known(action: str, field: str) -> str:
    """The key under which a field stands in the table; itself when it has no word."""
    return next((name for name in names_of(action, field) if name in FIELDS), field)


def _label(action: str, path: _Path) -> str:
    first, inner = path[0], path[1:]
    steps = [str(FIELDS.get(_known(action, first), first))]
    for step in inner:
        word = INNER.get(first, {}).get(step) or FIELDS.get(step)
        steps.append(str(word) if word else cn_date(date.fromisoformat(step)) if _is_day(step) else step)
    return " · ".join(steps)


def _text(path: _Path, value: str, names: Names) -> str:
    if named := names.get((REFERENCES.get(path[0], ""), value)):
        return named
    # What somebody typed stays as it was typed, even where it looks like a day.
    return _when(value) if path[-1] in DAYS or path[-1].endswith(("_on", "_at")) else value


def _when(value: str) -> str:
    """A day, or a moment that says its offset, as people read it; anything else as it is."""
    if _is_day(value):
        return cn_date(date.fromisoformat(value))
    try:
        at = datetime.fromisoformat(value)
        return cn_datetime(at) if at.tzinfo else value
    except (ValueError, OverflowError):
        return value


def _is_day(text: str) -> bool:
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


_YES_AND_NO: Mapping[Any, Any] = {True: lazy_gettext("是"), False: lazy_gettext("否")}

_WHOLE: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "hours": lambda hours: gettext("，").join(merchant_words.hours(hours))
}
"""Documents that have a way of their own to be told."""
