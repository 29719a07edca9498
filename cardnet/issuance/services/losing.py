"""Loss and its end: suspended at once, found again, or given up for good."""

import enum
import unicodedata
import uuid
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.models import Card
from cardnet.issuance.rules import CardAction, CardState
from cardnet.issuance.services.cards import CardView, ChangeCard, locked_card, move, must_cover, view_of
from cardnet.issuance.services.in_place import end_open, lock_open
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, NotFound, TooManyRequests
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.services import notices


class Lost(enum.StrEnum):
    """What is gone: with the phone go its sessions too, or whoever finds it binds a key of their own."""

    CARD = "card"
    PHONE = "phone"


@dataclass(frozen=True)
class ReportLoss:
    """Everything a person could pay with stops. `officer` is None when the member reports it."""

    person_id: uuid.UUID
    lost: Lost
    reason: str
    officer: Principal | None = None


@dataclass(frozen=True)
class ReportLossByDocument:
    """A member whose phone is gone reports from any other one: the full name and number of the document must fit.

    `address` is where it came from: ten wrong tries an hour are all it gets.
    """

    name: str = field(repr=False)
    id_number: str = field(repr=False)
    address: str


TRIES_AN_HOUR = 10


def report_loss_by_document(session: Session, world: World, command: ReportLossByDocument) -> int | None:
    """How many cards this stopped; None when name and document fit nobody with a card, which is recorded.

    Whoever knows both could stop somebody else's card: that harms nobody for long, an officer resumes it, and the
    trail says from where it came. Raises TooManyRequests("too_many_tries").
    """
    at = world.now()
    tried = audit.count_since(session, "card.loss_refused", command.address, at - timedelta(hours=1))
    if tried >= TRIES_AN_HOUR:
        phone = notices.help_phone(session)
        raise TooManyRequests("too_many_tries", f"试得太多了，请一小时后再试，或拨打服务热线 {phone}。", 3600)
    number = rules.typed_number(unicodedata.normalize("NFKC", command.id_number)).upper()
    people = membership.people_of_document(session, number) & membership.people_named(session, command.name)
    cards = session.scalars(select(Card.id).where(Card.person_id.in_(people))).all() if people else ()
    if not cards:
        audit.record(
            session, world, audit.Act("card.loss_refused", "address", command.address, address=command.address)
        )
        return None
    stopped = 0
    for person_id in sorted(people):
        try:
            stopped += len(report_loss(session, world, ReportLoss(person_id, Lost.PHONE, "本人网上挂失")))
        except Conflict:
            # Reported before: the member should hear that nothing is in use, not that something is wrong.
            continue
    return stopped


def suspend_card(session: Session, world: World, command: ChangeCard) -> CardView:
    """Loss reported: the card and its bindings stop at once, and the status list says so at its next fetch."""
    return _change(session, world, command, CardAction.SUSPEND)


def report_loss(session: Session, world: World, command: ReportLoss) -> tuple[CardView, ...]:
    """Suspend every card of the person that can be in the wrong hands; sessions end with a lost phone.

    Raises Conflict("nothing_to_suspend") when no card is in a state to be lost, NotAllowed("out_of_scope").
    """
    ids = session.scalars(select(Card.id).where(Card.person_id == command.person_id).order_by(Card.id)).all()
    cards = [locked_card(session, card_id) for card_id in ids]
    today = day_of(world.now())
    found = [card for card in cards if _can_be_lost(card, today)]
    if not found:
        raise Conflict("nothing_to_suspend", "名下没有可以挂失的会员卡：可能已经挂失、注销或补换。")
    who = None if command.officer else command.person_id
    change = [ChangeCard(card.id, command.reason, command.officer, who) for card in found]
    views = tuple(_change(session, world, one, CardAction.SUSPEND) for one in change)
    if command.lost is Lost.PHONE:
        access.end_member_sessions(session, world, command.person_id)
    return views


def resume_card(session: Session, world: World, command: ChangeCard) -> CardView:
    """The card was found again. Raises Conflict("illegal_transition") once it has been replaced."""
    return _change(session, world, command, CardAction.RESUME)


def revoke_card(session: Session, world: World, command: ChangeCard) -> CardView:
    """The card ends without a successor (注销); its bindings are revoked for good."""
    return _change(session, world, command, CardAction.CANCEL)


def _change(session: Session, world: World, command: ChangeCard, action: CardAction) -> CardView:
    if action is CardAction.CANCEL:
        # Applications before cards, as issuing does.
        lock_open(session, [command.card_id])
    card = locked_card(session, command.card_id)
    if command.officer is not None:
        must_cover(session, command.officer, card.union_id)
    elif card.person_id != command.person_id:
        raise NotFound("card_unknown", "没有这张卡。")
    before = CardState(card.state)
    state = rules.next_card_state(before, action)
    if action is CardAction.RESUME and card.activated_at is None:
        state = _before_activation(card)
    channel = "office" if command.officer else "self"
    actor_id = command.officer.account_id if command.officer else None
    move(session, world, card, action, state, channel, actor_id, command.reason)
    after = {"state": str(state), "channel": channel}
    act = audit.Act(f"card.{action}", "card", str(card.id), actor_id, before={"state": str(before)}, after=after)
    audit.record(session, world, act)
    session.flush()
    if action is CardAction.CANCEL:
        end_open(session, world, [card.id], actor_id, "卡已注销")
    _tell(session, world, card, action, actor_id)
    return view_of(card)


def _tell(session: Session, world: World, card: Card, action: CardAction, actor_id: uuid.UUID | None) -> None:
    """Whoever did not ask for it hears that the card has stopped; once it works again nobody need hear of it."""
    kind = notices.NoticeKind.CARD_SUSPENDED
    if action is CardAction.SUSPEND:
        one = notices.Recipient(card.person_id, card.union_id, card.id)
        notices.tell(session, world, notices.Tell(kind, [one], actor_id))
    else:
        notices.drop_notices(session, [kind], [card.id])


def _can_be_lost(card: Card, today: date) -> bool:
    """A renewed card that lies at the desk until its first day is in nobody's hands."""
    if card.valid_from > today and card.state in (CardState.ORDERED, CardState.PRODUCED):
        return False
    return CardState(card.state) in rules.card_states_before(CardAction.SUSPEND)


def _before_activation(card: Card) -> CardState:
    """It was suspended before anybody activated it: it goes back to where it can be activated."""
    if card.delivered_at:
        return CardState.DELIVERED
    return CardState.PRODUCED if card.produced_at else CardState.ORDERED
