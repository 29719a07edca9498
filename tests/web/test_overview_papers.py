"""The chair's papers: the same figures everywhere, nobody known by a number, and no statement per union."""

import re

import pytest
from sqlalchemy import event

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.issuance import services as issuance
from cardnet.membership import services as membership
from tests.make import membership as make_membership
from tests.make.issuance import make_officer
from tests.make.redemptions import make_shop
from tests.make.web import enter, words_of


@pytest.fixture
def shop(session, world):
    return make_shop(session, world)


@pytest.fixture
def browser_of(app, session, world, shop):
    def browser(role, code="C"):
        officer = make_officer(session, world, shop.office.unions[code], f"r-{role}-{code}", role)
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, officer.account_id).token)
        return client

    return browser


def use_once(shop, client):
    answer = shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    assert answer.status_code == 201, answer.text


def test_units_of_which_nobody_had_anything_are_listed_with_what_is_missing(shop, client, browser_of, session, world):
    membership.save_people(session, world, [make_membership.person_row(500, "B9")])
    chair = browser_of(Role.CHAIR)
    before = words_of(chair.get("/overview/untouched").text)
    assert "2 个单位没有一个人用过" in before
    use_once(shop, client)
    after = words_of(chair.get("/overview/untouched").text)
    assert "1 个单位没有一个人用过" in after
    assert "新桥港货运" in after
    assert "恒启精密机械" not in after
    assert "还没有申请" in after


def test_on_the_wall_nobody_is_counted_out_by_a_small_number(shop, client, browser_of):
    use_once(shop, client)
    for role, code in ((Role.CHAIR, "C"), (Role.UNIT_OFFICER, "B1")):
        wall = words_of(browser_of(role, code).get("/overview/notice-board").text)
        assert "当年享受过 不足 3" in wall
        assert "健康体检补贴 不足 3 —" in wall
        assert "周桂林" not in wall


def test_uses_from_before_stand_apart_from_what_the_union_paid(shop, client, browser_of, session, world):
    use_once(shop, client)
    serial, program = 950, benefits.programs(session)[0]
    membership.save_people(session, world, [make_membership.person_row(serial, "B1")])
    lines = [
        ["证件号码", "项目", "使用日期", "金额"],
        [make_membership.id_number(serial), program.code, "2026-03-12", "88"],
    ]
    command = benefits.ImportPastUses(make_membership.csv_file(lines), "体检.csv", shop.office["C1"])
    assert benefits.import_past_uses(session, world, command).stored == 1
    page = words_of(browser_of(Role.CHAIR).get("/overview").text)
    assert f"导入的项目 人数 次数 当时金额 {program.name} 1 1 ¥88.00" in page


def test_the_years_end_tells_what_is_left_to_do_and_what_closing_would_do(shop, browser_of, session, world):
    office = shop.office
    office.give_unit("B1", 4)
    office.submit(office.roster(*range(800, 806)))
    page = words_of(browser_of(Role.CHAIR).get("/overview/year-end").text)
    assert "还在审核 4" in page
    assert "候补等名额 2" in page
    preview = issuance.preview_year_end(session, office.year)
    assert f"下年名额不够，排到候补最前 {preview.requeued}" in page


def test_who_may_read_which_paper(browser_of):
    papers = ("/overview", "/overview/year-end", "/overview/untouched", "/overview/notice-board")
    browsers = {
        role: browser_of(role, code)
        for role, code in ((Role.CHAIR, "C"), (Role.TOWNSHIP_OFFICER, "D1"), (Role.UNIT_OFFICER, "B1"))
    }
    opened = {role: [path for path in papers if one.get(path).status_code == 200] for role, one in browsers.items()}
    assert opened[Role.CHAIR] == list(papers)
    assert opened[Role.TOWNSHIP_OFFICER] == ["/overview/untouched", "/overview/notice-board"]
    assert opened[Role.UNIT_OFFICER] == ["/overview/notice-board"]


@pytest.mark.parametrize(
    "path", ["/overview", "/overview/untouched", "/overview/year-end", "/console/bulletin", "/console/quota"]
)
def test_twice_as_many_townships_ask_no_more_statements(app, browser_of, session, world, path, shop, client):
    use_once(shop, client)
    chair = browser_of(Role.CHAIR)
    few = statements_of(session, chair, path)
    rows = [(f"T{n}", f"第{n}街道总工会", "township", "C") for n in range(12)]
    rows += [(f"T{n}U", f"第{n}街道一家单位工会", "unit", f"T{n}") for n in range(12)]
    make_membership.tree(session, world, rows)
    people = [make_membership.person_row(900 + n, f"T{n}U") for n in range(12)]
    membership.save_people(session, world, people)
    assert statements_of(session, chair, path) <= few + 1


def statements_of(session, client, path):
    client.get(path)
    asked = []
    engine = session.connection().engine

    def count(_connection, _cursor, statement, *_):
        if not re.match(r"(?i)\s*(savepoint|release|rollback)", statement):
            asked.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        assert client.get(path).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", count)
    return len(asked)


@pytest.mark.parametrize(
    "path", ["/overview", "/overview/year-end", "/overview/notice-board", "/overview/untouched", "/console/bulletin"]
)
def test_a_year_there_is_nothing_of_is_told_and_leads_nowhere(browser_of, path):
    client = browser_of(Role.DISTRICT_OFFICER)
    assert "年的数字，下面是" not in client.get(f"{path}?year=2026").text
    for unknown in ("2019", "二〇二六", "9" * 400):
        page = client.get(f"{path}?year={unknown}")
        assert page.status_code == 200
        assert f"没有“{unknown[:20]}”年的数字，下面是 2026 年的。" in page.text
        assert not re.search(rf'href="[^"]*year={unknown}', page.text)
