"""What a card is, and what its acts share: the lock, the move with its event, the bindings that change with it."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, select, text, update
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.credential import store
from cardnet.credential.status import Status
from cardnet.issuance import rules
from cardnet.issuance.models import Binding, Card, CardEvent
from cardnet.issuance.rules import BindingState, CardAction, CardState
from cardnet.kernel import audit
from cardnet.kernel.errors import NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership


@dataclass(frozen=True)
class CardView:
    """One card as an officer sees it."""

    id: uuid.UUID
    number: str
    person_id: uuid.UUID
    union_id: uuid.UUID
    state: CardState
    valid_from: date
    valid_to: date
    replaces_id: uuid.UUID | None
    issued_at: datetime
    delivered_at: datetime | None
    activated_at: datetime | None


@dataclass(frozen=True)
class ChangeCard:
    """Suspend, resume or cancel a card. `officer` is None when the member does it (`person_id` says who)."""

    card_id: uuid.UUID
    reason: str
    officer: Principal | None = None
    person_id: uuid.UUID | None = None


@dataclass(frozen=True)
class FollowTransfer:
    """A member changed employer: their cards that still count go with them. `actor_id` is None when time did it."""

    person_id: uuid.UUID
    union_id: uuid.UUID
    actor_id: uuid.UUID | None = None


_OFFICERS = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)


def card_of_number(session: Session, number: str) -> CardView:
    """One card. Raises NotFound("card_unknown")."""
    card = session.scalar(select(Card).where(Card.number == rules.typed_number(number)))
    if card is None:
        raise NotFound("card_unknown", "没有这个卡号，请核对卡面上的十三位数字。")
    return view_of(card)


def numbers_of_cards(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What these cards are called."""
    return {row.id: row.number for row in session.execute(select(Card.id, Card.number).where(Card.id.in_(ids)))}


def cards_of_person(session: Session, person_id: uuid.UUID) -> tuple[CardView, ...]:
    """Every card the person ever had, the newest first."""
    return tuple(
        view_of(card)
        for card in session.scalars(
            select(Card).where(Card.person_id == person_id).order_by(Card.issued_at.desc(), Card.id.desc())
        )
    )


_FOLLOW = text("""
    with moved as (
        update card c set union_id = :union, events = c.events + 1
         where c.person_id = :person and c.union_id <> :union and c.state = any(:usable)
        returning c.id, c.events, c.state
    )
    insert into card_event (card_id, seq, at, action, from_state, to_state, channel, actor_id)
    select id, events, :at, 'move', state, state, 'office', :actor from moved returning card_id""")


def follow_transfer(session: Session, world: World, command: FollowTransfer) -> int:
    """The person's usable cards belong to the new unit from now on: same number, same code, no quota (S19).

    Returns how many moved; doing it again moves none. Where the card came into use stays as it was.
    """
    given = {
        "person": command.person_id,
        "union": command.union_id,
        "usable": sorted(rules.USABLE_CARD),
        "at": world.now(),
        "actor": command.actor_id,
    }
    moved = session.scalars(_FOLLOW, given).all()
    after = {"union": str(command.union_id)}
    audit.record(
        session, world, *(audit.Act("card.move", "card", str(card), command.actor_id, after=after) for card in moved)
    )
    return len(moved)


# ---- pieces that the acts on one card share ----

_BINDING_AFTER: Mapping[CardAction, BindingState] = {
    CardAction.SUSPEND: BindingState.SUSPENDED,
    CardAction.RESUME: BindingState.LIVE,
    CardAction.CANCEL: BindingState.REVOKED,
    CardAction.REPLACE: BindingState.REVOKED,
}
STATUS_OF: Mapping[BindingState, Status] = {
    BindingState.LIVE: Status.VALID,
    BindingState.SUSPENDED: Status.SUSPENDED,
    BindingState.REVOKED: Status.INVALID,
}


def locked_card(session: Session, card_id: uuid.UUID) -> Card:
    """The card under its lock, as it is now. Raises NotFound("card_unknown")."""
    card = session.get(Card, card_id, with_for_update={"key_share": True}, populate_existing=True)
    if card is None:
        raise NotFound("card_unknown", "没有这张卡。")
    return card


def move(
    session: Session, world: World, card: Card, action: CardAction, state: CardState, channel: str,
    actor_id: uuid.UUID | None, words: str,
) -> None:  # fmt: skip
    """Bring the card into `state`, with its event; its bindings and the status list change with it."""
    at = world.now()
    note(session, card, str(action), at, channel, actor_id, words, to_state=str(state))
    card.state = str(state)
    if state not in rules.USABLE_CARD:
        card.ended_at = at
    if action in _BINDING_AFTER:
        _set_bindings(session, world, card.id, _BINDING_AFTER[action])


def note(
    session: Session, card: Card, action: str, at: datetime, channel: str, actor_id: uuid.UUID | None, words: str,
    *, to_state: str | None = None,
) -> None:  # fmt: skip
    """Write the card's next event; without `to_state` nothing about its state changed."""
    card.events += 1
    session.add(
        CardEvent(
            card_id=card.id, seq=card.events, at=at, action=action, from_state=card.state,
            to_state=to_state or card.state, channel=channel, actor_id=actor_id, words=words.strip() or None,
        )
    )  # fmt: skip


def _set_bindings(session: Session, world: World, card_id: uuid.UUID, state: BindingState) -> None:
    """Every binding of the card that is not over yet changes with it, on the status list too."""
    at = world.now()
    indexes = session.scalars(
        update(Binding)
        .where(Binding.card_id == card_id, Binding.state != BindingState.REVOKED, Binding.state != state)
        .values(state=str(state), revoked_at=at if state is BindingState.REVOKED else None)
        .returning(Binding.card_index)
    ).all()
    store.set_statuses(session, world, list(indexes), STATUS_OF[state])


def must_be_officer(officer: Principal) -> None:
    """Raises NotAllowed("role_missing")."""
    if not officer.has(*_OFFICERS):
        raise NotAllowed("role_missing", f"{officer.display_name}不是工会经办人员，不能办理会员卡业务。")


def must_cover(session: Session, officer: Principal, union_id: uuid.UUID) -> None:
    """Raises NotAllowed("role_missing", "out_of_scope")."""
    must_be_officer(officer)
    union = membership.union_of_id(session, union_id)
    if not in_scope(officer.scope_path, union.path):
        raise NotAllowed("out_of_scope", f"这张卡属于{union.name}，不在{officer.display_name}的管理范围内。")


def view_of(card: Card | Row[Any]) -> CardView:
    """The value of a row."""
    return CardView(
        card.id, card.number, card.person_id, card.union_id, CardState(card.state), card.valid_from, card.valid_to,
        card.replaces_id, card.issued_at, card.delivered_at, card.activated_at,
    )  # fmt: skip
