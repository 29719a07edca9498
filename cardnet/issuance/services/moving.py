"""What follows a member: cards go to the new unit, an application left behind is taken back; the cards of the dead stop.

Membership decides the transfer, the standing and the death; here is what they mean for cards and quota, in the same
transaction.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.models import Application, Card
from cardnet.issuance.rules import ApplicationAction, ApplicationState, CardAction, CardState, QuotaKind
from cardnet.issuance.services.cards import locked_card, move
from cardnet.issuance.services.in_place import reopen_after_transfer
from cardnet.issuance.services.nodes import lock_unions
from cardnet.issuance.services.waiting import release_places
from cardnet.issuance.services.withdrawal import OpenRow, end_applications
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Confirmed, Ending, Released


def transfer_member(session: Session, world: World, command: membership.StartTransfer) -> Released | None:
    """Start a transfer; where the officer speaks for the old unit too it happens at once, else None: it waits.

    Raises what `membership.start_transfer` raises, Conflict("card_about_to_be_issued").
    """
    started = membership.start_transfer(session, world, command)
    if not started.covers_old:
        return None
    return accept_transfer(session, world, membership.AnswerTransfer(started.transfer_id, command.officer))


def accept_transfer(session: Session, world: World, command: membership.AnswerTransfer) -> Released:
    """The old unit lets a member go; card, counters and cover follow, no quota is used (S19).

    Raises what `membership.accept_transfer` raises, Conflict("card_about_to_be_issued") while the old unit holds an
    approved application: its place is spent there, and its card then goes along.
    """
    released = membership.accept_transfer(session, world, command)
    if _approved(session, {released.person_id: released.from_union_id}):
        raise Conflict(
            "card_about_to_be_issued", "此人在原单位的办卡申请已审核通过，请等发卡以后再转，卡会一起转过去。"
        )
    follow(session, world, [released], command.officer.account_id)
    return released


def release_due_transfers(session: Session, world: World) -> int:
    """Transfers the old unit left unanswered happen by themselves, once; returns how many. May run twice or late."""
    waiting = _approved(session, membership.due_people(session, world.now()))
    released = membership.release_due(session, world, waiting)
    follow(session, world, released, None)
    return len(released)


def end_membership(session: Session, world: World, command: membership.EndMembership) -> int:
    """A membership ends; open applications end with it, and with a death every card. Returns how many cards stopped."""
    before = membership.person_of_id(session, command.person_id).unit
    membership.end_membership(session, world, command)
    actor = command.officer.account_id
    if before is not None:
        _take_back(session, world, {command.person_id: before.id}, actor, "会籍已结束")
    if command.ending is not Ending.DECEASED:
        return 0
    return stop_cards(session, world, [command.person_id], command.officer)


def confirm_members(session: Session, world: World, command: membership.Confirm) -> int:
    """Answers of the yearly confirmation with what follows from them for applications and cards."""
    changed = membership.confirm_members(session, world, command)
    if command.answer in (Confirmed.LEFT, Confirmed.DECEASED):
        left = dict.fromkeys(command.person_ids, command.union_id)
        _take_back(session, world, left, command.officer.account_id, "会籍已结束")
    if command.answer is Confirmed.DECEASED:
        stop_cards(session, world, command.person_ids, command.officer)
    return changed


def stop_cards(session: Session, world: World, person_ids: Collection[uuid.UUID], officer: Principal) -> int:
    """Every card of somebody who died ends, with its phone and its print; returns how many."""
    ids = session.scalars(
        select(Card.id)
        .where(Card.person_id.in_(person_ids), Card.state.in_(sorted(rules.USABLE_CARD)))
        .order_by(Card.id)
    ).all()
    stopped = 0
    for card_id in ids:
        card = locked_card(session, card_id)
        if card.state not in rules.USABLE_CARD:
            continue
        before = card.state
        state = rules.next_card_state(CardState(before), CardAction.CANCEL)
        move(session, world, card, CardAction.CANCEL, state, "office", officer.account_id, "持卡人身故")
        audit.record(session, world, audit.Act("card.cancel", "card", str(card_id), officer.account_id, before={"state": before}, after={"state": str(state)}))  # fmt: skip
        stopped += 1
    session.flush()
    return stopped


def merge_people(session: Session, world: World, command: membership.MergePeople) -> None:
    """Two files of one person become one; cards, applications and uses of both stay where they are and are reachable.

    The file that holds a usable card is the one that stays: its counters go on. Raises what `membership.merge_people`
    raises, Conflict("both_have_cards", "keep_the_one_with_card").
    """
    before = membership.people(session, [command.other_id])
    membership.merge_people(session, world, command)
    held = set(
        session.scalars(
            select(Card.person_id).where(
                Card.person_id.in_([command.keep_id, command.other_id]), Card.state.in_(sorted(rules.USABLE_CARD))
            )
        )
    )
    if held == {command.keep_id, command.other_id}:
        raise Conflict("both_have_cards", "两份档案名下都有在用的会员卡：请先注销其中一张，再合并。")
    if command.other_id in held:
        raise Conflict("keep_the_one_with_card", "有会员卡的那份档案要留下：请改为保留它。")
    unit = before[command.other_id].unit
    if unit is not None:
        _take_back(session, world, {command.other_id: unit.id}, command.officer.account_id, "档案已合并")


# ---- pieces ----

_FOLLOW = text("""
    with moved as (
        update card c set union_id = gone.union_id, events = c.events + 1
          from unnest(cast(:people as uuid[]), cast(:unions as uuid[])) gone(person_id, union_id)
         where c.person_id = gone.person_id and c.union_id <> gone.union_id and c.state = any(:usable)
        returning c.id, c.events, c.state, c.union_id
    ), noted as (
        insert into card_event (card_id, seq, at, action, from_state, to_state, channel, actor_id)
        select id, events, :at, 'move', state, state, 'office', :actor from moved
    )
    select id, union_id from moved order by id""")


def follow(session: Session, world: World, released: Sequence[Released], actor: uuid.UUID | None) -> int:
    """Cards of members who are in another union now go along, applications left behind end; returns how many cards."""
    if not released:
        return 0
    given = {
        "people": [line.person_id for line in released],
        "unions": [line.to_union_id for line in released],
        "usable": sorted(rules.USABLE_CARD),
        "at": world.now(),
        "actor": actor,
    }
    moved = session.execute(_FOLLOW, given).all()
    audit.record(session, world, *(audit.Act("card.move", "card", str(row.id), actor, after={"union": str(row.union_id)}) for row in moved))  # fmt: skip
    leaving = {line.person_id: line.from_union_id for line in released}
    ended = _take_back(session, world, leaving, actor, "会籍已转到新单位")
    reopen_after_transfer(session, world, released, ended)
    return len(moved)


def _approved(session: Session, leaving: dict[uuid.UUID, uuid.UUID]) -> set[uuid.UUID]:
    rows = session.execute(
        select(Application.person_id, Application.union_id).where(
            Application.person_id.in_(leaving), Application.state == ApplicationState.APPROVED
        )
    )
    return {row.person_id for row in rows if leaving[row.person_id] == row.union_id}


_LEFT_BEHIND = """
    select a.id, a.row, a.state, a.quota_node_id, a.batch_id, a.union_id, a.quota_year
      from application a join unnest(cast(:people as uuid[]), cast(:unions as uuid[])) gone(person_id, union_id)
        on a.person_id = gone.person_id and a.union_id = gone.union_id
     where a.state = any(:open) and (a.state = 'waitlisted') = :waiting
     order by a.id"""

_OPEN = sorted(state for state, action in rules.APPLICATION_STEPS if action is ApplicationAction.WITHDRAW)


def _take_back(
    session: Session, world: World, leaving: dict[uuid.UUID, uuid.UUID], actor: uuid.UUID | None, words: str
) -> list[uuid.UUID]:  # fmt: skip
    """Open applications at the unit that was left end there, as a withdrawal would; their places go on in line.

    Returns which ones ended.
    """
    given = {"people": list(leaving), "unions": list(leaving.values()), "open": [str(state) for state in _OPEN]}
    # Rows in review, then the nodes, then those that wait: the order of every withdrawal.
    rows = list(session.execute(text(f"{_LEFT_BEHIND} for no key update of a"), {**given, "waiting": False}))
    places = session.execute(text(_LEFT_BEHIND), {**given, "waiting": True}).all()
    for year in sorted({place.quota_year for place in places}):
        lock_unions(session, year, QuotaKind.NEW_CARD, {p.union_id for p in places if p.quota_year == year})
    rows += session.execute(text(f"{_LEFT_BEHIND} for no key update of a"), {**given, "waiting": True})
    if not rows:
        return []
    ending = [OpenRow(row.id, row.row, ApplicationState(row.state), row.quota_node_id) for row in rows]
    at: datetime = world.now()
    end_applications(session, at, ending, ApplicationAction.WITHDRAW, actor, words)
    batches = Counter(row.batch_id for row in rows)
    audit.record(session, world, *(audit.Act("application.withdraw", "batch", str(b), actor, after={"rows": n}) for b, n in batches.items()))  # fmt: skip
    held = Counter(row.node_id for row in ending if row.node_id is not None)
    release_places(session, world, held, None, actor)
    return [row.id for row in rows]
