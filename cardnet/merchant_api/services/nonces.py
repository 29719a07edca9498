"""Nonces of signed requests: each once."""

import uuid
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.kernel.errors import NotSignedIn
from cardnet.kernel.world import World
from cardnet.merchant_api.models import SignatureNonce

_KEPT = timedelta(hours=1)
"""Longer than the window of a signature to both sides."""


def use_nonce(session: Session, world: World, key_id: uuid.UUID, nonce: str) -> None:
    """Use up a nonce. Raises NotSignedIn("signature_invalid") when it came before; waits for one that is on its way."""
    row = insert(SignatureNonce).values(key_id=key_id, nonce=nonce, seen_at=world.now())
    used = session.execute(row.on_conflict_do_nothing().returning(SignatureNonce.nonce)).one_or_none()
    if used is None:
        raise NotSignedIn("signature_invalid", "这个签名已经用过，请每次以新的 nonce 重新签名。")


def forget_nonces(session: Session, world: World) -> int:
    """Delete nonces too old to matter; how many there were."""
    gone = session.execute(delete(SignatureNonce).where(SignatureNonce.seen_at < world.now() - _KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined]
