"""Argon2id at two prices, and the secrets the machine makes."""

import base64

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_FOR_PEOPLE = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)
"""OWASP's first choice (46 MiB, one pass): about 30 ms, and 16 threads at once stay below 1 GB."""

_FOR_MACHINES = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Cheap on purpose, see `hash_first_password`."""

_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz0"
"""32 characters that survive being read aloud and written by hand: no i, l, o or 1."""

_NOBODY = _FOR_PEOPLE.hash("nobody's password")


def hash_password(password: str) -> str:
    """The stored form of a password a person chose: slow, because people choose guessable ones."""
    return _FOR_PEOPLE.hash(password)


def hash_first_password(password: str) -> str:
    """The stored form of a password made by `first_password`: fast.

    A slow hash protects passwords that can be guessed. These have 80 random bits, which nobody guesses at any
    price, so 600 officers cost milliseconds instead of half a minute, in production as in the demonstration.
    The owner's first sign-in replaces it by the slow form (`is_outdated`), and so does every change.
    """
    return _FOR_MACHINES.hash(password)


def first_password(chance: bytes) -> str:
    """A password of 80 random bits in four groups of four, out of at least 16 random bytes."""
    characters = "".join(_ALPHABET[byte & 31] for byte in chance[:16])
    return "-".join(characters[i : i + 4] for i in range(0, 16, 4))


def totp_secret(chance: bytes) -> str:
    """A TOTP secret of 160 bits (RFC 4226 §4 R6) in base32, out of at least 20 random bytes."""
    return base64.b32encode(chance[:20]).decode()


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is the right one.

    It takes equally long with no account (None) and with a first password, so that nobody can tell by a watch which
    usernames exist.
    """
    if stored is None or is_outdated(stored):
        _verify(_NOBODY, password)
    return stored is not None and _verify(stored, password)


def _verify(stored: str, password: str) -> bool:
    try:
        return _FOR_PEOPLE.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether the stored form was made with other parameters than today's."""
    return _FOR_PEOPLE.check_needs_rehash(stored)
