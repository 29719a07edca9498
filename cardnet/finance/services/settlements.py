"""Settlements: what the union owes each merchant for a period, sealed, signed and posted."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session, undefer

from cardnet.benefits import services as benefits
from cardnet.benefits.services import SettlementFact
from cardnet.credential import store
from cardnet.credential.keys import KeyState, KeyUse
from cardnet.finance import statement
from cardnet.finance.models import HeldBack, Settlement, SettlementEvent, SettlementLine
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

_BEFORE_ALL = date(2000, 1, 1)
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


@dataclass(frozen=True)
class SettleReceipt:
    """What `settle` did. `already` were sealed with this day before; asking twice seals nothing twice."""

    day: date
    sealed: tuple[SettlementView, ...]
    already: tuple[SettlementView, ...]
    carried: tuple[CarriedOver, ...]


def days_to_close(session: Session, world: World, day: date) -> list[date]:
    """Days up to `day` that must be closed before it can be settled, `day` itself among them; oldest first.

    Raises Conflict("day_not_over").
    """
    refuse_unless_over(world, day)
    days = {*ledger.days_not_closed(session, day), day}
    days |= {fact.business_date for facts in _unsettled(session, day).values() for fact in facts}
    return sorted(day for day in days if ledger.day_state(session, day) is not DayState.CLOSED)


def settle(session: Session, world: World, command: Settle) -> SettleReceipt:
    """Seal. Raises Conflict("day_not_over") and Conflict("day_not_closed"): close the days first."""
    refuse_unless_over(world, command.day)
    # Two people at once would both take the same movements; the second waits here and finds them taken.
    session.execute(text("select pg_advisory_xact_lock(hashtext('cardnet.settlement'))"))
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

    A merchant settled up to that day or beyond is left out: what was released since goes into its next settlement,
    for a period cannot end before the one before it.
    """
    last = select(Settlement.merchant_id, func.max(Settlement.last_on)).group_by(Settlement.merchant_id)
    settled_until: dict[uuid.UUID, date] = {row[0]: row[1] for row in session.execute(last)}
    partners = merchants.merchants(session)
    starts = [settled_until.get(merchant.id, _BEFORE_ALL) + timedelta(days=1) for merchant in partners]
    if released := session.scalar(select(func.min(HeldBack.business_date)).where(HeldBack.released_at.is_not(None))):
        starts.append(released)
    facts = benefits.settlement_facts(session, None, min(starts, default=until), until)
    taken = _taken(session, [fact.redemption_id for fact in facts])
    by_merchant: dict[uuid.UUID, list[SettlementFact]] = defaultdict(list)
    for fact in facts:
        if (fact.redemption_id, fact.type) not in taken:
            by_merchant[fact.merchant_id].append(fact)
    open_ones = [merchant.id for merchant in partners if settled_until.get(merchant.id, _BEFORE_ALL) < until]
    return {merchant_id: by_merchant[merchant_id] for merchant_id in open_ones if merchant_id in by_merchant}


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
    _reached(session, world, settlement_id, merchant.id, SettlementState.SEALED, command.actor_id, totals.net_fen)
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


def _reached(
    session: Session,
    world: World,
    settlement_id: uuid.UUID,
    merchant_id: uuid.UUID,
    state: SettlementState,
    actor_id: uuid.UUID | None,
    net_fen: int,
) -> None:
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


def settlements(session: Session, merchant_id: uuid.UUID | None = None, limit: int = 500) -> tuple[SettlementView, ...]:
    """The newest settlements first; of one merchant when named."""
    conditions = [Settlement.merchant_id == merchant_id] if merchant_id else []
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


def settlement_lines(session: Session, settlement_id: uuid.UUID, limit: int, offset: int = 0) -> list[StatementLine]:
    """Some lines of a settlement, in order."""
    rows = session.scalars(
        select(SettlementLine)
        .where(SettlementLine.settlement_id == settlement_id)
        .order_by(SettlementLine.line_no)
        .limit(limit)
        .offset(offset)
    )
    names = StatementLine.__dataclass_fields__
    return [
        StatementLine(
            **{name: getattr(row, name) for name in names if name != "occurred_at"},
            occurred_at=local(row.occurred_at).isoformat(timespec="milliseconds"),
        )
        for row in rows
    ]


def settlement_json(session: Session, settlement_id: uuid.UUID) -> bytes:
    """The signed statement as it is downloaded. Raises NotFound("not_found")."""
    row = _row(session, settlement_id)
    return statement.as_json(row.document, row.signature)


def settlement_csv(session: Session, settlement_id: uuid.UUID) -> bytes:
    """The same lines for a spreadsheet. Raises NotFound("not_found")."""
    return statement.as_csv(_row(session, settlement_id).document)


def verify_settlement(session: Session, world: World, download: bytes) -> list[str]:
    """What is wrong with a statement somebody shows us (`statement.faults`); an empty list: ours and unchanged."""
    keys = store.trust_pack(session, world.now()).keys

    def public_key_of(kid: bytes) -> bytes | None:
        key = keys.get(kid)
        return key.public if key and key.use is KeyUse.SETTLEMENT and key.state is KeyState.ACTIVE else None

    return statement.faults(download, public_key_of)


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
