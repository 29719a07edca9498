"""An attacker's workbench: tokens signed rightly over contents that are wrong."""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from cardnet.credential import base45, codec, cose
from cardnet.credential.device import DeviceKey
from cardnet.credential.keys import Alg, SigningKey
from cardnet.credential.signing import PREFIX, code_text

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def issued(key: SigningKey, payload: bytes, protected: bytes | None = None) -> bytes:
    """A credential over any payload and header, with a signature that fits."""
    header = codec.credential_header(key.issuer.alg, key.issuer.kid) if protected is None else protected
    return cose.sign1(header, payload, cose.sign(key, cose.to_be_signed(header, payload)))


def shown(phone: DeviceKey, protected: bytes, payload: bytes) -> bytes:
    """A device code over any header and payload, with a signature that fits."""
    return cose.sign1(protected, payload, cose.sign_es256(phone.private, cose.to_be_signed(protected, payload)))


def header(credential: bytes, alg: int = Alg.ES256) -> bytes:
    return codec.device_header(alg, credential)


def token_of(text: str) -> bytes:
    return base45.decode(text.removeprefix(PREFIX))


def malleated(text: str) -> str:
    """The same proof with the other signature of the pair (r, s), (r, n − s)."""
    token = token_of(text)
    r, s = int.from_bytes(token[-64:-32], "big"), int.from_bytes(token[-32:], "big")
    other = decode_dss_signature(encode_dss_signature(r, P256_ORDER - s))
    return code_text(token[:-64] + b"".join(number.to_bytes(32, "big") for number in other))


def uncompressed(point: bytes) -> tuple[bytes, bytes]:
    """x and y of a compressed point: independent libraries want both."""
    numbers = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point).public_numbers()
    return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
