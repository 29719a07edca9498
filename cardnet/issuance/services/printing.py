"""Printed cards: an index and a signed code without a phone's key, spoiled ones, and what the first use of one does.

A printed code is a bearer token that anybody can copy, so it has an index of its own: printing again revokes the
old one, and neither the card nor the phone bound to it notices.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, in_scope
from cardnet.credential import signing, store
from cardnet.credential.status import Status
from cardnet.issuance import rules
from cardnet.issuance.models import PrintRun
from cardnet.issuance.rules import BindingKind, BindingState, CardState
from cardnet.issuance.services.activation import MEMBER_TIER
from cardnet.issuance.services.batches import batch_of
from cardnet.issuance.services.bulk import copy_rows
from cardnet.issuance.services.cards import must_be_officer
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of, end_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode

PRINTED_FIRST_USE = "printed_first_use"
"""The channel of an activation by using a printed card."""


@dataclass(frozen=True)
class PrintCards:
    """Print the cards of a batch, of the unions under a path, or those numbered; only what was never printed when asked.

    `officer` is None when the service centre's own command does it.
    """

    officer: Principal | None
    batch_id: uuid.UUID | None = None
    numbers: tuple[str, ...] | None = None
    path: str | None = None
    only_unprinted: bool = False


@dataclass(frozen=True)
class VoidPrints:
    """Prints came out spoiled, or a printed card was lost while the phone is still in the pocket."""

    officer: Principal
    reason: str
    numbers: tuple[str, ...] | None = None
    run_id: uuid.UUID | None = None


@dataclass(frozen=True)
class PrintRunView:
    """One printing: how many cards, and how many of its codes still count."""

    id: uuid.UUID
    at: datetime
    actor: str
    union: UnionNode | None
    cards: int
    live: int


@dataclass(frozen=True)
class PrintCount:
    """The printable cards of one unit, and how many of them have no live print."""

    union: UnionNode
    cards: int
    unprinted: int


@dataclass(frozen=True)
class PrintedCard:
    """What stands on one printed card. `valid_to` is the card's last day, `code_until` the printed code's."""

    card_id: uuid.UUID
    number: str
    name: str
    union_name: str
    valid_to: date
    code_until: date
    code_text: str = field(repr=False)


def print_cards(session: Session, world: World, command: PrintCards) -> tuple[PrintedCard, ...]:
    """Printed codes for cards in use or on their way, in the order of the roster; 30,000 by the same statements as one.

    A card printed before gets a new index and the old print is void. No quota, no new number: a spoiled print costs
    nothing. Raises InvalidInput("nothing_chosen", "card_unknown"), NotAllowed("role_missing"), NotFound("batch_unknown"),
    Conflict("nothing_to_print", "card_expired") and Conflict("illegal_transition") for a numbered card that is
    suspended or over.
    """
    scope = command.officer.scope_path if command.officer else "/"
    if command.path and command.path.startswith(scope):
        scope = command.path
    unions = {union.id: union.name for union in membership.unions_under(session, scope)}
    rows = _chosen(session, command, unions)
    at = world.now()
    _must_be_printable(rows, at, numbered=command.numbers is not None)
    rows = [row for row in rows if row.state in _PRINTABLE and row.valid_to >= day_of(at)]
    if not rows:
        raise Conflict("nothing_to_print", "没有可以打印的卡：所选的卡都已挂失、注销、补换或过期。")
    void = _void_earlier_prints(session, at, [row.id for row in rows])
    store.set_statuses(session, world, void, Status.INVALID)
    actor_id = command.officer.account_id if command.officer else None
    run = PrintRun(
        id=world.new_id(), path=scope, batch_id=command.batch_id, cards=len(rows), reprinted=len(void),
        actor_id=actor_id, at=at,
    )  # fmt: skip
    session.add(run)
    session.flush()
    cards = _signed(session, world, rows, unions, at, run.id)
    session.execute(_NOTE, {"ids": [row.id for row in rows], "at": at, "actor": actor_id})
    after = {"cards": len(rows), "reprinted": len(void), "batch": str(command.batch_id) if command.batch_id else None}
    audit.record(session, world, audit.Act("card.print", "print_run", str(run.id), actor_id, after=after))
    return cards


def void_prints(session: Session, world: World, command: VoidPrints) -> int:
    """The printed codes are dead at once, phones go on; the cards are to be printed again, without quota.

    Returns how many codes died. Raises NotAllowed("role_missing"), NotFound("print_run_unknown"),
    InvalidInput("nothing_chosen", "reason_missing"), Conflict("nothing_to_void").
    """
    must_be_officer(command.officer)
    if (command.numbers is None) == (command.run_id is None):
        raise InvalidInput("nothing_chosen", "请写明卡号，或选择哪一次打印。")
    if not command.reason.strip():
        raise InvalidInput("reason_missing", "请写明为什么作废，例如“卡纸”“实体卡遗失”。")
    if command.run_id is not None:
        _must_be_run(session, command.officer, command.run_id)
    at = world.now()
    given = {
        "unions": [union.id for union in membership.unions_under(session, command.officer.scope_path)],
        "numbers": None if command.numbers is None else [rules.typed_number(number) for number in command.numbers],
        "run": command.run_id,
        "at": at,
        "actor": command.officer.account_id,
        "words": command.reason.strip(),
    }
    # In the order of their ids, as everywhere, before any of their codes dies.
    session.execute(_LOCK_PRINTED, given)
    void = list(session.scalars(_VOID_SOME, given))
    if not void:
        raise Conflict("nothing_to_void", "没有可以作废的实体卡码：没有打印过，或者已经作废。")
    store.set_statuses(session, world, void, Status.INVALID)
    subject = ("print_run", str(command.run_id)) if command.run_id else ("card", ",".join(command.numbers or ())[:200])
    after = {"codes": len(void)}
    audit.record(session, world, audit.Act("card.void_print", *subject, command.officer.account_id, after=after))
    return len(void)


def print_runs(session: Session, officer: Principal) -> tuple[PrintRunView, ...]:
    """Printings of the officer's scope, the newest first; fifty of them."""
    placed = membership.places(session)
    rows = session.connection().exec_driver_sql(_RUNS, placed.under(officer.scope_path)).all()
    names = access.display_names(session, [row.actor_id for row in rows if row.actor_id])
    unions = {union.path: union for union in membership.unions_under(session, officer.scope_path)}
    return tuple(
        PrintRunView(row.id, row.at, names.get(row.actor_id, ""), unions.get(placed.now(row.path)), row.cards, row.live)
        for row in rows
    )


def print_counts(session: Session, world: World, officer: Principal) -> tuple[PrintCount, ...]:
    """Units of the officer's scope that have printable cards, in the order of the tree."""
    unions = membership.unions_under(session, officer.scope_path)
    given = {
        "unions": [union.id for union in unions],
        "states": sorted(_PRINTABLE),
        "today": day_of(world.now()),
    }
    counted = {row.union_id: row for row in session.execute(_COUNTS, given)}
    return tuple(
        PrintCount(union, counted[union.id].cards, counted[union.id].unprinted)
        for union in unions
        if union.id in counted
    )


_FIRST_USE = text("""
    with used as (
        update card c
           set state = 'active', activated_at = :at, activated_channel = :channel, activated_union_id = c.union_id,
               events = c.events + 1
          from binding b
         where b.card_index = :index and b.recycled_at is null and b.kind = 'printed'
           and c.id = b.card_id and c.state = 'delivered'
        returning c.id, c.events
    )
    insert into card_event (card_id, seq, at, action, from_state, to_state, channel)
    select id, events, :at, 'activate', 'delivered', 'active', :channel from used returning card_id""")


def note_printed_use(session: Session, world: World, card_index: int) -> bool:
    """A printed code was redeemed: a card that was only handed out is in use from now on. Says whether this was so.

    In the transaction of the redemption, so a card is activated exactly when something was captured by it.
    """
    values = {"index": card_index, "at": world.now(), "channel": PRINTED_FIRST_USE}
    card_id = session.execute(_FIRST_USE, values).scalar_one_or_none()
    if card_id is None:
        return False
    after = {"index": card_index, "channel": PRINTED_FIRST_USE}
    audit.record(session, world, audit.Act("card.activate", "card", str(card_id), after=after))
    return True


# ---- pieces ----

_PRINTABLE = frozenset({CardState.ORDERED, CardState.PRODUCED, CardState.DELIVERED, CardState.ACTIVE})

_CHOSEN = text("""
    select c.id, c.number, c.person_id, c.union_id, c.state, c.valid_to, a.row
      from card c left join application a on a.id = c.application_id
     where (cast(:batch as uuid) is null or a.batch_id = :batch)
       and (cast(:numbers as text[]) is null or c.number = any(cast(:numbers as text[])))
       and c.union_id = any(:unions)
       and (not cast(:unprinted as boolean)
            or not exists (select from binding b where b.card_id = c.id and b.kind = 'printed' and b.state <> 'revoked'))
     order by c.id for no key update of c""")

_COUNTS = text("""
    select c.union_id, count(*) as cards, count(*) filter (where b.id is null) as unprinted
      from card c left join binding b on b.card_id = c.id and b.kind = 'printed' and b.state <> 'revoked'
     where c.union_id = any(:unions) and c.state = any(:states) and c.valid_to >= :today
     group by c.union_id""")

_RUNS = f"""
    select r.*, (select count(*) from binding b where b.print_run_id = r.id and b.state <> 'revoked') as live
      from print_run r where {membership.stored_under("r.path")}
     order by r.at desc, r.id desc limit 50"""  # noqa: S608 - the piece put in is ours

_LOCK_PRINTED = text("""
    select c.id from card c
     where c.union_id = any(:unions) and (cast(:numbers as text[]) is null or c.number = any(cast(:numbers as text[])))
       and exists (select from binding b
                    where b.card_id = c.id and b.kind = 'printed' and b.state <> 'revoked'
                      and (cast(:run as uuid) is null or b.print_run_id = :run))
     order by c.id for no key update of c""")

_VOID_SOME = text("""
    with gone as (
        update binding b set state = 'revoked', revoked_at = :at
          from card c
         where c.id = b.card_id and b.kind = 'printed' and b.state <> 'revoked' and c.union_id = any(:unions)
           and (cast(:numbers as text[]) is null or c.number = any(cast(:numbers as text[])))
           and (cast(:run as uuid) is null or b.print_run_id = :run)
        returning b.card_id, b.card_index
    ), counted as (
        update card c set events = c.events + 1 from gone where c.id = gone.card_id returning c.id, c.events, c.state
    ), noted as (
        insert into card_event (card_id, seq, at, action, from_state, to_state, channel, actor_id, words)
        select id, events, :at, 'void_print', state, state, 'office', :actor, :words from counted
    )
    select card_index from gone""")

_VOID = text("""
    update binding set state = 'revoked', revoked_at = :at
     where card_id = any(:ids) and kind = 'printed' and state <> 'revoked' returning card_index""")

_NOTE = text("""
    with noted as (
        update card c
           set state = case when c.state = 'ordered' then 'produced' else c.state end,
               produced_at = coalesce(c.produced_at, :at), events = c.events + 1
          from card before where c.id = any(:ids) and before.id = c.id
        returning c.id, c.events, before.state as from_state, c.state
    )
    insert into card_event (card_id, seq, at, action, from_state, to_state, channel, actor_id)
    select id, events, :at, case when from_state = 'ordered' then 'produce' else 'print' end, from_state, state,
           'office', :actor
      from noted""")

_BINDING_COLUMNS = {
    "id": "uuid",
    "card_id": "uuid",
    "kind": "text",
    "card_index": "int8",
    "state": "text",
    "bound_at": "timestamptz",
    "credential_expires_at": "timestamptz",
    "print_run_id": "uuid",
}


def _chosen(session: Session, command: PrintCards, unions: Collection[uuid.UUID]) -> Sequence[Row[Any]]:
    """The cards, locked in the order of their ids as everywhere, given in the order of the roster."""
    if sum(chosen is not None for chosen in (command.batch_id, command.numbers, command.path)) != 1:
        raise InvalidInput("nothing_chosen", "请选择要打印的批次或单位，或写明卡号。")
    if command.officer is not None:
        must_be_officer(command.officer)
    if command.batch_id is not None:
        batch_of(session, command.batch_id)
    numbers = None if command.numbers is None else [rules.typed_number(number) for number in command.numbers]
    given = {
        "batch": command.batch_id,
        "numbers": numbers,
        "unions": list(unions),
        "unprinted": command.only_unprinted,
    }
    rows = session.execute(_CHOSEN, given).all()
    missing = set(numbers or ()) - {row.number for row in rows}
    if missing:
        listed = "、".join(sorted(missing)[:10])
        raise InvalidInput("card_unknown", f"没有卡号 {listed}，或者不在您的管理范围内，请核对。")
    if not rows:
        raise Conflict("nothing_to_print", "您的管理范围内没有要打印的卡：还没有发卡，或者都已打印过。")
    if command.path is not None:
        # A district's stack is handed on by unit.
        place = {union_id: at for at, union_id in enumerate(unions)}
        return sorted(rows, key=lambda row: (place[row.union_id], row.row or 0, row.number))
    return sorted(rows, key=lambda row: (row.row or 0, row.number))


def _must_be_printable(rows: Sequence[Row[Any]], at: datetime, *, numbered: bool) -> None:
    """Of a batch what cannot be printed is left out; a card asked for by number is answered for."""
    if not numbered:
        return
    for row in rows:
        if row.state not in _PRINTABLE:
            words = rules.CARD_WORDS[CardState(row.state)]
            raise Conflict("illegal_transition", f"卡 {row.number} 现为“{words}”，不能打印。", {"number": row.number})
        if row.valid_to < day_of(at):
            raise Conflict("card_expired", f"卡 {row.number} 已过有效期，请先换发新卡。", {"number": row.number})


def _void_earlier_prints(session: Session, at: datetime, card_ids: Sequence[uuid.UUID]) -> list[int]:
    return list(session.scalars(_VOID, {"ids": list(card_ids), "at": at}))


def _must_be_run(session: Session, officer: Principal, run_id: uuid.UUID) -> None:
    run = session.get(PrintRun, run_id)
    if run is None or not in_scope(officer.scope_path, membership.places(session).now(run.path)):
        raise NotFound("print_run_unknown", "没有这次打印，或者不在您的管理范围内。")


def _signed(
    session: Session, world: World, rows: Sequence[Row[Any]], unions: Mapping[uuid.UUID, str], at: datetime,
    run_id: uuid.UUID,
) -> tuple[PrintedCard, ...]:  # fmt: skip
    """New indexes, bindings and signatures; the caller holds the cards' locks."""
    key = store.take_print_key(session, world, run_id)
    policy = store.policy_in_force(session)
    names = membership.names(session, {row.person_id for row in rows})
    cards, bindings = [], []
    for row, index in zip(rows, store.allocate_indexes(session, world, len(rows)), strict=True):
        last_second = end_of(row.valid_to) - timedelta(seconds=1)
        claims = signing.printed_claims(index, MEMBER_TIER, None, at, last_second, policy)
        expires_at = datetime.fromtimestamp(claims.expires_at, UTC)
        # The last whole day: a code that ends at noon is not promised for the afternoon.
        code_until = day_of(expires_at + timedelta(seconds=1)) - timedelta(days=1)
        text_of_code = signing.code_text(signing.sign_credential(key, claims))
        face = (row.id, row.number, names[row.person_id], unions[row.union_id], row.valid_to)
        cards.append(PrintedCard(*face, code_until, text_of_code))
        bindings.append(
            (world.new_id(), row.id, str(BindingKind.PRINTED), index, str(BindingState.LIVE), at, expires_at, run_id)
        )
    copy_rows(session, "binding", _BINDING_COLUMNS, bindings)
    return tuple(cards)
