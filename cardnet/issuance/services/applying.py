"""Asking for a new card in the place of another: a unit's officer for its members, or the member from the phone."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.issuance import rules
from cardnet.issuance.models import Card
from cardnet.issuance.rules import BatchOrigin, CardAction, CardState, ReplacementReason
from cardnet.issuance.services.cards import ChangeCard, locked_card, must_be_officer, must_cover
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
    officer = command.officer
    today = day_of(world.now())
    cards = _ending(session, command, today)
    people = membership.people(session, {card.person_id for card in cards})
    asked = [
        CardToReplace(
            card.id, card.number, card.person_id, person.name, person.unit, f"{card.valid_to.isoformat()} 到期"
        )
        for card in cards
        if (person := people[card.person_id]).unit is not None and person.deceased_on is None
    ]
    if not asked:
        raise Conflict("nothing_to_renew", "没有可以换发的卡：90 天内到期、正在使用且尚未换发或申请的卡才能换发。")
    path = _path(command)
    union = next(union for union in membership.unions_under(session, path) if union.path == path)
    done = open_batch(session, world, BatchOrigin.RENEWAL, union, officer.account_id, asked)
    act = audit.Act("application.renewal", "batch", str(done.batch_id), officer.account_id, after={"rows": done.rows})
    audit.record(session, world, act)
    return done


def cards_to_renew(session: Session, world: World, officer: Principal, path: str | None = None) -> int:
    """How many cards of the scope could go into a batch of renewals now."""
    command = ApplyForRenewal(officer, path=path)
    given = _terms(session, command, day_of(world.now()))
    count: int = session.execute(text(f"select count(*) {_WHICH}"), given).scalar_one()
    return count


# ---- pieces ----

_WHICH = """
      from card c
     where c.union_id = any(:unions) and c.state = any(:states) and c.external_index is null
       and c.valid_to <= cast(:today as date) + cast(:window as integer)
       and (cast(:numbers as text[]) is null or c.number = any(cast(:numbers as text[])))
       and not exists (select from card n where n.replaces_id = c.id)
       and not exists (select from application a where a.replaces_card_id = c.id and a.state = any(:open))"""

_ENDING = text(
    f"select c.id, c.number, c.person_id, c.valid_to {_WHICH} order by c.union_id, c.id for no key update of c"
)


def _ending(session: Session, command: ApplyForRenewal, today: date) -> Sequence[Row[Any]]:
    return session.execute(_ENDING, _terms(session, command, today)).all()


def _terms(session: Session, command: ApplyForRenewal, today: date) -> dict[str, Any]:
    return {
        "unions": [union.id for union in membership.unions_under(session, _path(command))],
        "states": sorted(rules.USABLE_CARD - {CardState.SUSPENDED}),
        "today": today,
        "window": rules.RENEWAL_WINDOW_DAYS,
        "numbers": None if command.numbers is None else [rules.typed_number(n) for n in command.numbers],
        "open": sorted(str(state) for state in rules.OPEN_APPLICATION),
    }


def _path(command: ApplyForRenewal) -> str:
    scope = command.officer.scope_path
    return command.path if command.path and in_scope(scope, command.path) else scope


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
