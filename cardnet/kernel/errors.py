"""Errors a caller can act on. A recorded "no" (a refusal) is a value, not one of these.

The edge turns each into a problem document (RFC 9457) or a page; see `cardnet.http`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Retry = Literal["never", "same_key", "new_key", "after"]


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field: `pointer` is a JSON pointer into the request (RFC 6901)."""

    pointer: str
    message: str
    code: str = "invalid"


@dataclass
class CardnetError(Exception):
    """Base of all errors: a stable `code`, a sentence that says how to mend it, and structured details."""

    code: str
    message: str
    detail: dict[str, Any] = field(default_factory=dict)

    status: ClassVar[int] = 500
    retry: ClassVar[Retry] = "never"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InvalidInput(CardnetError):
    """The request is wrong: fix it and send it again."""

    status = 422

    def __init__(
        self, code: str, message: str, errors: Sequence[FieldError] = (), detail: dict[str, Any] | None = None
    ) -> None:
        super().__init__(code, message, detail or {})
        self.errors = tuple(errors)


class MoreThanLeft(InvalidInput):
    """More is asked for than there is, and that answer is kept: ask for less, under a key of its own."""

    retry = "new_key"


class NotSignedIn(CardnetError):
    """Authenticate, then send it again."""

    status = 401


class NotAllowed(CardnetError):
    """You may not do this; asking again will not help."""

    status = 403


class NotFound(CardnetError):
    """No such thing, or it is not yours: the two look the same on purpose."""

    status = 404


class Conflict(CardnetError):
    """The state of things forbids it now: read the state, then decide."""

    status = 409


class TooManyRequests(CardnetError):
    """Wait `retry_after_seconds`, then send the same again."""

    status = 429
    retry = "after"

    def __init__(self, code: str, message: str, retry_after_seconds: int) -> None:
        super().__init__(code, message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(CardnetError):
    """Send the same again, with the same key, a little later."""

    status = 503
    retry = "same_key"
    retry_after_seconds: ClassVar[int] = 1
