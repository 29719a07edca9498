"""The port of notices, and the one HTTP call its gateways share: short answers, one deadline, nothing logged."""

import http.client
import json
import re
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from cardnet.membership.notices.rules import Later, Message, Outcome

_MOST_BYTES = 64 * 1024
_CODE = re.compile(r"[a-z0-9_.-]{1,40}")


class Gateway(Protocol):
    """Sends one message; the same `key` again must not become a second one where the gateway can help it."""

    def send(self, message: Message) -> Outcome:
        """Send it, or say why not. Never raises for what the other side does."""
        ...


@dataclass(frozen=True)
class Answer:
    """What came back: `document` is {} when it was no JSON object."""

    status: int
    document: Mapping[str, Any]
    retry_after: timedelta | None = None


def post_json(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer | Later:
    """POST and read the answer within `seconds` of being connected, which may take as long again; no redirects."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    overdue = threading.Event()

    def hang_up(line: socket.socket) -> None:
        # A timeout of the socket starts anew with each byte: a gateway that drips must not outlast our claim.
        overdue.set()
        with suppress(OSError):
            # Past the encryption: taking that down is for the thread that reads.
            socket.socket.shutdown(line, socket.SHUT_RDWR)

    timer: threading.Timer | None = None
    try:
        connection.connect()
        timer = threading.Timer(seconds, hang_up, (connection.sock,))
        timer.daemon = True
        timer.start()
        path = parts.path or "/"
        sent = {"Content-Type": "application/json; charset=utf-8", **headers}
        connection.request("POST", f"{path}?{parts.query}" if parts.query else path, body, sent)
        answer = connection.getresponse()
        content = answer.read(_MOST_BYTES)
        if overdue.is_set():
            return Later("timeout")
        return Answer(answer.status, _document(content), _pause(answer.headers.get("Retry-After")))
    except TimeoutError:
        return Later("timeout")
    except (OSError, http.client.HTTPException):
        return Later("timeout" if overdue.is_set() else "unreachable")
    finally:
        if timer:
            timer.cancel()
        connection.close()


def code_of(value: object, fallback: str) -> str:
    """A gateway's own code, if it is one: its sentences may repeat a phone number and are not kept."""
    text = str(value).lower() if isinstance(value, str | int) else ""
    return text if _CODE.fullmatch(text) and not re.search(r"\d{7}", text) else fallback


def _document(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _pause(text: str | None) -> timedelta | None:
    return timedelta(seconds=int(text)) if text and text.isascii() and text.isdecimal() and len(text) < 7 else None
