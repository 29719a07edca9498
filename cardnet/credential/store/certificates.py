"""Certificates of terminals' keys, and which of the keys were stopped: what the next trust pack says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.credential.keys import Alg, KeyState, KeyUse, SigningKey
from cardnet.credential.store.keys import signing_key
from cardnet.credential.store.models import IssuerKeyRow, TerminalCertificateRow
from cardnet.credential.terminals import TerminalKeyClaims, certify
from cardnet.kernel.world import World

_PORTION = 1_000
"""Keys certified by one statement: the database takes 65,535 parameters in one, and a whole district may be paired at once."""


@dataclass(frozen=True)
class TerminalKeyName:
    """A terminal's key as it is to be certified."""

    key_id: str
    merchant: str
    terminal: str
    alg: Alg
    public: bytes


@dataclass(frozen=True)
class TerminalCertificate:
    """What the terminal CA `kid` said of a key."""

    key_id: str
    kid: bytes
    content: bytes
    issued_at: datetime


def certificates_of(session: Session, key_ids: Sequence[str]) -> dict[str, TerminalCertificate]:
    """The certificates there are of these keys, by key."""
    row = TerminalCertificateRow
    found = select(row.key_id, row.kid, row.content, row.issued_at).where(row.key_id.in_(key_ids))
    return {one.key_id: TerminalCertificate(*one) for one in session.execute(found)}


def certificate_for(session: Session, world: World, named: TerminalKeyName) -> bytes:
    """The certificate of a key, made now where there is none."""
    known = session.scalar(select(TerminalCertificateRow.content).where(TerminalCertificateRow.key_id == named.key_id))
    return known or certify_keys(session, world, [named])[named.key_id]


def certify_keys(session: Session, world: World, named: Sequence[TerminalKeyName]) -> dict[str, bytes]:
    """Certify keys that have no certificate; of two who do it at once the first one's counts."""
    if not named:
        return {}
    ca, at = signing_key(session, world, KeyUse.TERMINAL_CA), world.now()
    made: dict[str, bytes] = {}
    for first in range(0, len(named), _PORTION):
        made |= _certify_portion(session, ca, at, named[first : first + _PORTION])
    return made


def _certify_portion(
    session: Session, ca: SigningKey, at: datetime, named: Sequence[TerminalKeyName]
) -> dict[str, bytes]:
    seconds = int(at.timestamp())
    rows = [
        {
            "key_id": one.key_id,
            "kid": ca.issuer.kid,
            "content": certify(ca, TerminalKeyClaims(one.merchant, one.terminal, one.alg, one.public, seconds)),
            "issued_at": at,
        }
        for one in named
    ]
    session.execute(insert(TerminalCertificateRow).values(rows).on_conflict_do_nothing())
    ids = [one.key_id for one in named]
    found = select(TerminalCertificateRow.key_id, TerminalCertificateRow.content)
    made = session.execute(found.where(TerminalCertificateRow.key_id.in_(ids))).tuples()
    return dict(iter(made))


def certified_keys(session: Session) -> Mapping[str, datetime | None]:
    """Every key that has a certificate which counts, and since when it was stopped; those of a revoked CA are dropped."""
    revoked = select(IssuerKeyRow.kid).where(
        IssuerKeyRow.use == KeyUse.TERMINAL_CA, IssuerKeyRow.state == KeyState.REVOKED
    )
    session.execute(delete(TerminalCertificateRow).where(TerminalCertificateRow.kid.in_(revoked)))
    rows = session.execute(select(TerminalCertificateRow.key_id, TerminalCertificateRow.stopped_at)).tuples()
    return dict(iter(rows))


def note_stopped(session: Session, stopped: Mapping[str, datetime]) -> None:
    """These keys count no more from then on; the next pack says so."""
    for key_id, at in stopped.items():
        row = TerminalCertificateRow.key_id == key_id, TerminalCertificateRow.stopped_at.is_(None)
        session.execute(update(TerminalCertificateRow).where(*row).values(stopped_at=at))
