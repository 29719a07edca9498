"""Autumn 2026: what members bought and where, until 20 November.

Every code is drawn by a phone or stands on a printed card, and is judged like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from cardnet.access.services import principal_of_username
from cardnet.benefits import services as benefits
from cardnet.benefits.services import Purchase, Redeem, RedemptionRecord
from cardnet.credential.store import ensure_keys, trust_pack
from cardnet.credential.verify import VerifyContext, verify
from cardnet.demo.issuing import Holder
from cardnet.demo.partners import BAIHE, CINEMA, NOODLES, PHARMACY, SANATORIUM, Partner, venue
from cardnet.demo.stage import Step, step, world_at
from cardnet.finance import services as finance
from cardnet.finance.rules import HoldReason, net_of
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import local
from cardnet.merchants import services as merchants
from cardnet.merchants.services import NewTerminal

USERS = 83
"""Phones that were ever used; 周桂林's printed card makes it 84."""
_NIGHT = (time(21, 40), time(22, 20))
"""百禾's till closes at half past nine."""


@dataclass(frozen=True)
class Sale:
    """One purchase of the story; `after` is how many seconds later the code is scanned."""

    moment: str
    partner: Partner
    holder: Holder
    amount_fen: int
    service: str | None = None
    ref: str = ""
    after: int = 2


def mint_keys() -> None:
    """The issuer's keys, month by month, as the worker makes them."""
    for month in range(3, 12):
        with step(f"2026-{month:02d}-01 00:30") as at:
            ensure_keys(at.session, at.world)


def autumn(holders: Sequence[Holder]) -> list[Sale]:
    """Every sale in the order of time."""
    users = [holder for holder in holders if holder.phone][:USERS]
    sales = [*_health_checks(users), *_groceries(users), *_small_pleasures(users), *_on_paper(holders)]
    return sorted(sales, key=lambda sale: sale.moment)


def _on_paper(holders: Sequence[Holder]) -> list[Sale]:
    """周桂林 has her health checked; the next night somebody shows her card at 百禾, where she says she never was."""
    (holder,) = (one for one in holders if one.printed)
    return [
        Sale("2026-11-17 09:35", SANATORIUM, holder, 38_000, "health_check", "TJ-0063"),
        Sale("2026-11-18 22:14", BAIHE, holder, 10_000, None, "BH-2009"),
    ]


def _health_checks(users: Sequence[Holder]) -> list[Sale]:
    """62 by phone: 12 in September, 21 in October, 29 in November; prices from 180 to 580 yuan."""
    days = [*_days("2026-09-07", 12, 2), *_days("2026-10-09", 21, 1), *_days("2026-11-02", 29, 0.6)]
    return [
        Sale(
            f"{day} {8 + n % 4:02d}:{n * 11 % 60:02d}",
            SANATORIUM,
            users[n],
            18_000 + n * 7 % 5 * 10_000,
            "health_check",
            f"TJ-{n + 1:04d}",
        )
        for n, day in enumerate(days)
    ]


def _groceries(users: Sequence[Holder]) -> list[Sale]:
    """百禾: 48 baskets in October; on 18 November eight after closing time, all of exactly 100.00 (`_on_paper` has the ninth)."""
    october = [
        Sale(
            f"{day} {9 + n % 11:02d}:{n * 13 % 60:02d}",
            BAIHE,
            users[35 + n],
            10_150 + n * 977 % 18_000,
            None,
            f"BH-{1001 + n}",
        )
        for n, day in enumerate(_days("2026-10-01", 48, 0.64))
    ]
    night = [
        Sale(
            f"2026-11-18 {21 + (40 + n * 5) // 60:02d}:{(40 + n * 5) % 60:02d}",
            BAIHE,
            users[50 + n],
            10_000,
            None,
            f"BH-{2001 + n}",
        )
        for n in range(8)
    ]
    return [*october, *night]


def _small_pleasures(users: Sequence[Holder]) -> list[Sale]:
    """Noodles, medicine, the cinema."""
    noodles = [
        Sale(
            f"{day} 12:{n * 7 % 60:02d}",
            NOODLES,
            users[n * 5 % USERS],
            2_300 + n * 311 % 4_000,
            None,
            f"MG-{n + 1:03d}",
        )
        for n, day in enumerate(_days("2026-10-12", 24, 1.5))
    ]
    medicine = [
        Sale(
            f"{day} 17:{n * 9 % 60:02d}",
            PHARMACY,
            users[n * 7 % USERS],
            3_980 + n * 517 % 9_000,
            None,
            f"YF-{n + 1:03d}",
        )
        for n, day in enumerate(_days("2026-10-15", 16, 2.1))
    ]
    films = [
        Sale(f"{day} 19:{n * 5 % 60:02d}", CINEMA, users[n * 3 % USERS], 4_500, "movie_ticket", f"YC-{n + 1:03d}")
        for n, day in enumerate(_days("2026-10-17", 14, 2.3))
    ]
    return [*noodles, *medicine, *films]


def _days(first: str, count: int, pace: float) -> list[date]:
    return [date.fromisoformat(first) + timedelta(days=int(n * pace)) for n in range(count)]


def forwarded_screenshot(holders: Sequence[Holder]) -> Sale:
    """A code that travelled by chat: scanned forty seconds after it was drawn."""
    holder = [holder for holder in holders if holder.phone][70]
    return Sale("2026-11-17 10:20", SANATORIUM, holder, 38_000, "health_check", "TJ-0099", after=40)


def sell(sale: Sale, tills: dict[str, NewTerminal]) -> RedemptionRecord:
    """Draw the code on the member's phone, or take the printed one with the last four; scan it at the till, redeem."""
    later = datetime.fromisoformat(sale.moment) + timedelta(seconds=sale.after)
    if sale.holder.printed:
        text, last4 = sale.holder.printed.code_text, sale.holder.member.id_number[-4:]
    else:
        text, last4 = drawn_at(sale.holder, sale.moment), None
    with step(later.isoformat(sep=" "), sale.ref) as at:
        context = VerifyContext(audiences=frozenset({sale.partner.code}))
        judged = verify(text, trust_pack(at.session, at.world.now()), None, at.world.now(), context)
        command = Redeem(
            venue(at, tills[sale.partner.code]),
            text,
            judged,
            Purchase(sale.amount_fen, sale.service),
            sale.ref,
            id_last4=last4,
        )
        return benefits.redeem(at.session, at.world, command)


def drawn_at(holder: Holder, moment: str) -> str:
    """The code the member's phone shows at a moment, its credential renewed first."""
    if holder.phone is None:
        raise ValueError(f"{holder.number} has no phone")
    with step(moment, f"renew {holder.number}") as at:
        command = issuance.RenewCredential(holder.person_id, holder.phone.public)
        credential = issuance.renew_credential(at.session, at.world, command).credential
    return holder.phone.code(credential, world_at(moment, holder.number))


def hold_back_the_night(at: Step) -> None:
    """The checker keeps the nine sales of 18 November, 21:40 to 22:20, out of settlement until 百禾 has explained them."""
    checker = principal_of_username(at.session, "fuhe").account_id
    night = date(2026, 11, 18)
    merchant = merchants.merchant_of_code(at.session, BAIHE.code)
    facts = benefits.settlement_facts(at.session, merchant.id, night, night)
    for fact in facts:
        if not _NIGHT[0] <= local(fact.occurred_at).time() <= _NIGHT[1]:
            continue
        denied = fact.merchant_ref == "BH-2009"
        hold = finance.HoldBack(
            merchant.id,
            fact.redemption_id,
            fact.type,
            fact.business_date,
            net_of(fact.type, fact.union_fen),
            HoldReason.MEMBER_DENIES if denied else HoldReason.FRAUD_FLAG,
            "会员答复“不是我”，请提供小票和监控。" if denied else "闭店后连续九笔正好 100.00 元，请说明并提供小票。",
            checker,
        )
        finance.hold_back(at.session, at.world, hold)


def baihe_file(facts: Sequence[benefits.SettlementFact]) -> bytes:
    """百禾's own October list, as its cash desk exports it: the 20th sale is missing, the 31st stands with 7.00."""
    rows = ["交易流水号,交易日期,类型,工会承担金额(元)"]
    for number, fact in enumerate(facts, 1):
        if number == 20:
            continue
        fen = 700 if number == 31 else fact.union_fen
        rows.append(f"{fact.merchant_ref},{fact.business_date},消费,{fen // 100}.{fen % 100:02d}")
    return ("\r\n".join(rows) + "\r\n").encode("gb18030")
