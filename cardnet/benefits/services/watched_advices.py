"""What tills reported and nobody booked, looked through for codes that should not exist.

A forged code loses nothing when its record is refused or waits for a person, but that somebody makes them must be
heard as soon as of those that were shown online. Its code is judged as of its own time: a record whose clock is wrong
hides nothing.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.credential import store
from cardnet.credential.clones import SeenCode, far_off
from cardnet.credential.codec import DeviceCode
from cardnet.credential.pack import TrustPack
from cardnet.credential.verify import Accepted, Outcome, VerifyContext, Window, normalise, read, verify
from cardnet.issuance.services import bound_keys
from cardnet.kernel.world import World

_SHOWN = text("""
    select a.id, a.record ->> 'code' as code_text, m.code as merchant_code, t.code as terminal_code,
           a.occurred_at, a.received_at
      from advice a join terminal t on t.id = a.terminal_id join merchant m on m.id = a.merchant_id
     where a.id > :after and a.redemption_id is null and a.outcome <> 'duplicate'
     order by a.id limit :most""")

FORGED = frozenset({Outcome.BAD_SIGNATURE, Outcome.PROOF_MISSING, Outcome.KEY_OUT_OF_PERIOD})
"""What no card of ours can have shown."""


@dataclass(frozen=True)
class Reported:
    """The codes of the records looked at: forged ones, those of keys never issued, those of phones we know."""

    last: uuid.UUID | None
    looked_at: int
    forged: tuple[tuple[store.ShownCode, datetime], ...] = ()
    not_issued: tuple[tuple[store.ShownCode, datetime], ...] = ()
    known: tuple[store.ShownCode, ...] = ()


def reported_codes(session: Session, world: World, after: uuid.UUID, most: int) -> Reported:
    """The records after `after`, at most so many, of which no redemption was made."""
    rows = session.execute(_SHOWN, {"after": after, "most": most}).all()
    # As if no key had been revoked since the oldest of them: who signed a code is the question, not whether it counts.
    oldest = min((row.occurred_at for row in rows), default=world.now())
    pack = store.trust_pack_as_of(session, world.now(), oldest)
    judged = [one for row in rows if (one := _judged(pack, row))]
    accepted = [(shown, at, code) for shown, at, code in judged if isinstance(code, Accepted)]
    keys = bound_keys(session, {code.index for _, _, code in accepted}) if accepted else {}
    unknown = object()
    ours = [keys.get(code.index, unknown) == code.device_key for _, _, code in accepted]
    return Reported(
        rows[-1].id if rows else None,
        len(rows),
        tuple((shown, at) for shown, at, code in judged if not isinstance(code, Accepted)),
        tuple((shown, at) for (shown, at, _), good in zip(accepted, ours, strict=True) if not good),
        tuple(
            shown for (shown, _, code), good in zip(accepted, ours, strict=True) if good and code.proof_id is not None
        ),
    )


def _judged(pack: TrustPack, row: Row[Any]) -> tuple[store.ShownCode, datetime, Accepted | Outcome] | None:
    """One record's code; None when it is no code, or one that is refused for what an honest phone may show, too."""
    token = read(normalise(row.code_text))
    if token is None:
        return None
    proof = token.proof if isinstance(token, DeviceCode) else None
    credential = token.credential if isinstance(token, DeviceCode) else token
    at = datetime.fromtimestamp(proof.issued_at, UTC) if proof else row.occurred_at
    audiences = frozenset({proof.audience} if proof and proof.audience else ())
    context = VerifyContext(audiences, proof.nonce if proof else None, Window.OFFLINE)
    code = verify(row.code_text, pack, None, at, context)
    if not isinstance(code, Accepted) and code.outcome not in FORGED:
        return None
    seen = SeenCode(bytes(8), 0)
    if proof:
        loose = proof.nonce is not None or far_off(proof.issued_at, int(row.occurred_at.timestamp()))
        seen = SeenCode(proof.proof_id, proof.issued_at, loose)
    where = f"{row.merchant_code}/{row.terminal_code}"
    shown = store.ShownCode(credential.claims.index, credential.kid, None, where, seen, row.id)
    return shown, row.received_at, code if isinstance(code, Accepted) else code.outcome


def once_each(forged: Sequence[tuple[store.ShownCode, datetime]]) -> list[tuple[store.ShownCode, datetime]]:
    """One of each card a forger wrote and terminal."""
    return list({(shown.card_index, shown.terminal): (shown, at) for shown, at in forged}.values())
