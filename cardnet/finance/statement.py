"""The statement of a settlement: one canonical document, signed; every rendering has the same lines. Pure.

`document` is RFC 8785 canonical JSON, so that the bytes that were signed can be made again from what a merchant
downloaded, whatever its software did to white space and order. The signature is Ed25519 (RFC 8032) over them.
"""

import base64
import binascii
import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from defusedcsv import csv as defused

from cardnet.finance.rules import StatementLine, Totals
from cardnet.kernel.calendar import local

SCHEMA = "cardnet.settlement/1"

_MONEY = ("gross", "discount", "union", "net")
CSV_COLUMNS = (
    "line_no",
    "redemption_id",
    "merchant_ref",
    "store",
    "terminal",
    "type",
    "business_date",
    "occurred_at",
    *(f"{name}_{unit}" for name in _MONEY for unit in ("fen", "yuan")),
    "original_redemption_id",
)


@dataclass(frozen=True)
class Header:
    """What stands above the lines. `previous_sha256` chains a merchant's statements; None on its first."""

    number: str
    merchant_code: str
    merchant_name: str
    first_on: date
    last_on: date
    sealed_at: datetime
    ledger_mark: int
    previous_number: str | None
    previous_sha256: bytes | None
    kid: bytes


def document(header: Header, totals: Totals, lines: Sequence[StatementLine]) -> bytes:
    """The bytes that are hashed and signed."""
    previous = None
    if header.previous_sha256 is not None:
        previous = {"number": header.previous_number, "sha256": header.previous_sha256.hex()}
    return rfc8785.dumps(
        {
            "schema": SCHEMA,
            "number": header.number,
            "merchant": {"code": header.merchant_code, "name": header.merchant_name},
            "first_on": header.first_on.isoformat(),
            "last_on": header.last_on.isoformat(),
            "currency": "CNY",
            "totals": asdict(totals),
            "net_yuan": _yuan(totals.net_fen),
            "ledger_mark": header.ledger_mark,
            # Roots of the sealed ledger days; empty while nothing is sealed.
            "merkle_roots": [],
            "previous": previous,
            "sealed_at": local(header.sealed_at).isoformat(timespec="seconds"),
            "signed_with": {"alg": "Ed25519", "kid": header.kid.hex()},
            "lines": [_line(line) for line in lines],
        }
    )


def _line(line: StatementLine) -> dict[str, Any]:
    return {
        **asdict(line),
        "redemption_id": str(line.redemption_id),
        "business_date": line.business_date.isoformat(),
        "original_redemption_id": None if line.original_redemption_id is None else str(line.original_redemption_id),
    }


def sign(content: bytes, private: bytes) -> bytes:
    """64 bytes of Ed25519 under a 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(private).sign(content)


def digest(content: bytes) -> bytes:
    """SHA-256 of a document: what the next statement of the merchant names."""
    return hashlib.sha256(content).digest()


def as_json(content: bytes, signature: bytes) -> bytes:
    """What is downloaded: the document, its hash and its signature."""
    sealed = {
        "statement": json.loads(content),
        "sha256": digest(content).hex(),
        "signature": base64.urlsafe_b64encode(signature).decode().rstrip("="),
    }
    return json.dumps(sealed, ensure_ascii=False, indent=1).encode()


def as_csv(content: bytes) -> bytes:
    """The lines for a spreadsheet: UTF-8 with BOM, yuan beside fen, formulas made inert."""
    text = io.StringIO(newline="")
    writer = defused.DictWriter(text, CSV_COLUMNS, quoting=csv.QUOTE_MINIMAL)
    writer.writeheader()
    for line in json.loads(content)["lines"]:
        yuan = {f"{name}_yuan": _yuan(line[f"{name}_fen"]) for name in _MONEY}
        writer.writerow({name: _cell({**line, **yuan}[name]) for name in CSV_COLUMNS})
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Without control characters, which some readers take as the start of something else."""
    if isinstance(value, str):
        return "".join(sign for sign in value if sign.isprintable())
    return value


def _yuan(fen: int) -> str:
    sign_ = "-" if fen < 0 else ""
    return f"{sign_}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def faults(download: bytes, public_key_of: Callable[[bytes], bytes | None]) -> list[str]:
    """What is wrong with a downloaded statement, in stable codes; an empty list: it is ours and unchanged.

    `public_key_of(kid)` gives the 32 bytes of a settlement key, None for one that is unknown or revoked.
    """
    try:
        sealed = json.loads(download)
        statement = sealed["statement"]
        content = rfc8785.dumps(statement)
        signature = base64.b64decode(sealed["signature"] + "==", altchars=b"-_")
        kid = bytes.fromhex(statement["signed_with"]["kid"])
        declared = sealed["sha256"]
    except (ValueError, KeyError, TypeError, binascii.Error, rfc8785.CanonicalizationError):
        return ["unreadable"]
    return seal_faults(content, declared, signature, public_key_of(kid)) + _totals_faults(statement)


def seal_faults(content: bytes, declared: str, signature: bytes, public: bytes | None) -> list[str]:
    """The same of a document as it was sealed, byte for byte: its hash in hexadecimal and its signature, nothing read."""
    found = [] if digest(content).hex() == declared else ["hash_differs"]
    if public is None:
        return [*found, "key_unknown"]
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except InvalidSignature:
        found.append("signature_wrong")
    return found


def agrees(content: bytes, number: str, net_fen: int, lines: int) -> bool:
    """Whether a stored document is the one its row speaks of."""
    told = json.loads(content)
    return (told["number"], told["totals"]["net_fen"], len(told["lines"])) == (number, net_fen, lines)


def _totals_faults(statement: Mapping[str, Any]) -> list[str]:
    try:
        totals, lines = statement["totals"], statement["lines"]
        same = totals["net_fen"] == sum(line["net_fen"] for line in lines) and totals["lines"] == len(lines)
    except (KeyError, TypeError):
        same = False
    return [] if same else ["totals_differ"]
