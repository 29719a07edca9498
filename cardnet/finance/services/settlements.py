"""Settlements: what the union owes each merchant for a period, sealed, signed and posted."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func, insert, select, text
from sqlalchemy.orm import Session, undefer

from cardnet.benefits import services as benefits
from cardnet.benefits.services import SettlementFact
from cardnet.credential import store
from cardnet.credential.keys import KeyState, KeyUse
from cardnet.finance import statement
from cardnet.finance.models import Settlement, SettlementEvent, SettlementLine
from cardnet.finance.rules import (
    CarryReason,
    SettlementState,
    StatementLine,
    Totals,
    carry_reason,
    net_of,
    totals_of,
)
from cardnet.finance.services.days import refuse_unless_over
from cardnet.finance.services.held import held_back, one_at_a_time
from cardnet.kernel import audit
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.outbox import OutboxEvent
from cardnet.kernel.world import World
from cardnet.ledger import services as ledger
from cardnet.ledger.rules import Account, AccountCode, DayState, EntryKind, move
from cardnet.ledger.services import EntryDraft
from cardnet.merchants import services as merchants
from cardnet.merchants.services import MerchantView

_ORDER = {"capture": 0, "reversal": 1, "refund": 2}


@dataclass(frozen=True)
class Settle:
    """Seal the settlements whose cycle ends with `day`.

    `everyone`: those of every merchant with movements, whatever its cycle and however little it comes to.
    """

    day: date
    actor_id: uuid.UUID | None = None
    everyone: bool = False


@dataclass(frozen=True)
class SettlementView:
    """A settlement without its lines. Amounts in fen."""

    id: uuid.UUID
    number: str
    merchant_id: uuid.UUID
    merchant_code: str
    merchant_name: str
    first_on: date
    last_on: date
    state: SettlementState
    totals: Totals
    ledger_mark: int
    sha256: bytes
    kid: bytes
    sealed_at: datetime
    previous_id: uuid.UUID | None


@dataclass(frozen=True)
class CarriedOver:
    """A merchant with movements that got no settlement now, and why."""

    merchant_code: str
    merchant_name: str
    lines: int
    net_fen: int
    reason: CarryReason


_BEFORE_BOOKS = timedelta(days=31)
"""Days shortly before the first entry close empty, as quiet days do; an earlier one is a slip of the pen."""


@dataclass(frozen=True)
class SettleReceipt:
    """What `settle` did. `already` were sealed with this day before; asking twice seals nothing twice."""

    day: date
    sealed: tuple[SettlementView, ...]
    already: tuple[SettlementView, ...]
    carried: tuple[CarriedOver, ...]


def days_to_close(session: Session, world: World, day: date) -> list[date]:
    """Days up to `day` that must be closed before it can be settled, `day` itself among them; oldest first.

    Raises Conflict("day_not_over"), and Conflict("day_before_books") for one before anything was ever booked.
    """
    refuse_unless_over(world, day)
    first = ledger.first_day(session)
    if first is not None and day < first - _BEFORE_BOOKS and not _unsettled(session, day):
        raise Conflict(
            "day_before_books",
            f"{day} 还没有任何账目（最早的一笔在 {first}），没有可日结的，请核对日期。",
            {"day": day.isoformat(), "first_day": first.isoformat()},
        )
    days = {*ledger.days_not_closed(session, day), day}
    days |= {fact.business_date for facts in _unsettled(session, day).values() for fact in facts}
    return sorted(day for day in days if ledger.day_state(session, day) is not DayState.CLOSED)


def settle(session: Session, world: World, command: Settle) -> SettleReceipt:
    """Seal. Raises Conflict("day_not_over") and Conflict("day_not_closed"): close the days first."""
    refuse_unless_over(world, command.day)
    # Two people at once would both take the same movements; the second waits here and finds them taken.
    one_at_a_time(session)
    if open_days := days_to_close(session, world, command.day):
        raise Conflict(
            "day_not_closed",
            f"{open_days[0]} 还没有日结，请先日结再结算。",
            {"days": [day.isoformat() for day in open_days]},
        )
    partners = {merchant.id: merchant for merchant in merchants.merchants(session)}
    already = _views(session, Settlement.last_on == command.day)
    sealed, carried = [], []
    for merchant_id, facts in _unsettled(session, command.day).items():
        merchant = partners[merchant_id]
        lines = _lines(facts)
        totals = totals_of(lines)
        cycle = str(merchant.settlement_cycle)
        reason = carry_reason(cycle, command.day, totals.net_fen, everyone=command.everyone)
        if reason:
            carried.append(CarriedOver(merchant.code, merchant.name, totals.lines, totals.net_fen, reason))
        else:
            sealed.append(_seal(session, world, command, merchant, lines, totals))
    by_code = sorted(carried, key=lambda one: one.merchant_code)
    return SettleReceipt(command.day, tuple(sealed), already, tuple(by_code))


def _unsettled(session: Session, until: date) -> dict[uuid.UUID, list[SettlementFact]]:
    """Movements up to a day that no settlement has and nobody holds back, by merchant in the order of their codes.

    What was given back of a sale that is held back waits with it: taken off alone, the merchant would pay for both.
    A merchant settled up to that day or beyond is left out: what was released since goes into its next settlement,
    for a period cannot end before the one before it.
    """
    since = _starts(session, until)
    facts = benefits.settlement_facts_since(session, since, until)
    taken = _taken(session, [fact.redemption_id for fact in facts])
    waiting = held_back(session, {fact.original_redemption_id for fact in facts if fact.original_redemption_id})
    by_merchant: dict[uuid.UUID, list[SettlementFact]] = defaultdict(list)
    for fact in facts:
        if (fact.redemption_id, fact.type) not in taken and fact.original_redemption_id not in waiting:
            by_merchant[fact.merchant_id].append(fact)
    return {merchant_id: by_merchant[merchant_id] for merchant_id in since if merchant_id in by_merchant}


_RELEASED = text("""
    select h.merchant_id, min(h.business_date) from held_back h
     where h.released_at is not null
       and not exists (select from settlement_line l where l.redemption_id = h.redemption_id and l.type = h.type)
     group by h.merchant_id""")


def _starts(session: Session, until: date) -> dict[uuid.UUID, date]:
    """From which day on each merchant may have something to settle, in the order of their codes.

    The day after its last settlement, or its first day of all; earlier where something of before was released since.
    """
    last = select(Settlement.merchant_id, func.max(Settlement.last_on)).group_by(Settlement.merchant_id)
    settled_until: dict[uuid.UUID, date] = {row[0]: row[1] for row in session.execute(last)}
    partners = [merchant.id for merchant in merchants.merchants(session)]
    starts = benefits.first_sales(session, [one for one in partners if one not in settled_until])
    starts |= {one: day + timedelta(days=1) for one, day in settled_until.items() if day < until}
    for one, day in session.execute(_RELEASED):
        if one in starts:
            starts[one] = min(starts[one], day)
    return {one: starts[one] for one in partners if one in starts}


def _taken(session: Session, ids: Sequence[uuid.UUID]) -> set[tuple[uuid.UUID, str]]:
    """Which of these are on a settlement or held back."""
    rows = session.execute(
        text("""
            select redemption_id, type from settlement_line where redemption_id = any(:ids)
            union all
            select redemption_id, type from held_back where redemption_id = any(:ids) and released_at is null"""),
        {"ids": list(ids)},
    )
    return {(row[0], row[1]) for row in rows}


def _lines(facts: Iterable[SettlementFact]) -> list[StatementLine]:
    ordered = sorted(
        facts, key=lambda fact: (fact.business_date, fact.occurred_at, _ORDER[fact.type], fact.redemption_id)
    )
    return [
        StatementLine(
            line_no=number,
            redemption_id=fact.redemption_id,
            merchant_ref=fact.merchant_ref,
            store=fact.store_code,
            terminal=fact.terminal_code,
            type=str(fact.type),
            business_date=fact.business_date,
            occurred_at=local(fact.occurred_at).isoformat(timespec="milliseconds"),
            gross_fen=abs(fact.gross_fen),
            discount_fen=abs(fact.discount_fen),
            union_fen=abs(fact.union_fen),
            net_fen=net_of(str(fact.type), abs(fact.union_fen)),
            original_redemption_id=fact.original_redemption_id,
        )
        for number, fact in enumerate(ordered, 1)
    ]


def _seal(
    session: Session,
    world: World,
    command: Settle,
    merchant: MerchantView,
    lines: Sequence[StatementLine],
    totals: Totals,
) -> SettlementView:
    at, settlement_id = world.now(), world.new_id()
    previous = session.execute(
        select(Settlement.id, Settlement.number, Settlement.last_on, Settlement.document_sha256)
        .where(Settlement.merchant_id == merchant.id)
        .order_by(Settlement.last_on.desc())
        .limit(1)
    ).one_or_none()
    # A period begins where the last one ended, so that a merchant's statements leave no day out.
    first_on = previous.last_on + timedelta(days=1) if previous else min(line.business_date for line in lines)
    key = store.signing_key(session, world, KeyUse.SETTLEMENT)
    header = statement.Header(
        number=f"JS-{merchant.code}-{command.day:%Y%m%d}",
        merchant_code=merchant.code,
        merchant_name=merchant.name,
        first_on=first_on,
        last_on=command.day,
        sealed_at=at,
        ledger_mark=ledger.newest_writer(session),
        previous_number=previous.number if previous else None,
        previous_sha256=bytes(previous.document_sha256) if previous else None,
        kid=key.issuer.kid,
    )
    document = statement.document(header, totals, lines)
    row = {
        "id": settlement_id,
        "number": header.number,
        "merchant_id": merchant.id,
        "first_on": first_on,
        "last_on": command.day,
        "state": SettlementState.SEALED.value,
        **asdict(totals),
        "ledger_mark": header.ledger_mark,
        "previous_id": previous.id if previous else None,
        "entry_id": _post(session, world, command, merchant, settlement_id, totals.net_fen),
        "document": document,
        "document_sha256": statement.digest(document),
        "signature": statement.sign(document, key.private),
        "key_id": key.issuer.kid,
        "sealed_at": at,
        "sealed_by": command.actor_id,
    }
    session.execute(insert(Settlement).values(row))
    session.execute(
        insert(SettlementLine),
        [
            {**asdict(line), "settlement_id": settlement_id, "occurred_at": datetime.fromisoformat(line.occurred_at)}
            for line in lines
        ],
    )
    reached(session, world, settlement_id, merchant.id, SettlementState.SEALED, command.actor_id, totals.net_fen)
    return _views(session, Settlement.id == settlement_id)[0]


def _post(
    session: Session, world: World, command: Settle, merchant: MerchantView, settlement_id: uuid.UUID, net_fen: int
) -> uuid.UUID | None:
    """Dr 2001 / Cr 2002 of what is owed; a settlement of nothing (the merchant bore it all) moves nothing."""
    if not net_fen:
        return None
    payable = Account(AccountCode.MERCHANT_PAYABLE, owner_id=merchant.id)
    in_settlement = Account(AccountCode.MERCHANT_IN_SETTLEMENT, owner_id=merchant.id)
    lines = move(payable, in_settlement, net_fen)
    draft = EntryDraft(EntryKind.SETTLEMENT, "settlement", settlement_id, lines, maker_id=command.actor_id)
    return ledger.post(session, world, draft)[0]


def reached(
    session: Session,
    world: World,
    settlement_id: uuid.UUID,
    merchant_id: uuid.UUID,
    state: SettlementState,
    actor_id: uuid.UUID | None,
    net_fen: int,
) -> None:
    """Note that a settlement has come to a state: its own trail, the outbox and the audit trail."""
    at = world.now()
    event = {"settlement_id": settlement_id, "state": state.value, "at": at, "actor_id": actor_id}
    session.execute(insert(SettlementEvent).values(id=world.new_id(), **event))
    session.execute(
        insert(OutboxEvent).values(
            id=world.new_id(),
            kind=f"settlement.{state}",
            subject_id=settlement_id,
            merchant_id=merchant_id,
            payload={"settlement_id": str(settlement_id), "state": state.value},
            created_at=at,
        )
    )
    after = {"state": state.value, "net_fen": net_fen}
    act = audit.Act(f"settlement.{state}", "settlement", str(settlement_id), actor_id=actor_id, after=after)
    audit.record(session, world, act)


# -- reading


def settlements(
    session: Session, merchant_id: uuid.UUID | None = None, limit: int = 500, after: uuid.UUID | None = None
) -> tuple[SettlementView, ...]:
    """The newest settlements first; of one merchant when named. `after`: those that come after this one in that order."""
    conditions: list[ColumnElement[bool]] = [Settlement.merchant_id == merchant_id] if merchant_id else []
    if after is not None:
        last = select(Settlement.last_on, Settlement.number).where(Settlement.id == after).subquery()
        earlier = Settlement.last_on < select(last.c.last_on).scalar_subquery()
        same_day = Settlement.last_on == select(last.c.last_on).scalar_subquery()
        conditions.append(earlier | same_day & (Settlement.number > select(last.c.number).scalar_subquery()))
    return _views(session, *conditions, limit=limit)


def settlement(session: Session, settlement_id: uuid.UUID, merchant_id: uuid.UUID | None = None) -> SettlementView:
    """One settlement; `merchant_id` keeps a merchant to its own. Raises NotFound("not_found")."""
    conditions = [Settlement.id == settlement_id]
    if merchant_id:
        conditions.append(Settlement.merchant_id == merchant_id)
    if found := _views(session, *conditions):
        return found[0]
    raise NotFound("not_found", "没有这张结算单，请返回列表重新选择。")


def settlement_of_number(session: Session, number: str) -> SettlementView:
    """One settlement by the number people write. Raises NotFound("not_found")."""
    if found := _views(session, Settlement.number == number):
        return found[0]
    raise NotFound("not_found", f"没有编号为 {number} 的结算单，请核对。")


def settlement_lines(session: Session, settlement_id: uuid.UUID, limit: int, after: int = 0) -> list[StatementLine]:
    """The lines of a settlement behind number `after`, in order; they are numbered from 1 without a gap."""
    rows = session.scalars(
        select(SettlementLine)
        .where(SettlementLine.settlement_id == settlement_id, SettlementLine.line_no > after)
        .order_by(SettlementLine.line_no)
        .limit(limit)
    )
    names = StatementLine.__dataclass_fields__
    return [
        StatementLine(
            **{name: getattr(row, name) for name in names if name != "occurred_at"},
            occurred_at=local(row.occurred_at).isoformat(timespec="milliseconds"),
        )
        for row in rows
    ]


def given_in_settlement(session: Session, settlement_id: uuid.UUID) -> int:
    """What members did not pay at the sales a settlement pays, in fen; what was taken back is not taken off."""
    captures = select(SettlementLine.redemption_id).where(
        SettlementLine.settlement_id == settlement_id, SettlementLine.type == "capture"
    )
    return benefits.captured_in_all(session, captures)


def settlement_json(session: Session, settlement_id: uuid.UUID) -> bytes:
    """The signed statement as it is downloaded. Raises NotFound("not_found")."""
    row = _row(session, settlement_id)
    return statement.as_json(row.document, row.signature)


def settlement_csv(session: Session, settlement_id: uuid.UUID) -> bytes:
    """The same lines for a spreadsheet. Raises NotFound("not_found")."""
    return statement.as_csv(_row(session, settlement_id).document)


def verify_settlement(session: Session, world: World, download: bytes) -> list[str]:
    """What is wrong with a statement somebody shows us (`statement.faults`); an empty list: ours and unchanged."""
    return statement.faults(download, _public_keys(session, world))


def seal_faults(session: Session, world: World, settlement_id: uuid.UUID) -> list[str]:
    """The same of the document we hold ourselves, without reading its lines. Raises NotFound("not_found")."""
    row = _row(session, settlement_id)
    public = _public_keys(session, world)(row.key_id)
    return statement.seal_faults(row.document, row.document_sha256.hex(), row.signature, public)


def _public_keys(session: Session, world: World) -> Callable[[bytes], bytes | None]:
    keys = store.trust_pack(session, world.now()).keys

    def public_key_of(kid: bytes) -> bytes | None:
        key = keys.get(kid)
        return key.public if key and key.use is KeyUse.SETTLEMENT and key.state is KeyState.ACTIVE else None

    return public_key_of


def _row(session: Session, settlement_id: uuid.UUID) -> Settlement:
    statement_ = select(Settlement).where(Settlement.id == settlement_id).options(undefer(Settlement.document))
    row = session.scalar(statement_.execution_options(populate_existing=True))
    if row is None:
        raise NotFound("not_found", "没有这张结算单，请返回列表重新选择。")
    return row


def _views(session: Session, *conditions: object, limit: int = 5_000) -> tuple[SettlementView, ...]:
    rows = session.scalars(
        select(Settlement)
        .where(*conditions)  # type: ignore[arg-type]
        .order_by(Settlement.last_on.desc(), Settlement.number)
        .limit(limit)
        .execution_options(populate_existing=True)
    ).all()
    partners = {merchant.id: merchant for merchant in merchants.merchants(session)}
    return tuple(
        SettlementView(
            row.id,
            row.number,
            row.merchant_id,
            partners[row.merchant_id].code,
            partners[row.merchant_id].name,
            row.first_on,
            row.last_on,
            SettlementState(row.state),
            Totals(**{name: getattr(row, name) for name in Totals.__dataclass_fields__}),
            row.ledger_mark,
            row.document_sha256,
            row.key_id,
            row.sealed_at,
            row.previous_id,
        )
        for row in rows
    )
