"""Roots of trust: the keys that say which other keys count.

The real ones are made on a machine without a network and open with two people's passphrases; a demonstration has a
seed in its data folder, from which the root of every five years follows.
"""

import hashlib
import json
import os
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from cardnet.credential import cose
from cardnet.credential.keys import Alg, IssuerKey, KeyUse, SigningKey
from cardnet.kernel import calendar
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.world import World

ROOT_FILE = "root.json"
"""In the data folder: the seed of roots that sign by themselves. Its name in `cardnet doctor` means: not for real use."""

YEARS = 5
_NEXT_YEARS = 10
_SCRYPT_COST = 1 << 17
"""128 MB and half a second for each guess at two passphrases (RFC 7914; n, with r = 8 and p = 1)."""
_MAX_COST = 1 << 20
_SEALED_KIDS = range(0x0080, 0x0100)
MIN_PASSPHRASE = 12


@dataclass(frozen=True, slots=True)
class OnlineRoots:
    """Roots that follow from a seed: one for each five calendar years, kid = how many five years since 2000."""

    seed: bytes = field(repr=False)

    def of(self, at: datetime) -> tuple[SigningKey, SigningKey]:
        """The current root and the next one."""
        first = calendar.day_of(at).year // YEARS * YEARS
        return self._root(first), self._root(first + YEARS)

    def _root(self, year: int) -> SigningKey:
        info = b"cardnet-root:%d" % year
        private = HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(self.seed)
        nbf, end = (int(calendar.start_of(date(when, 1, 1)).timestamp()) for when in (year, year + YEARS))
        kid = ((year - 2000) // YEARS).to_bytes(2, "big")
        return SigningKey(IssuerKey(kid, Alg.EDDSA, KeyUse.ROOT, _public(private), nbf, end - 1), private)


def online_roots(folder: Path) -> OnlineRoots | None:
    """The seed in a data folder; None when there is none. Raises InvalidInput("bad_root") for a broken file."""
    try:
        return OnlineRoots(_seed((folder / ROOT_FILE).read_text()))
    except FileNotFoundError:
        return None


def make_online_roots(folder: Path) -> OnlineRoots:
    """A seed in the data folder, readable by its owner only; whichever of two processes is first, its seed counts."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, whole = tempfile.mkstemp(prefix=".root-", dir=folder)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(
                {
                    "note": "在线根密钥：只供演示和试用，正式启用前请做 cardnet keys ceremony。",
                    "seed": os.urandom(32).hex(),
                },
                file,
            )
        os.link(whole, folder / ROOT_FILE)
    except FileExistsError:
        pass
    finally:
        Path(whole).unlink()
    return OnlineRoots(_seed((folder / ROOT_FILE).read_text()))


def make_roots(world: World) -> tuple[SigningKey, SigningKey]:
    """Two roots for a ceremony: the current one for five years and the next one, pinned from today on, for ten."""
    at = world.now().replace(microsecond=0)
    first = world.random_bytes(1)[0] % (len(_SEALED_KIDS) // 2) * 2
    made = []
    for kid, years in ((_SEALED_KIDS[first], YEARS), (_SEALED_KIDS[first + 1], _NEXT_YEARS)):
        private = world.random_bytes(32)
        # A root signs for verifiers whose clock is a little behind, too.
        nbf, exp = (int((at + timedelta(days=days)).timestamp()) for days in (-1, 365 * years))
        key = IssuerKey(kid.to_bytes(2, "big"), Alg.EDDSA, KeyUse.ROOT, _public(private), nbf, exp)
        made.append(SigningKey(key, private))
    return made[0], made[1]


def fingerprint(public: bytes) -> str:
    """What is read aloud and written into the protocol: eight groups of four hex digits of SHA-256."""
    digits = hashlib.sha256(public).hexdigest()[:32].upper()
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))


def public_document(roots: Sequence[SigningKey]) -> str:
    """The public halves, for the server and for verifiers to pin."""
    return json.dumps({"roots": [_public_part(root.issuer) for root in roots]}, indent=1)


def read_public_document(text: str) -> tuple[IssuerKey, ...]:
    """Raises InvalidInput("bad_root") when it is not one."""
    try:
        return tuple(_issuer(entry) for entry in json.loads(text)["roots"])
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InvalidInput("bad_root", "这不是根密钥的公钥文件：请用 keys ceremony 写出的 roots.json。") from None


def sealed_document(root: SigningKey, passphrases: Sequence[str], world: World) -> str:
    """A root in a file that opens with all the passphrases together, in the order of the custodians.

    Raises InvalidInput("passphrase_short").
    """
    if any(len(phrase) < MIN_PASSPHRASE for phrase in passphrases):
        raise InvalidInput("passphrase_short", f"每位保管人的口令至少 {MIN_PASSPHRASE} 个字符，请换一个长一些的。")
    public, salt, nonce = _public_part(root.issuer), world.random_bytes(16), world.random_bytes(12)
    sealed = AESGCM(_wrapping(passphrases, salt, _SCRYPT_COST)).encrypt(nonce, root.private, _bound(public))
    kdf = {"name": "scrypt", "n": _SCRYPT_COST, "r": 8, "p": 1, "salt": salt.hex(), "phrases": len(passphrases)}
    return json.dumps({"root": public, "kdf": kdf, "nonce": nonce.hex(), "sealed": sealed.hex()}, indent=1)


def phrases_of(text: str) -> int:
    """How many passphrases a sealed root asks for. Raises InvalidInput("bad_root")."""
    return int(_sealed(text)["kdf"]["phrases"])


def open_document(text: str, passphrases: Sequence[str]) -> SigningKey:
    """Raises InvalidInput("bad_root", "passphrase_wrong"): which of the passphrases was wrong nobody can say."""
    document = _sealed(text)
    try:
        public, kdf = document["root"], document["kdf"]
        if kdf["name"] != "scrypt" or not 2 <= kdf["n"] <= _MAX_COST:
            raise ValueError("kdf")
        key = _wrapping(passphrases, bytes.fromhex(kdf["salt"]), kdf["n"])
        private = AESGCM(key).decrypt(
            bytes.fromhex(document["nonce"]), bytes.fromhex(document["sealed"]), _bound(public)
        )
        issuer = _issuer(public)
    except InvalidTag:
        raise InvalidInput(
            "passphrase_wrong", "口令不对：请两位保管人按仪式时的先后各输入一次，注意大小写和输入法。"
        ) from None
    except (KeyError, TypeError, AttributeError, ValueError):
        raise _bad() from None
    return SigningKey(issuer, private)


def _sealed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
        int(document["kdf"]["phrases"])
    except (KeyError, TypeError, ValueError):
        raise _bad() from None
    return dict(document)


def _bad() -> InvalidInput:
    return InvalidInput("bad_root", "这不是封存的根密钥文件，或者已损坏：请用仪式留下的另一份副本。")


def _wrapping(passphrases: Sequence[str], salt: bytes, cost: int) -> bytes:
    """One key out of everybody's words; lengths go in, so that nothing can move from one to the other."""
    words = [unicodedata.normalize("NFKC", phrase).encode() for phrase in passphrases]
    secret = b"".join(len(word).to_bytes(4, "big") + word for word in words)
    return Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(secret)


def _bound(public: dict[str, Any]) -> bytes:
    return json.dumps(public, sort_keys=True, separators=(",", ":")).encode()


def _public_part(key: IssuerKey) -> dict[str, Any]:
    return {"kid": key.kid.hex(), "public": key.public.hex(), "nbf": key.nbf, "exp": key.exp}


def _issuer(entry: dict[str, Any]) -> IssuerKey:
    kid, public = bytes.fromhex(entry["kid"]), bytes.fromhex(entry["public"])
    nbf, exp = entry["nbf"], entry["exp"]
    if len(kid) != 2 or len(public) != 32 or type(nbf) is not int or type(exp) is not int or nbf >= exp:
        raise ValueError("not a root")
    return IssuerKey(kid, Alg.EDDSA, KeyUse.ROOT, public, nbf, exp)


def _seed(text: str) -> bytes:
    try:
        seed = bytes.fromhex(json.loads(text)["seed"])
    except (KeyError, TypeError, ValueError):
        seed = b""
    if len(seed) != 32:
        raise InvalidInput("bad_root", f"数据目录里的 {ROOT_FILE} 不能用，请换回备份的那一份。")
    return seed


def _public(private: bytes) -> bytes:
    return cose.public_of(Alg.EDDSA, private)
