"""In which language a program is answered: `Accept-Language`, Chinese without one. Nobody branches on text."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from flask import current_app, has_request_context, request
from flask.sansio.app import App

from cardnet.kernel.errors import FieldError

CHINESE, ENGLISH = "zh-Hans", "en"
_SPEAKERS = "cardnet.speakers"

English = Callable[[str, str, Sequence[FieldError]], tuple[str, list[FieldError]]]
"""Code, title and findings as they were written → title and findings in English."""


class Speaker(NamedTuple):
    """How the calls below one address know the language asked for, and what they say in English."""

    asked: Callable[[], str]
    english: English


def speaks(app: App, prefix: str, speaker: Speaker) -> None:
    """Give the calls below `prefix` a second language."""
    app.extensions.setdefault(_SPEAKERS, {})[prefix] = speaker


def _speaker() -> Speaker | None:
    if not has_request_context():
        return None
    speakers: dict[str, Speaker] = current_app.extensions.get(_SPEAKERS, {})
    return next((one for prefix, one in speakers.items() if request.path.startswith(prefix)), None)


def asked_language() -> str:
    """The language this request asks for: `zh-Hans` or `en`; Chinese outside a request and where there is no other."""
    speaker = _speaker()
    return speaker.asked() if speaker else CHINESE


def wanted_by_header() -> str:
    """As `Accept-Language` says."""
    return wanted(request.headers.get("Accept-Language", ""))


@lru_cache(maxsize=256)
def wanted(header: str) -> str:
    """The better of our two languages for an `Accept-Language` header (RFC 9110 §12.5.4); anything odd is Chinese."""
    best, chosen = 0.0, CHINESE
    for part in header[:500].split(","):
        tag, _, quality = part.partition(";")
        name = {"en": ENGLISH, "zh": CHINESE, "*": CHINESE}.get(tag.strip().lower().split("-")[0])
        weight = _weight(quality)
        if name is not None and weight > best:
            best, chosen = weight, name
    return chosen


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if name.strip() == "q" and 0 <= weight <= 1 else 0.0


def told(code: str, message: str, errors: Sequence[FieldError]) -> tuple[str, list[FieldError], str]:
    """A problem's title and findings in the language asked for, and the language its title is in."""
    speaker = _speaker()
    if speaker is None or speaker.asked() != ENGLISH:
        return message, list(errors), CHINESE
    title, findings = speaker.english(code, message, errors)
    return title, findings, CHINESE if title == message and _HAN.search(title) else ENGLISH


_HAN = re.compile(r"[\u4e00-\u9fff]")
