"""What tills fetch: bytes and the ETag value that tells whether they changed."""

import hashlib
from dataclasses import dataclass

STATUS_URI = "/merchant/v1/status-list"
"""Where the status list is, relative to the server that gave the trust pack."""


@dataclass(frozen=True)
class Published:
    """A signed document as CBOR. `etag` goes between quotation marks into the header."""

    content: bytes
    etag: str


def published(content: bytes) -> Published:
    """A document with the ETag value of its bytes."""
    return Published(content, hashlib.sha256(content).hexdigest()[:32])
