"""Which roots sign the trust pack: two from a ceremony, whose private halves never come here, or a folder's own."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cardnet.credential.keys import Alg, IssuerKey, KeyState, KeyUse, SigningKey
from cardnet.credential.root import make_online_roots, online_roots
from cardnet.credential.store.models import IssuerKeyRow
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World


@dataclass(frozen=True)
class AdoptRoots:
    """The public halves of a ceremony's roots: from now on only they sign. `custodians` go into the audit trail."""

    roots: tuple[IssuerKey, ...]
    by: uuid.UUID | None = None


def adopt_roots(session: Session, world: World, command: AdoptRoots) -> None:
    """Let a ceremony's roots take the place of those before, online ones included; doing it again does nothing.

    Verifiers that pinned the roots before must pin the new ones. Raises Conflict("kid_taken").
    """
    at = world.now()
    known = {row.kid: row for row in _rows(session)}
    if all(key.kid in known and known[key.kid].public == key.public for key in command.roots):
        return
    taken = session.scalars(
        select(IssuerKeyRow.kid).where(IssuerKeyRow.kid.in_([key.kid for key in command.roots]))
    ).all()
    if taken:
        listed = "、".join(kid.hex() for kid in taken)
        raise Conflict("kid_taken", f"密钥编号 {listed} 已经用过，编号不能重用：请重新做一次仪式。")
    session.execute(
        update(IssuerKeyRow)
        .where(IssuerKeyRow.use == KeyUse.ROOT, IssuerKeyRow.state == KeyState.ACTIVE)
        .values(state=KeyState.REVOKED, revoked_at=at)
    )
    _insert(session, at, command.roots)
    after = {"kids": [key.kid.hex() for key in command.roots]}
    audit.record(session, world, audit.Act("key.adopt_roots", "issuer_key", "root", command.by, after=after))


def adopt_online(session: Session, world: World) -> None:
    """Take the roots of the data folder, made there when there are none; not where a ceremony's roots are in place."""
    folder = _folder(session)
    if folder is None or not (_rows(session) == [] or are_online(session)):
        return
    at = world.now()
    kept = online_roots(folder) or make_online_roots(folder)
    _insert(session, at, [root.issuer for root in kept.of(at)])


def are_online(session: Session) -> bool:
    """Whether the data folder's own root is, or is to be, what signs: for demonstrations and trials."""
    folder = _folder(session)
    if folder is None:
        return False
    rows = _rows(session)
    if not rows:
        return True
    kept = online_roots(folder)
    return kept is not None and any(row.public == kept.of(row.nbf.astimezone(UTC))[0].issuer.public for row in rows)


def online_root(session: Session, at: datetime) -> SigningKey | None:
    """The root that signs by itself now; None where that takes the custodians."""
    folder = _folder(session)
    kept = online_roots(folder) if folder else None
    if kept is None:
        return None
    root = kept.of(at)[0]
    return root if any(row.public == root.issuer.public for row in _rows(session)) else None


def active(session: Session) -> dict[bytes, IssuerKey]:
    """The root keys, current and next, that a verifier pins."""
    return {row.kid: _value(row) for row in _rows(session)}


def _folder(session: Session) -> Path | None:
    folder: Path | None = session.info.get("root_folder")
    return folder


def _rows(session: Session) -> Sequence[IssuerKeyRow]:
    statement = (
        select(IssuerKeyRow)
        .where(IssuerKeyRow.use == KeyUse.ROOT, IssuerKeyRow.state == KeyState.ACTIVE)
        .order_by(IssuerKeyRow.kid)
        .execution_options(populate_existing=True)
    )
    return session.scalars(statement).all()


def _value(row: IssuerKeyRow) -> IssuerKey:
    nbf, exp = (int(at.astimezone(UTC).timestamp()) for at in (row.nbf, row.exp))
    return IssuerKey(row.kid, Alg(row.alg), KeyUse.ROOT, row.public, nbf, exp, KeyState(row.state))


def _insert(session: Session, at: datetime, keys: Sequence[IssuerKey]) -> None:
    rows = [
        {
            "kid": key.kid,
            "alg": int(key.alg),
            "use": str(KeyUse.ROOT),
            "public": key.public,
            "nbf": datetime.fromtimestamp(key.nbf, UTC),
            "exp": datetime.fromtimestamp(key.exp, UTC),
            "state": str(KeyState.ACTIVE),
            "created_at": at,
        }
        for key in keys
    ]
    session.execute(upsert(IssuerKeyRow).values(rows).on_conflict_do_nothing(index_elements=["kid"]))
