"""A phone's key that looks copied stops at once, and what nobody holds any more is given out again."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from cardnet.credential import store
from cardnet.credential.status import Status
from cardnet.issuance import rules
from cardnet.issuance.models import Binding, Card
from cardnet.issuance.rules import BindingKind, BindingState, CardState
from cardnet.issuance.services.cards import locked_card, note
from cardnet.issuance.services.rebinding import BY_OFFICER
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World
from cardnet.membership.services import notices


@dataclass(frozen=True)
class StopCopiedCode:
    """Two phones seem to count with the key bound to this index."""

    card_index: int


def stop_copied_code(session: Session, world: World, command: StopCopiedCode) -> bool:
    """The key counts no more, on the status list too; the member hears of it and binds a phone anew.

    False when it had stopped already, or the index has no phone. The card itself stays in use: its printed code, its
    limits and its history are not the copy's fault.
    """
    found = session.scalar(
        select(Binding.card_id).where(
            Binding.card_index == command.card_index,
            Binding.recycled_at.is_(None),
            Binding.kind == BindingKind.DEVICE,
        )
    )
    if found is None:
        return False
    card = locked_card(session, found)
    binding = session.scalar(
        select(Binding)
        .where(
            Binding.card_id == card.id,
            Binding.card_index == command.card_index,
            Binding.recycled_at.is_(None),
            Binding.state != BindingState.REVOKED,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if binding is None:
        return False
    at = world.now()
    binding.state, binding.revoked_at = str(BindingState.REVOKED), at
    store.set_status(session, world, binding.card_index, Status.INVALID)
    note(session, card, "stop_copied", at, "system", None, "")
    audit.record(
        session, world, audit.Act("card.stop_copied", "card", str(card.id), after={"index": command.card_index})
    )
    session.flush()
    told = [notices.Recipient(card.person_id, card.union_id, card.id)]
    notices.tell(session, world, notices.Tell(notices.NoticeKind.CODE_STOPPED, told, None))
    return True


def must_be_within_limit(session: Session, world: World, card: Card, session_id: uuid.UUID | None) -> None:
    """At most two phones bound anew in thirty days without an officer; those of one session of the member count once.

    Raises Conflict("rebind_limit").
    """
    since = world.now() - timedelta(days=rules.REBIND_LIMIT_DAYS)
    sessions = func.count(func.distinct(func.coalesce(Binding.session_id, Binding.id)))
    query = (
        select(sessions)
        .select_from(Binding)
        .join(Card, Card.id == Binding.card_id)
        .where(
            Card.person_id == card.person_id,
            Binding.bound_at > since,
            Binding.rebound_by.is_not(None),
            Binding.rebound_by != BY_OFFICER,
        )
    )
    if session_id is not None:
        query = query.where(Binding.session_id.is_distinct_from(session_id))
    if (session.scalar(query) or 0) >= rules.REBIND_LIMIT:
        raise Conflict(
            "rebind_limit",
            f"{rules.REBIND_LIMIT_DAYS} 天内自助换绑已满 {rules.REBIND_LIMIT} 次，"
            "请带证件到本单位工会，由工作人员发重绑码。",
        )


_GONE = text("""
    with gone as (
        select b.id from binding b join card c on c.id = b.card_id
         where b.recycled_at is null and b.credential_expires_at < :before
           and (b.state = 'revoked' or c.state = any(:over) or c.valid_to < cast(:before as timestamptz)::date)
         order by b.id limit :most for update of b skip locked
    )
    update binding b set recycled_at = :at, state = 'revoked', revoked_at = coalesce(b.revoked_at, :at)
      from gone where b.id = gone.id
    returning b.card_index""")

_MOST = 5_000


def recycle_indexes(session: Session, world: World) -> int:
    """Indexes whose last credential ended sixty days ago are free; returns how many, at most five thousand at a time.

    A phone whose owner has not opened the card for months keeps its index: the card still counts.
    """
    at = world.now()
    given = {
        "at": at,
        "before": at - timedelta(days=rules.INDEX_RECYCLED_AFTER_DAYS),
        "over": [str(CardState.REPLACED), str(CardState.CANCELLED)],
        "most": _MOST,
    }
    free = list(session.scalars(_GONE, given))
    store.recycle_indexes(session, world, free)
    store.forget_old_codes(session, at)
    return len(free)
