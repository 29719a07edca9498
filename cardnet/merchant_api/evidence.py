"""A record made offline as a file that proves itself: whose word it is, by the pinned roots alone, in years.

In it stand the record as the terminal signed it, the certificate of its key and two trust packs: the one of the day it came,
by whose parameters its code is judged, and the newest, which knows what was revoked since. Nobody's name is in it.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from cardnet.credential.device import asked_nonce
from cardnet.credential.keys import Alg, IssuerKey
from cardnet.credential.pack import TrustPack, open_pack
from cardnet.credential.terminals import TerminalKeyClaims, open_certificate
from cardnet.credential.verify import Rejected, VerifyContext, Window, verify
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
    packs: tuple[bytes, bytes],
) -> str:
    """The file: `names` are the codes of merchant and terminal, `packs` that of the day and the newest."""
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
        then, now = (open_pack(base64.b64decode(one), roots, 0) for one in said["trust_packs"])
        record = said["record"]
        occurred_at = datetime.fromisoformat(record["occurred_at"])
        names = said["merchant"], said["terminal"]
        faults = _faults(names, record, occurred_at, base64.b64decode(said["certificate"]), then, now)
        return Checked(*names, occurred_at, record["merchant_ref"], faults)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not such a file: {error}") from None


def _faults(
    names: tuple[str, str], record: Mapping[str, Any], at: datetime, certificate: bytes, then: TrustPack, now: TrustPack
) -> tuple[str, ...]:
    keys = {**then.keys, **now.keys}
    try:
        key = open_certificate(certificate, keys)
    except ValueError:
        return ("certificate_invalid",)
    found = []
    if (key.merchant, key.terminal) != names:
        found.append("certificate_of_another_terminal")
    if not _signed(names, record, key):
        found.append("signature_invalid")
    stopped = now.stopped.get(key_id_of(key.public))
    if stopped is not None and stopped <= at.timestamp():
        found.append("key_revoked")
    judged = _judge_code(names, record, at, replace(then, keys=keys))
    return (*found, *([judged] if judged else []))


def _signed(names: tuple[str, str], record: Mapping[str, Any], key: TerminalKeyClaims) -> bool:
    text = str(record.get("signature") or "")
    signature = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return record_is_signed(_ALGORITHM[key.alg], key.public, record_bytes(*names, record), signature)


def _judge_code(names: tuple[str, str], record: Mapping[str, Any], at: datetime, pack: TrustPack) -> str | None:
    amount_fen = record["purchase"]["amount_fen"]
    asked = asked_nonce(*names, amount_fen, record.get("challenge"), record.get("bound_nonce"))
    judged = verify(record["code"], pack, None, at, VerifyContext(frozenset(names), asked, Window.OFFLINE))
    return judged.outcome.value if isinstance(judged, Rejected) else None
