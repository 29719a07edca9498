"""Making credentials: the statement a phone carries, and the code on a printed card."""

from datetime import datetime, timedelta

from cardnet.credential import base45, codec, document
from cardnet.credential.codec import Claims
from cardnet.credential.keys import KeyUse, SigningKey
from cardnet.credential.pack import Policy
from cardnet.kernel.errors import InvalidInput

PREFIX = "CN1:"


def sign_credential(key: SigningKey, claims: Claims) -> bytes:
    """The signed statement about a card index: for a phone when `claims` has a device key, else for a printed card.

    Raises InvalidInput("key_use", "key_period", "key_revoked") when `key` may not sign it, and
    InvalidInput("device_key_invalid") when the device key is no compressed P-256 point.
    """
    use = KeyUse.PRINT if claims.device_key is None else KeyUse.CARD
    if claims.device_key is not None and (len(claims.device_key) != 33 or claims.device_key[0] not in (2, 3)):
        raise InvalidInput("device_key_invalid", "手机的公钥格式不对，请重新打开会员卡页面再试。")
    return document.seal(key, use, claims.issued_at, codec.encode_claims(claims))


def code_text(token: bytes) -> str:
    """What a QR says: the prefix and the token in base45."""
    return PREFIX + base45.encode(token)


def device_claims(
    index: int, device_key: bytes, tier: int, group: int | None, at: datetime, card_ends: datetime, policy: Policy
) -> Claims:
    """The claims of a phone's credential: good for 14 days, and never longer than the card (`card_ends`)."""
    issued_at = int(at.timestamp())
    expires_at = min(issued_at + policy.device_life, int(card_ends.timestamp()))
    return Claims(index, issued_at, expires_at, tier, group, device_key)


def printed_claims(
    index: int, tier: int, group: int | None, at: datetime, card_ends: datetime, policy: Policy
) -> Claims:
    """The claims of a printed card: good for 24 months, and never longer than the card (`card_ends`)."""
    issued_at = int(at.timestamp())
    # 24 months as days of the mean year: a printed card has its exact last day in `card_ends`.
    life = timedelta(days=policy.printed_life_months * 365.25 / 12)
    return Claims(index, issued_at, min(issued_at + int(life.total_seconds()), int(card_ends.timestamp())), tier, group)
