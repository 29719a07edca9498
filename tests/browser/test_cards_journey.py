"""Cards in Chromium: an officer of a small unit and one of the district find, print, chase and hand out; a camera signs."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, Playwright, expect

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.issuance import services as issuance
from cardnet.issuance.papers import wallet_address
from cardnet.issuance.rules import HandoutKind
from tests.make import membership as make_membership
from tests.make.access import PASSWORD
from tests.make.browser import DIST, Site, faults_of_access, keep, seeing, signed_in
from tests.make.issuance import activate, make_office

NAMES = ("周桂林", "王建国", "李秀英", "张伟", "欧阳海燕", "买买提·艾山")


@dataclass(frozen=True)
class Issued:
    """Two officers who can sign in, and six cards of one unit, the first of them activated."""

    accounts: dict[str, access.NewAccount]
    cards: tuple[issuance.IssuedCard, ...]


@pytest.fixture
def issued(site: Site) -> Issued:
    if not (DIST / "scan" / "manifest.json").exists():
        pytest.fail("手机页面还没有编译：请运行 make pages。")
    world, accounts = site.world, {}
    with site.session() as session:
        office = make_office(session, world)
        for name, display_name, code, role in (
            ("unit", "沈洁", "B1", Role.UNIT_OFFICER),
            ("district", "孙志强", "C", Role.DISTRICT_OFFICER),
        ):
            union = office.unions[code]
            accounts[name] = access.create_account(
                session,
                world,
                access.CreateAccount(name, display_name, frozenset({role}), union.id, union.path, PASSWORD),
            )
        office.give_unit("B1", len(NAMES))
        lines = [make_membership.roster_line(serial, name=name) for serial, name in enumerate(NAMES)]
        batch = office.submit(make_membership.csv_file(make_membership.roster_cells(lines))).batch_id
        office.approve_all_the_way(batch)
        cards = issuance.issue_cards(session, world, issuance.IssueCards(batch, office["C1"]))
        activate(session, world, cards[0], make_membership.id_number(0)[-4:])
    return Issued(accounts, cards)


@pytest.fixture
def sign_in(site: Site, issued: Issued, new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(name: str, width: int = 1440, height: int = 900, **more: object) -> Page:
        page = new_page(width, height, device_scale_factor=1, **more)
        return signed_in(page, site, issued.accounts[name].account_id)

    return make


def fits_a_phone_in_its_frame(page: Page) -> None:
    """A slip with its numbers, looked at on a phone."""
    page.set_viewport_size({"width": 360, "height": 740})
    assert fits(page)
    frame = "slip.getBoundingClientRect()"
    inside = f"slip => [...slip.querySelectorAll('*')].every(one => one.getBoundingClientRect().right <= {frame}.right)"
    assert page.locator(".slip").evaluate(inside)
    keep(page, "card-slip-360", full=True)
    page.set_viewport_size({"width": 1440, "height": 900})


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def open_act(page: Page, word: str) -> None:
    page.locator(".deed > summary").filter(has_text=re.compile(f"^{word}$")).click()


def test_an_officer_finds_a_card_by_name_and_does_everything_with_it(
    sign_in: Callable[..., Page], issued: Issued
) -> None:
    page = sign_in("unit")
    page.get_by_role("link", name="会员卡", exact=True).click()
    keep(page, "cards-list-1440", full=True)
    box = page.get_by_label("卡号、后几位、姓名或证件号码")
    box.fill("周桂林")
    box.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)
    assert "周桂林" not in page.url and "%" not in page.url
    page.get_by_role("link", name="周桂林").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("周桂林")
    keep(page, "card-active-1440", full=True)

    open_act(page, "给重绑码")
    page.get_by_role("button", name="生成重绑码").click()
    expect(page.get_by_role("alert")).to_contain_text("请先当面核对")
    page.get_by_label("我已当面核对本人和证件").check()
    page.get_by_role("button", name="生成重绑码").click()
    expect(page.locator(".six")).to_have_text(re.compile(r"^\d{3} \d{3}$"))
    keep(page, "card-rebind-code-1440", full=True)
    page.get_by_role("link", name="回到这张卡").click()

    open_act(page, "打印实体卡")
    page.get_by_label("证卡打印机").check()
    with page.expect_download() as pdf:
        page.get_by_role("button", name="下载 PDF").click()
    with pypdfium2.PdfDocument(pdf.value.path()) as document:
        (code,) = zxingcpp.read_barcodes(document[0].render(scale=300 / 72).to_pil())
    assert code.text.startswith("CN1:")

    open_act(page, "挂失")
    page.get_by_role("button", name="挂失", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("请写明原因")
    keep(page, "card-suspend-wrong-1440", full=True)
    page.locator("#suspend").get_by_label("原因").fill("本人来电，手机遗失")
    page.get_by_role("button", name="挂失", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("已挂失")
    keep(page, "card-suspended-1440", full=True)

    # A unit applies; who stands above it may give a new card at once.
    expect(page.locator(".deed > summary").filter(has_text="申请补卡")).to_be_visible()
    card_page, page = page.url, sign_in("district")
    page.goto(card_page)
    open_act(page, "补卡")
    page.locator("#replace").get_by_label("原因").fill("找不回来了")
    page.get_by_role("button", name="补一张新卡").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("已补卡，旧卡已停用")
    expect(page.locator(".slip")).to_have_count(1)
    keep(page, "card-slip-1440", full=True)
    fits_a_phone_in_its_frame(page)
    page.get_by_role("link", name="回到这张卡").click()
    page.get_by_role("link", name=re.compile("旧卡")).click()
    expect(page.get_by_text("这张卡已经停用，只能查看。")).to_be_visible()


def test_the_officer_of_a_small_unit_chases_who_has_not_activated(sign_in: Callable[..., Page], issued: Issued) -> None:
    page = sign_in("unit")
    page.goto("/console/cards/activation")
    expect(page.locator("tbody tr")).to_have_count(len(NAMES) - 1)
    keep(page, "activation-1440", full=True)
    page.get_by_label("选中 张伟").check()
    page.get_by_role("button", name="电话提醒过了，记一笔").click()
    expect(page.get_by_role("status")).to_contain_text("提醒了 1 人")
    expect(page.get_by_role("row", name=re.compile("张伟"))).to_contain_text("1 次")
    with page.expect_download() as poster:
        page.get_by_role("link", name="下载激活海报").click()
    assert poster.value.suggested_filename.endswith(".pdf")
    page.get_by_label(re.compile("全部未激活的")).check()
    with page.expect_download() as letters:
        page.get_by_role("button", name="生成激活单 PDF").click()
    with pypdfium2.PdfDocument(letters.value.path()) as document:
        codes = zxingcpp.read_barcodes(document[0].render(scale=200 / 72).to_pil())
    assert {re.search(r"#n=(\d{13})&c=", code.text)[1] for code in codes} == {card.number for card in issued.cards[1:]}


def test_the_district_prints_by_unit_and_voids_a_spoiled_run(sign_in: Callable[..., Page], issued: Issued) -> None:
    page = sign_in("district")
    page.goto("/console/cards/printing")
    keep(page, "printing-1440", full=True)
    with page.expect_download() as pdf:
        page.get_by_role("button", name="下载 PDF").click()
    with pypdfium2.PdfDocument(pdf.value.path()) as document:
        assert len(zxingcpp.read_barcodes(document[0].render(scale=200 / 72).to_pil())) == len(NAMES)
    page.reload()
    expect(page.get_by_role("row", name=re.compile("孙志强"))).to_contain_text("6")
    page.locator("summary", has_text="作废").click()
    page.get_by_role("row", name=re.compile("孙志强")).get_by_label("原因").fill("卡纸")
    page.get_by_role("button", name="作废这次打印").click()
    expect(page.get_by_role("status")).to_contain_text("已作废 6 张")
    expect(page.get_by_text("已全部作废或重印")).to_be_visible()
    keep(page, "printing-after-1440", full=True)


def test_a_hand_out_of_goods_from_the_list_to_its_end_by_keyboard_alone(
    sign_in: Callable[..., Page], issued: Issued
) -> None:
    page = sign_in("unit")
    page.goto("/console/cards/handouts")
    page.get_by_role("link", name="开始一次发放").first.press("Enter")
    page.get_by_label("慰问品").check()
    page.get_by_role("button", name="列出名单").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("请写明发放什么")
    page.get_by_label("名称").fill("2026 年高温慰问饮品")
    page.get_by_label("决策依据文号").fill("云工〔2026〕21号")
    keep(page, "handout-new-1440", full=True)
    page.get_by_role("button", name="列出名单").press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"名单共 {len(NAMES)} 人")
    page.get_by_label("选中 李秀英").check()
    page.get_by_label(re.compile("除勾选的人以外")).check()
    keep(page, "handout-1440", full=True)
    page.get_by_role("button", name="登记签领").press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"已登记 {len(NAMES) - 1} 人")
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as listed:
        page.get_by_role("link", name="下载签领表").click()
    with pypdfium2.PdfDocument(listed.value.path()) as document:
        words = document[0].get_textpage().get_text_range()
    assert "李秀英" in words and "云工〔2026〕21号" in words and words.count("已签领") == len(NAMES) - 1
    page.locator("summary", has_text="结束这次发放").click()
    page.get_by_role("button", name="结束发放").click()
    expect(page.get_by_role("status")).to_contain_text("1 人未签")
    keep(page, "handout-closed-1440", full=True)


@pytest.fixture
def officers_phone(playwright: Playwright, chromium: str, site: Site, issued: Issued, tmp_path: Path) -> Iterator[Page]:
    """A phone whose camera sees the activation slip of 王建国."""
    frame = Image.new("RGB", (960, 720), "#6b7370")
    card = issued.cards[1]
    address = wallet_address("https://card.example.org/", card.number, card.activation_code)
    symbol = zxingcpp.create_barcode(address, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_image(scale=8)
    picture = Image.fromarray(symbol).convert("RGB").rotate(-6, expand=True, fillcolor="#6b7370")
    frame.paste(picture, ((960 - picture.width) // 2, (720 - picture.height) // 2))
    with seeing(playwright, chromium, site, frame, tmp_path, height=740) as page:
        yield signed_in(page, site, issued.accounts["unit"].account_id)


def opened(site: Site, issued: Issued) -> str:
    with site.session() as session:
        officer = access.principal_of_username(session, "unit")
        command = issuance.OpenHandout(officer, HandoutKind.CARD, "发放会员服务卡")
        return str(issuance.open_handout(session, site.world, command).id)


def test_the_officers_camera_signs_whoever_shows_a_slip_and_the_list_builds_itself(
    officers_phone: Page, site: Site, issued: Issued
) -> None:
    page, handout = officers_phone, opened(site, issued)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None)
    page.goto(f"/console/cards/handouts/{handout}/scan")
    expect(page.locator("#scan-answer")).to_contain_text("王建国")
    expect(page.locator("#scan-answer")).to_contain_text("已签领")
    expect(page.locator("#signed-list li")).to_have_count(1)
    expect(page.locator("[data-part=count]")).to_have_text("已签 1／6")
    keep(page, "scan-signed-360")
    # The slip's own code never left the phone that read it.
    assert sent and not any(issued.cards[1].activation_code in body for body in sent)
    page.get_by_label(re.compile("扫不了")).fill(issued.cards[2].number)
    page.get_by_label(re.compile("扫不了")).press("Enter")
    # Nobody waits for the answer before: each reading has its turn.
    page.get_by_label(re.compile("扫不了")).fill(issued.cards[2].number)
    page.get_by_role("button", name="登记签领").click()
    expect(page.locator("#scan-answer")).to_contain_text("此前已经签领")
    expect(page.locator("#signed-list li")).to_have_count(2)
    expect(page.locator("#signed-list")).to_contain_text("李秀英")
    assert sum(issued.cards[2].number in body for body in sent) == 2
    keep(page, "scan-before-360")
    assert fits(page)


def test_without_scripts_a_number_is_signed_all_the_same(
    site: Site, issued: Issued, new_page: Callable[..., Page]
) -> None:
    page = signed_in(new_page(360, 740, java_script_enabled=False), site, issued.accounts["unit"].account_id)
    page.goto(f"/console/cards/handouts/{opened(site, issued)}/scan")
    page.get_by_label(re.compile("扫不了")).fill(issued.cards[3].number)
    page.get_by_role("button", name="登记签领").click()
    expect(page.get_by_role("status").filter(has_text="张伟")).to_contain_text("张伟：已签领")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_cards_fit_a_phone_and_axe_finds_nothing_serious(
    sign_in: Callable[..., Page], site: Site, issued: Issued, scheme: str
) -> None:
    handout = opened(site, issued)
    card = str(issued.cards[1].card_id)
    for width in (360, 1440):
        page = sign_in("district" if width > 400 else "unit", width, 800, color_scheme=scheme)
        for name, path in (
            ("cards", "/console/cards"),
            ("unsigned", "/console/cards?list=unsigned"),
            ("card", f"/console/cards/{card}"),
            ("printing", "/console/cards/printing"),
            ("activation", "/console/cards/activation"),
            ("handouts", "/console/cards/handouts"),
            ("handout-new", "/console/cards/handouts/new"),
            ("handout", f"/console/cards/handouts/{handout}"),
            ("scan", f"/console/cards/handouts/{handout}/scan"),
        ):
            page.goto(path)
            keep(page, f"of-cards-{name}-{width}-{scheme}", full=True)
            assert fits(page), (name, width)
            assert faults_of_access(page) == [], (name, width)
