"""Since when a card may no longer be used: what decides about sales made before anybody at the till could know."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cardnet.issuance.models import Binding, Card, CardEvent
from cardnet.issuance.rules import CardState

_WITHDRAWN = (CardState.SUSPENDED, CardState.REPLACED, CardState.CANCELLED)


def withdrawn_at(session: Session, index: int) -> datetime | None:
    """When the code of this index stopped counting: its binding revoked, or its card suspended, replaced or cancelled.

    None while it counts, and when nobody knows the index.
    """
    since = (
        select(func.max(CardEvent.at))
        .where(CardEvent.card_id == Card.id, CardEvent.to_state == Card.state, Card.state.in_(_WITHDRAWN))
        .scalar_subquery()
    )
    found: datetime | None = session.scalar(
        select(func.least(Binding.revoked_at, since))
        .join(Card, Card.id == Binding.card_id)
        .where(Binding.card_index == index, Binding.recycled_at.is_(None))
    )
    return found
