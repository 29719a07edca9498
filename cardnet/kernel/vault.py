"""Personal data at rest: AES-256-GCM under a key ring, and a keyed blind index for looking up.

A sealed value is `key id (1 byte) || nonce (12) || ciphertext and tag`; the field's name is bound in as
associated data, so a sealed phone number cannot be moved into the column of names. The blind index is
HMAC-SHA-256 under a key of its own: equal values have equal indexes, and nothing else can be learned from it.
"""

import hmac
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

_NONCE_BYTES = 12
_MAX_KEY_ID = 255

_cipher = lru_cache(maxsize=256)(AESGCM)
"""The cipher of a key: a file of 30,000 people is sealed 120,000 times under one."""


@dataclass(frozen=True)
class Vault:
    """`keys` by id (0–255, 32 bytes each), the id that seals now, and the key of the blind index."""

    keys: Mapping[int, bytes]
    current: int
    index_key: bytes

    def seal(self, field: str, value: str | bytes) -> bytes:
        """Encrypt one value of the field named, for example `person.name`."""
        return self.sealer(field)(value)

    def sealer(self, field: str) -> Callable[[str | bytes], bytes]:
        """`seal` for many values of one field: what they share is looked up once."""
        key_id, encrypt, bound = bytes([self.current]), _cipher(self.keys[self.current]).encrypt, field.encode()

        def seal(value: str | bytes) -> bytes:
            nonce = os.urandom(_NONCE_BYTES)
            return key_id + nonce + encrypt(nonce, value.encode() if isinstance(value, str) else value, bound)

        return seal

    def open_bytes(self, field: str, sealed: bytes) -> bytes:
        """Decrypt. Raises ValueError when the key is unknown or the value was tampered with or moved."""
        key = self.keys.get(sealed[0])
        if key is None:
            raise ValueError(f"no key {sealed[0]} in the key ring")
        try:
            return _cipher(key).decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], field.encode())
        except InvalidTag:
            raise ValueError(f"sealed value of {field} does not verify") from None

    def open(self, field: str, sealed: bytes) -> str:
        """Decrypt a text."""
        return self.open_bytes(field, sealed).decode()

    def index(self, field: str, value: str | bytes) -> bytes:
        """The 32-byte blind index of a value within its field."""
        plain = value.encode() if isinstance(value, str) else value
        return hmac.digest(self.index_key, field.encode() + b"\0" + plain, "sha256")


def vault_of(session: Session) -> Vault:
    """The vault the edge gave to this session."""
    vault: Vault = session.info["vault"]
    return vault


def vault_from_json(text: str) -> Vault:
    """Read a key ring: `{"current": 1, "keys": {"1": hex}, "index": hex}`. Raises ValueError when it is not one."""
    try:
        ring = json.loads(text)
        keys = {int(name): bytes.fromhex(key) for name, key in ring["keys"].items()}
        vault = Vault(keys, int(ring["current"]), bytes.fromhex(ring["index"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a key ring: {error}") from None
    if vault.current not in keys or any(len(key) != 32 for key in (*keys.values(), vault.index_key)):
        raise ValueError("every key of the ring has 32 bytes, and `current` names one of them")
    return vault


def vault_in_folder(folder: Path) -> tuple[Vault, bool]:
    """The key ring of a data folder; made there, readable by its owner only, when there is none (then True)."""
    path = folder / "keyring.json"
    try:
        return vault_from_json(path.read_text()), False
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    ring = {"current": 1, "keys": {"1": os.urandom(32).hex()}, "index": os.urandom(32).hex()}
    descriptor, whole = tempfile.mkstemp(prefix=".keyring-", dir=folder)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(ring, file)
        # Under its name it is never seen half written, and whichever of two processes is first, its ring counts.
        os.link(whole, path)
        made = True
    except FileExistsError:
        made = False
    finally:
        Path(whole).unlink()
    return vault_from_json(path.read_text()), made


def add_key(folder: Path) -> tuple[int, bool]:
    """Take the next step of a rotation in the key ring of a data folder; the id of the key meant, and whether it seals now.

    The first step adds a key that only opens; the second, once every process has read the ring anew, lets it seal. In
    one step, a process still on the old ring could not open what another one had sealed. Old keys stay: what they
    sealed is opened by them. Raises OSError, and ValueError when it is no key ring.
    """
    path = folder / "keyring.json"
    vault_from_json(path.read_text())
    ring = json.loads(path.read_text())
    newest = max(int(name) for name in ring["keys"])
    if newest == ring["current"]:
        newest = newest + 1
        if newest > _MAX_KEY_ID:
            raise ValueError("the key ring is full")
        ring["keys"][str(newest)] = os.urandom(32).hex()
    else:
        ring["current"] = newest
    descriptor, whole = tempfile.mkstemp(prefix=".keyring-", dir=folder)
    with os.fdopen(descriptor, "w") as file:
        json.dump(ring, file)
        file.flush()
        os.fsync(file.fileno())
    Path(whole).replace(path)
    return newest, ring["current"] == newest
