"""The story of 云间区总工会 from March to November 2026, told through the services that a real union uses."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg

from cardnet import create_app
from cardnet.access.services import principal_of_username
from cardnet.benefits import services as benefits
from cardnet.config import Settings
from cardnet.credential.store import ensure_keys
from cardnet.demo import decisions, handing, issuing, officers, partners, running, shops, telling, trading, voices
from cardnet.demo.issuing import Holder
from cardnet.demo.people import UNITS, members
from cardnet.demo.stage import step, world_at
from cardnet.finance import services as finance
from cardnet.finance.rules import ClearingStep, DifferenceCode, Resolution
from cardnet.issuance.sheets import card_sheets
from cardnet.kernel.db import libpq_url, transaction
from cardnet.kernel.errors import Conflict
from cardnet.membership.rules import resident_check_digit
from cardnet.merchants import services as merchants
from cardnet.merchants.services import NewTerminal
from cardnet.migrations import schema
from cardnet.wiring import current_world

_SAMPLES = "samples"
"""Files in the data folder for a visitor to try."""


@dataclass(frozen=True)
class Prepared:
    """A demonstration that can be served: what it holds, and the words that greet a visitor."""

    document: dict[str, Any]
    data: Path

    def welcome(self, url: str) -> str:
        """Addresses, sign-ins, and five things to try."""
        card = next(card for card in self.document["cards"] if card["state"] == "delivered")
        till = next(m for m in self.document["merchants"] if m["code"] == partners.SANATORIUM.code)
        lines = [
            "",
            f"云间区总工会演示已启动：{url}",
            "",
            f"  会员       {url}/wallet",
            f"  商户收银   {url}/till",
            f"  工会干部   {url}/console",
            f"  财务经审   {url}/finance",
            f"  主席一页   {url}/overview",
            f"  商户管理   {url}/merchant",
            f"  演示手机   {url}/phone",
            "",
            f"  账号（密码都是 {officers.PASSWORD}；此刻的动态口令见 cardnet demo-data）：",
            *(f"    {officer.username:<12}{officer.duty}" for officer in officers.OFFICERS),
            *(f"    {shop.username:<12}{shop.partner.name} 管理员" for shop in shops.SHOPS),
            "",
            "试一试：",
            f"  1. 以 songjia 登录 {url}/console，上传 {self.data / _SAMPLES / '松嘉环卫新进人员.csv'}",
            f"  2. 打开 {url}/wallet，卡号 {card['number']}，激活码 {card['activation_code']}，证件后四位 {card['id_last4']}",
            f"  3. 打开 {url}/till，配对时粘贴终端令牌 {till['terminals'][0]['token']}，体检 380 元，扫会员的码",
            f"  4. 以 jingban 登录 {url}/finance，看百禾超市 10 月为什么差 5.00 元",
            f"  5. 以 zhuxi 登录 {url}/overview，一页看全年",
            "",
            "按 Ctrl-C 停止。",
        ]
        return "\n".join(lines)


def load(url: str, settings: Settings) -> Prepared:
    """Bring the database to the story's end; one that is there already is left as it is.

    Raises Conflict("not_a_demo") for a database that holds something else.
    """
    schema.upgrade(url)
    app = create_app(Settings(data=settings.data, database_url=url, keyring=settings.keyring, clock=settings.clock))
    with app.app_context():
        document = _known(settings.data, url)
        if document is None:
            document = _tell(settings.data)
        with transaction() as session:
            ensure_keys(session, current_world())
    return Prepared(document, settings.data)


def _known(data: Path, url: str) -> dict[str, Any] | None:
    """What an earlier start made of this very database."""
    with psycopg.connect(libpq_url(url)) as connection:
        filled = connection.execute("select exists (select from union_node)").fetchone() == (True,)
    if not filled:
        return None
    document: dict[str, Any] = (
        json.loads((data / running.DEMO_DATA).read_text()) if (data / running.DEMO_DATA).exists() else {}
    )
    if not document:
        raise Conflict(
            "not_a_demo",
            "这个数据库里已有别的数据，或演示数据的说明文件丢失：请换一个空数据库，或用 cardnet demo --fresh 重新开始。",
        )
    return document


def _tell(data: Path) -> dict[str, Any]:
    # What an earlier database held is over; a story broken off must not be taken for a whole one at the next start.
    (data / running.DEMO_DATA).unlink(missing_ok=True)
    holders = _spring()
    telling.remind(holders)
    handing.gifts_against_the_heat(holders)
    tills = _contracts()
    for sale in trading.autumn(holders):
        trading.sell(sale, tills)
    trading.sell(trading.forwarded_screenshot(holders), tills)
    # A printed card is in use from its first sale on.
    holders = [replace(holder, state="active") if holder.printed else holder for holder in holders]
    voices.say(holders)
    _close_the_books(data)
    telling.ask_for_a_new_card(holders)
    shops.synchronise(tills)
    _write_samples(data, holders)
    document = _document(holders, tills)
    running.save_demo_data(data, document)
    return document


def _spring() -> list[Holder]:
    with step("2026-03-01 09:00") as at:
        issuing.found_the_union(at)
        officers.hire(at)
    trading.mint_keys()
    with step("2026-03-03 09:00") as at:
        issuing.share_the_quota(at)
    people = members(world_at("2026-03-01 00:00", "people"))
    holders: list[Holder] = []
    for number, unit in enumerate(UNITS):
        mine = [person for person in people if person.unit == unit]
        with step("2026-03-05 10:00", unit.code) as at:
            issuing.register(at, unit, mine)
        cards = issuing.apply_for_cards(unit, mine, date(2026, 3, 10) + timedelta(days=number))
        handed_out = issuing.holders_of(unit, mine, cards)
        holders += issuing.bind_phones(unit, handed_out, date(2026, 4, 8))
    with step("2026-04-02 10:20") as at:
        # 周桂林 has no smartphone.
        holders[0] = issuing.print_card(at, holders[0])
    return holders


def _contracts() -> dict[str, NewTerminal]:
    with step("2026-03-20 10:00") as at:
        tills = shops.take_on(at)
    partners.decide_offers()
    decisions.put_on_record()
    shops.open_shops()
    return tills


def _close_the_books(data: Path) -> None:
    """Every day up to 19 November closed, three months settled, 百禾's October compared with its own file."""
    for last in (date(2026, 9, 30), date(2026, 10, 31)):
        close_days(last)
        with step(f"{last + timedelta(days=1)} 09:30", "settle") as at:
            maker = principal_of_username(at.session, "jingban").account_id
            finance.settle(at.session, at.world, finance.Settle(last, maker))
    close_days(date(2026, 11, 19))
    with step("2026-11-20 09:10", "hold back") as at:
        trading.hold_back_the_night(at)
    with step("2026-11-20 10:00", "reconcile") as at:
        merchant = merchants.merchant_of_code(at.session, partners.BAIHE.code)
        first, last = date(2026, 10, 1), date(2026, 10, 31)
        content = trading.baihe_file(benefits.settlement_facts(at.session, merchant.id, first, last))
        maker = principal_of_username(at.session, "jingban").account_id
        command = finance.Reconcile(merchant.id, content, "百禾超市2026年10月.csv", first, last, maker)
        run, _ = finance.reconcile(at.session, at.world, command)
    with step("2026-11-20 10:40", "propose") as at:
        # 邹明 finds it waiting to be checked; the line that 百禾 lacks is still open.
        (wrong,) = [one for one in finance.exceptions_of_run(at.session, run.id) if one.code == DifferenceCode.AMOUNT]
        words = "百禾的流水写 7.00 元，小票和会员手机上都是 6.00 元；店里答应更正十月的流水。"
        officer = principal_of_username(at.session, "jingban")
        proposal = finance.TakeStep(wrong.id, ClearingStep.PROPOSE, words, officer, Resolution.MERCHANT_CORRECTS)
        finance.take_step(at.session, at.world, proposal)
    (data / _SAMPLES).mkdir(parents=True, exist_ok=True)
    (data / _SAMPLES / "百禾超市2026年10月.csv").write_bytes(content)


def close_days(last: date) -> None:
    """Close every open day up to `last`, on the morning after it."""
    moment = f"{last + timedelta(days=1)} 00:15"
    with step(moment, "open days") as at:
        days = finance.days_to_close(at.session, at.world, last)
    for day in days:
        command: finance.CloseDay | None = finance.CloseDay(day)
        while command:
            with step(moment, f"close {day}") as at:
                command = finance.close_day(at.session, at.world, command).next_step


def _write_samples(data: Path, holders: Sequence[Holder]) -> None:
    """周桂林's printed card, and a roster: two good rows for the two places left, a wrong check digit, no answer."""
    printed = [holder.printed for holder in holders if holder.printed]
    (data / _SAMPLES / "周桂林的实体卡.pdf").write_bytes(card_sheets(printed))
    header = "姓名,证件类型,证件号码,性别,手机号码,所属工会编码,部门,用工形式,本人同意"
    good = [
        body + resident_check_digit(body) for body in ("31990519850312001", "31990519900708002", "31990519791111003")
    ]
    mistyped = "31990519880630005" + ("1" if resident_check_digit("31990519880630005") != "1" else "2")
    rows = [
        header,
        f"许春生,居民身份证,{good[0]},男,19912340001,YJ-01-101,垃圾清运组,合同,是",
        f"蒋巧珍,居民身份证,{good[1]},女,19912340002,YJ-01-101,道路保洁组,合同,是",
        f"吕福根,居民身份证,{mistyped},男,19912340003,YJ-01-101,道路保洁组,合同,是",
        f"何阿根,居民身份证,{good[2]},男,19912340004,YJ-01-101,公厕管护组,合同,",
    ]
    (data / _SAMPLES / "松嘉环卫新进人员.csv").write_text("\n".join(rows) + "\n", encoding="gb18030")


def _document(holders: Sequence[Holder], tills: dict[str, NewTerminal]) -> dict[str, Any]:
    return {
        "accounts": [
            {
                "username": officer.username,
                "password": officers.PASSWORD,
                "totp_secret": officers.totp_secret(officer.username),
                "roles": list(officer.roles),
                "union": officer.union,
            }
            for officer in officers.OFFICERS
        ]
        + shops.sign_ins(),
        "merchants": [
            {
                "code": partner.code,
                "name": partner.name,
                "manager": shops.manager_of(partner.code),
                "terminals": [{"id": str(tills[partner.code].terminal_id), "token": tills[partner.code].token}],
            }
            for partner in partners.PARTNERS
        ],
        "programs": [{"code": offer.code, "kind": offer.kind, "name": offer.name} for offer in partners.OFFERS],
        "cards": [
            {
                "number": holder.number,
                "activation_code": holder.activation_code,
                "id_last4": holder.member.id_number[-4:],
                "state": holder.state,
                "union": holder.member.unit.code,
            }
            for holder in holders
        ],
    }
