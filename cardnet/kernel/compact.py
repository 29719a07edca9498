"""JSON without a space, in UTF-8: what is stored, signed and answered."""

from typing import Any

import orjson


def compact(value: Any) -> bytes:
    """`value` in the order it has. Raises TypeError for what JSON cannot say, such as half of a surrogate pair."""
    return orjson.dumps(value)


def canonical(value: Any) -> bytes:
    """RFC 8785 for text, integers below 2^53, true, false, null and ASCII member names.

    For these, sorting by bytes and orjson's own escapes are exactly the standard's (a property test compares with the
    `rfc8785` library, which is many times slower).
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
