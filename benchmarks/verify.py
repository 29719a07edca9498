"""How many codes a core verifies, every rule on; the floor is the two bare signatures of the same codes.

Three figures: phones never seen before (both signatures are checked), phones seen before (the union's signature is
remembered, the phone's is checked), printed cards.
"""

import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from benchmarks.harness import report
from cardnet.credential import base45, codec, cose
from cardnet.credential.codec import Claims, DeviceCode
from cardnet.credential.device import DeviceKey
from cardnet.credential.keys import Alg, IssuerKey, KeyUse, SigningKey
from cardnet.credential.pack import TrustPack
from cardnet.credential.signing import PREFIX, code_text, sign_credential
from cardnet.credential.status import make_list
from cardnet.credential.verify import Accepted, VerifyContext, verify
from cardnet.kernel.world import system_world

Parts = tuple[Ed25519PublicKey, bytes, bytes, bytes, bytes, bytes]

CODES = 4_000
ROUNDS = 5
REACH = 2_000


def main() -> int:
    world = system_world()
    at = world.now()
    card, printing = (
        _key(world.random_bytes(32), kid, use, at) for kid, use in ((b"\1\1", KeyUse.CARD), (b"\2\1", KeyUse.PRINT))
    )
    pack = TrustPack(1, 0, 2**32, {key.issuer.kid: key.issuer for key in (card, printing)})
    phones = [DeviceKey.make(world) for _ in range(CODES)]
    seconds = int(at.timestamp())
    stated = [Claims(index, seconds - 60, seconds + 86_400, 1, 7, phone.public) for index, phone in enumerate(phones)]
    credentials = [sign_credential(card, claims) for claims in stated]
    shown = [phone.code(credential, world) for phone, credential in zip(phones, credentials, strict=True)]
    again = [phone.code(credential, world) for phone, credential in zip(phones, credentials, strict=True)]
    on_paper = [
        code_text(sign_credential(printing, Claims(index, seconds - 60, seconds + 86_400, 1, 7)))
        for index in range(CODES)
    ]
    status = make_list({}, 65_536, seconds)

    def judge(codes: Sequence[str]) -> Callable[[], None]:
        def run() -> None:
            context = VerifyContext()
            for text in codes:
                if not isinstance(verify(text, pack, status, at, context), Accepted):
                    raise AssertionError(text)

        return run

    parts = [_parts(card.issuer.public, text) for text in shown]
    floor = _best(lambda: _bare(parts), forget=True)
    figures = {
        "verify_new_phone": (_best(judge(shown), forget=True), floor),
        "verify_known_phone": (_best(judge(again), forget=False), floor),
        "verify_printed": (_best(judge(on_paper), forget=True), floor),
    }
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": round(os.getloadavg()[0], 2)}
    for name, (value, bare) in figures.items():
        report(
            name=name,
            value=round(value),
            unit="codes/s on one core",
            floor=round(bare),
            ratio=round(value / bare, 3),
            reach=REACH,
            machine=machine,
        )
    return 0


def _key(private: bytes, kid: bytes, use: KeyUse, at: datetime) -> SigningKey:
    first, last = (int((at + timedelta(days=days)).timestamp()) for days in (-30, 30))
    return SigningKey(IssuerKey(kid, Alg.EDDSA, use, cose.public_of(Alg.EDDSA, private), first, last), private)


def _best(run: Callable[[], None], *, forget: bool) -> float:
    """Codes a second of processor time, the best of some rounds: what a neighbour takes is not ours."""
    fastest = float("inf")
    for _ in range(ROUNDS):
        if forget:
            cose._check_remembered.cache_clear()
            cose._p256_public.cache_clear()
        begun = time.process_time()
        run()
        fastest = min(fastest, time.process_time() - begun)
    return CODES / fastest


def _parts(issuer: bytes, text: str) -> Parts:
    """What the two signatures of a code are made of."""
    code = codec.decode(base45.decode(text.removeprefix(PREFIX)))
    if not isinstance(code, DeviceCode) or code.credential.claims.device_key is None:
        raise AssertionError(text)
    inner, r, s = (
        code.credential,
        int.from_bytes(code.signature[:32], "big"),
        int.from_bytes(code.signature[32:], "big"),
    )
    loaded = Ed25519PublicKey.from_public_bytes(issuer)
    return (
        loaded,
        inner.signed,
        inner.signature,
        code.credential.claims.device_key,
        code.signed,
        encode_dss_signature(r, s),
    )


def _bare(parts: Sequence[Parts]) -> None:
    """One Ed25519 and one ES256 signature a code, the phone's point loaded from its bytes, and nothing else."""
    curve, es256 = ec.SECP256R1(), ec.ECDSA(hashes.SHA256())
    for issuer, signed, signature, point, proof_signed, proof_signature in parts:
        issuer.verify(signature, signed)
        ec.EllipticCurvePublicKey.from_encoded_point(curve, point).verify(proof_signature, proof_signed, es256)


if __name__ == "__main__":
    raise SystemExit(main())
