"""Activation: a phone's key is bound to a card, and the credential behind the code is signed.

A wrong code is a recorded "no", not an exception: the try must still count when the answer goes out, so the edge
commits and then says it (`ActivationRefused.error`).
"""

import hmac
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.credential import cose, keys, signing, store
from cardnet.issuance import rules
from cardnet.issuance.models import ActivationCode, Binding, Card
from cardnet.issuance.rules import BindingKind, BindingState, CardAction, CardState
from cardnet.issuance.services.cards import note
from cardnet.issuance.services.copies import must_be_within_limit
from cardnet.issuance.services.issue import code_index
from cardnet.issuance.services.phones import bound_phones, held_phones, make_place, phones_allowed, tell_of_another
from cardnet.issuance.services.rebinding import BY_OFFICER, code_channel, try_rebind_code
from cardnet.issuance.services.rolling_over import roll_over, successor_in_force
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of, end_of
from cardnet.kernel.errors import CardnetError, Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import PersonView
from cardnet.membership.services import notices

MEMBER_TIER = 1
"""The tier every credential states today: a member's own card."""


@dataclass(frozen=True)
class ActivateCard:
    """What a phone sends to bind its key.

    `public_key` is a compressed P-256 point (33 bytes), `proof` an ES256 signature (r and s, 64 bytes) over
    `cardnet-activate:` + card_number + `:` + activation_code, both as sent. Six digits in the place of the code are an
    officer's 重绑码. `choice`: whose place the phone takes, where the card may be on two.
    """

    card_number: str
    activation_code: str = field(repr=False)
    id_last4: str = field(repr=False)
    public_key: bytes
    proof: bytes
    channel: str = "self"
    choice: rules.PhoneChoice | None = None


@dataclass(frozen=True)
class RenewCredential:
    """A signed-in phone asks for a new credential for the key it already bound."""

    person_id: uuid.UUID
    public_key: bytes


@dataclass(frozen=True)
class RebindCard:
    """A signed-in phone lost its key and binds a new one; `proof` signs `cardnet-rebind:` + card_number.

    Being signed in says who it is: nothing is asked. `session_id`: the member session it is done in; bindings of one
    session count once against the limit of a month.
    """

    person_id: uuid.UUID
    card_number: str
    public_key: bytes
    proof: bytes
    session_id: uuid.UUID | None = None
    choice: rules.PhoneChoice | None = None


@dataclass(frozen=True)
class CardFace:
    """What the wallet shows its owner: the name is not masked."""

    name: str
    union_name: str
    number: str
    state: CardState
    valid_to: date
    tier: int = MEMBER_TIER


@dataclass(frozen=True)
class Renewal:
    """A signed credential and what the page needs around it; `rotation` is how many seconds one code stands."""

    credential: bytes
    index: int
    expires_at: datetime
    now: datetime
    card: CardFace
    rotation: int

    @property
    def renew_after(self) -> datetime:
        """Half of its life: from here on every visit with a network fetches the next one."""
        return self.now + (self.expires_at - self.now) / 2


@dataclass(frozen=True)
class Activation(Renewal):
    """The same after an activation, with the token of the member's session (400 days), shown once."""

    member_token: str = field(repr=False)


@dataclass(frozen=True)
class ActivationRefused:
    """A recorded "no": `activation_refused` or `activation_locked`.

    Which of number, code and ID was wrong is not said. `tries_left` is None when no card has that number.
    """

    code: str
    message: str
    tries_left: int | None = None

    def error(self) -> CardnetError:
        """The same as an error, for the edge to raise once the try is committed."""
        detail = {} if self.tries_left is None else {"tries_left": self.tries_left}
        return NotAllowed(self.code, self.message, detail)


def activate_card(session: Session, world: World, command: ActivateCard) -> Activation | ActivationRefused:
    """Bind the phone's key. The same call sent again by the same phone is answered again.

    Where the union allows two phones, the slip's code binds the second beside the first. Raises
    InvalidInput("card_number_invalid", "public_key_invalid", "proof_invalid"), Conflict("illegal_transition",
    "card_expired", "phones_full", "rebind_limit"), and with six digits for the code Conflict("choose_phone", "phone_unknown").
    """
    number, code = rules.typed_number(command.card_number), rules.typed_code(command.activation_code)
    if not rules.is_card_number(number):
        raise InvalidInput("card_number_invalid", "卡号不对：请核对卡面上的十三位数字。")
    _must_hold_key(
        command.public_key,
        command.proof,
        rules.activation_statement(command.card_number, command.activation_code),
        rules.activation_statement(number, code),
    )
    card = session.scalar(select(Card).where(Card.number == number).with_for_update(key_share=True))
    if card is None:
        return ActivationRefused("activation_refused", _WRONG)
    person = membership.people(session, [card.person_id])[card.person_id]
    if rules.is_rebind_code(code):
        return _rebind_by_officers_code(session, world, card, person, command, code)
    if refused := _refused(session, card, person, code, command.id_last4):
        return refused
    at = world.now()
    if card.valid_to < day_of(at):
        raise Conflict("card_expired", "这张卡已过有效期，请联系所在工会换发新卡。")
    bound = bound_phones(session, card.id)
    again = _with_key(bound, command.public_key)
    if card.state == CardState.ACTIVE and again is not None:
        # The answer to the first call was lost on its way: the same phone may have it again.
        return _activated(session, world, card, person, again, at)
    if card.state == CardState.ACTIVE and bound and _has_room(session, bound):
        return _beside(session, world, card, person, command, bound, at)
    # Who began with the printed card may take a phone to it later: the code on the slip is still theirs.
    joins = not bound and _used_in_print_only(session, card)
    state = CardState.ACTIVE if joins else rules.next_card_state(CardState(card.state), CardAction.ACTIVATE)
    note(session, card, str(CardAction.ACTIVATE), at, command.channel, None, "", to_state=str(state))
    card.state = str(state)
    if card.activated_at is None:
        card.activated_at, card.activated_channel = at, command.channel
        card.activated_union_id = person.unit.id if person.unit else card.union_id
    session.execute(update(ActivationCode).where(ActivationCode.card_id == card.id).values(used_at=at))
    notices.drop_notices(session, _DONE_BY_ACTIVATING, [card.id])
    binding = _bind(session, world, card, command.public_key, at)
    audit.record(
        session, world,
        audit.Act("card.activate", "card", str(card.id), after={"index": binding.card_index, "channel": command.channel}),
    )  # fmt: skip
    return _activated(session, world, card, person, binding, at)


def renew_credential(session: Session, world: World, command: RenewCredential) -> Renewal:
    """A new credential for the same key and index, 14 days from now, never beyond the card.

    Where the card is over and was renewed, the phone goes on to the new card: the same key, a new index. Raises Conflict("not_bound") when this key is bound to no card in use, Conflict("card_suspended", "card_expired").
    """
    found = session.execute(
        select(Card, Binding)
        .join(Binding, Binding.card_id == Card.id)
        .where(
            Card.person_id == command.person_id,
            Binding.device_key == command.public_key,
            Binding.state != BindingState.REVOKED,
        )
        .order_by(Binding.bound_at.desc())
        .limit(1)
        .with_for_update(key_share=True, of=[Card, Binding])
    ).one_or_none()
    if found is None:
        raise Conflict("not_bound", "这部手机没有绑定使用中的会员卡，请重新绑定。")
    card, binding = found
    if card.state != CardState.ACTIVE:
        raise Conflict("card_suspended", "会员卡已挂失，请先解挂或到工会补办。")
    at = world.now()
    person = membership.people(session, [card.person_id])[card.person_id]
    if card.valid_to < day_of(at):
        card, binding = _rolled_over(session, world, card, binding, person, at)
    return _renewal(session, world, card, person, binding, at)


def rebind_card(session: Session, world: World, command: RebindCard) -> Renewal:
    """Bind another key in the place of a lost one: a new index, and the old one is revoked at once.

    Raises InvalidInput("public_key_invalid", "proof_invalid"), NotFound("card_not_bound") for somebody else's card,
    Conflict("illegal_transition") when it is not in use, Conflict("rebind_limit") after two in thirty days, and where
    two phones are allowed Conflict("choose_phone", "phone_unknown").
    """
    number = rules.typed_number(command.card_number)
    _must_hold_key(command.public_key, command.proof, rules.rebind_statement(number))
    card = session.scalar(
        select(Card).where(Card.number == number, Card.person_id == command.person_id).with_for_update(key_share=True)
    )
    if card is None:
        raise NotFound("card_not_bound", "没有可以重新绑定的会员卡，请用卡号和激活码激活。")
    person = membership.people(session, [card.person_id])[card.person_id]
    at = world.now()
    if card.state != CardState.ACTIVE or card.valid_to < day_of(at):
        raise Conflict("illegal_transition", f"卡片现为“{rules.CARD_WORDS[CardState(card.state)]}”，不能重新绑定手机。")
    bound = bound_phones(session, card.id)
    binding = _bind_instead(
        session, world, card, command.public_key, bound, at, "self", command.choice, command.session_id
    )
    return _renewal(session, world, card, person, binding, at)


def _rebind_by_officers_code(
    session: Session, world: World, card: Card, person: PersonView, command: ActivateCard, code: str
) -> Activation | ActivationRefused:
    """Six digits stand where the activation code would: a new key, a new session, those of the phone it replaces over."""
    at = world.now()
    bound = bound_phones(session, card.id)
    again = _with_key(bound, command.public_key)
    id_right = rules.same_last4(person.id_number, command.id_last4)
    left = try_rebind_code(session, card, code, at, id_right=id_right, same_phone=again is not None)
    if left is not None:
        return ActivationRefused("activation_refused" if left else "activation_locked", _WRONG if left else _OVER, left)
    if card.state != CardState.ACTIVE or card.valid_to < day_of(at):
        raise Conflict("illegal_transition", f"卡片现为“{rules.CARD_WORDS[CardState(card.state)]}”，不能重新绑定手机。")
    if again is not None:
        return _activated(session, world, card, person, again, at)
    channel = code_channel(session, card)
    binding = _bind_instead(session, world, card, command.public_key, bound, at, channel, command.choice)
    # Who lost the phone lost its session with it; the one that stays keeps its own.
    stay = {one.session_id for one in bound if one.state != BindingState.REVOKED and one.session_id is not None}
    access.end_member_sessions(session, world, card.person_id, stay)
    return _activated(session, world, card, person, binding, at)


# ---- pieces ----

_DONE_BY_ACTIVATING = (notices.NoticeKind.CARD_ISSUED, notices.NoticeKind.ACTIVATION_REMINDER)
_WRONG = "卡号、激活码或证件后四位不对，请核对后再试。"
_OVER = "验证码或重绑码不对、已用过或已过时，请重新获取，或到所在工会当面再领一个。"
_LOCKED = "试错次数过多，激活码已锁定，请到所在工会重新领取激活码。"


def _must_hold_key(public_key: bytes, proof: bytes, *statements: bytes) -> None:
    if len(public_key) != 33 or public_key[0] not in (2, 3):
        raise InvalidInput("public_key_invalid", "手机公钥须是 33 字节的 P-256 压缩点，请重新打开会员卡页面再试。")
    if len(proof) != 64 or not any(cose.device_signed(public_key, said, proof) for said in statements):
        raise InvalidInput("proof_invalid", "手机签名不对，请重新打开会员卡页面再试。")


def _refused(session: Session, card: Card, person: PersonView, code: str, id_last4: str) -> ActivationRefused | None:
    """Compare code and ID in one answer, and count a wrong try under the card's lock."""
    secret = session.get(ActivationCode, card.id, with_for_update={"key_share": True}, populate_existing=True)
    if secret is None or secret.tries >= rules.ACTIVATION_TRIES:
        return ActivationRefused("activation_locked", _LOCKED, 0)
    code_right = hmac.compare_digest(secret.code_index, code_index(vault_of(session), card.number, code))
    id_right = rules.same_last4(person.id_number, id_last4)
    if code_right and id_right:
        # The count is against guessing; who knew both has not guessed, and may mistype again next year.
        secret.tries = 0
        return None
    counted = session.execute(
        update(ActivationCode)
        .where(ActivationCode.card_id == card.id, ActivationCode.tries < rules.ACTIVATION_TRIES)
        .values(tries=ActivationCode.tries + 1)
        .returning(ActivationCode.tries)
    ).scalar_one()
    left = rules.ACTIVATION_TRIES - counted
    if left == 0:
        return ActivationRefused("activation_locked", _LOCKED, 0)
    return ActivationRefused("activation_refused", _WRONG, left)


def _beside(
    session: Session, world: World, card: Card, person: PersonView, command: ActivateCard, bound: list[Binding],
    at: datetime,
) -> Activation:  # fmt: skip
    """The second phone of a card in use: the first stays as it is. Raises Conflict("rebind_limit")."""
    # The union allows a second phone; whoever takes the place of one that had it is bound anew, slip or no slip.
    anew = _had_another(session, card)
    if anew:
        must_be_within_limit(session, world, card, None)
    place = rules.free_place(held_phones(bound))
    binding = _bind(session, world, card, command.public_key, at, place)
    binding.rebound_by = command.channel if anew else None
    note(session, card, "add_phone", at, command.channel, None, "")
    after = {"index": binding.card_index, "channel": command.channel}
    audit.record(session, world, audit.Act("card.add_phone", "card", str(card.id), after=after))
    tell_of_another(session, world, card, bound)
    return _activated(session, world, card, person, binding, at)


def _had_another(session: Session, card: Card) -> bool:
    over = Binding.card_id == card.id, Binding.kind == BindingKind.DEVICE, Binding.state == BindingState.REVOKED
    return session.scalar(select(exists().where(*over))) is True


def _has_room(session: Session, bound: list[Binding]) -> bool:
    """Whether the slip may bind another phone. Raises Conflict("phones_full") where two are allowed and bound."""
    allowed = phones_allowed(session)
    if allowed > 1 and len(bound) >= allowed:
        raise Conflict(
            "phones_full",
            f"这张卡已绑定 {len(bound)} 部手机。要换下其中一部：点“没有激活码”收短信验证码，或到所在工会领重绑码。",
        )
    return len(bound) < allowed


def _bind_instead(
    session: Session, world: World, card: Card, public_key: bytes, bound: list[Binding], at: datetime, channel: str,
    choice: rules.PhoneChoice | None, session_id: uuid.UUID | None = None,
) -> Binding:  # fmt: skip
    """Bind another key, in the place of one before, which is revoked at once, or beside it as the member chose.

    Raises Conflict("rebind_limit", "choose_phone", "phone_unknown").
    """
    if channel != BY_OFFICER:
        must_be_within_limit(session, world, card, session_id)
    place = make_place(session, world, bound, at, choice, session_id)
    binding = _bind(session, world, card, public_key, at, place)
    binding.rebound_by, binding.session_id = channel, session_id
    note(session, card, "rebind", at, channel, None, "")
    after = {"index": binding.card_index, "channel": channel}
    audit.record(session, world, audit.Act("card.rebind", "card", str(card.id), after=after))
    tell_of_another(session, world, card, bound)
    return binding


def _rolled_over(
    session: Session, world: World, card: Card, binding: Binding, person: PersonView, at: datetime
) -> tuple[Card, Binding]:
    """The renewed card and this phone's binding to it. Raises Conflict("card_expired", "card_suspended")."""
    after = successor_in_force(session, card, day_of(at))
    if after is None:
        raise Conflict("card_expired", "会员卡已过有效期，请联系所在工会换发新卡。")
    if after.state == CardState.SUSPENDED:
        raise Conflict("card_suspended", "会员卡已挂失，请先解挂或到工会补办。")
    taken = bound_phones(session, after.id)
    if taken and len(taken) >= phones_allowed(session):
        # Another phone took the new card with its slip: that one stays.
        raise Conflict("not_bound", "新卡已绑定到另一部手机，请重新绑定。")
    place = rules.free_place(held_phones(taken))
    new = _bind(session, world, after, binding.device_key or b"", at, place)
    new.session_id = binding.session_id
    roll_over(session, world, binding, after, new, person, at)
    session.flush()
    return after, new


def _with_key(bound: list[Binding], public_key: bytes) -> Binding | None:
    return next((one for one in bound if one.device_key == public_key), None)


def _used_in_print_only(session: Session, card: Card) -> bool:
    secret = session.get(ActivationCode, card.id)
    return card.state == CardState.ACTIVE and secret is not None and secret.used_at is None


def _bind(session: Session, world: World, card: Card, public_key: bytes, at: datetime, place: int = 1) -> Binding:
    binding = Binding(
        id=world.new_id(),
        card_id=card.id,
        kind=str(BindingKind.DEVICE),
        slot=place,
        card_index=store.allocate_indexes(session, world, 1)[0],
        device_key=public_key,
        state=str(BindingState.LIVE),
        bound_at=at,
        credential_expires_at=at,
    )
    session.add(binding)
    return binding


def _activated(
    session: Session, world: World, card: Card, person: PersonView, binding: Binding, at: datetime
) -> Activation:
    renewal = _renewal(session, world, card, person, binding, at)
    token = access.open_member_session(session, world, card.person_id)
    # Which session is this phone's: when it forgets its key, it is itself it takes the place of.
    binding.session_id = access.id_of_member_session(session, token)
    return Activation(**vars(renewal), member_token=token)


def _renewal(session: Session, world: World, card: Card, person: PersonView, binding: Binding, at: datetime) -> Renewal:
    assert binding.device_key is not None
    key = store.signing_key(session, world, keys.KeyUse.CARD, shard=keys.shard_of(binding.card_index))
    policy = store.policy_in_force(session)
    last_second = end_of(card.valid_to) - timedelta(seconds=1)
    claims = signing.device_claims(binding.card_index, binding.device_key, MEMBER_TIER, None, at, last_second, policy)
    credential = signing.sign_credential(key, claims)
    binding.credential_expires_at = datetime.fromtimestamp(claims.expires_at, UTC)
    session.flush()
    union_name = person.unit.name if person.unit else ""
    face = CardFace(person.name, union_name, card.number, CardState(card.state), card.valid_to)
    return Renewal(credential, binding.card_index, binding.credential_expires_at, at, face, policy.rotation)
