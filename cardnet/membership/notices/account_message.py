"""What the official account's server says to ours: WeChat's signed messages in plain mode, read and answered. Pure.

A message is told apart by the token both sides know: `signature` is SHA-1 over token, timestamp and nonce, sorted. The
documents are a few flat elements, read as such and not by an XML parser, which an attacker could keep busy.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MOST_BYTES = 20_000
_AS_OLD = timedelta(minutes=5)
_ELEMENT = re.compile(r"<(ToUserName|FromUserName|MsgType|Content)>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))</\1>", re.DOTALL)


@dataclass(frozen=True)
class AccountMessage:
    """Words somebody sent to the account: `sender` is their openid, `account` the account's own name there."""

    sender: str = field(repr=False)
    account: str
    words: str = field(repr=False)


def is_signed(token: str, signature: str, timestamp: str, nonce: str, now: datetime) -> bool:
    """Whether this came from who knows the token, in the last minutes."""
    if not token or not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
        return False
    digest = hashlib.sha1("".join(sorted((token, timestamp, nonce))).encode()).hexdigest()  # noqa: S324 - WeChat's
    fresh = abs(now.timestamp() - int(timestamp)) <= _AS_OLD.total_seconds()
    return fresh and hmac.compare_digest(digest.encode(), signature.encode())


def read_message(content: bytes) -> AccountMessage | None:
    """The words of a text message; None for whatever else it is."""
    try:
        text = content[:MOST_BYTES].decode()
    except UnicodeDecodeError:
        return None
    found = {name: plain if cdata is None else cdata for name, cdata, plain in _parts(text)}
    if found.get("MsgType") != "text" or not all(found.get(name) for name in ("FromUserName", "ToUserName", "Content")):
        return None
    return AccountMessage(found["FromUserName"][:128], found["ToUserName"][:128], found["Content"][:500])


def reply_to(message: AccountMessage, words: str, now: datetime) -> str:
    """A text back into the same chat."""
    return (
        f"<xml><ToUserName>{_cdata(message.sender)}</ToUserName><FromUserName>{_cdata(message.account)}</FromUserName>"
        f"<CreateTime>{int(now.timestamp())}</CreateTime><MsgType>{_cdata('text')}</MsgType>"
        f"<Content>{_cdata(words)}</Content></xml>"
    )


def _parts(text: str) -> list[tuple[str, str | None, str]]:
    return [(one[1], one[2], one[3] or "") for one in _ELEMENT.finditer(text)]


def _cdata(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', ']] >')}]]>"
