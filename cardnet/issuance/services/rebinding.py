"""A phone's key is lost, and the member has no session to bind another by: six digits, given once and for minutes.

From the officer who sees the member, or sent to the phone the member verified: whoever holds that number and knows how
the document ends is the member.
"""

import hmac
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.models import Card, RebindCode
from cardnet.issuance.rules import CardState
from cardnet.issuance.services.cards import locked_card, must_cover
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, TooManyRequests
from cardnet.kernel.vault import Vault, vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.notices.direct import CODE_MINUTES
from cardnet.membership.services import notices

CODE_FIELD = "rebind_code"
BY_OFFICER, BY_PHONE = "officers_code", "phone_code"
"""The channels of a re-binding by six digits."""


@dataclass(frozen=True)
class GiveRebindCode:
    """The member stands before the officer, with a document that shows who they are."""

    card_id: uuid.UUID
    officer: Principal


@dataclass(frozen=True)
class GivenCode:
    """Six digits in the clear, here and nowhere else, and until when they are good."""

    code: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class AskRebindCode:
    """A new phone asks for the digits: card number and last four, as typed. `address` is where it came from."""

    card_number: str
    id_last4: str = field(repr=False)
    address: str


ASKED_AN_HOUR = 10
"""Wrong numbers or last fours from one address."""


def ask_rebind_code(session: Session, world: World, command: AskRebindCode) -> bool:
    """Send six digits to the verified phone of the card's holder, good for ten minutes. Whether any were sent.

    Nobody but the holder may learn that: a page answers the same either way, also where codes were asked for too
    often. Raises TooManyRequests("too_many_tries").
    """
    at = world.now()
    tried = audit.count_since(session, "card.rebind_refused", command.address, at - timedelta(hours=1))
    if tried >= ASKED_AN_HOUR:
        raise TooManyRequests("too_many_tries", "试得太多了，请一小时后再试，或到所在工会领重绑码。", 3600)
    card = session.scalar(select(Card).where(Card.number == rules.typed_number(command.card_number)))
    person = membership.people(session, [card.person_id])[card.person_id] if card is not None else None
    phone = membership.verified_phone(session, card.person_id) if card is not None else None
    right = person is not None and rules.same_last4(person.id_number, command.id_last4)
    if card is None or not right:
        act = audit.Act("card.rebind_refused", "address", command.address, address=command.address)
        audit.record(session, world, act)
        return False
    if phone is None or card.state != CardState.ACTIVE or card.valid_to < day_of(at):
        return False
    try:
        notices.must_not_flood(session, at, notices.DirectKind.REBIND_CODE, card.id, phone)
    except TooManyRequests:
        return False  # said aloud, it would say that number and last four are right
    locked_card(session, card.id)
    code, until = rules.rebind_code(world.random_bytes(8)), at + timedelta(minutes=CODE_MINUTES)
    _give(session, card, code, card.person_id, at, until)
    values = {"code": code, "minutes": str(CODE_MINUTES)}
    notices.send_direct(
        session, world, notices.SendDirect(notices.DirectKind.REBIND_CODE, card.id, phone, values, until)
    )
    audit.record(session, world, audit.Act("card.ask_rebind_code", "card", str(card.id), address=command.address))
    return True


_GIVE = text("""
    insert into rebind_code (card_id, code_index, tries, made_by, made_at, expires_at, used_at)
    values (:card, :code, 0, :officer, :at, :until, null)
    on conflict (card_id) do update
       set code_index = excluded.code_index, tries = 0, made_by = excluded.made_by, made_at = excluded.made_at,
           expires_at = excluded.expires_at, used_at = null""")


def give_rebind_code(session: Session, world: World, command: GiveRebindCode) -> GivenCode:
    """Six digits that bind a new phone for fifteen minutes, once; an earlier one is dead.

    Raises NotAllowed("role_missing", "out_of_scope"), Conflict("not_in_use") for a card that is not active: before
    its first activation the slip's own code is what binds a phone, and a lost one is found or replaced first.
    """
    card = locked_card(session, command.card_id)
    must_cover(session, command.officer, card.union_id)
    at = world.now()
    if card.state != CardState.ACTIVE or card.valid_to < day_of(at):
        words = rules.CARD_WORDS[CardState(card.state)]
        raise Conflict(
            "not_in_use", f"卡片现为“{words}”或已过有效期，不能发重绑码。未激活的卡请补打激活单，挂失的卡请先解挂。"
        )
    code = rules.rebind_code(world.random_bytes(8))
    until = at + timedelta(minutes=rules.REBIND_MINUTES)
    _give(session, card, code, command.officer.account_id, at, until)
    act = audit.Act("card.give_rebind_code", "card", str(card.id), command.officer.account_id)
    audit.record(session, world, act)
    return GivenCode(code, until)


def _give(session: Session, card: Card, code: str, giver: uuid.UUID, at: datetime, until: datetime) -> None:
    index = _index(vault_of(session), card, code)
    session.execute(_GIVE, {"card": card.id, "code": index, "officer": giver, "at": at, "until": until})


# ---- pieces of activation ----


def try_rebind_code(
    session: Session, card: Card, code: str, at: datetime, *, id_right: bool, same_phone: bool
) -> int | None:
    """Whether these digits bind now, used up with the answer: None when they do, else how many tries are left.

    The caller holds the card's lock. A right code beside a wrong ID is a wrong try too. The phone that used them up
    may ask again while they are good: its first answer was lost on the way.
    """
    given = session.get(RebindCode, card.id, with_for_update={"key_share": True}, populate_existing=True)
    if given is None or at > given.expires_at or given.tries >= rules.ACTIVATION_TRIES:
        return 0
    if given.used_at is not None and not same_phone:
        return 0
    if id_right and hmac.compare_digest(given.code_index, _index(vault_of(session), card, code)):
        given.used_at = given.used_at or at
        return None
    counted: int = session.execute(
        update(RebindCode)
        .where(RebindCode.card_id == card.id, RebindCode.tries < rules.ACTIVATION_TRIES)
        .values(tries=RebindCode.tries + 1)
        .returning(RebindCode.tries)
    ).scalar_one()
    return rules.ACTIVATION_TRIES - counted


def code_channel(session: Session, card: Card) -> str:
    """By which way the digits of this card came to who used them."""
    given = session.get_one(RebindCode, card.id)
    return BY_PHONE if given.made_by == card.person_id else BY_OFFICER


def _index(vault: Vault, card: Card, code: str) -> bytes:
    return vault.index(CODE_FIELD, f"{card.number}:{code}")
