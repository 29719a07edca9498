"""A phone goes on to the renewed card by itself: the same key under a new index, once the old card's last day is over.

The member does nothing; who has the key and a session of this phone is who activated the old card.
"""

from datetime import date, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cardnet.credential import store
from cardnet.credential.status import Status
from cardnet.issuance import rules
from cardnet.issuance.models import ActivationCode, Binding, Card
from cardnet.issuance.rules import BindingState, CardAction, CardState
from cardnet.issuance.services.cards import note
from cardnet.kernel import audit
from cardnet.kernel.world import World
from cardnet.membership.rules import PersonView
from cardnet.membership.services import notices

CHANNEL = "rolled_over"
"""How a renewed card came into use where nobody typed anything."""


def successor_in_force(session: Session, card: Card, today: date) -> Card | None:
    """The card that took this one's place and works today, locked; None while the old one is good, or there is none.

    The newest of a chain, where several years passed without the phone.
    """
    found: Card | None = None
    while card.valid_to < today:
        after = session.scalar(select(Card).where(Card.replaces_id == card.id).with_for_update(key_share=True))
        if after is None or after.state not in rules.USABLE_CARD or after.valid_from > today:
            break
        card = found = after
    return found if found is not None and found.valid_to >= today else None


def roll_over(
    session: Session, world: World, old: Binding, card: Card, new: Binding, person: PersonView, at: datetime
) -> None:
    """`card` comes into use by the phone that held the one before; the old index is over, on the status list too."""
    old.state, old.revoked_at = str(BindingState.REVOKED), at
    store.set_status(session, world, old.card_index, Status.INVALID)
    if card.state != CardState.ACTIVE:
        state = rules.next_card_state(CardState(card.state), CardAction.ACTIVATE)
        note(session, card, str(CardAction.ACTIVATE), at, CHANNEL, None, "", to_state=str(state))
        card.state = str(state)
    if card.activated_at is None:
        card.activated_at, card.activated_channel = at, CHANNEL
        card.activated_union_id = person.unit.id if person.unit else card.union_id
    # Its slip has nothing left to do.
    session.execute(update(ActivationCode).where(ActivationCode.card_id == card.id).values(used_at=at))
    notices.drop_notices(session, _DONE, [card.id])
    after = {"index": new.card_index, "before": str(old.card_id), "channel": CHANNEL}
    audit.record(session, world, audit.Act("card.activate", "card", str(card.id), after=after))


_DONE = (notices.NoticeKind.CARD_RENEWED, notices.NoticeKind.CARD_ISSUED, notices.NoticeKind.ACTIVATION_REMINDER)
