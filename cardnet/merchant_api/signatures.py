"""Signed requests (RFC 9421): which terminal signed this one, and whether what counts was signed.

The library's defaults accept a signature that covers nothing, of any age and purpose: here the components, the tag
and the window are always asked for, and the body is compared with its signed digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature as BadSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature, algorithms

from cardnet.http.wire import moment
from cardnet.kernel.compact import canonical
from cardnet.kernel.errors import NotSignedIn
from cardnet.merchants.rules import KeyAlgorithm

TAG = "cardnet-v1"
WINDOW = timedelta(seconds=300)
ALWAYS = ("@method", "@path")
_LONGEST_NONCE = 64

_ALGORITHMS = {KeyAlgorithm.ED25519: algorithms.ED25519, KeyAlgorithm.ES256: algorithms.ECDSA_P256_SHA256}


class ClockSkew(NotSignedIn):
    """The terminal's clock and ours are more than five minutes apart; the answer says our time."""


@dataclass(frozen=True)
class SignedRequest:
    """What a signature is over. `url` is as it was sent, percent signs and all."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def required(self) -> tuple[str, ...]:
        """What must be covered: a body by its digest, a key by itself."""
        more = ("content-digest",) if self.body else ()
        return (*ALWAYS, *more, *(("idempotency-key",) if "Idempotency-Key" in self.headers else ()))


def key_id_in(request: SignedRequest) -> str:
    """Which key a request says it was signed with. Raises NotSignedIn("signature_invalid")."""
    verifier = _Verifier(KeyAlgorithm.ED25519, None, None)
    try:
        ((_, given, _),) = verifier.signatures_of(request)
        key_id = given.params["keyid"]
    except (InvalidSignature, KeyError, ValueError):
        key_id = None
    if not isinstance(key_id, str) or not 1 <= len(key_id) <= 64 or not key_id.isascii():
        raise _invalid("Signature-Input 中应有且只有一个 tag 为 cardnet-v1 的签名，并写明 keyid。")
    return key_id


def verified_nonce(request: SignedRequest, algorithm: KeyAlgorithm, public_key: bytes, at: datetime) -> str:
    """The nonce of a good signature. Raises NotSignedIn("signature_invalid") or ClockSkew("clock_skew")."""
    verifier = _Verifier(algorithm, public_key, at)
    try:
        (result,) = verifier.verify(
            request, max_age=WINDOW, expect_tag=TAG, require_components=request.required, body=request.body
        )
    except InvalidSignature as error:
        raise _invalid("签名不正确，请核对签名覆盖的内容、正文摘要和密钥。", why=str(error)) from None
    except ValueError:
        raise _invalid("签名不正确，请核对签名的格式。") from None
    nonce = result.parameters.get("nonce")
    if not isinstance(nonce, str) or not 8 <= len(nonce) <= _LONGEST_NONCE:
        raise _invalid("签名应带 8–64 位的 nonce，每次不同。")
    return nonce


def record_bytes(merchant: str, terminal: str, record: Mapping[str, Any]) -> bytes:
    """What a terminal signs of a record made offline: its own name, and the RFC 8785 form of all that is kept of it.

    Neither the signature itself nor `id_last4`, which is the member's and compared once.
    """
    unsigned = kept_of(record)
    unsigned.pop("signature", None)
    return f"cardnet-advice-v1:{merchant}:{terminal}:".encode() + canonical(unsigned)


def kept_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it is stored: without what would tell of the member."""
    return {name: value for name, value in record.items() if name != "id_last4"}


def record_is_signed(algorithm: KeyAlgorithm, public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether these 64 bytes are the key's signature: Ed25519, or r and s of P-256 with SHA-256."""
    if len(signature) != 64:
        return False
    try:
        if algorithm is KeyAlgorithm.ED25519:
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
        else:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public_key)
            key.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))
    except BadSignature:
        return False
    return True


def _invalid(message: str, **detail: Any) -> NotSignedIn:
    return NotSignedIn("signature_invalid", message, {name: value for name, value in detail.items() if value})


class _Verifier(HTTPMessageVerifier):
    """The library's verifier by the world's clock, in a window that is open to both sides."""

    def __init__(self, algorithm: KeyAlgorithm, public_key: bytes | None, at: datetime | None) -> None:
        keys = _OneKey(algorithm, public_key) if public_key else None
        super().__init__(signature_algorithm=_ALGORITHMS[algorithm], key_resolver=keys)
        self.at = at

    def signatures_of(self, request: SignedRequest) -> list[Any]:
        """The signatures made for us."""
        return list(self._get_sig_inputs_and_signatures(request, expect_tag=TAG))  # type: ignore[no-untyped-call]

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """RFC 9421 section 3.2, step 4."""
        assert self.at is not None
        assert max_age is not None
        created, expires = sig_input.params.get("created"), sig_input.params.get("expires")
        if type(created) is not int:
            raise InvalidSignature("created is missing")
        if abs(self.at.timestamp() - created) > max_age.total_seconds():
            message = "收银设备的时间与服务器相差超过五分钟，请校准后再发送。"
            raise ClockSkew("clock_skew", message, {"server_time": moment(self.at)})
        if expires is not None and expires < self.at.timestamp():
            raise InvalidSignature("expired")


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, algorithm: KeyAlgorithm, public_key: bytes) -> None:
        self.key: Ed25519PublicKey | EllipticCurvePublicKey
        if algorithm is KeyAlgorithm.ED25519:
            self.key = Ed25519PublicKey.from_public_bytes(public_key)
        else:
            self.key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public_key)

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | EllipticCurvePublicKey:  # noqa: ARG002
        return self.key
