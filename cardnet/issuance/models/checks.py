"""What several tables check alike."""

from collections.abc import Iterable


def one_of(column: str, values: Iterable[str]) -> str:
    """The SQL that a column holds one of these words."""
    return f"{column} in ({', '.join(repr(str(value)) for value in sorted(values))})"
