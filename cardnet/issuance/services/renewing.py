"""Issuing approved replacements and renewals: each new card stands in the place of the one its application names.

What happened to the old card meanwhile decides: replaced at a desk, given up or expired, and the application is
rejected with R05, as a new one is whose person got a card by another way.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.issuance import rules
from cardnet.issuance.rules import BatchOrigin, CardAction, CardState
from cardnet.issuance.services.batches import BatchView, batch_of
from cardnet.issuance.services.cards import locked_card, move
from cardnet.issuance.services.ending import RENEWABLE, EndingCard, successors
from cardnet.issuance.services.issue import (
    Issue,
    IssueCards,
    IssuedCard,
    approved_rows,
    issue_new,
    mark_issued,
    must_issue_cards,
    new_codes,
    new_numbers,
    reject_rows,
    write_cards,
)
from cardnet.kernel import audit
from cardnet.kernel.calendar import LATEST, day_of
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.services import notices

_NOT_ANY_MORE = "发卡时这张卡已在别处补换、注销、挂失或到期，或持卡人已不在册"


def issue(session: Session, world: World, command: IssueCards) -> Issue:
    """Issue what is approved of a batch, new cards and those in the place of others, each by its own rules.

    Raises NotFound("batch_unknown"), NotAllowed("role_missing", "out_of_scope"), Conflict("nothing_to_issue",
    "already_has_card" when somebody gets one in this very moment), ("renewal_period"), InvalidInput("valid_to_past",
    "valid_to_far").
    """
    batch = batch_of(session, command.batch_id)
    must_issue_cards(session, command.officer)
    if command.valid_to is not None and command.valid_to < day_of(world.now()):
        raise InvalidInput("valid_to_past", "会员卡的最后一天不能早于今天，请改正。")
    if command.valid_to is not None and command.valid_to > LATEST:
        raise InvalidInput("valid_to_far", f"会员卡的最后一天不能晚于 {LATEST}，请核对年份。")
    if not batch.origin.in_place:
        return issue_new(session, world, command, batch)
    rows = approved_rows(session, batch, command.officer)
    try:
        if batch.origin is BatchOrigin.REPLACEMENT:
            made = _replace(session, world, command, rows)
        else:
            made = _renew(session, world, command, rows)
    except psycopg.errors.ExclusionViolation:
        raise Conflict("already_has_card", "其中有人刚刚由别处办了卡，请再点一次发卡，已有卡的人会自动跳过。") from None
    return _finish(session, world, command, batch, rows, made)


def issue_cards(session: Session, world: World, command: IssueCards) -> tuple[IssuedCard, ...]:
    """Cards in the order of the roster, with their codes, once. As `issue`, where nobody asks about those left out."""
    return issue(session, world, command).cards


# ---- pieces ----

Made = Mapping[UUID, IssuedCard]
"""The new card of each application that has one."""


def _replace(session: Session, world: World, command: IssueCards, rows: Sequence[Row[Any]]) -> Made:
    """One at a time, in the order of the cards' ids: such a batch has one row, and one lock at most is new."""
    at = world.now()
    today, actor = day_of(at), command.officer.account_id
    members = _members(session, rows)
    made: dict[UUID, IssuedCard] = {}
    for row in sorted(rows, key=lambda row: row.replaces_card_id):
        old = locked_card(session, row.replaces_card_id)
        lawful = (CardState(old.state), CardAction.REPLACE) in rules.CARD_STEPS
        if not lawful or old.valid_to < today or row.person_id not in members or _succeeded(session, [old.id]):
            continue
        state = rules.next_card_state(CardState(old.state), CardAction.REPLACE)
        move(session, world, old, CardAction.REPLACE, state, "office", actor, "补卡申请审核通过")
        session.flush()
        card = IssuedCard(
            world.new_id(), new_numbers(session, world, 1)[0], new_codes(world, 1)[0], old.person_id, old.union_id,
            row.row, old.valid_to,
        )  # fmt: skip
        # No quota year: a replacement is not one of the year's new cards (K3).
        write_cards(session, at, max(today, old.valid_from), (card,), [(row.id, None, old.id)], "replace", actor)
        after = {"new_card": str(card.card_id), "application": str(row.id)}
        audit.record(session, world, audit.Act("card.replace", "card", str(old.id), actor, after=after))
        made[row.id] = card
    return made


_OLD = text("""
    select c.id, c.state, c.valid_to, c.union_id from card c
     where c.id = any(cast(:cards as uuid[])) order by c.id for no key update of c""")


def _renew(session: Session, world: World, command: IssueCards, rows: Sequence[Row[Any]]) -> Made:
    """All at once: the old card works until its last day, the new one begins the day after (S20)."""
    at = world.now()
    today, actor = day_of(at), command.officer.account_id
    members = _members(session, rows)
    old = {card.id: card for card in session.execute(_OLD, {"cards": [row.replaces_card_id for row in rows]})}
    gone = _succeeded(session, list(old))
    fit = [
        row
        for row in rows
        if row.person_id in members
        and row.replaces_card_id not in gone
        and old[row.replaces_card_id].state in RENEWABLE
    ]
    asked = {row.replaces_card_id: row for row in fit}
    cards = [
        EndingCard(card.id, row.person_id, card.union_id, card.valid_to, row=row.row)
        for row in fit
        for card in (old[row.replaces_card_id],)
    ]
    made: dict[UUID, IssuedCard] = {}
    acts = []
    for first, pairs in successors(session, world, cards, today, command.valid_to).items():
        new = [card for _, card in pairs]
        write_cards(session, at, first, new, [(asked[was.id].id, None, was.id) for was, _ in pairs], "renew", actor)
        _tell_renewed(session, world, command, first, new)
        for was, card in pairs:
            application = asked[was.id].id
            made[application] = card
            after = {"new_card": str(card.card_id), "application": str(application)}
            acts.append(audit.Act("card.renew", "card", str(was.id), actor, after=after))
    audit.record(session, world, *acts)
    return made


def _tell_renewed(
    session: Session, world: World, command: IssueCards, first: date, cards: Sequence[IssuedCard]
) -> None:
    begins = {"begins": f"{first.month}月{first.day}日"}
    told = [notices.Recipient(card.person_id, card.union_id, card.card_id, begins) for card in cards]
    tell = notices.Tell(notices.NoticeKind.CARD_RENEWED, told, command.officer.account_id)
    notices.tell(session, world, tell)


def _finish(
    session: Session, world: World, command: IssueCards, batch: BatchView, rows: Sequence[Row[Any]], made: Made
) -> Issue:
    officer = command.officer
    skipped = [row for row in rows if row.id not in made]
    mark_issued(session, world.now(), officer, list(made))
    reject_rows(session, world, batch, officer, skipped, _NOT_ANY_MORE)
    after = {"cards": len(made), "kind": str(batch.origin), "skipped": len(skipped)}
    act = audit.Act("card.issue", "batch", str(batch.id), actor_id=officer.account_id, after=after)
    audit.record(session, world, act)
    if batch.origin is BatchOrigin.REPLACEMENT and made:
        told = [notices.Recipient(card.person_id, card.union_id, card.card_id) for card in made.values()]
        notices.tell(session, world, notices.Tell(notices.NoticeKind.CARD_ISSUED, told, officer.account_id))
    cards = tuple(made[row.id] for row in rows if row.id in made)
    return Issue(cards, tuple(row.row for row in skipped))


def _members(session: Session, rows: Sequence[Row[Any]]) -> frozenset[UUID]:
    """Who of them is in a union and alive."""
    people = membership.people(session, {row.person_id for row in rows})
    return frozenset(i for i, person in people.items() if person.unit is not None and person.deceased_on is None)


def _succeeded(session: Session, card_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Which of these cards have a successor already."""
    query = text("select replaces_id from card where replaces_id = any(cast(:cards as uuid[]))")
    return frozenset(session.scalars(query, {"cards": list(card_ids)}))
