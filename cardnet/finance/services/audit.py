"""The nightly question: does everything that must hold, hold?"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from cardnet.credential import store
from cardnet.credential.keys import KeyUse
from cardnet.finance import statement
from cardnet.finance.models import Settlement
from cardnet.kernel.world import World

MOST_ROWS = 20
"""So many offending rows are shown of each breach; `count` says how many there are."""


@dataclass(frozen=True)
class Breach:
    """An invariant that does not hold: its code, its sentence, and the first rows that break it."""

    code: str
    sentence: str
    rows: tuple[dict[str, Any], ...]
    count: int


def run(session: Session, world: World | None = None) -> list[Breach]:
    """Ask every package's invariants, and verify every statement when `world` is given; an empty list: all hold."""
    connection = session.connection()
    session.flush()
    breaches = []
    for code, (sentence, query) in invariants().items():
        rows = [dict(row) for row in connection.exec_driver_sql(query).mappings()]
        if rows:
            breaches.append(Breach(code, sentence, tuple(rows[:MOST_ROWS]), len(rows)))
    if world is not None and (wrong := list(_statements(session, world))):
        sentence = "每张结算单的文件、哈希与签名相符"
        breaches.append(Breach("L13-signature", sentence, tuple(wrong[:MOST_ROWS]), len(wrong)))
    return breaches


def invariants() -> dict[str, tuple[str, str]]:
    """All of them, by code. Packages above this one are asked by name: the import rule forbids to import them here."""
    found: dict[str, tuple[str, str]] = {}
    for package in pkgutil.iter_modules([str(Path(__file__).parents[2])], "cardnet."):
        name = f"{package.name}.invariants"
        if package.ispkg and importlib.util.find_spec(name):
            for code, invariant in importlib.import_module(name).INVARIANTS.items():
                if code in found:
                    raise ValueError(f"two packages say what {code} is")
                found[code] = invariant
    return dict(sorted(found.items(), key=lambda item: _by_number(item[0])))


def _by_number(code: str) -> tuple[str, int, str]:
    digits = code.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return code[: len(code) - len(digits)], int(digits) if digits.isdecimal() else 0, code


def _statements(session: Session, world: World) -> Iterable[dict[str, Any]]:
    # A revoked key's statements were true when they were signed: evidence keeps its key.
    keys = store.trust_pack(session, world.now()).keys

    def public_key_of(kid: bytes) -> bytes | None:
        key = keys.get(kid)
        return key.public if key and key.use is KeyUse.SETTLEMENT else None

    rows = session.scalars(
        select(Settlement)
        .options(undefer(Settlement.document))
        .order_by(Settlement.number)
        .execution_options(yield_per=50, populate_existing=True)
    )
    for row in rows:
        faults = statement.faults(statement.as_json(row.document, row.signature), public_key_of)
        if statement.digest(row.document) != row.document_sha256:
            faults.append("stored_hash_differs")
        if not statement.agrees(row.document, row.number, row.net_fen, row.lines):
            faults.append("document_differs_from_row")
        if faults:
            yield {"number": row.number, "faults": faults}
