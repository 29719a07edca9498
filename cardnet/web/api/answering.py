"""`Idempotency-Key`: a request that is sent again under its key is answered again and not done again.

The key is the caller's choice and its row the first write of the call's own transaction: what failed has left no key,
so only what was done is kept, sealed, for seven days.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.http.calls import Call
from cardnet.http.wire import Malformed
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True)
class Once:
    """Whose request under which key; `shown_once` says that its answer is not to be kept."""

    account_id: uuid.UUID
    key: str
    fingerprint: bytes
    shown_once: bool


def read_key() -> str | None:
    """The request's key, None without one. Raises Malformed("idempotency_key_invalid")."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Malformed("idempotency_key_invalid", "Idempotency-Key 应为 16–64 位字母、数字、_ 或 -。")
    return key


def fingerprint(
    call: Call, parameters: Mapping[str, Any], body: Mapping[str, Any], query: Mapping[str, Any], file: bytes
) -> bytes:
    """The same request, as its schema read it, has the same 32 bytes."""
    what: list[Any] = [call.method, call.path, dict(parameters), dict(body)]
    if call.takes_file:
        what += [dict(query), hashlib.sha256(file).hexdigest()]
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).digest()


def answer_once(session: Session, world: World, once: Once, work: Callable[[], Response]) -> Response:
    """Do it, or repeat what was answered. A repeat beside the first waits for it.

    Raises InvalidInput("idempotency_key_reused"), Conflict("answer_shown_once").
    """
    command = access.TakeKey(once.account_id, once.key, once.fingerprint)
    kept = access.take_key(session, world, command)
    if kept is None:
        answer = work()
        body = None if once.shown_once else answer.get_data()
        access.keep_answer(session, command, access.KeptAnswer(answer.status_code, answer.content_type or "", body))
        return answer
    if kept.body is None:
        raise Conflict(
            "answer_shown_once", "这个请求已经办理过，它的结果只显示一次，不会保留；请查询现在的状态，或重新生成。"
        )
    again = Response(kept.body, kept.status, content_type=kept.media_type)
    again.headers["Idempotency-Replayed"] = "true"
    again.headers["Cache-Control"] = "no-store"
    return again


def json_bytes(value: Any) -> bytes:
    """JSON as it is sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
