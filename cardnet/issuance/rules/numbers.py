"""Numbers and codes: what is printed, typed and signed."""

import hmac
import re

NUMBER_DIGITS = 13
"""Twelve digits and their Luhn digit."""

_FIRST_NUMBER, _NUMBERS = 8 * 10**11, 10**11
_PAYMENT_PREFIX = re.compile(r"1[0-5]|2[5-9]|30|62")


def luhn_digit(body: str) -> str:
    """The check digit of ISO/IEC 7812-1 for a body of digits."""
    total = 0
    for place, character in enumerate(reversed(body)):
        digit = int(character) * (2 if place % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return str(-total % 10)


def is_card_number(number: str) -> bool:
    """Whether `number` could be one of ours: thirteen digits, no payment scheme's prefix, the right check digit."""
    return (
        len(number) == NUMBER_DIGITS
        and number.isascii()
        and number.isdigit()
        and not _PAYMENT_PREFIX.match(number)
        and luhn_digit(number[:-1]) == number[-1]
    )


def card_number(chance: bytes) -> str:
    """A card number out of eight random bytes; it starts with 8.

    Scanners route 10–15, 25–30 and 62 to payment schemes; a 0 in front would be lost in a spreadsheet, and bank
    cards begin with 3 to 6. That leaves 8 and ninety-nine thousand million numbers nobody can count through.
    """
    body = str(_FIRST_NUMBER + int.from_bytes(chance, "big") % _NUMBERS)
    return body + luhn_digit(body)


CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Thirty-two signs that are not mistaken for one another in print: no 0 and O, no 1 and I."""

CODE_LENGTH = 8
ACTIVATION_TRIES = 5


def activation_code(chance: bytes) -> str:
    """Eight signs out of eight random bytes: forty bits, each sign equally likely."""
    return "".join(CODE_ALPHABET[byte & 31] for byte in chance[:CODE_LENGTH])


REBIND_DIGITS = 6
REBIND_MINUTES = 15
"""So long the officer's six digits are good: the member stands in front of the desk."""
REBIND_LIMIT, REBIND_LIMIT_DAYS = 2, 30
INDEX_RECYCLED_AFTER_DAYS = 60


def rebind_code(chance: bytes) -> str:
    """Six digits out of eight random bytes; the remainder of 2^64 by a million favours none noticeably."""
    return f"{int.from_bytes(chance[:8], 'big') % 10**REBIND_DIGITS:06d}"


def is_rebind_code(code: str) -> bool:
    """Whether this is an officer's 重绑码 and no activation code: six digits."""
    return len(code) == REBIND_DIGITS and code.isascii() and code.isdigit()


def typed_code(text: str) -> str:
    """An activation code as people type it, in the form it was made: spaces and dashes out, capitals."""
    return re.sub(r"[\s\-]", "", text).upper()


def typed_number(text: str) -> str:
    """A card number as people type it: digits without spaces and dashes."""
    return re.sub(r"[\s\-]", "", text)


def activation_statement(number: str, code: str) -> bytes:
    """What a phone signs to prove that it holds the key it asks to bind."""
    return f"cardnet-activate:{number}:{code}".encode("ascii", "replace")


def rebind_statement(number: str) -> bytes:
    """What a phone signs when a member binds a new key in the place of a lost one."""
    return f"cardnet-rebind:{number}".encode("ascii", "replace")


def binding_statement(index: int, at: int) -> bytes:
    """What a phone signs to ask how its own binding stands; `at` is its corrected time in milliseconds."""
    return f"cardnet-binding:{index}:{at}".encode("ascii")


def renewal_statement(index: int, at: int) -> bytes:
    """What a phone signs to renew by its key alone; `at` is its corrected time in milliseconds."""
    return f"cardnet-renew:{index}:{at}".encode("ascii")


def same_last4(id_number: str, typed: str) -> bool:
    """Whether `typed` is how the document's number ends; an x counts as X. Takes the same time whatever the answer."""
    return hmac.compare_digest(id_number[-4:].upper().encode(), typed.strip().upper().encode())
