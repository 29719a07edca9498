"""Base45 (RFC 9285), strict: two bytes are three characters, one byte is two, and nothing else is base45."""

import struct

ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

_NO_DIGIT = 255
_VALUE = bytes(ALPHABET.index(code) if code in ALPHABET else _NO_DIGIT for code in range(256))
_PAIRS = [bytes((ALPHABET[n % 45], ALPHABET[n // 45])) for n in range(45 * 45)]


def encode(data: bytes) -> str:
    """The base45 text of `data`: 3 characters for 2 bytes."""
    whole = struct.unpack(f">{len(data) // 2}H", data[: len(data) & ~1])
    parts = [_PAIRS[n % 2025] + ALPHABET[n // 2025 : n // 2025 + 1] for n in whole]
    if len(data) % 2:
        parts.append(_PAIRS[data[-1]])
    return b"".join(parts).decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of a base45 text.

    Raises ValueError for a character outside the alphabet, a length that leaves one character over, a triple
    above 65,535 and a pair above 255: every text that decodes is the only text of its bytes.
    """
    try:
        digits = text.encode("ascii").translate(_VALUE)
    except UnicodeEncodeError:
        raise ValueError("not base45: a character outside the alphabet") from None
    if len(digits) % 3 == 1:
        raise ValueError("not base45: one character is left over")
    if _NO_DIGIT in digits:
        raise ValueError("not base45: a character outside the alphabet")
    end = len(digits) - len(digits) % 3
    low, middle, high = digits[0:end:3], digits[1:end:3], digits[2:end:3]
    try:
        data = struct.pack(f">{end // 3}H", *[a + 45 * b + 2025 * c for a, b, c in zip(low, middle, high, strict=True)])
    except struct.error:
        raise ValueError("not base45: three characters above 65535") from None
    if end == len(digits):
        return data
    last = digits[end] + 45 * digits[end + 1]
    if last > 0xFF:
        raise ValueError("not base45: two characters above 255")
    return data + bytes((last,))
