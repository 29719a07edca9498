"""Quota, waiting list, bulletin and the chair's papers in Chromium, for a district of 600 units, at both widths."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.benefits import services as benefits
from cardnet.benefits.words import ProgramKind
from cardnet.credential import store
from cardnet.issuance import services as issuance
from cardnet.issuance.services import AskForMore, GrantQuota, IssueCards, MoveQuota, NewAuthority, SpreadQuota
from cardnet.kernel.calendar import day_of
from cardnet.ledger import services as ledger
from cardnet.ledger.rules import PoolUnit
from cardnet.membership import services as membership
from tests.conftest import ACCEPTANCE
from tests.make import membership as make_membership
from tests.make.access import PASSWORD
from tests.make.browser import Site, faults_of_access, keep, signed_in
from tests.make.issuance import Office, activate

NAMES = ("周桂林", "王建国", "李秀英", "张伟", "欧阳海燕", "买买提·艾山")


@dataclass(frozen=True)
class District:
    """The accounts of a unit, its township and the district, and the chair."""

    accounts: dict[str, access.NewAccount]


@pytest.fixture
def district(site: Site) -> District:
    world, accounts = site.world, {}
    with site.session() as session:
        content = (ACCEPTANCE / "organisations.csv").read_bytes()
        membership.import_organisations(session, world, membership.ImportOrganisations(content, "organisations.csv"))
        store.ensure_keys(session, world)
        unions = {union.code: union for union in membership.unions_under(session, "/")}
        root = next(union for union in unions.values() if union.parent_id is None)
        township = next(union for union in unions.values() if union.parent_id == root.id)
        units = [union for union in unions.values() if union.parent_id == township.id]
        unit = units[0]
        principals = {}
        for name, display_name, union, role in (
            ("sender", "赵敏", unit, Role.UNIT_OFFICER),
            ("unit", "沈洁", unit, Role.UNIT_OFFICER),
            ("township", "钱立新", township, Role.TOWNSHIP_OFFICER),
            ("district", "孙志强", root, Role.DISTRICT_OFFICER),
            ("second", "吴倩", root, Role.DISTRICT_OFFICER),
            ("chair", "郑国栋", root, Role.CHAIR),
        ):
            accounts[name] = access.create_account(
                session,
                world,
                access.CreateAccount(name, display_name, frozenset({role}), union.id, union.path, PASSWORD),
            )
            principals[name] = access.principal_of_username(session, name)
        year = day_of(world.now()).year
        office = Office(session, world, unions, principals)
        issuance.grant_quota(session, world, GrantQuota(year, 3_000, "云工〔2026〕1号"))
        issuance.spread_quota(session, world, SpreadQuota(year))
        members = [
            make_membership.person_row(2_000 + n, one.code, name=NAMES[n % 6]) for n, one in enumerate(units[:20] * 3)
        ]
        membership.save_people(session, world, members)
        lines = [make_membership.roster_line(n, unit=unit.code, name=NAMES[n % len(NAMES)]) for n in range(14)]
        roster = make_membership.csv_file(make_membership.roster_cells(lines))
        batch = office.submit(roster, unit.code, "sender").batch_id
        office.review(batch, "unit")
        office.review(batch, "township")
        office.review(batch, "district")
        cards = issuance.issue_cards(session, world, IssueCards(batch, principals["second"]))
        issuance.hand_out_cards(
            session,
            world,
            issuance.HandOutCards(principals["sender"], numbers=tuple(card.number for card in cards[:4])),
        )
        for card in cards[:3]:
            serial = card.row - 1
            activate(session, world, card, make_membership.id_number(serial)[-4:])
        # Two of those who wait get an offer.
        issuance.grant_quota(session, world, GrantQuota(year, 200, "云工〔2026〕12号"))
        for giver, taker in ((root, township), (township, unit)):
            issuance.allocate_quota(session, world, MoveQuota(year, giver.code, taker.code, 2))
        issuance.set_recall_date(session, world, issuance.SetRecallDate(year, township.code, date(year, 12, 15)))
        issuance.ask_for_more(
            session, world,
            AskForMore(
                year, root.code, 500, "四季度新建会单位较多，现有名额不够。", principals["second"],
                NewAuthority("云工〔2026〕18号", "区总工会第三次常委会", date(year, 11, 2), "2290201 职工服务", "18号.pdf", b"%PDF-1.7"),
            ),
        )  # fmt: skip
        _program_and_pools(session, world, principals["district"])
    return District(accounts)


def _program_and_pools(session, world, officer: Principal) -> None:
    """A program with its decision, another with a number alone, and two pools that have none yet."""
    for code, name, unit in (
        ("HC2026", "2026年健康体检资金", PoolUnit.FEN),
        ("REC2026", "疗休养人数池", PoolUnit.PERSONS),
    ):
        ledger.make_pool(session, world, ledger.MakePool(code, name, unit, 1_000, "云工〔2026〕18号", officer.union_id))
    for code, name, document in (
        ("health-check-2026", "女职工健康体检补贴", "云工〔2026〕18号"),
        ("summer-2026", "高温慰问", "云工〔2026〕22号"),
    ):
        kind = ProgramKind.SUBSIDY
        benefits.create_program(
            session, world, benefits.CreateProgram(code, name, kind, document, officer.union_id, officer)
        )
        scan = ("18号.pdf", b"%PDF-1.7") if code.startswith("health") else (None, None)
        decision = NewAuthority(document, "区总工会第三次常委会", date(2026, 3, 2), "2290201 职工服务", *scan)
        benefits.attach_authority(
            session, world, benefits.AttachAuthority(benefits.SubjectKind.PROGRAM, code, decision, officer)
        )


@pytest.fixture
def sign_in(site: Site, district: District, new_page: Callable[..., Page]) -> Callable[..., Page]:
    def make(name: str, width: int = 1440, height: int = 900) -> Page:
        page = new_page(width, height, device_scale_factor=1)
        return signed_in(page, site, district.accounts[name].account_id, "/console/quota")

    return make


PAGES = (
    ("quota", "/console/quota"),
    ("quota-found", "/console/quota?show=waiting"),
    ("plan", "/console/quota/plan?total=198&basis=members"),
    ("waiting", "/console/quota/waiting"),
    ("raises", "/console/quota/raises"),
    ("authorities", "/console/authorities"),
    ("authority", "/console/authorities/pool/HC2026"),
    ("authority-stated", "/console/authorities/program/health-check-2026"),
    ("year-end", "/console/quota/year-end"),
    ("bulletin", "/console/bulletin"),
    ("overview", "/overview"),
    ("overview-year-end", "/overview/year-end"),
    ("overview-notice", "/overview/notice-board"),
    ("overview-untouched", "/overview/untouched"),
)


def test_pages_of_quota_are_whole_at_both_widths(sign_in):
    wide = sign_in("district")
    faults, too_wide = [], []
    for name, path in PAGES:
        for width, height in ((1440, 900), (360, 640)):
            wide.set_viewport_size({"width": width, "height": height})
            wide.goto(path)
            keep(wide, f"quota-{name}-{width}", full=True)
            if wide.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"):
                too_wide.append((name, width))
        faults += [(name, fault) for fault in faults_of_access(wide)]
    assert (faults, too_wide) == ([], [])


def test_a_unit_answers_its_offers_with_the_keyboard(sign_in):
    page = sign_in("sender")
    page.goto("/console/quota/waiting")
    page.get_by_label("选择", exact=False).first.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="确认递补").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 人确认递补")


def test_the_papers_of_the_wall_and_of_the_year_print_on_one_sheet(sign_in, tmp_path):
    page = sign_in("chair")
    for name in ("notice-board", "year-end", ""):
        page.goto(f"/overview/{name}" if name else "/overview")
        paper = page.pdf(format="A4", prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1, name
