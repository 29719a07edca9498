"""A member's own printed card, switched off: anybody can copy it, and who has a phone may do without."""

import uuid
from dataclasses import dataclass

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from cardnet.credential import store
from cardnet.credential.status import Status
from cardnet.issuance.models import Binding, Card
from cardnet.issuance.rules import BindingKind, BindingState
from cardnet.issuance.services.cards import note
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World

_LIVE = Binding.kind == BindingKind.PRINTED, Binding.state != BindingState.REVOKED


@dataclass(frozen=True)
class StopOwnPrint:
    """The member wants no printed code of theirs to count; the unit prints another one when asked."""

    person_id: uuid.UUID


def stop_own_print(session: Session, world: World, command: StopOwnPrint) -> int:
    """Every printed code of the member is dead at once, phones go on; returns how many. Raises Conflict("nothing_to_void")."""
    at = world.now()
    printed = exists().where(Binding.card_id == Card.id, *_LIVE)
    query = select(Card).where(Card.person_id == command.person_id, printed).order_by(Card.id)
    cards = session.scalars(query.with_for_update(key_share=True)).all()
    gone = session.scalars(
        update(Binding)
        .where(Binding.card_id.in_([card.id for card in cards]), *_LIVE)
        .values(state=str(BindingState.REVOKED), revoked_at=at)
        .returning(Binding.card_index)
    ).all()
    if not gone:
        raise Conflict("nothing_to_void", "名下没有在用的实体卡码，不用停用。")
    for card in cards:
        note(session, card, "void_print", at, "self", None, "本人停用实体卡")
        act = audit.Act("card.void_print", "card", str(card.id), after={"channel": "self"})
        audit.record(session, world, act)
    store.set_statuses(session, world, gone, Status.INVALID)
    return len(gone)


def has_live_print(session: Session, person_id: uuid.UUID) -> bool:
    """Whether a printed code of this person counts."""
    cards = select(Card.id).where(Card.person_id == person_id)
    return session.scalar(select(exists().where(Binding.card_id.in_(cards), *_LIVE))) is True
