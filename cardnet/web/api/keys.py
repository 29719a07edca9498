"""Keys and alarms: whether tills can trust what they have, and what somebody must look into. Acts on keys are commands."""

import uuid
from typing import Any

from cardnet.access.rules import Role
from cardnet.credential import store
from cardnet.http.calls import Call
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import machinery as wire
from cardnet.web.api.schemas.common import Empty


@serves(Call("GET", "/keys", "The trust pack, the keys tills know, and every alarm, newest first", {200: wire.Keys},
             roles=(Role.ADMIN, Role.AUDITOR), tag="keys",
             notes="No private half leaves the server: acts on keys are `cardnet keys …`."))  # fmt: skip
def keys(asked: Asked) -> dict[str, Any]:
    """GET /keys."""
    session, at = asked.session, asked.world.now()
    changes = store.unsigned_changes(session, at)
    return {
        "online": store.are_online(session),
        "unsigned": len(changes.added) + len(changes.revoked),
        "pack_expires_at": changes.expires_at,
        "keys": [_key(line) for line in store.key_lines(session, at)],
        "alarms": [_alarm(line) for line in store.alarms(session)],
    }


@serves(Call("POST", "/keys/alarms/{id}/close", "Somebody has looked into it, and says what it was", {200: Empty},
             body=wire.AlarmRequest, parameters={"id": "uuid"}, roles=(Role.ADMIN,), tag="keys", takes_key=True,
             example={"words": "商户误扫了样卡，已说明"}))  # fmt: skip
def close_alarm(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """POST /keys/alarms/{id}/close."""
    done = store.AcknowledgeAlarm(id, asked.body["words"], asked.officer.account_id)
    store.acknowledge_alarm(asked.session, asked.world, done)
    return {}


def _key(line: store.KeyLine) -> dict[str, Any]:
    return {
        "kid": line.key.kid.hex(), "use": str(line.key.use), "state": str(line.key.state), "shard": line.shard,
        "signs": line.signs, "published": line.published, "first": line.first, "last": line.last,
        "revoked_at": line.revoked_at,
    }  # fmt: skip


def _alarm(line: store.AlarmLine) -> dict[str, Any]:
    return {**vars(line.alarm), **vars(line), "kid": line.alarm.kid.hex()}
