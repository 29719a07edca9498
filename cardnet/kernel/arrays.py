"""Lists as PostgreSQL array literals, for `%(name)s::uuid[]` in statements that must be prepared once.

The driver types a list by its largest number (int2[], int4[], …), and each type is one more prepared statement of
the same text; a literal is always text, and cheaper to send.
"""

import uuid
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any


def array(values: Iterable[object]) -> str:
    """`{1,2,NULL}`: anything whose `str` is the element's text form, None as NULL. Texts are quoted."""
    return "{" + ",".join([_FORMS.get(type(value), _other)(value) for value in values]) + "}"


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _other(value: object) -> str:
    """What is not exactly one of the common types: words of an enum, dates, moments."""
    return _text(value) if isinstance(value, str) else str(value)


# By exact type: a redemption writes some seventy elements, and a chain of isinstance costs more than all else here.
_FORMS: dict[type, Callable[[Any], str]] = {
    uuid.UUID: attrgetter("hex"),
    int: str,
    str: _text,
    type(None): lambda _: "NULL",
}
