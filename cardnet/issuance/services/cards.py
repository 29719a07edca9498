"""What becomes of a card: produced, handed out, suspended, resumed, replaced, cancelled."""

import uuid
from collections.abc import Mapping
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
from cardnet.issuance.services.issue import IssuedCard, code_index, new_codes, new_numbers, write_cards
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.vault import vault_of
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
class HandOutCards:
    """An officer hands cards out against signatures: all of a batch, or those numbered, but not `except_numbers`.

    `channel` says how the receipt was given: `signed_list` (发放签领表) or `scan` (扫码签领).
    """

    officer: Principal
    batch_id: uuid.UUID | None = None
    numbers: tuple[str, ...] | None = None
    except_numbers: tuple[str, ...] = ()
    channel: str = "signed_list"


@dataclass(frozen=True)
class ChangeCard:
    """Suspend, resume or cancel a card. `officer` is None when the member does it (`person_id` says who)."""

    card_id: uuid.UUID
    reason: str
    officer: Principal | None = None
    person_id: uuid.UUID | None = None


@dataclass(frozen=True)
class ReplaceCard:
    """The service desk gives a new card for a lost or spoiled one; the same person, the same last day, no quota."""

    card_id: uuid.UUID
    officer: Principal
    reason: str


_OFFICERS = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)


def card_of_number(session: Session, number: str) -> CardView:
    """One card. Raises NotFound("card_unknown")."""
    card = session.scalar(select(Card).where(Card.number == rules.typed_number(number)))
    if card is None:
        raise NotFound("card_unknown", "没有这个卡号，请核对卡面上的十三位数字。")
    return _view(card)


def cards_of_person(session: Session, person_id: uuid.UUID) -> tuple[CardView, ...]:
    """Every card the person ever had, the newest first."""
    return tuple(
        _view(card)
        for card in session.scalars(
            select(Card).where(Card.person_id == person_id).order_by(Card.issued_at.desc(), Card.id.desc())
        )
    )


def cards_of_batch(session: Session, batch_id: uuid.UUID, path: str = "/") -> tuple[CardView, ...]:
    """The cards issued from one batch, in the order of the roster, those of units under `path`."""
    rows = session.execute(
        text("""
            select c.id, c.number, c.person_id, c.union_id, c.state, c.valid_from, c.valid_to, c.replaces_id,
                   c.issued_at, c.delivered_at, c.activated_at
              from card c join application a on a.id = c.application_id
             where a.batch_id = :batch and left(a.path, length(:path)) = :path order by a.row"""),
        {"batch": batch_id, "path": path},
    )
    return tuple(_view(row) for row in rows)


_HAND_OUT = text("""
    with picked as (
        select c.id, c.state from card c left join application a on a.id = c.application_id
         where (cast(:batch as uuid) is null or a.batch_id = :batch)
           and (cast(:numbers as text[]) is null or c.number = any(cast(:numbers as text[])))
           and not c.number = any(cast(:but as text[]))
           and c.union_id = any(:unions) and c.delivered_at is null and c.state = any(:states)
         order by c.id for no key update of c
    ), handed as (
        update card c
           set state = case when c.state = 'active' then c.state else 'delivered' end,
               delivered_at = :at, events = c.events + 1
          from picked where c.id = picked.id
        returning c.id, c.events, picked.state as from_state, c.state
    )
    insert into card_event (card_id, seq, at, action, from_state, to_state, channel, actor_id)
    select id, events, :at, 'deliver', from_state, state, :channel, :actor from handed""")


def hand_out_cards(session: Session, world: World, command: HandOutCards) -> int:
    """Record receipts; returns how many cards were handed out now. A card handed out before is left as it is.

    Raises NotAllowed("role_missing"), InvalidInput("nothing_chosen").
    """
    if command.batch_id is None and command.numbers is None:
        raise InvalidInput("nothing_chosen", "请选择要发放的批次或卡号。")
    must_be_officer(command.officer)
    before = rules.card_states_before(CardAction.DELIVER)
    unions = membership.unions_under(session, command.officer.scope_path)
    result = session.execute(
        _HAND_OUT,
        {
            "batch": command.batch_id,
            "numbers": None if command.numbers is None else [rules.typed_number(n) for n in command.numbers],
            "but": [rules.typed_number(n) for n in command.except_numbers],
            "unions": [union.id for union in unions],
            # A card activated before it was signed for is still signed for.
            "states": [*map(str, before), str(CardState.ACTIVE)],
            "at": world.now(),
            "channel": command.channel,
            "actor": command.officer.account_id,
        },
    )
    count: int = result.rowcount  # type: ignore[attr-defined]
    if count:
        subject = str(command.batch_id or "")
        audit.record(
            session,
            world,
            audit.Act("card.deliver", "batch", subject, command.officer.account_id, after={"cards": count}),
        )
    return count


def suspend_card(session: Session, world: World, command: ChangeCard) -> CardView:
    """Loss reported: the card and its bindings stop at once, and the status list says so at its next fetch."""
    return _change(session, world, command, CardAction.SUSPEND)


def resume_card(session: Session, world: World, command: ChangeCard) -> CardView:
    """The card was found again. Raises Conflict("illegal_transition") once it has been replaced."""
    return _change(session, world, command, CardAction.RESUME)


def revoke_card(session: Session, world: World, command: ChangeCard) -> CardView:
    """The card ends without a successor (注销); its bindings are revoked for good."""
    return _change(session, world, command, CardAction.CANCEL)


def replace_card(session: Session, world: World, command: ReplaceCard) -> IssuedCard:
    """A new card in the place of `card_id`; two clerks doing it at once make one card (K2).

    Raises NotAllowed("role_missing", "out_of_scope"), NotFound("card_unknown"), Conflict("illegal_transition",
    "card_expired").
    """
    old = _locked(session, command.card_id)
    _must_cover(session, command.officer, old.union_id)
    at = world.now()
    first = day_of(at)
    state = rules.next_card_state(CardState(old.state), CardAction.REPLACE)
    if old.valid_to < first:
        raise Conflict("card_expired", "这张卡已过有效期，请办理换发新卡。")
    _move(session, old, state, CardAction.REPLACE, at, "office", command.officer.account_id, command.reason)
    _set_bindings(session, world, old.id, BindingState.REVOKED)
    new = IssuedCard(
        world.new_id(), new_numbers(session, world, 1)[0], new_codes(world, 1)[0], old.person_id, old.union_id, None,
        old.valid_to,
    )  # fmt: skip
    session.flush()
    # No quota year: a replacement is not one of the year's new cards (K3).
    write_cards(
        session, at, max(first, old.valid_from), (new,), [(None, None, old.id)], "replace", command.officer.account_id
    )
    audit.record(
        session, world,
        audit.Act(
            "card.replace", "card", str(old.id), command.officer.account_id, after={"new_card": str(new.card_id)}
        ),
    )  # fmt: skip
    return new


def reprint_code(session: Session, world: World, card_id: uuid.UUID, officer: Principal) -> str:
    """A new activation code for a slip that was lost or tried too often; the old one works no more.

    Raises Conflict("illegal_transition") when the card is already active.
    """
    card = _locked(session, card_id)
    _must_cover(session, officer, card.union_id)
    rules.next_card_state(CardState(card.state), CardAction.ACTIVATE)
    code = new_codes(world, 1)[0]
    session.execute(
        text(
            "update activation_code set code_index = :code, tries = 0, made_at = :at, used_at = null "
            "where card_id = :card"
        ),
        {"code": code_index(vault_of(session), card.number, code), "at": world.now(), "card": card.id},
    )
    audit.record(session, world, audit.Act("card.reprint_code", "card", str(card.id), officer.account_id))
    return code


# ---- pieces ----

_BINDING_AFTER: Mapping[CardAction, BindingState] = {
    CardAction.SUSPEND: BindingState.SUSPENDED,
    CardAction.RESUME: BindingState.LIVE,
    CardAction.CANCEL: BindingState.REVOKED,
}
_STATUS_OF = {
    BindingState.LIVE: Status.VALID,
    BindingState.SUSPENDED: Status.SUSPENDED,
    BindingState.REVOKED: Status.INVALID,
}


def _change(session: Session, world: World, command: ChangeCard, action: CardAction) -> CardView:
    card = _locked(session, command.card_id)
    if command.officer is not None:
        _must_cover(session, command.officer, card.union_id)
    elif card.person_id != command.person_id:
        raise NotFound("card_unknown", "没有这张卡。")
    at = world.now()
    before = CardState(card.state)
    state = rules.next_card_state(before, action)
    if action is CardAction.RESUME and card.activated_at is None:
        # It was suspended before anybody activated it: it goes back to where it can be activated.
        state = (
            CardState.DELIVERED if card.delivered_at else CardState.PRODUCED if card.produced_at else CardState.ORDERED
        )
    channel = "office" if command.officer else "self"
    actor_id = command.officer.account_id if command.officer else None
    _move(session, card, state, action, at, channel, actor_id, command.reason)
    _set_bindings(session, world, card.id, _BINDING_AFTER[action])
    audit.record(
        session, world,
        audit.Act(
            f"card.{action}", "card", str(card.id), actor_id,
            before={"state": str(before)}, after={"state": str(state), "channel": channel},
        ),
    )  # fmt: skip
    session.flush()
    return _view(card)


def _move(
    session: Session, card: Card, state: CardState, action: CardAction, at: datetime, channel: str,
    actor_id: uuid.UUID | None, words: str,
) -> None:  # fmt: skip
    card.events += 1
    session.add(
        CardEvent(
            card_id=card.id, seq=card.events, at=at, action=str(action), from_state=card.state, to_state=str(state),
            channel=channel, actor_id=actor_id, words=words.strip() or None,
        )
    )  # fmt: skip
    card.state = str(state)
    if state not in rules.USABLE_CARD:
        card.ended_at = at


def _set_bindings(session: Session, world: World, card_id: uuid.UUID, state: BindingState) -> None:
    """Every binding of the card that is not over yet changes with it, on the status list too."""
    at = world.now()
    indexes = session.scalars(
        update(Binding)
        .where(Binding.card_id == card_id, Binding.state != BindingState.REVOKED, Binding.state != state)
        .values(state=str(state), revoked_at=at if state is BindingState.REVOKED else None)
        .returning(Binding.card_index)
    ).all()
    for index in indexes:
        store.set_status(session, world, index, _STATUS_OF[state])


def _locked(session: Session, card_id: uuid.UUID) -> Card:
    card = session.get(Card, card_id, with_for_update={"key_share": True}, populate_existing=True)
    if card is None:
        raise NotFound("card_unknown", "没有这张卡。")
    return card


def must_be_officer(officer: Principal) -> None:
    """Raises NotAllowed("role_missing")."""
    if not officer.has(*_OFFICERS):
        raise NotAllowed("role_missing", f"{officer.display_name}不是工会经办人员，不能办理会员卡业务。")


def _must_cover(session: Session, officer: Principal, union_id: uuid.UUID) -> None:
    must_be_officer(officer)
    union = membership.union_of_id(session, union_id)
    if not in_scope(officer.scope_path, union.path):
        raise NotAllowed("out_of_scope", f"这张卡属于{union.name}，不在{officer.display_name}的管理范围内。")


def _view(card: Card | Row[Any]) -> CardView:
    return CardView(
        card.id, card.number, card.person_id, card.union_id, CardState(card.state), card.valid_from, card.valid_to,
        card.replaces_id, card.issued_at, card.delivered_at, card.activated_at,
    )  # fmt: skip
