"""Where and when a proof was there before: asked only once it is known to be taken, so that a yes costs nothing."""

from sqlalchemy.orm import Session

from cardnet.benefits.reasons import Reason
from cardnet.credential.verify import Accepted
from cardnet.kernel.calendar import local
from cardnet.kernel.statement import Question
from cardnet.merchants.rules import Venue

_USED = Question("""
select p.seen_at, r.event_at, r.store_code, r.terminal_code, r.merchant_id = %(merchant_id)s
  from proof_used p left join redemption r on r.id = p.redemption_id
 where p.card_index = %(index)s and p.proof_id = %(proof_id)s""")


def used_before(session: Session, code: Accepted | None, venue: Venue) -> Reason:
    """`replayed`, with when the proof was used (`used_at`) or, not used, shown at another till (`shown_at`).

    A merchant hears which of its own tills it was; that it was at somebody else's is all it hears of others.
    """
    found = None
    if code is not None:
        asked = {"index": code.index, "proof_id": code.proof_id, "merchant_id": venue.merchant_id}
        found = _USED.one_or_none(session, asked)
    if found is None:
        return Reason(None, "replayed")
    shown_at, used_at, store, terminal, own = found
    if used_at is None:
        return Reason(None, "replayed", {"shown_at": local(shown_at).isoformat(timespec="seconds")})
    where = {"store": store, "terminal": terminal} if own else {}
    return Reason(None, "replayed", {"used_at": local(used_at).isoformat(timespec="seconds"), **where})
