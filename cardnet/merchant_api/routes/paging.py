"""One page of a caller's list, and where the next one begins."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy.orm import Session

from cardnet.http.requests import cursor_of, place_of


class _Listed(Protocol):
    @property
    def id(self) -> uuid.UUID | None: ...


_Row = TypeVar("_Row", bound=_Listed)


def page_by_key(
    session: Session, bound: object, query: Mapping[str, Any], read: Callable[[int, uuid.UUID | None], Sequence[_Row]]
) -> tuple[Sequence[_Row], str | None]:
    """The rows of this page, and the cursor of the next; None after the last.

    `read` gets how many rows, one more than are shown, and the id they follow. The cursor belongs to `bound`: whose
    list it is, and its filter. Raises InvalidInput("invalid_fields") for any other.
    """
    place = place_of(session, bound, query["cursor"])
    found = read(query["limit"] + 1, uuid.UUID(place) if place else None)
    shown = found[: query["limit"]]
    return shown, cursor_of(session, bound, str(shown[-1].id)) if len(found) > len(shown) else None
