"""Lists as PostgreSQL array literals, for `%(name)s::uuid[]` in statements that must be prepared once.

The driver types a list by its largest number (int2[], int4[], …), and each type is one more prepared statement of
the same text; a literal is always text, and cheaper to send.
"""

import uuid
from collections.abc import Iterable


def array(values: Iterable[object]) -> str:
    """`{1,2,NULL}`: anything whose `str` is the element's text form, None as NULL. Texts are quoted."""
    # Numbers and ids, the most of what is sent, without a call each.
    return (
        "{"
        + ",".join(
            [
                value.hex if isinstance(value, uuid.UUID) else str(value) if type(value) is int else _element(value)
                for value in values
            ]
        )
        + "}"
    )


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
