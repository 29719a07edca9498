"""A terminal that signs its requests, as POS software would: RFC 9421 by the library, body digest by hand."""

import base64
import hashlib
import itertools
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms
from werkzeug.test import TestResponse

from cardnet.merchants.rules import key_id_of

COVERED = ("@method", "@path", "content-digest", "idempotency-key")
_nonces = itertools.count(1)


@dataclass
class _Message:
    method: str
    url: str
    headers: dict[str, str]


class SigningKey(HTTPSignatureKeyResolver):
    """A terminal's key, of either kind."""

    def __init__(self, kind: str = "ed25519") -> None:
        self.kind = kind
        self.private: Ed25519PrivateKey | EllipticCurvePrivateKey = (
            Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(SECP256R1())
        )

    @property
    def public(self) -> bytes:
        public = self.private.public_key()
        if self.kind == "ed25519":
            return public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)

    @property
    def public_text(self) -> str:
        return base64.urlsafe_b64encode(self.public).decode().rstrip("=")

    @property
    def key_id(self) -> str:
        return key_id_of(self.public)

    def resolve_private_key(self, key_id: str) -> Any:
        return self.private

    def headers(
        self,
        method: str,
        path: str,
        body: bytes,
        at: datetime,
        *,
        key: str | None = None,
        covered: tuple[str, ...] | None = None,
        tag: str | None = "cardnet-v1",
        nonce: str | None = "",
    ) -> dict[str, str]:
        """The headers of a signed request."""
        headers = {}
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            headers |= {"Content-Digest": f"sha-256=:{digest}:", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        message = _Message(method, f"https://localhost{path}", headers)
        if covered is None:
            covered = (
                "@method",
                "@path",
                *(("content-digest",) if body else ()),
                *(("idempotency-key",) if key else ()),
            )
        algorithm = algorithms.ED25519 if self.kind == "ed25519" else algorithms.ECDSA_P256_SHA256
        HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=self).sign(
            message,
            key_id=self.key_id,
            created=at,
            tag=tag,
            nonce=f"nonce-{next(_nonces):08d}" if nonce == "" else nonce,
            label="sig1",
            covered_component_ids=covered,
            use_existing_digest="Content-Digest" in headers,
        )
        return message.headers

    def post(
        self, client: FlaskClient, path: str, body: Any, at: datetime, key: str | None = None, **how: Any
    ) -> TestResponse:
        sent = json.dumps(body, ensure_ascii=False).encode()
        return client.post(path, data=sent, headers=self.headers("POST", path, sent, at, key=key, **how))

    def get(self, client: FlaskClient, path: str, at: datetime, **how: Any) -> TestResponse:
        return client.get(path, headers=self.headers("GET", path.partition("?")[0], b"", at, **how))
