"""Asking for a new card in the place of another: a unit's officer for its members, or the member from the phone."""

import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.models import Card
from cardnet.issuance.rules import BatchOrigin, CardAction, CardState, ReplacementReason
from cardnet.issuance.services.cards import ChangeCard, locked_card, must_be_officer, must_cover
from cardnet.issuance.services.ending import Whose, count_ending, ending_cards
from cardnet.issuance.services.in_place import Applied, CardToReplace, open_application_of, open_batch
from cardnet.issuance.services.losing import suspend_card
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import PersonView, UnionNode


@dataclass(frozen=True)
class ApplyForReplacement:
    """A lost or damaged card is to be replaced. `officer` is None when the member asks (`person_id` says who)."""

    card_id: uuid.UUID
    reason: ReplacementReason
    words: str = ""
    officer: Principal | None = None
    person_id: uuid.UUID | None = None


@dataclass(frozen=True)
class ApplyForRenewal:
    """A unit renews its cards that end within 90 days or have ended: all of them, or those numbered."""

    officer: Principal
    numbers: tuple[str, ...] | None = None
    path: str | None = None


def apply_for_replacement(session: Session, world: World, command: ApplyForReplacement) -> Applied:
    """An application of one card, before the holder's own unit. A lost card stops at once, a damaged one goes on.

    Raises NotAllowed("role_missing", "out_of_scope"), NotFound("card_unknown"), Conflict("illegal_transition",
    "card_expired", "already_renewed", "application_open", "not_a_member").
    """
    card = locked_card(session, command.card_id)
    sender = _sender(session, command, card)
    today = day_of(world.now())
    rules.next_card_state(CardState(card.state), CardAction.REPLACE)
    if card.valid_to < today:
        raise Conflict("card_expired", "这张卡已过有效期，请办理换发新卡。")
    if session.scalar(select(Card.id).where(Card.replaces_id == card.id)) is not None:
        raise Conflict("already_renewed", "这张卡已换发新卡，请办理“提前启用新卡”，不必再补。")
    if open_application_of(session, card.id) is not None:
        raise Conflict("application_open", "这张卡已有补卡或换卡申请在办，请先查看那份申请。")
    person = membership.people(session, [card.person_id])[card.person_id]
    union = _union(person)
    words = "：".join(filter(None, (rules.REPLACEMENT_REASON_WORDS[command.reason], command.words.strip()[:150])))
    if command.reason is ReplacementReason.LOST and card.state != CardState.SUSPENDED:
        suspend_card(session, world, ChangeCard(card.id, words, command.officer, command.person_id))
    asked = CardToReplace(card.id, card.number, card.person_id, person.name, union, words)
    done = open_batch(session, world, BatchOrigin.REPLACEMENT, union, sender, (asked,))
    actor = command.officer.account_id if command.officer else None
    after = {"card": str(card.id), "reason": str(command.reason), "channel": "office" if command.officer else "self"}
    audit.record(session, world, audit.Act("application.replacement", "batch", str(done.batch_id), actor, after=after))
    return done


def apply_for_renewal(session: Session, world: World, command: ApplyForRenewal) -> Applied:
    """One batch of every card of the scope that may be renewed now and is not yet; each row before its own unit.

    Left out are suspended cards, those of people no longer in a union, and those renewed or applied for already.
    Raises NotAllowed("role_missing"), Conflict("nothing_to_renew", "application_open" for two officers at once).
    """
    must_be_officer(command.officer)
    officer, whose = command.officer, _whose(command)
    cards = ending_cards(session, whose, day_of(world.now()))
    asked = [
        CardToReplace(
            card.id, card.number, card.person_id, person.name, person.unit, f"{card.valid_to.isoformat()} 到期"
        )
        for card, person in sorted(cards, key=lambda pair: (pair[0].union_id, pair[0].id))
        if person.unit is not None
    ]
    if not asked:
        raise Conflict("nothing_to_renew", "没有可以换发的卡：90 天内到期、正在使用且尚未换发或申请的卡才能换发。")
    path = whose.where
    union = next(union for union in membership.unions_under(session, path) if union.path == path)
    done = open_batch(session, world, BatchOrigin.RENEWAL, union, officer.account_id, asked)
    act = audit.Act("application.renewal", "batch", str(done.batch_id), officer.account_id, after={"rows": done.rows})
    audit.record(session, world, act)
    return done


def cards_to_renew(session: Session, world: World, officer: Principal, path: str | None = None) -> int:
    """How many cards of the scope could go into a batch of renewals now."""
    return count_ending(session, Whose(officer, path), day_of(world.now()))


# ---- pieces ----


def _whose(command: ApplyForRenewal) -> Whose:
    return Whose(command.officer, command.path, command.numbers)


def _sender(session: Session, command: ApplyForReplacement, card: Card) -> uuid.UUID:
    if command.officer is not None:
        must_cover(session, command.officer, card.union_id)
        return command.officer.account_id
    if command.person_id is None or card.person_id != command.person_id:
        raise NotFound("card_unknown", "没有这张卡。")
    return command.person_id


def _union(person: PersonView) -> UnionNode:
    if person.unit is None or person.deceased_on is not None:
        raise Conflict("not_a_member", "持卡人现在没有会籍，不能补卡；请先办理入会或会籍转接。")
    return person.unit
