"""Signed answers (RFC 9421, section 5): proof that the union said this, under the `receipt` key of the trust pack.

Only for who asks (`Accept-Signature` with our tag): a till on TLS has no need of it, a merchant who wants to show an answer
to somebody else has. The signature binds status and body to the request they answer.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cardnet.credential import cose
from cardnet.credential.document import check_key
from cardnet.credential.keys import KeyUse, SigningKey

TAG = "cardnet-receipt-v1"
_ASKED = re.compile(rf'^\s*([a-z*][a-z0-9_.*-]*)=\(.*\).*;\s*tag="{re.escape(TAG)}"')


@dataclass(frozen=True)
class Said:
    """An answer and what it answers. `key` is the request's Idempotency-Key, if it had one."""

    method: str
    path: str
    key: str | None
    status: int
    body: bytes


def label_asked_for(accept_signature: str) -> str | None:
    """Under which label somebody asks for our signature; None when nobody does."""
    found = _ASKED.match(accept_signature)
    return found[1] if found else None


def signed_headers(label: str, said: Said, key: SigningKey, seconds: int) -> dict[str, str]:
    """The headers that make an answer a receipt. Raises as `document.check_key`."""
    check_key(key.issuer, KeyUse.RECEIPT, seconds)
    digest = f"sha-256=:{_base64(hashlib.sha256(said.body).digest())}:"
    covered = {'"@status"': str(said.status), '"content-digest"': digest}
    covered |= {'"@method";req': said.method, '"@path";req': said.path}
    if said.key is not None:
        covered['"idempotency-key";req'] = said.key
    parameters = f'({" ".join(covered)});created={seconds};keyid="{key.issuer.kid.hex()}";tag="{TAG}"'
    signature = cose.sign(key, signature_base(covered, parameters))
    return {
        "Content-Digest": digest,
        "Signature-Input": f"{label}={parameters}",
        "Signature": f"{label}=:{_base64(signature)}:",
    }


def signature_base(covered: Mapping[str, str], parameters: str) -> bytes:
    """What is signed: section 2.5 of the RFC."""
    lines = [f"{name}: {value}" for name, value in covered.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
