"""A unit's approval outside the system: what list it is about, its number, and what may be uploaded. Pure."""

import enum
import hashlib
import uuid
from collections.abc import Iterable
from datetime import timedelta

LINK_DAYS = timedelta(days=7)
"""So long a chair may confirm by the link."""

SUMMARY_DAYS = timedelta(days=60)
"""So long a printed summary may be brought back stamped."""

SCAN_BYTES = 8 << 20
"""A photograph of a page by a phone is 2 to 5 MB."""

_KINDS = {
    b"%PDF-": "application/pdf",
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}


class ApprovalKind(enum.StrEnum):
    """How: the chair opens a one-time link, or a printed summary comes back stamped."""

    LINK = "link"
    SUMMARY = "summary"


class ApprovalOutcome(enum.StrEnum):
    """What became of it."""

    CONFIRMED = "confirmed"
    DECLINED = "declined"


def fingerprint(batch_id: uuid.UUID, path: str, rows: Iterable[tuple[uuid.UUID, int, uuid.UUID]]) -> bytes:
    """SHA-256 of a list: (application, round, person) in any order. One person more or less is another list."""
    lines = sorted(f"{application}:{round_}:{person}" for application, round_, person in rows)
    return hashlib.sha256("\n".join([str(batch_id), path, *lines]).encode()).digest()


def check_code(number: str, list_fingerprint: bytes) -> str:
    """What is printed beside the number, sixteen signs in fours: `3F7A-91C2-0B4D-E856`."""
    digest = hashlib.sha256(number.encode() + list_fingerprint).hexdigest().upper()
    return "-".join(digest[start : start + 4] for start in range(0, 16, 4))


def typed_check_code(text: str) -> str:
    """A check code as people type it, in the form it is printed."""
    signs = "".join(sign for sign in text.upper() if sign.isascii() and sign.isalnum())
    return "-".join(signs[start : start + 4] for start in range(0, len(signs), 4))


def media_type(content: bytes) -> str | None:
    """PDF, JPEG or PNG by how the file begins, whatever its name says; None for anything else."""
    return next((kind for mark, kind in _KINDS.items() if content.startswith(mark)), None)
