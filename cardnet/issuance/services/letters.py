"""The activation kit: code letters made anew, who has not activated, and whom that was told."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.rules import CardAction, CardState
from cardnet.issuance.services.bulk import copy_rows
from cardnet.issuance.services.cards import locked_card, must_be_officer, must_cover, note
from cardnet.issuance.services.desk.listing import within
from cardnet.issuance.services.issue import code_index, new_codes
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.services import notices


@dataclass(frozen=True)
class MakeLetters:
    """New activation codes for cards nobody has activated: of a batch, of the unions under a path, or those numbered."""

    officer: Principal
    batch_id: uuid.UUID | None = None
    path: str | None = None
    numbers: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Letter:
    """What one member is handed. The code stands here in the clear and nowhere else, ever."""

    card_id: uuid.UUID
    number: str
    code: str = field(repr=False)
    name: str
    union_id: uuid.UUID
    union_name: str
    row: int | None
    valid_to: date


@dataclass(frozen=True)
class Remind:
    """Tell people who have not activated how to: those numbered, or all of the unions under a path.

    `notice` sends a message to whoever can be reached by one and leaves a slip to print for the others, `slip` leaves
    slips for all, `call` notes that somebody rang.
    """

    officer: Principal
    channel: str = "slip"
    numbers: tuple[str, ...] | None = None
    path: str | None = None


@dataclass(frozen=True)
class Reminded:
    """How many were reminded now; of these, how many by a message and for how many there is a slip to print."""

    people: int
    messages: int = 0
    slips: int = 0


@dataclass(frozen=True)
class InactiveCard:
    """A card in the member's hands (or still on its way) that was never used; `reminded` counts the reminders."""

    card_id: uuid.UUID
    number: str
    state: CardState
    person_id: uuid.UUID
    union_id: uuid.UUID
    issued_at: datetime
    delivered_at: datetime | None
    reminded: int
    last_reminded_at: datetime | None
    total: int


@dataclass(frozen=True)
class ActivationFigures:
    """People with a card: how many have one, have signed for one, have used one. A replaced card counts for its person."""

    people: int
    delivered: int
    activated: int


CHANNELS = ("slip", "notice", "call")


def reprint_code(session: Session, world: World, card_id: uuid.UUID, officer: Principal) -> str:
    """A new activation code for a slip that was lost or tried too often; the old one works no more.

    Raises Conflict("illegal_transition") when the card is already active.
    """
    card = locked_card(session, card_id)
    must_cover(session, officer, card.union_id)
    rules.next_card_state(CardState(card.state), CardAction.ACTIVATE)
    code = new_codes(world, 1)[0]
    at = world.now()
    given = {"code": code_index(vault_of(session), card.number, code), "at": at, "card": card.id}
    session.execute(_NEW_CODE, given)
    note(session, card, "reprint_code", at, "office", officer.account_id, "")
    audit.record(session, world, audit.Act("card.reprint_code", "card", str(card.id), officer.account_id))
    session.flush()
    return code


def make_letters(session: Session, world: World, command: MakeLetters) -> tuple[Letter, ...]:
    """New codes for every card of these that was never activated, by unit; slips handed out before are dead.

    30,000 by the same statements as one. Raises NotAllowed("role_missing"), InvalidInput("nothing_chosen"),
    Conflict("nothing_to_activate").
    """
    must_be_officer(command.officer)
    if sum(chosen is not None for chosen in (command.batch_id, command.path, command.numbers)) != 1:
        raise InvalidInput("nothing_chosen", "请选择批次或单位，或写明卡号。")
    path = within(command.officer, command.path)
    unions = {union.id: union for union in membership.unions_under(session, path)}
    rows = _to_activate(session, world, command, list(unions))
    if not rows:
        raise Conflict("nothing_to_activate", "没有等待激活的卡：都已激活，或者已挂失、注销、补换、过期。")
    place = {union_id: at for at, union_id in enumerate(unions)}
    rows = sorted(rows, key=lambda row: (place[row.union_id], row.row or 0, row.number))
    names = membership.names(session, {row.person_id for row in rows})
    codes = new_codes(world, len(rows))
    letters = tuple(
        Letter(
            row.id, row.number, code, names[row.person_id], row.union_id, unions[row.union_id].name, row.row, row.valid_to
        )
        for row, code in zip(rows, codes, strict=True)
    )  # fmt: skip
    _write_codes(session, world, letters, command.officer)
    subject = ("batch", str(command.batch_id)) if command.batch_id else ("union", path)
    act = audit.Act("card.make_letters", *subject, command.officer.account_id, after={"cards": len(letters)})
    audit.record(session, world, act)
    return letters


def inactive_cards(
    session: Session, world: World, officer: Principal, path: str | None = None, *, limit: int = 100, offset: int = 0
) -> tuple[InactiveCard, ...]:
    """Who has not activated, the longest waiting first; each line says how many there are in all.

    One line a person; who had an active card before is not among them.
    """
    unions = [union.id for union in membership.unions_under(session, within(officer, path))]
    given = {"unions": unions, "today": day_of(world.now()), "limit": limit, "offset": offset}
    rows = session.execute(_INACTIVE, given).all()
    return tuple(
        InactiveCard(
            row.id, row.number, CardState(row.state), row.person_id, row.union_id, row.issued_at, row.delivered_at,
            row.reminded, row.last_reminded_at, row.total,
        )
        for row in rows
    )  # fmt: skip


def activation_figures(session: Session, officer: Principal, path: str | None = None) -> ActivationFigures:
    """The activation rate's two halves for the officer's scope, or a part of it."""
    unions = [union.id for union in membership.unions_under(session, within(officer, path))]
    row = session.execute(_FIGURES, {"unions": unions}).one()
    return ActivationFigures(row.people, row.delivered, row.activated)


def remind(session: Session, world: World, command: Remind) -> Reminded:
    """Remind them, and note it; at most once a day each, whoever presses the button.

    Raises NotAllowed("role_missing"), InvalidInput("nothing_chosen", "channel_unknown").
    """
    must_be_officer(command.officer)
    if command.channel not in CHANNELS:
        raise InvalidInput("channel_unknown", "提醒方式只能是纸质提醒单、消息或电话。")
    if (command.numbers is None) == (command.path is None):
        raise InvalidInput("nothing_chosen", "请勾选要提醒的人，或选择单位。")
    at = world.now()
    path = within(command.officer, command.path)
    given = {
        "unions": [union.id for union in membership.unions_under(session, path)],
        "numbers": None if command.numbers is None else [rules.typed_number(number) for number in command.numbers],
        "today": day_of(at),
        "at": at,
        "actor": command.officer.account_id,
        "channel": command.channel,
    }
    reminded = session.execute(_REMIND, given).all()
    told = notices.Told()
    if reminded:
        if command.channel != "call":
            people = [notices.Recipient(row.person_id, row.union_id, row.id) for row in reminded]
            kind, on_paper = notices.NoticeKind.ACTIVATION_REMINDER, command.channel == "slip"
            told = notices.tell(session, world, notices.Tell(kind, people, command.officer.account_id, on_paper))
        after = {"cards": len(reminded), "channel": command.channel}
        act = audit.Act("card.remind", "union", path, command.officer.account_id, after=after)
        audit.record(session, world, act)
    return Reminded(len(reminded), told.messages, told.slips)


# ---- pieces ----

_NEW_CODE = text(
    "update activation_code set code_index = :code, tries = 0, made_at = :at, used_at = null where card_id = :card"
)

_TO_ACTIVATE = text("""
    select c.id, c.number, c.person_id, c.union_id, c.valid_to, a.row
      from card c left join application a on a.id = c.application_id
     where c.union_id = any(:unions) and c.state = any(:states) and c.valid_to >= :today
       and (cast(:batch as uuid) is null or a.batch_id = :batch)
       and (cast(:numbers as text[]) is null or c.number = any(cast(:numbers as text[])))
     order by c.id for no key update of c""")

_WRITE = text("""
    with coded as (
        update activation_code k set code_index = n.code_index, tries = 0, made_at = :at, used_at = null
          from new_code n where n.card_id = k.card_id returning k.card_id
    ), counted as (
        update card c set events = c.events + 1 from coded where c.id = coded.card_id returning c.id, c.events, c.state
    )
    insert into card_event (card_id, seq, at, action, from_state, to_state, channel, actor_id)
    select id, events, :at, 'reprint_code', state, state, 'office', :actor from counted""")

# One line a person: of two cards (one renewed before its first day) the one that counts first.
_WAITING = """
    from card c
   where c.union_id = any(:unions) and c.state in ('ordered', 'produced', 'delivered') and c.valid_to >= :today
     and not exists (select from card o where o.person_id = c.person_id and o.activated_at is not null)
     and not exists (select from card o where o.person_id = c.person_id and o.valid_from < c.valid_from
                                          and o.state in ('ordered', 'produced', 'delivered'))"""

_INACTIVE = text(f"""
    select c.*, coalesce(r.reminded, 0) as reminded, r.last_reminded_at, count(*) over () as total
      from (select c.* {_WAITING}) c
      left join lateral (select count(*) as reminded, max(at) as last_reminded_at
                           from card_reminder where card_id = c.id) r on true
     order by coalesce(c.delivered_at, c.issued_at), c.number limit :limit offset :offset""")  # noqa: S608 - our own text

# Of whoever holds a usable card: a replacement not yet activated does not take back what its holder did before.
_FIGURES = text("""
    select count(*) as people, count(*) filter (where delivered) as delivered,
           count(*) filter (where activated) as activated
      from (select bool_or(o.delivered_at is not null) as delivered, bool_or(o.activated_at is not null) as activated
              from (select distinct person_id from card
                     where union_id = any(:unions) and state not in ('replaced', 'cancelled')) p
              join card o on o.person_id = p.person_id group by o.person_id) by_person""")

_REMIND = text(f"""
    with reminded as (
    insert into card_reminder (card_id, at, actor_id, channel)
    select c.id, :at, :actor, :channel {_WAITING}
       and (cast(:numbers as text[]) is null or c.number = any(cast(:numbers as text[])))
       and not exists (select from card_reminder r where r.card_id = c.id
                          and (r.at at time zone 'Asia/Shanghai')::date = :today)
     order by c.id
    on conflict do nothing returning card_id
    )
    select c.id, c.person_id, c.union_id from reminded r join card c on c.id = r.card_id order by c.id""")  # noqa: S608 - our own text


def _to_activate(
    session: Session, world: World, command: MakeLetters, unions: Sequence[uuid.UUID]
) -> Sequence[Row[Any]]:
    given = {
        "unions": list(unions),
        "states": sorted(rules.card_states_before(CardAction.ACTIVATE)),
        "today": day_of(world.now()),
        "batch": command.batch_id,
        "numbers": None if command.numbers is None else [rules.typed_number(number) for number in command.numbers],
    }
    return session.execute(_TO_ACTIVATE, given).all()


def _write_codes(session: Session, world: World, letters: Sequence[Letter], officer: Principal) -> None:
    vault = vault_of(session)
    session.execute(
        text("create temporary table if not exists new_code (card_id uuid, code_index bytea) on commit drop")
    )
    session.execute(text("delete from new_code"))
    rows = ((letter.card_id, code_index(vault, letter.number, letter.code)) for letter in letters)
    copy_rows(session, "new_code", {"card_id": "uuid", "code_index": "bytea"}, rows)
    session.execute(_WRITE, {"at": world.now(), "actor": officer.account_id})
