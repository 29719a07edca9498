"""Signed answers (RFC 9421, section 5): proof that the union said this, under the `receipt` key of the trust pack.

Only for who asks (`Accept-Signature` with our tag): a till on TLS has no need of it, a merchant who wants to show an answer
to somebody else has. The signature binds status and body to the request they answer and to the terminal they were said to.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import http_sf

from cardnet.credential import cose
from cardnet.credential.document import check_key
from cardnet.credential.keys import KeyUse, SigningKey

TAG = "cardnet-receipt-v1"
_LONGEST_WISH = 500
"""Characters of an Accept-Signature that is read at all."""


@dataclass(frozen=True)
class Said:
    """An answer and what it answers. `terminal` is who asked, as merchant and terminal code: `M1001/T01`.

    `target` is the request's path and query as they were sent, `key` its Idempotency-Key, if it had one.
    """

    terminal: str
    method: str
    target: str
    key: str | None
    status: int
    body: bytes


def label_asked_for(accept_signature: str) -> str | None:
    """Under which label somebody asks for our signature; None when nobody does, or in words too long to read."""
    if not accept_signature or len(accept_signature) > _LONGEST_WISH:
        return None
    try:
        wishes = http_sf.parse(accept_signature.encode(), tltype="dictionary")
    except http_sf.StructuredFieldError:
        return None
    assert isinstance(wishes, dict)
    return next((label for label, wish in wishes.items() if _is_ours(wish)), None)


def _is_ours(wish: object) -> bool:
    """Whether this is a list of components with our tag."""
    match wish:
        case (list(), {"tag": str(tag)}):
            return tag == TAG
    return False


def signed_headers(label: str, said: Said, key: SigningKey, seconds: int) -> dict[str, str]:
    """The headers that make an answer a receipt. Raises as `document.check_key`."""
    check_key(key.issuer, KeyUse.RECEIPT, seconds)
    digest = f"sha-256=:{_base64(hashlib.sha256(said.body).digest())}:"
    path, asks, query = said.target.partition("?")
    covered = {'"@status"': str(said.status), '"content-digest"': digest, '"cardnet-terminal"': said.terminal}
    covered |= {'"@method";req': said.method, '"@path";req': path}
    if asks:
        covered['"@query";req'] = f"?{query}"
    if said.key is not None:
        covered['"idempotency-key";req'] = said.key
    parameters = f'({" ".join(covered)});created={seconds};keyid="{key.issuer.kid.hex()}";tag="{TAG}"'
    signature = cose.sign(key, signature_base(covered, parameters))
    return {
        "Content-Digest": digest,
        "Cardnet-Terminal": said.terminal,
        "Signature-Input": f"{label}={parameters}",
        "Signature": f"{label}=:{_base64(signature)}:",
    }


def signature_base(covered: Mapping[str, str], parameters: str) -> bytes:
    """What is signed: section 2.5 of the RFC."""
    lines = [f"{name}: {value}" for name, value in covered.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
