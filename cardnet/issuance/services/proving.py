"""A phone proves itself by its key alone: it asks how it stands and why, and renews when its session is over.

No session is asked for, because who lost the binding lost the session with it, and a session ends for other reasons
while the key is good: after 400 days without a visit, or when a card that was reported lost is found again.
"""

import enum
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.credential import cose
from cardnet.issuance import rules
from cardnet.issuance.models import Binding, Card, CardEvent
from cardnet.issuance.rules import BindingKind, BindingState, CardAction, CardState
from cardnet.issuance.services.activation import Activation, RenewCredential, renew_credential
from cardnet.issuance.services.consenting import CONSENT_TAKEN_BACK
from cardnet.issuance.services.phones import STOPPED
from cardnet.issuance.services.rolling_over import successor_in_force
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, TooManyRequests
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import Answer, Purpose


class Bound(enum.StrEnum):
    """How a phone's binding stands."""

    LIVE = "live"
    SUSPENDED = "suspended"
    MOVED = "moved"
    ENDED = "ended"


class Why(enum.StrEnum):
    """Beside the state, what came before it. `RENEWED`: live, under a newer index that is fetched by renewing."""

    RENEWED = "renewed"
    LOSS = "loss"
    OFFICE = "office"
    CONSENT = "consent"
    AGREED = "agreed"
    REPLACED = "replaced"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    STOPPED = "stopped"
    UNBOUND = "unbound"


@dataclass(frozen=True)
class AskBinding:
    """`proof`: ES256 over `cardnet-binding:` + index + `:` + at, by the key bound to `index`; `at` in milliseconds."""

    index: int
    at: int
    proof: bytes
    address: str


@dataclass(frozen=True)
class RenewByProof:
    """`proof`: ES256 over `cardnet-renew:` + index + `:` + at, by the key bound to `index`; `at` in milliseconds."""

    index: int
    at: int
    proof: bytes
    address: str


@dataclass(frozen=True)
class BindingStanding:
    """The state of the binding and its reason; nothing about whose it is."""

    state: Bound
    why: Why | None = None


REFUSED_AN_HOUR = 60
"""Wrong proofs from one address. Many phones share one behind a mobile network, and each may ask once more in vain."""
CLOCK = timedelta(minutes=10)


def binding_standing(session: Session, world: World, command: AskBinding) -> BindingStanding | None:
    """How the phone that holds this key stands; None when nobody's key made this proof, which is recorded.

    Raises InvalidInput("clock_off"), TooManyRequests("too_many_tries").
    """
    found = _proven(session, world, command, rules.binding_statement(command.index, command.at))
    return _standing(session, *found, day_of(world.now())) if found is not None else None


def renew_by_proof(session: Session, world: World, command: RenewByProof) -> Activation | None:
    """A fresh credential for the key that made this proof, and a new session; None and recorded when nobody's key did.

    A proof counts once and only after the one before it: what somebody overheard opens no session. Raises what
    `binding_standing` and `renew_credential` raise, and Conflict("proof_used").
    """
    found = _proven(session, world, command, rules.renewal_statement(command.index, command.at))
    if found is None:
        return None
    card, binding = found
    newer = or_(Binding.proof_at.is_(None), Binding.proof_at < command.at)
    once = update(Binding).where(Binding.id == binding.id, newer).values(proof_at=command.at).returning(Binding.id)
    if session.execute(once.execution_options(synchronize_session=False)).one_or_none() is None:
        raise Conflict("proof_used", "这次更新已经办过，请再点一次。")
    assert binding.device_key is not None
    renewal = renew_credential(session, world, RenewCredential(card.person_id, binding.device_key))
    token = access.open_member_session(session, world, card.person_id)
    opened = access.id_of_member_session(session, token)
    bound = Binding.card_index == renewal.index, Binding.recycled_at.is_(None)
    session.execute(update(Binding).where(*bound).values(session_id=opened))
    after = {"index": renewal.index, "before": command.index}
    audit.record(session, world, audit.Act("card.renew_by_proof", "card", str(card.id), after=after))
    return Activation(**vars(renewal), member_token=token)


def _proven(
    session: Session, world: World, command: AskBinding | RenewByProof, said: bytes
) -> tuple[Card, Binding] | None:
    """The card and binding whose key signed `said` just now; None, and counted, where nobody's did.

    A good proof is never counted nor held back: behind one address of a mobile network are thousands of phones.
    """
    now = world.now()
    if abs(now - _moment(command.at)) > CLOCK:
        raise InvalidInput("clock_off", "手机时间和服务器相差太多，请联网校准后再试。")
    found = session.execute(
        select(Card, Binding)
        .join(Binding, Binding.card_id == Card.id)
        .where(Binding.card_index == command.index, Binding.recycled_at.is_(None), Binding.kind == BindingKind.DEVICE)
    ).one_or_none()
    key = found[1].device_key if found is not None else None
    if found is None or key is None or not cose.device_signed(key, said, command.proof):
        tried = audit.count_since(session, "card.binding_refused", command.address, now - timedelta(hours=1))
        if tried >= REFUSED_AN_HOUR:
            raise TooManyRequests("too_many_tries", "试得太多了，请一小时后再试。", 3600)
        act = audit.Act("card.binding_refused", "address", command.address, address=command.address)
        audit.record(session, world, act)
        return None
    return found[0], found[1]


def _moment(at: int) -> datetime:
    try:
        return datetime.fromtimestamp(at / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


_ENDED = {CardState.REPLACED: Why.REPLACED, CardState.CANCELLED: Why.CANCELLED}


def _standing(session: Session, card: Card, binding: Binding, today: date) -> BindingStanding:
    state, revoked = CardState(card.state), binding.state == BindingState.REVOKED
    # Of others the card was moved to, of this phone's own key it stands as its renewed card does.
    newer = _newer(session, card, binding) if revoked else None
    if newer is not None and newer[1].device_key == binding.device_key:
        found = _standing(session, *newer, today)
        return BindingStanding(Bound.LIVE, Why.RENEWED) if found.state is Bound.LIVE else found
    if state in _ENDED:
        return BindingStanding(Bound.ENDED, _ENDED[state])
    if revoked:
        return (
            BindingStanding(Bound.MOVED)
            if newer is not None
            else BindingStanding(Bound.ENDED, _why_over(session, binding))
        )
    if state is CardState.SUSPENDED:
        return BindingStanding(Bound.SUSPENDED, _why_suspended(session, card))
    return _by_the_calendar(session, card, today)


def _by_the_calendar(session: Session, card: Card, today: date) -> BindingStanding:
    if card.valid_to >= today:
        return BindingStanding(Bound.LIVE)
    # Renewing goes on to the renewed card, where there is one.
    if successor_in_force(session, card, today) is None:
        return BindingStanding(Bound.ENDED, Why.EXPIRED)
    return BindingStanding(Bound.LIVE, Why.RENEWED)


def _newer(session: Session, card: Card, binding: Binding) -> tuple[Card, Binding] | None:
    """What came in the place of this binding when it ended, or since: the same key's, else another phone's."""
    found = session.execute(
        select(Card, Binding)
        .join(Binding, Binding.card_id == Card.id)
        .where(
            Card.person_id == card.person_id,
            Binding.kind == BindingKind.DEVICE,
            Binding.state != BindingState.REVOKED,
            Binding.bound_at >= binding.revoked_at,
            Binding.id != binding.id,
        )
        .order_by((Binding.device_key == binding.device_key).desc(), Binding.bound_at.desc())
        .limit(1)
    ).one_or_none()
    return (found[0], found[1]) if found is not None else None


def _why_over(session: Session, binding: Binding) -> Why:
    """Taken off the card by who may, or stopped because the key looked copied."""
    taken_off = (CardEvent.card_id == binding.card_id, CardEvent.action == STOPPED, CardEvent.at == binding.revoked_at)
    return Why.UNBOUND if session.scalar(select(CardEvent.seq).where(*taken_off).limit(1)) else Why.STOPPED


def _why_suspended(session: Session, card: Card) -> Why:
    last = session.execute(
        select(CardEvent.channel, CardEvent.words)
        .where(CardEvent.card_id == card.id, CardEvent.action == CardAction.SUSPEND)
        .order_by(CardEvent.seq.desc())
        .limit(1)
    ).one_or_none()
    if last is None or last.channel != "self":
        return Why.OFFICE
    if last.words != CONSENT_TAKEN_BACK:
        return Why.LOSS
    return Why.AGREED if _agrees(session, card.person_id) else Why.CONSENT


def _agrees(session: Session, person_id: uuid.UUID) -> bool:
    view = membership.agreed_purposes(session, person_id)[Purpose.CARD]
    return bool(view and view.counts and view.answer is Answer.GIVEN)
