"""A record made offline as a file that proves itself: whose word it is, by the pinned roots alone, in years.

In it stand the record as the terminal signed it, the certificate of its key and trust packs: those a till could go by when
it sold, by which its code is judged, the one that came next, and the newest, which knows what was revoked since. A card
key that was revoked after the sale does not unmake it, as it did not for the server; paper has nothing but that key.
Nobody's name is in it.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from cardnet.credential.device import asked_nonce
from cardnet.credential.keys import Alg, IssuerKey, KeyState
from cardnet.credential.pack import Policy, TrustPack, open_pack
from cardnet.credential.terminals import TerminalKeyClaims, open_certificate
from cardnet.credential.verify import Outcome, Rejected, VerifyContext, Window, verify
from cardnet.merchant_api.signatures import record_bytes, record_is_signed
from cardnet.merchants.rules import KeyAlgorithm, key_id_of

FORMAT = "cardnet-offline-evidence/1"
_ALGORITHM = {Alg.EDDSA: KeyAlgorithm.ED25519, Alg.ES256: KeyAlgorithm.ES256}


@dataclass(frozen=True)
class Checked:
    """What a file proves. `faults` are codes; none: the record is the terminal's own word and the code was good."""

    merchant: str
    terminal: str
    occurred_at: datetime
    merchant_ref: str
    faults: tuple[str, ...]


def document_of(
    names: tuple[str, str],
    record: Mapping[str, Any],
    received_at: datetime,
    certificate: bytes,
    packs: Sequence[bytes],
) -> str:
    """The file: `names` are the codes of merchant and terminal, `packs` those about its day and the newest."""
    said = {
        "format": FORMAT,
        "merchant": names[0],
        "terminal": names[1],
        "received_at": received_at.astimezone(UTC).isoformat(timespec="seconds"),
        "record": dict(record),
        "certificate": base64.b64encode(certificate).decode(),
        "trust_packs": [base64.b64encode(one).decode() for one in packs],
    }
    return json.dumps(said, ensure_ascii=False, indent=1)


def check(text: str, roots: Mapping[bytes, IssuerKey]) -> Checked:
    """Re-check a file under pinned roots. Raises ValueError when it is none, or its packs are not of these roots."""
    try:
        said = json.loads(text)
        if said["format"] != FORMAT:
            raise ValueError("another format")
        # A pack is asked what it said on its day: by now it may be years over.
        packs = sorted(
            (open_pack(base64.b64decode(one), roots, 0) for one in said["trust_packs"]), key=lambda pack: pack.seq
        )
        if not packs:
            raise ValueError("no trust pack")
        record = said["record"]
        occurred_at = datetime.fromisoformat(record["occurred_at"])
        names = said["merchant"], said["terminal"]
        faults = _faults(names, record, occurred_at, base64.b64decode(said["certificate"]), packs)
        return Checked(*names, occurred_at, record["merchant_ref"], faults)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not such a file: {error}") from None


def _faults(
    names: tuple[str, str], record: Mapping[str, Any], at: datetime, certificate: bytes, packs: Sequence[TrustPack]
) -> tuple[str, ...]:
    newest = packs[-1]
    keys = {kid: key for pack in packs for kid, key in pack.keys.items()}
    try:
        key = open_certificate(certificate, keys)
    except ValueError:
        return ("certificate_invalid",)
    found = []
    if (key.merchant, key.terminal) != names:
        found.append("certificate_of_another_terminal")
    if not _signed(names, record, key):
        found.append("signature_invalid")
    stopped = newest.stopped.get(key_id_of(key.public))
    if stopped is not None and stopped <= at.timestamp():
        found.append("key_revoked")
    judged = _judge_code(names, record, at, keys, packs)
    return (*found, *([judged] if judged else []))


def _signed(names: tuple[str, str], record: Mapping[str, Any], key: TerminalKeyClaims) -> bool:
    text = str(record.get("signature") or "")
    signature = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return record_is_signed(_ALGORITHM[key.alg], key.public, record_bytes(*names, record), signature)


def _judge_code(
    names: tuple[str, str],
    record: Mapping[str, Any],
    at: datetime,
    keys: Mapping[bytes, IssuerKey],
    packs: Sequence[TrustPack],
) -> str | None:
    amount_fen = record["purchase"]["amount_fen"]
    asked = asked_nonce(*names, amount_fen, record.get("challenge"), record.get("bound_nonce"))
    context = VerifyContext(frozenset(names), asked, Window.OFFLINE)
    judged = verify(record["code"], _as_of(at.timestamp(), keys, packs), None, at, context)
    if isinstance(judged, Rejected):
        return judged.outcome.value
    revoked_since = keys[judged.kid].state is not KeyState.ACTIVE
    return Outcome.REVOKED_KEY.value if revoked_since and judged.assurance == "printed" else None


def _as_of(seconds: float, keys: Mapping[bytes, IssuerKey], packs: Sequence[TrustPack]) -> TrustPack:
    """What a till could know at the sale: the most that packs it could hold allowed, the keys that counted then."""
    before = [one for one in packs if one.issued_at <= seconds] or packs[:1]
    after = packs[len(before) :]
    known = before[-1]
    # A revoked key never comes back: what still says that it counts shows that it did at the sale. The pack of before
    # shows it only where its very successor is of after the sale; else one that says "revoked" may have been left out.
    telling = [*after, known] if after and after[0].seq == known.seq + 1 else after
    counted = {kid for one in telling for kid, key in one.keys.items() if key.state is KeyState.ACTIVE}
    believed = [one.policy for one in before if one.expires_at >= seconds] or [known.policy]
    most = {one.name: max(getattr(policy, one.name) for policy in believed) for one in fields(Policy)}
    then = {kid: replace(key, state=KeyState.ACTIVE) if kid in counted else key for kid, key in keys.items()}
    return replace(known, keys=then, policy=Policy(**most))
