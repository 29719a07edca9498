"""Trust packs of before: what a till could hold at an earlier moment."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cardnet.credential.pack import Policy, peek_pack
from cardnet.credential.store.models import TrustPackRow
from cardnet.credential.store.offline_limits import policy_as_of


def packs_about(session: Session, then: datetime) -> tuple[bytes, ...]:
    """The packs that tell how a sale of an earlier moment is judged, the oldest first; none before the first pack.

    One of each policy a till could still go by, the one that was the newest then, its successor (so that it shows until
    when it was), and the newest.
    """
    since = then - timedelta(seconds=policy_as_of(session, then).offline_sync)
    newest = _last_by(session, None)
    known = _last_by(session, then) or 1
    about = TrustPackRow.seq.between(_last_by(session, since) or 1, known + 1) | (TrustPackRow.seq == newest)
    kept: list[bytes] = []
    policy: Policy | None = None
    for seq, content in session.execute(
        select(TrustPackRow.seq, TrustPackRow.content).where(about).order_by(TrustPackRow.seq)
    ).tuples():
        said = peek_pack(content).policy
        if seq >= known or said != policy:
            kept.append(content)
        policy = said
    return tuple(kept)


def _last_by(session: Session, at: datetime | None) -> int | None:
    last = select(func.max(TrustPackRow.seq))
    return session.scalar(last if at is None else last.where(TrustPackRow.issued_at <= at))
