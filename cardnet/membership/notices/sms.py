"""The SMS gateway by HTTP: a signed JSON request for each message, as an operator's or a reseller's relay takes it.

`POST url` with `{"id", "kind", "phone", "sign", "text"}`; headers `Idempotency-Key` (the notice's id),
`X-Cardnet-Timestamp` (seconds) and `X-Cardnet-Signature`: `sha256=` and the hex HMAC-SHA-256 of `timestamp.body`.
A 2xx answer `{"id": "…"}` means taken. 4xx means never, with an optional `{"code": "…"}`; anything else, also a 2xx
answer that cannot be read, means again later under the same key. `docs/operating.md` tells operators the same.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cardnet.membership.notices.gateway import code_of, post_json
from cardnet.membership.notices.rules import Accepted, Later, Message, Outcome, RefusedForGood

_NOT_OUR_MESSAGE = frozenset({401, 403, 404, 405, 408, 409, 425, 429})
"""Wrong settings, or too early: the message itself is not at fault."""


@dataclass(frozen=True)
class SmsGateway:
    """Where messages go, what signs the requests, and the 短信签名 that stands before the words."""

    url: str
    secret: str = field(repr=False)
    sign: str
    now: Callable[[], datetime]
    seconds: float = 5

    def send(self, message: Message) -> Outcome:
        """One request."""
        document = {
            "id": message.key,
            "kind": str(message.kind),
            "phone": message.address,
            "sign": self.sign,
            "text": message.words,
        }
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        stamp = str(int(self.now().timestamp()))
        headers = {
            "Idempotency-Key": message.key,
            "X-Cardnet-Timestamp": stamp,
            "X-Cardnet-Signature": "sha256=" + signature(self.secret, stamp, body),
        }
        answer = post_json(self.url, body, headers, self.seconds)
        if isinstance(answer, Later):
            return answer
        if 200 <= answer.status < 300:
            given = answer.document.get("id")
            if isinstance(given, str | int) and str(given).strip():
                return Accepted(str(given).strip()[:100])
            return Later("answer_unreadable")
        if 400 <= answer.status < 500 and answer.status not in _NOT_OUR_MESSAGE:
            return RefusedForGood(code_of(answer.document.get("code"), f"http_{answer.status}"))
        return Later(f"http_{answer.status}", answer.retry_after)


def signature(secret: str, stamp: str, body: bytes) -> str:
    """Hex HMAC-SHA-256 of `stamp.body`."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
