"""Phones of a card: how many the union allows, which there are, and one of them stopped."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.credential import store
from cardnet.credential.status import Status
from cardnet.issuance import rules
from cardnet.issuance.models import Binding, Card, PhonePolicy
from cardnet.issuance.rules import BindingKind, BindingState
from cardnet.issuance.services.cards import locked_card, must_cover, note
from cardnet.kernel import audit
from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.services import notices

STOPPED = "stop_phone"
"""The event of a phone that was taken off a card, whose card goes on."""

_SETTING = membership.Setting(
    PhonePolicy, "phone_policy.set", "phones", "每张卡可以绑定几部手机，由区总工会决定。",
    {"phones": rules.PHONES_BY_DEFAULT},
)  # fmt: skip


@dataclass(frozen=True)
class SetPhonePolicy:
    """The union says on how many phones a member may carry their card. `officer` is None at the server's own console."""

    phones: int
    reason: str
    officer: Principal | None = None


@dataclass(frozen=True, kw_only=True)
class PhonePolicyView(membership.Decided):
    """What holds now, since when and by whom; `two_bound` cards have two phones today."""

    phones: int
    two_bound: int


@dataclass(frozen=True)
class StopPhone:
    """One phone is taken off the card, the other and the printed card go on.

    By the member (`person_id`) or by an officer, who says why.
    """

    card_index: int
    reason: str = ""
    officer: Principal | None = None
    person_id: uuid.UUID | None = None


def phone_policy(session: Session) -> PhonePolicyView:
    """How many phones a card may have, and how many cards have two."""
    values, by = membership.decided(session, _SETTING)
    return PhonePolicyView(phones=values["phones"], two_bound=session.scalar(_COUNT_TWO) or 0, **vars(by))


def set_phone_policy(session: Session, world: World, command: SetPhonePolicy) -> int:
    """From now on a card may have so many phones; returns how many phones that stopped.

    From two to one, the phone bound last stays on each card and the one before it stops at once, on the status list
    too, and is signed out. Raises InvalidInput("phones_invalid", "reason_missing"), NotAllowed("role_missing").
    """
    wrong = None
    if not 1 <= command.phones <= rules.MOST_PHONES:
        wrong = InvalidInput("phones_invalid", "每张卡可以绑定一部或两部手机，请选其中一种。")
    actor_id = command.officer.account_id if command.officer else None
    stopped = 0

    def stop_older() -> dict[str, object]:
        nonlocal stopped
        stopped = _keep_newest(session, world, actor_id) if command.phones == 1 else 0
        return {"stopped": stopped}

    decision = membership.Decision({"phones": command.phones}, command.reason, command.officer, wrong)
    membership.decide(session, world, _SETTING, decision, stop_older)
    return stopped


def phones_of(session: Session, card_id: uuid.UUID) -> tuple[rules.HeldPhone, ...]:
    """The phones a card is bound to, the one bound first before the other."""
    return tuple(held_phones(bound_phones(session, card_id)))


def stop_phone(session: Session, world: World, command: StopPhone) -> None:
    """The phone with this index counts no more, and is signed out where it is known; the card itself goes on.

    Raises NotFound("phone_unknown"), InvalidInput("reason_missing"), NotAllowed("role_missing", "out_of_scope").
    """
    found = session.scalar(select(Binding.card_id).where(*_of_index(command.card_index)))
    card = locked_card(session, found) if found is not None else None
    if card is None or (command.officer is None and card.person_id != command.person_id):
        raise _unknown()
    if command.officer is not None:
        must_cover(session, command.officer, card.union_id)
        if not command.reason.strip():
            raise InvalidInput("reason_missing", "请写明为什么停用这部手机。")
    query = select(Binding).where(*_of_index(command.card_index)).with_for_update()
    binding = session.scalar(query.execution_options(populate_existing=True))
    if binding is None:
        raise _unknown()
    at = world.now()
    leave(session, world, binding, at)
    if binding.session_id is not None:
        access.end_member_sessions_of_ids(session, world, [binding.session_id])
    actor_id = command.officer.account_id if command.officer else None
    channel = "office" if command.officer else "self"
    note(session, card, STOPPED, at, channel, actor_id, command.reason)
    after = {"index": command.card_index, "channel": channel}
    audit.record(session, world, audit.Act("card.stop_phone", "card", str(card.id), actor_id, after=after))
    session.flush()


# ---- pieces of binding ----


def phones_allowed(session: Session) -> int:
    """How many phones a card may have, held to it until the caller commits.

    While somebody is changing it the answer is one: whoever comes at that moment may come again, and nobody waits
    for a lock while holding another.
    """
    query = select(PhonePolicy.phones).with_for_update(read=True, skip_locked=True)
    return session.scalar(query) or rules.PHONES_BY_DEFAULT


def bound_phones(session: Session, card_id: uuid.UUID) -> list[Binding]:
    """The bindings of a card's phones that are not over, in the order they were made."""
    query = select(Binding).where(
        Binding.card_id == card_id, Binding.kind == BindingKind.DEVICE, Binding.state != BindingState.REVOKED
    )
    return list(session.scalars(query.order_by(Binding.bound_at, Binding.slot)))


def make_place(
    session: Session, world: World, bound: Sequence[Binding], at: datetime, choice: rules.PhoneChoice | None,
    session_id: uuid.UUID | None,
) -> int:  # fmt: skip
    """The place for a new key on a card; whose it was is off the card at once, on the status list too.

    Raises Conflict("choose_phone", "phone_unknown").
    """
    held = {one.card_index: one for one in bound}
    # Where no phone is bound the policy has nothing to say.
    allowed = phones_allowed(session) if held else rules.PHONES_BY_DEFAULT
    phones = held_phones(bound)
    out = rules.phone_to_leave(phones, allowed, choice, session_id)
    if out is None:
        return rules.free_place(phones)
    leave(session, world, held[out.index], at)
    session.flush()
    return rules.free_place([one for one in phones if one.index != out.index])


def leave(session: Session, world: World, binding: Binding, at: datetime) -> None:
    """This binding is over, on the status list too."""
    binding.state, binding.revoked_at = str(BindingState.REVOKED), at
    store.set_status(session, world, binding.card_index, Status.INVALID)


def tell_of_another(session: Session, world: World, card: Card, before: Sequence[Binding]) -> None:
    """Whoever keeps a phone on the card hears that another has come: it may not have been their own doing."""
    if any(one.state != BindingState.REVOKED for one in before):
        told = [notices.Recipient(card.person_id, card.union_id, card.id)]
        notices.tell(session, world, notices.Tell(notices.NoticeKind.PHONE_ADDED, told, None))


def held_phones(bound: Sequence[Binding]) -> list[rules.HeldPhone]:
    """The same as values, for rules."""
    return [rules.HeldPhone(one.card_index, one.slot, one.bound_at, one.session_id) for one in bound]


def _of_index(card_index: int) -> tuple[ColumnElement[bool], ...]:
    return (
        Binding.card_index == card_index, Binding.recycled_at.is_(None), Binding.kind == BindingKind.DEVICE,
        Binding.state != BindingState.REVOKED,
    )  # fmt: skip


def _unknown() -> NotFound:
    return NotFound("phone_unknown", "这部手机没有绑定这张会员卡，请刷新后再看。")


_TWO = "select card_id from binding where kind = 'device' and state <> 'revoked' group by card_id having count(*) > 1"

_COUNT_TWO = text(f"select count(*) from ({_TWO}) two")  # noqa: S608 - the piece put in is ours
_LOCK_TWO = text(f"select c.id from card c where c.id in ({_TWO}) order by c.id for no key update of c")  # noqa: S608

_STOP_OLDER = text("""
    with newest as (
        select distinct on (card_id) card_id, id, session_id from binding
         where card_id = any(cast(:cards as uuid[])) and kind = 'device' and state <> 'revoked'
         order by card_id, bound_at desc, slot desc
    )
    update binding b set state = 'revoked', revoked_at = :at
      from newest n
     where b.card_id = n.card_id and b.id <> n.id and b.kind = 'device' and b.state <> 'revoked'
    returning b.card_id, b.card_index, case when b.session_id is distinct from n.session_id then b.session_id end as session_id""")

_FIRST_PLACE = text("""
    update binding set slot = 1
     where card_id = any(cast(:cards as uuid[])) and kind = 'device' and state <> 'revoked' and slot <> 1""")

_NOTE = text("""
    with moved as (
        update card c set events = c.events + 1 where c.id = any(cast(:cards as uuid[])) returning c.id, c.events, c.state
    )
    insert into card_event (card_id, seq, at, action, from_state, to_state, channel, actor_id, words)
    select id, events, :at, :action, state, state, 'policy', cast(:actor as uuid), null from moved""")


def _keep_newest(session: Session, world: World, actor_id: uuid.UUID | None) -> int:
    """Of two phones of a card only the one bound last stays."""
    cards = list(session.scalars(_LOCK_TWO))
    if not cards:
        return 0
    at = world.now()
    gone = session.execute(_STOP_OLDER, {"cards": cards, "at": at}).all()
    session.execute(_FIRST_PLACE, {"cards": cards})
    session.execute(_NOTE, {"cards": cards, "at": at, "action": STOPPED, "actor": actor_id})
    store.set_statuses(session, world, [row.card_index for row in gone], Status.INVALID)
    access.end_member_sessions_of_ids(session, world, [row.session_id for row in gone if row.session_id])
    acts = (
        audit.Act("card.stop_phone", "card", str(row.card_id), actor_id, after={"index": row.card_index, "channel": "policy"})
        for row in gone
    )  # fmt: skip
    audit.record(session, world, *acts)
    session.expire_all()
    return len(gone)
