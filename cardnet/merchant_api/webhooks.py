"""Webhooks (Standard Webhooks): which addresses may be called, how a message is signed and sent, when it is tried again.

A merchant names the address, and our server goes there: so it may only lead out of the house. The name is resolved
once, every address it has is looked at, and the connection goes to the very address that was looked at; a name that
answers otherwise a moment later (DNS rebinding) gains nothing. Redirects are not followed.
"""

import base64
import contextlib
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from cardnet.kernel.compact import compact
from cardnet.kernel.errors import FieldError, InvalidInput

SCHEDULE = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""After each failure in turn, as Standard Webhooks recommends: the last try is 75 hours and 35 minutes after the first."""
JITTER_BP = 1_000
"""Each wait is up to a tenth longer, so that what failed together does not come back together."""

TIMEOUT_SECONDS = 10
"""For a whole exchange, from the name's look-up to the last byte read."""
GONE = 410
_LONGEST_URL = 500
_READ = 4_096
_LONGEST_ANSWER = 65_536
"""Bytes of status, headers and body together: no honest answer to a message is longer."""


@dataclass(frozen=True)
class Address:
    """An endpoint's URL taken apart; `host` is ASCII."""

    scheme: str
    host: str
    port: int
    target: str


def checked_url(url: str, *, inside: bool) -> Address:
    """Raises InvalidInput("webhook_url") for anything that is no plain https address outside (`inside` allows http)."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        parts, host, port = urlsplit(""), "", None
    schemes = ("https", "http") if inside else ("https",)
    plain = parts.scheme in schemes and host and not parts.username and not parts.password and not parts.fragment
    if not plain or len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise _bad_url("地址应写成 https://主机/路径，不带用户名、密码和 #。")
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        if "." not in host and not inside:
            raise _bad_url("地址应是公网上的主机名。") from None
    else:
        if not inside and not may_be_called(number):
            raise _bad_url("不能使用内网、本机或保留的地址。")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target)


def _bad_url(message: str) -> InvalidInput:
    return InvalidInput("webhook_url", message, [FieldError("/url", message)])


def may_be_called(number: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is out on the internet: nothing private, local, shared, reserved, or an IPv4 one in disguise."""
    if isinstance(number, ipaddress.IPv6Address):
        inner = number.ipv4_mapped or number.sixtofour or (number.teredo[1] if number.teredo else None)
        if inner is None and number in _NAT64:
            inner = ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)
        if inner is not None:
            return False
    return number.is_global and not number.is_multicast and not number.is_reserved and not number.is_unspecified


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _resolved(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True)
class Deadline:
    """The moment on the monotonic clock at which an exchange is over, however alive the other side looks."""

    at: float

    def left(self) -> float:
        """Seconds that remain. Raises TimeoutError when none do."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Reader(io.RawIOBase):
    """What comes in on a connection, until the deadline and up to the longest answer.

    A socket's own timeout starts anew with every read: a server that drips a byte now and then would hold us for ever.
    """

    def __init__(self, line: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._line, self._deadline, self._come = line, deadline, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._line.settimeout(self._deadline.left())
        come = self._line.recv_into(buffer)
        self._come += come
        if self._come > _LONGEST_ANSWER:
            raise http.client.HTTPException("answer too long")
        return come


class _Line:
    """As much of a socket as `http.client` uses, with one deadline for everything that happens on it."""

    def __init__(self, line: socket.socket, deadline: Deadline) -> None:
        self._line, self._deadline = line, deadline

    def sendall(self, content: bytes) -> None:
        self._line.settimeout(self._deadline.left())
        self._line.sendall(content)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._line, self._deadline))

    def close(self) -> None:
        """The line is closed by whoever opened it."""


@dataclass(frozen=True)
class Door:
    """How messages leave the house. `inside` lets them go to private addresses and by http too, where all is one network.

    An exchange takes `seconds` at most; only the system's resolver keeps its own time, which is taken off the rest.
    """

    inside: bool = False
    seconds: float = TIMEOUT_SECONDS
    resolve: Callable[[str, int], list[str]] = _resolved
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int | None, str | None]:
        """Post a message: the status, or None and why there was none. Raises nothing a stranger could cause."""
        try:
            deadline = self._deadline()
            address = checked_url(url, inside=self.inside)
            return self._post(address, self._pinned(address), headers, body, deadline), None
        except InvalidInput as error:
            return None, error.message
        except (OSError, http.client.HTTPException, ValueError) as error:
            return None, type(error).__name__

    def _deadline(self) -> Deadline:
        return Deadline(time.monotonic() + self.seconds)

    def _pinned(self, address: Address) -> str:
        """The one address to go to; every address of the name must be one that may be called."""
        found = self.resolve(address.host, address.port)
        if not found:
            raise OSError("no address")
        if not self.inside and not all(may_be_called(ipaddress.ip_address(one.partition("%")[0])) for one in found):
            raise _bad_url("这个主机名指向内网、本机或保留的地址，没有发送。")
        return found[0]

    def _post(self, address: Address, number: str, headers: Mapping[str, str], body: bytes, deadline: Deadline) -> int:
        line = socket.create_connection((number, address.port), deadline.left())
        try:
            if address.scheme == "https":
                line.settimeout(deadline.left())
                line = self.trust.wrap_socket(line, server_hostname=address.host)
            connection = http.client.HTTPConnection(address.host, address.port)
            connection.sock = cast("socket.socket", _Line(line, deadline))
            connection.request("POST", address.target, body, dict(headers))
            answer = connection.getresponse()
            # The status is the answer: what is read after it only lets the other side close in peace.
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer.read(_READ)
            return answer.status
        finally:
            line.close()


@dataclass(frozen=True)
class Signer:
    """An endpoint's keys: the shared secret (v1) and our private key (v1a), whose public half the merchant may check."""

    secret: bytes
    private: bytes

    def headers(self, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """What goes with a message."""
        # The library counts the seconds of a time that is not UTC wrongly.
        at = at.astimezone(UTC)
        seconds = int(at.timestamp())
        shared = Webhook(self.secret).sign(message_id, at, body.decode())
        own = Ed25519PrivateKey.from_private_bytes(self.private).sign(f"{message_id}.{seconds}.".encode() + body)
        return {
            "Content-Type": "application/json",
            "User-Agent": "cardnet",
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": f"{shared} v1a,{base64.b64encode(own).decode()}",
        }


def secret_text(secret: bytes) -> str:
    """How a shared secret is written down."""
    return "whsec_" + base64.b64encode(secret).decode()


def public_text(public_key: bytes) -> str:
    """How a public key is written down."""
    return "whpk_" + base64.b64encode(public_key).decode()


def body_of(kind: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    """A thin message: what happened, when, and which redemption to ask for."""
    document = {"type": kind, "timestamp": at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "data": dict(data)}
    return compact(document)


def next_try(tries: int, at: datetime, chance: bytes) -> datetime | None:
    """When to try again after the `tries`-th failure; None when it was the last."""
    if tries > len(SCHEDULE):
        return None
    wait = SCHEDULE[tries - 1]
    return at + wait * (10_000 + int.from_bytes(chance[:4], "big") % (JITTER_BP + 1)) / 10_000
