"""A new card in the place of another: replaced because it was lost, renewed because it ends. Neither costs quota."""

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.issuance import rules
from cardnet.issuance.models import Card
from cardnet.issuance.rules import CardAction, CardState
from cardnet.issuance.services.cards import CardView, locked_card, move, must_be_officer, must_cover, note, view_of
from cardnet.issuance.services.ending import Whose, ending_cards, successors
from cardnet.issuance.services.in_place import end_open, lock_open
from cardnet.issuance.services.issue import IssuedCard, new_codes, new_numbers, write_cards
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, NotAllowed
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier


@dataclass(frozen=True)
class ReplaceCard:
    """The service desk gives a new card for a lost or spoiled one; the same person, the same last day, no quota."""

    card_id: uuid.UUID
    officer: Principal
    reason: str


@dataclass(frozen=True)
class RenewCards:
    """New cards for those that end soon or have ended, from the day after; all of the scope, or those numbered.

    `valid_to` is their last day; None is as the district decided.
    """

    officer: Principal
    numbers: tuple[str, ...] | None = None
    path: str | None = None
    valid_to: date | None = None


def replace_card(session: Session, world: World, command: ReplaceCard) -> IssuedCard:
    """A new card in the place of `card_id`; two clerks doing it at once make one card (K2).

    For the desk of a township or the district, before which the member stands; a unit applies
    (`apply_for_replacement`). An application for this card that is open ends with it. Raises NotAllowed("role_missing",
    "out_of_scope"), NotFound("card_unknown"), Conflict("illegal_transition", "card_expired", "already_renewed").
    """
    _must_be_a_desk_above(session, command.officer)
    # Applications before cards, as issuing does.
    lock_open(session, [command.card_id])
    old = locked_card(session, command.card_id)
    must_cover(session, command.officer, old.union_id)
    at = world.now()
    first = day_of(at)
    state = rules.next_card_state(CardState(old.state), CardAction.REPLACE)
    if old.valid_to < first:
        raise Conflict("card_expired", "这张卡已过有效期，请办理换发新卡。")
    if successor := _successor(session, old.id):
        raise Conflict(
            "already_renewed",
            f"这张卡已换发新卡 {successor.number}，自 {successor.valid_from.isoformat()} 起使用；"
            "请办理“提前启用新卡”，不必再补。",
            {"card": str(successor.id)},
        )
    actor_id = command.officer.account_id
    move(session, world, old, CardAction.REPLACE, state, "office", actor_id, command.reason)
    new = IssuedCard(
        world.new_id(), new_numbers(session, world, 1)[0], new_codes(world, 1)[0], old.person_id, old.union_id, None,
        old.valid_to,
    )  # fmt: skip
    session.flush()
    # No quota year: a replacement is not one of the year's new cards (K3).
    write_cards(session, at, max(first, old.valid_from), (new,), [(None, None, old.id)], "replace", actor_id)
    after = {"new_card": str(new.card_id)}
    audit.record(session, world, audit.Act("card.replace", "card", str(old.id), actor_id, after=after))
    end_open(session, world, [old.id], actor_id, "已当面补卡")
    return new


def renew_cards(session: Session, world: World, command: RenewCards) -> tuple[IssuedCard, ...]:
    """A new card for each that ends within 90 days or has ended, linked to it; the old one works until its last day.

    For the desk of a township or the district; a unit applies (`apply_for_renewal`). Cards renewed or applied for
    before, suspended ones and those of people no longer in a union are left out. Raises NotAllowed("role_missing"),
    Conflict("nothing_to_renew").
    """
    must_be_officer(command.officer)
    _must_be_a_desk_above(session, command.officer)
    at = world.now()
    today = day_of(at)
    whose = Whose(command.officer, command.path, command.numbers)
    cards = [card for card, _ in ending_cards(session, whose, today)]
    if not cards:
        raise Conflict("nothing_to_renew", "没有可以换发的卡：90 天内到期、正在使用且尚未换发的卡才能换发。")
    actor_id = command.officer.account_id
    pairs = []
    for first, made in successors(session, world, cards, today, command.valid_to).items():
        origins = [(None, None, old.id) for old, _ in made]
        write_cards(session, at, first, [new for _, new in made], origins, "renew", actor_id)
        pairs += made
    audit.record(
        session, world,
        *(audit.Act("card.renew", "card", str(old.id), actor_id, after={"new_card": str(new.card_id)})
          for old, new in pairs),
    )  # fmt: skip
    return tuple(new for _, new in pairs)


def start_renewed_card(session: Session, world: World, command: ReplaceCard) -> CardView:
    """The old card was lost after its renewal was made: the new one begins today, the old one ends.

    `card_id` is the old card's. Raises Conflict("not_renewed", "illegal_transition"), NotAllowed("out_of_scope").
    """
    old = locked_card(session, command.card_id)
    must_cover(session, command.officer, old.union_id)
    new = _successor(session, old.id, lock=True)
    if new is None:
        raise Conflict("not_renewed", "这张卡还没有换发新卡，请办理补卡。")
    state = rules.next_card_state(CardState(old.state), CardAction.REPLACE)
    actor_id, at = command.officer.account_id, world.now()
    move(session, world, old, CardAction.REPLACE, state, "office", actor_id, command.reason)
    # First the old one must be over: no day has two usable cards (K1).
    session.flush()
    note(session, new, "start", at, "office", actor_id, command.reason)
    new.valid_from = min(new.valid_from, day_of(at))
    after = {"new_card": str(new.id), "valid_from": new.valid_from.isoformat()}
    audit.record(session, world, audit.Act("card.start", "card", str(old.id), actor_id, after=after))
    end_open(session, world, [old.id], actor_id, "已提前启用换发的新卡")
    session.flush()
    return view_of(new)


# ---- pieces ----


def is_desk_above(session: Session, officer: Principal) -> bool:
    """Whether this officer replaces and renews directly: a township's or the district's; a unit's applies."""
    tier = membership.union_of_id(session, officer.union_id).tier
    return tier is not Tier.UNIT and officer.has(Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)


def _must_be_a_desk_above(session: Session, officer: Principal) -> None:
    """Raises NotAllowed("role_missing")."""
    if not is_desk_above(session, officer):
        raise NotAllowed(
            "role_missing", "当面补卡、直接换发由镇、街道、委局工会或职工援助服务中心办理；本单位请提交补卡、换卡申请。"
        )


def _successor(session: Session, card_id: uuid.UUID, *, lock: bool = False) -> Card | None:
    query = select(Card).where(Card.replaces_id == card_id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalar(query)
