"""Tokens: 256 random bits shown once, stored as their SHA-256."""

import base64
import hashlib

from cardnet.kernel.world import World


def new_token(world: World, prefix: str) -> str:
    """A token such as `cns_…`; the prefix tells a leaked one's kind (secret scanners look for it)."""
    return prefix + base64.urlsafe_b64encode(world.random_bytes(32)).rstrip(b"=").decode()


def token_hash(token: str) -> bytes:
    """What is stored of a token."""
    # SHA-256 is enough here: the token has 256 random bits, so there is nothing to guess.
    return hashlib.sha256(token.encode()).digest()
