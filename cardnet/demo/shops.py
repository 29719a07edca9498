"""What the union has on file of its five partners: agreements with their signed copies, hours, people, accounts, sign-ins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cardnet.access.rules import Role
from cardnet.access.services import CreateAccount, create_accounts, principal_of_username
from cardnet.demo import officers
from cardnet.demo.papers import Paper, scanned
from cardnet.demo.partners import BAIHE, CINEMA, NOODLES, PARTNERS, PHARMACY, SANATORIUM, Partner
from cardnet.demo.stage import Step, step
from cardnet.membership import services as membership
from cardnet.merchants import services as merchants
from cardnet.merchants.partnership import ContactKind
from cardnet.merchants.rules import MerchantState
from cardnet.merchants.services import NewTerminal


@dataclass(frozen=True)
class Shop:
    """One partner's papers. `hours` are days and opens–closes; `account` is holder, number, bank."""

    partner: Partner
    credit_code: str
    township: str
    address: str
    phone: str
    hours: tuple[tuple[str, str, str], ...]
    manager: str
    username: str
    owner: str
    account: tuple[str, str, str]


_BANK = "上海农商银行"
SHOPS = (
    Shop(SANATORIUM, "12319900MB2BAHE02T", "YJ-01", "方塔北路 388 号 2 号楼", "021-67801001", (("12345", "07:30", "16:30"), ("6", "07:30", "11:30")),
         "郑慧", "tijian", "郑慧", ("云间工人疗养院", "6229000012340018", f"{_BANK}云间支行")),
    Shop(BAIHE, "91319900MA4KNYF025", "YJ-01", "谷阳路 128 号", "021-67801002", (("1234567", "08:00", "21:30"),),
         "许国平", "baihe", "许国平", ("云间百禾超市有限公司", "6229000012340026", f"{_BANK}永泽支行")),
    Shop(NOODLES, "92319900MA5YYYC02H", "YJ-10", "人民南路 16 号", "021-67801003", (("123456", "06:30", "20:00"), ("7", "06:30", "14:00")),
         "蔡阿四", "zuibai", "蔡阿四", ("蔡阿四", "6229000012340034", f"{_BANK}人民路支行")),
    Shop(PHARMACY, "91319900MA6TTTB02Y", "YJ-01", "方塔北路 21 号", "021-67801004", (("1234567", "08:30", "21:00"),),
         "施药师", "kangning", "罗静", ("云间康宁药房有限公司", "6229000012340042", f"{_BANK}方塔支行")),
    Shop(CINEMA, "91319900MA7RRRA02X", "YJ-10", "云间广场 5 楼", "021-67801005", (("1234567", "09:30", "01:00"),),
         "冯小满", "yunying", "冯小满", ("云间云影影院管理有限公司", "6229000012340059", f"{_BANK}云间广场支行")),
)  # fmt: skip


def take_on(at: Step) -> dict[str, NewTerminal]:
    """Each partner as a draft with its store, contacts and till; returns each one's till by merchant code."""
    tills = {}
    for shop in SHOPS:
        partner = shop.partner
        draft = merchants.MakeMerchant(
            partner.code, partner.name, partner.category, shop.credit_code, state=MerchantState.DRAFT
        )
        one = merchants.make_merchant(at.session, at.world, draft)
        hours = {day: (opens, closes) for days, opens, closes in shop.hours for day in days}
        store = merchants.make_store(
            at.session,
            at.world,
            merchants.MakeStore(
                one.id,
                f"{partner.code}-01",
                partner.store,
                shop.address,
                phone=shop.phone,
                hours=hours,
                township=shop.township,
            ),
        )
        for number, (kind, name) in enumerate(((ContactKind.OWNER, shop.owner), (ContactKind.DAILY, shop.manager))):
            contact = merchants.SetContact(one.id, kind, name, f"1990{one.code[1:]}{number:03d}")
            merchants.set_contact(at.session, at.world, contact)
        tills[partner.code] = merchants.make_terminal(
            at.session, at.world, merchants.MakeTerminal(store.id, f"{partner.code}-T1", "收银台 1")
        )
    return tills


def open_shops() -> None:
    """Agreements are entered with their copies, shops opened, accounts checked by a second person, managers let in."""
    with step("2026-04-02 16:30", "open shops") as at:
        officer = principal_of_username(at.session, "zhongxin")
        for shop in SHOPS:
            one = merchants.merchant_of_code(at.session, shop.partner.code)
            number = f"云工合〔2026〕{one.code[-1]}号"
            # 影城 signed a day late: the auditor of the story finds it.
            signed_on = date(2026, 4, 2) if shop.partner is CINEMA else date(2026, 4, 1)
            agreement = merchants.SignAgreement(
                one.id, number, signed_on, date(2026, 4, 1), date(2027, 3, 31), officer.account_id
            )
            signed = merchants.sign_agreement(at.session, at.world, agreement)
            copy = merchants.UploadSignedCopy(signed.id, _paper(shop, number, signed_on), officer.account_id)
            merchants.upload_signed_copy(at.session, at.world, copy)
            opened = merchants.SetMerchantState(one.id, MerchantState.ACTIVE, "协议已签，资料齐全", officer.account_id)
            merchants.set_merchant_state(at.session, at.world, opened)
        _let_managers_in(at)
    proposed = []
    with step("2026-04-03 10:00", "accounts") as at:
        maker = principal_of_username(at.session, "jingban")
        for shop in SHOPS:
            one = merchants.merchant_of_code(at.session, shop.partner.code)
            holder, number, bank = shop.account
            command = merchants.ProposeAccount(one.id, holder, number, bank, "开户许可证复印件", maker.account_id)
            proposed.append(merchants.propose_account(at.session, at.world, command))
    with step("2026-04-03 15:20", "accounts checked") as at:
        checker = principal_of_username(at.session, "fuhe")
        for account in proposed:
            words = "与开户许可证一致，已电话回访"
            decided = merchants.DecideAccount(account.id, approve=True, words=words, actor_id=checker.account_id)
            merchants.decide_account(at.session, at.world, decided)


def synchronise(tills: Mapping[str, NewTerminal]) -> None:
    """The tills fetched pack and list on Friday night; 影城's has been off since Wednesday."""
    for moment, codes in (("2026-11-18 22:40", {CINEMA.code}), ("2026-11-20 21:50", {*tills} - {CINEMA.code})):
        with step(moment, "sync") as at:
            for code in sorted(codes):
                merchants.note_sync(at.session, at.world, tills[code].terminal_id)


def sign_ins() -> list[dict[str, Any]]:
    """The managers, as `demo-data` lists accounts; `merchant` says whose."""
    return [
        {
            "username": shop.username,
            "password": officers.PASSWORD,
            "totp_secret": officers.totp_secret(shop.username),
            "roles": [Role.MERCHANT_MANAGER.value],
            "union": "YJ",
            "merchant": shop.partner.code,
        }
        for shop in SHOPS
    ]


def manager_of(code: str) -> str:
    """The username of a merchant's manager."""
    return next(shop.username for shop in SHOPS if shop.partner.code == code)


def _let_managers_in(at: Step) -> None:
    district = membership.union_of_code(at.session, "YJ")
    accounts = []
    for shop in SHOPS:
        one = merchants.merchant_of_code(at.session, shop.partner.code)
        accounts.append(
            CreateAccount(
                shop.username,
                shop.manager,
                frozenset({Role.MERCHANT_MANAGER}),
                district.id,
                f"{district.path}~{one.id}/",
                officers.PASSWORD,
                officers.totp_secret(shop.username),
            )
        )
    create_accounts(at.session, at.world, accounts)


def _paper(shop: Shop, number: str, signed_on: date) -> bytes:
    words = (
        "甲方：云间区总工会",
        f"乙方：{shop.partner.name}（{shop.credit_code}）",
        "乙方向持会员服务卡的工会会员提供约定的优惠，按会员出示的动态码核销，按结算单与甲方结算。",
        "商户每月核对结算单；五个工作日内没有异议的，视为确认无误。",
        "乙方不得虚假核销；经查实的，甲方可以暂停或终止合作，追回补贴。",
        "协议自 2026 年 4 月 1 日起，至 2027 年 3 月 31 日止。",
    )
    return scanned(Paper(number, "普惠服务合作协议", words, ("云间区总工会（章）", "乙方（章）"), signed_on))


assert tuple(shop.partner for shop in SHOPS) == PARTNERS
