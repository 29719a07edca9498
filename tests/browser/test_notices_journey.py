"""Notices in Chromium: one tap reminds a unit, a phone receives it, slips are printed and ticked off, the district counts."""

from collections.abc import Callable
from dataclasses import replace

import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.issuance import services as issuance
from cardnet.membership import jobs
from cardnet.membership.services import notices
from tests.browser.test_cards_journey import fits
from tests.make import membership as make_membership
from tests.make.access import PASSWORD
from tests.make.browser import Site, faults_of_access, keep, signed_in
from tests.make.issuance import make_office

NAMES = ("周桂林", "王建国", "李秀英", "张伟", "欧阳海燕", "买买提·艾山")


@pytest.fixture
def accounts(site: Site) -> dict[str, access.NewAccount]:
    """Six cards of one unit and one of a neighbour; two of the six can be reached by a message."""
    settings = site.app.extensions["cardnet.settings"]
    site.app.extensions["cardnet.settings"] = replace(settings, simulated_phone=True, sms_sign="云间区总工会")
    found, world = {}, site.world
    with site.session() as session:
        office = make_office(session, world)
        for name, display_name, code, role in (
            ("unit", "沈洁", "B1", Role.UNIT_OFFICER),
            ("district", "孙志强", "C", Role.DISTRICT_OFFICER),
        ):
            union = office.unions[code]
            account = access.CreateAccount(name, display_name, frozenset({role}), union.id, union.path, PASSWORD)
            found[name] = access.create_account(session, world, account)
        office.give_unit("B1", len(NAMES))
        lines = [make_membership.roster_line(serial, name=name) for serial, name in enumerate(NAMES)]
        batch = office.submit(make_membership.csv_file(make_membership.roster_cells(lines))).batch_id
        office.approve_all_the_way(batch)
        cards = issuance.issue_cards(session, world, issuance.IssueCards(batch, office["C1"]))
        people = tuple(card.person_id for card in cards[:2])
        notices.confirm_phones(session, world, notices.ConfirmPhones(office["U1"], people))
        elsewhere = make_membership.people(session, world, 1, "B9", id_number=make_membership.id_number(99))
        told = [notices.Recipient(elsewhere[0], office.unions["B9"].id)]
        notices.tell(session, world, notices.Tell(notices.NoticeKind.CARD_SUSPENDED, told))
    return found


def work(site: Site) -> None:
    """What the worker does within the minute."""
    with site.app.app_context():
        jobs.send_due(site.world, jobs.gateways_of(site.app.extensions["cardnet.settings"], site.world))


@pytest.fixture
def sign_in(site: Site, accounts: dict[str, access.NewAccount], new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(name: str, width: int = 1440, height: int = 900) -> Page:
        return signed_in(new_page(width, height, device_scale_factor=1), site, accounts[name].account_id)

    return make


def test_a_reminder_from_one_tap_to_a_ringing_phone_and_a_slip(site: Site, sign_in: Callable[..., Page]) -> None:
    page = sign_in("unit")
    page.goto("/console/cards/notices")
    expect(page.get_by_role("heading", name="还没有通知")).to_be_visible()
    keep(page, "notices-empty-1440", full=True)
    page.goto("/console/cards/activation")
    page.get_by_label("全部未激活的 6 人").check()
    keep(page, "activation-remind-1440", full=True)
    page.get_by_role("button", name="提醒他们").click()
    expect(page.get_by_role("status").first).to_contain_text("今天提醒 6 人：发消息 2 人，4 人要打印通知单")
    work(site)
    page.get_by_role("link", name="通知", exact=True).click()
    expect(page.get_by_text("已发送").first).to_be_visible()
    page.get_by_text("提醒激活").first.click()
    keep(page, "notices-unit-1440", full=True)
    assert fits(page) and faults_of_access(page) == []

    with page.expect_download() as pdf:
        page.get_by_role("button", name="打印 4 份通知单").click()
    with pypdfium2.PdfDocument(pdf.value.path()) as document:
        assert len(document) == 1
        words = document[0].get_textpage().get_text_range()
        document[0].render(scale=1.5).to_pil().save(str(keep(page, "notices-slips")))
    assert "李秀英" in words and "咨询12351" in words

    page.goto("/console/cards/notices?list=to_hand_out")
    page.get_by_label("选中 李秀英").check()
    keep(page, "notices-hand-out-1440", full=True)
    page.get_by_role("button", name="勾选的都发给本人了").click()
    expect(page.get_by_role("status").first).to_contain_text("已记下 1 份")
    page.goto("/console/cards/notices?list=unreachable")
    page.get_by_label("选中 张伟").check()
    page.get_by_role("button", name="手机号码已当面核对，本人同意接收通知").click()
    expect(page.get_by_role("status").first).to_contain_text("已核对 1 人的手机号码")

    page.goto("/phone")
    page.get_by_label("手机号码", exact=True).fill("199 0000 0000")
    page.get_by_role("button", name="看这部手机").click()
    expect(page.locator(".handset__message")).to_contain_text("【云间区总工会】周桂林：您的会员服务卡还没有激活")
    assert "1990" not in page.url
    keep(page, "phone-1440", full=True)
    assert faults_of_access(page) == []


def test_notices_on_a_phone_and_the_districts_counts(site: Site, sign_in: Callable[..., Page]) -> None:
    page = sign_in("unit", 360, 740)
    page.goto("/console/cards/activation")
    page.get_by_label("全部未激活的 6 人").check()
    keep(page, "activation-remind-360", full=True)
    page.get_by_role("button", name="提醒他们").click()
    work(site)
    page.goto("/console/cards/notices")
    keep(page, "notices-unit-360", full=True)
    assert fits(page)
    page.goto("/phone")
    page.get_by_role("button", name="19900000001").click()
    expect(page.locator(".handset__message")).to_contain_text("王建国：")
    keep(page, "phone-360", full=True)
    assert fits(page)

    district = sign_in("district")
    district.goto("/console/cards/notices")
    expect(district.get_by_role("link", name="新桥港货运联合工会委员会")).to_be_visible()
    keep(district, "notices-district-1440", full=True)
    assert fits(district) and faults_of_access(district) == []
