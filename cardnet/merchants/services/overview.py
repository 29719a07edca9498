"""Partners in a list: how each stands, how long its agreement lasts, what waits for somebody."""

import uuid
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Subquery, func, or_, select
from sqlalchemy.orm import Session

from cardnet.kernel.calendar import day_of
from cardnet.kernel.world import World
from cardnet.merchants.models import Agreement, Merchant, SettlementAccount, Store, Terminal
from cardnet.merchants.partnership import EXPIRES_SOON_DAYS, AccountState
from cardnet.merchants.rules import MerchantState, TerminalState
from cardnet.merchants.services.townships import stands_in


@dataclass(frozen=True)
class MerchantQuery:
    """Which merchants: by state, by words of code, name or credit code, or those whose agreement `ends_soon`.

    `township`: with an open store in the town or street of this union code.
    """

    words: str = ""
    state: MerchantState | None = None
    ends_soon: bool = False
    township: str = ""


@dataclass(frozen=True)
class MerchantLine:
    """One merchant of the list. `agreed_until` is the last day of all its agreements; null without end or agreement."""

    id: uuid.UUID
    code: str
    name: str
    category: str
    state: MerchantState
    stores: int
    terminals: int
    agreed: bool
    agreed_until: date | None
    ends_soon: bool
    over: bool
    has_account: bool
    account_waiting: bool


@dataclass(frozen=True)
class EndingAgreements:
    """How many merchants that work with the union have an agreement ending `soon`, and one that is `over`."""

    soon: int
    over: int


def ending_agreements(session: Session, world: World) -> EndingAgreements:
    """What somebody must renew or end: by the last day of all agreements of a merchant."""
    today = day_of(world.now())
    ends = _ends()
    alive = Merchant.state.in_((MerchantState.ACTIVE, MerchantState.SUSPENDED))
    over = func.count().filter(ends.c.until_on < today)
    soon = func.count().filter(ends.c.until_on.between(today, today + timedelta(days=EXPIRES_SOON_DAYS)))
    row = session.execute(
        select(soon, over).select_from(Merchant).join(ends, ends.c.merchant_id == Merchant.id).where(alive)
    ).one()
    return EndingAgreements(*row)


def _ends() -> Subquery:
    last = func.max(func.coalesce(Agreement.until_on, date.max)).label("until_on")
    return select(Agreement.merchant_id, last).group_by(Agreement.merchant_id).subquery()


def merchant_lines(
    session: Session, world: World, query: MerchantQuery, limit: int, offset: int
) -> tuple[list[MerchantLine], int]:
    """One page of merchants by code, and how many there are."""
    today = day_of(world.now())
    soon = today + timedelta(days=EXPIRES_SOON_DAYS)
    ends = _ends()
    wanted: list[ColumnElement[bool]] = []
    if query.words:
        columns = (Merchant.code, Merchant.name, Merchant.credit_code)
        wanted.append(or_(*(column.icontains(query.words, autoescape=True) for column in columns)))
    if query.state is not None:
        wanted.append(Merchant.state == query.state)
    if query.ends_soon:
        wanted += [ends.c.until_on <= soon, Merchant.state.in_((MerchantState.ACTIVE, MerchantState.SUSPENDED))]
    if query.township:
        here = (Store.merchant_id == Merchant.id, Store.closed_on.is_(None), stands_in(session, query.township))
        wanted.append(select(Store.id).where(*here).exists())
    joined = Merchant.__table__.outerjoin(ends, ends.c.merchant_id == Merchant.id)
    total = session.scalar(select(func.count()).select_from(joined).where(*wanted)) or 0
    stores = select(func.count()).where(Store.merchant_id == Merchant.id, Store.closed_on.is_(None))
    terminals = select(func.count()).where(Terminal.merchant_id == Merchant.id, Terminal.state != TerminalState.RETIRED)
    accounts = select(func.count()).where(SettlementAccount.merchant_id == Merchant.id)
    page = (
        select(
            Merchant.id,
            Merchant.code,
            Merchant.name,
            Merchant.category,
            Merchant.state,
            stores.scalar_subquery(),
            terminals.scalar_subquery(),
            ends.c.until_on,
            accounts.where(SettlementAccount.state == AccountState.APPROVED).scalar_subquery(),
            accounts.where(SettlementAccount.state == AccountState.PROPOSED).scalar_subquery(),
        )
        .select_from(joined)
        .where(*wanted)
        .order_by(Merchant.code)
        .limit(limit)
        .offset(offset)
    )

    lines = []
    for id_, code, name, category, state, n_stores, n_terminals, until, approved, proposed in session.execute(page):
        alive = MerchantState(state) in (MerchantState.ACTIVE, MerchantState.SUSPENDED)
        lines.append(
            MerchantLine(
                id_,
                code,
                name,
                category,
                MerchantState(state),
                n_stores,
                n_terminals,
                until is not None,
                None if until in (None, date.max) else until,
                alive and until is not None and today <= until <= soon,
                alive and until is not None and until < today,
                approved > 0,
                proposed > 0,
            )
        )
    return lines, total
