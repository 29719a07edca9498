"""Looking through what was redeemed for what should not exist: forged credentials and copied phones.

Beside the hot path, which only stores: a minute later is soon enough to stop a phone, and nothing waits for it.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.credential import store
from cardnet.credential.clones import SeenCode
from cardnet.credential.codec import Credential, DeviceCode
from cardnet.credential.verify import normalise, read
from cardnet.issuance.services import StopCopiedCode, stop_copied_code
from cardnet.kernel.world import World

_MOST = 2_000
_OVERLAP = timedelta(minutes=2)
"""An id says when a redemption began; it is seen when that commits. So far back we look for late ones."""
_FIRST_LOOK = timedelta(days=30)

_SHOWN = text("""
    select id, card_index, proof_id, code_text, merchant_code, terminal_code, accepted_at,
           coalesce(reasons @> '[{"code": "not_issued"}]', false) as not_issued
      from redemption
     where id > :after and card_index is not null and code_text is not null
     order by id limit :most""")


@dataclass(frozen=True)
class Watched:
    """What one look found: alarms raised, phones stopped. `more`: it stopped at its most, look again at once."""

    looked_at: int
    not_issued: int
    copied: int
    more: bool


def watch_codes(session: Session, world: World) -> Watched:
    """Look through the redemptions since the last look; looking twice finds nothing twice.

    A good signature over an index or a key that was never issued raises `not_issued`: somebody else has an issuer's
    key. A number of codes that falls stops the phone (`clone_suspected`) and tells its member.
    """
    try:
        after = store.take_watch(session) or _first_id(world.now() - _FIRST_LOOK)
    except BlockingIOError:
        return Watched(0, 0, 0, more=False)
    rows = session.execute(_SHOWN, {"after": after, "most": _MOST}).all()
    shown = {row.id: one for row in rows if (one := _shown(row)) is not None}
    forged = sum(
        store.raise_alarm(session, world, _alarm(store.NOT_ISSUED, shown[row.id], row.accepted_at))
        for row in rows
        if row.not_issued and row.id in shown
    )
    # Who holds a stolen issuer key counts as they like: only codes of phones we know tell something about those phones.
    known = [shown[row.id] for row in rows if not row.not_issued and row.proof_id is not None and row.id in shown]
    stopped = 0
    for one in store.note_codes(session, known):
        if stop_copied_code(session, world, StopCopiedCode(one.card_index)):
            stopped += 1
            store.raise_alarm(session, world, _alarm(store.CLONE_SUSPECTED, one, world.now()))
    full = len(rows) == _MOST
    if rows:
        # A full look goes on from its last row; once everything is read, the last minutes are read again next time.
        last: uuid.UUID = rows[-1].id
        store.keep_watch(session, last if full else max(after, _first_id(_moment(last) - _OVERLAP)))
    return Watched(len(rows), forged, stopped, more=full)


def _shown(row: Row[Any]) -> store.ShownCode | None:
    token = read(normalise(row.code_text))
    credential: Credential | None = token.credential if isinstance(token, DeviceCode) else token
    if credential is None:
        return None
    seen = SeenCode(row.proof_id or bytes(8), 0)
    if isinstance(token, DeviceCode):
        seen = SeenCode(token.proof.proof_id, token.proof.issued_at, token.proof.nonce is not None)
    where = f"{row.merchant_code}/{row.terminal_code}"
    return store.ShownCode(row.card_index, credential.kid, row.id, where, seen)


def _alarm(kind: str, one: store.ShownCode, at: datetime) -> store.Alarm:
    return store.Alarm(kind, one.card_index, one.kid, one.redemption_id, one.terminal, at)


def _first_id(at: datetime) -> uuid.UUID:
    """Below every UUIDv7 made at `at` or later."""
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80)


def _moment(made: uuid.UUID) -> datetime:
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
