"""The phone's half of CN1 in Python: what the wallet page does in TypeScript. For benchmarks, demonstration and tests."""

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from cardnet.credential import codec, cose
from cardnet.credential.codec import Proof
from cardnet.credential.keys import Alg
from cardnet.credential.signing import code_text
from cardnet.kernel.world import World

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def activation_message(card_number: str, activation_code: str) -> bytes:
    """What a phone signs to show that it holds the key it names."""
    return f"cardnet-activate:{card_number}:{activation_code}".encode("ascii")


def challenge_nonce(digits: str) -> bytes:
    """The four digits a till shows, as the `cnonce` of the answer: their ASCII bytes."""
    return digits.encode("ascii")


def bound_nonce(merchant: str, terminal: str, amount_fen: int, nonce: bytes) -> bytes:
    """The `cnonce` of a code made for one purchase: the first 16 bytes of SHA-256 over who, where, how much.

    `merchant` and `terminal` are codes, `nonce` is the till's own (4–32 bytes), the parts are joined by line feeds:
    `cardnet-bound`, merchant, terminal, amount in fen, nonce in lower-case hex.
    """
    parts = ("cardnet-bound", merchant, terminal, str(amount_fen), nonce.hex())
    return hashlib.sha256("\n".join(parts).encode()).digest()[:16]


def asked_nonce(merchant: str, terminal: str, amount_fen: int, digits: str | None, nonce: str | None) -> bytes | None:
    """The `cnonce` that answers what a till asked: its four digits, or its nonce (hex) for one purchase; None for neither."""
    if nonce is not None:
        return bound_nonce(merchant, terminal, amount_fen, bytes.fromhex(nonce))
    return challenge_nonce(digits) if digits else None


@dataclass
class DeviceKey:
    """A phone's key and its counter of codes."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    counter: int = 0

    @classmethod
    def make(cls, world: World) -> "DeviceKey":
        """A new key out of the world's randomness."""
        # 40 bytes against 32: the remainder is uniform to within 2^-64 (FIPS 186-5 A.2.1).
        scalar = 1 + int.from_bytes(world.random_bytes(40), "big") % (_P256_ORDER - 1)
        return cls(ec.derive_private_key(scalar, ec.SECP256R1()))

    @property
    def public(self) -> bytes:
        """The 33-byte compressed point."""
        return cose.compressed(self.private.public_key())

    def activation_proof(self, card_number: str, activation_code: str) -> bytes:
        """The 64-byte signature the activation call asks for."""
        return cose.sign_es256(self.private, activation_message(card_number, activation_code))

    def token(self, credential: bytes, proof: Proof) -> bytes:
        """A device code around a credential, for exactly this proof."""
        protected = codec.device_header(Alg.ES256, credential)
        payload = codec.encode_proof(proof)
        signature = cose.sign_es256(self.private, cose.to_be_signed(protected, payload))
        return cose.sign1(protected, payload, signature)

    def code(self, credential: bytes, world: World, audience: str | None = None, nonce: bytes | None = None) -> str:
        """What the screen shows now: the text of a fresh QR."""
        self.counter += 1
        proof_id = self.counter.to_bytes(4, "big") + world.random_bytes(4)
        proof = Proof(int(world.now().timestamp()), proof_id, audience, nonce)
        return code_text(self.token(credential, proof))


def base64url(data: bytes) -> str:
    """How keys and proofs travel in JSON: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
