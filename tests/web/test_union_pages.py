"""The district's pages of unions: looking one up, and renaming, moving, merging and closing it; the same by command and call."""

import json
import re
import sys

import pytest
from click.testing import CliRunner

from cardnet.access import services as access
from cardnet.benefits.cli_orgs import orgs_group
from cardnet.cli import CardnetGroup
from cardnet.membership import services as membership
from tests.make import membership as make_membership
from tests.make.api import make_program
from tests.make.issuance import make_office
from tests.make.web import enter, submit, words_of

PAPER = "云工〔2026〕18号"


@pytest.fixture
def office(session, world):
    office = make_office(session, world)
    make_membership.people(session, world, 3, "B1")
    return office


@pytest.fixture
def browser_of(app, session, world, office):
    def make(name):
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, office[name].account_id).token)
        return client

    return make


def union(office, code):
    return membership.union_of_code(office.session, code)


def test_the_district_finds_a_union_and_renames_it(office, browser_of):
    client = browser_of("C1")
    listed = words_of(client.get("/console/unions").text)
    assert re.search(r"永泽街道总工会 D1 .{1,20} 云间区总工会 3 在用", listed)
    found = words_of(client.get("/console/unions?words=b1").text)
    assert "恒启精密" in found and "松嘉环卫" not in found
    assert "没有这样的工会" in client.get("/console/unions?state=closed").text
    done = submit(client, "/console/unions/B1?act=rename", {"rename_name": "恒启集团工会", "rename_document": PAPER})
    assert (done.status_code, done.location) == (303, "/console/unions/B1")
    page = words_of(client.get("/console/unions/B1").text)
    assert "以前的文件仍显示当时的名称" in page
    assert re.search(rf"更名 恒启精密机械有限公司工会委员会 {PAPER} C1同志", page)
    assert union(office, "B1").name == "恒启集团工会"


def test_it_is_moved_and_merged_by_code_or_name_and_ends(office, session, browser_of):
    client = browser_of("C1")
    moved = submit(client, "/console/unions/B1?act=move", {"move_parent": "方塔街道总工会", "move_document": PAPER})
    assert moved.location == "/console/unions/B1"
    assert union(office, "B1").path == "/C/D2/B1/"
    merged = submit(client, "/console/unions/B1?act=merge", {"merge_into": "B9", "merge_document": PAPER})
    assert merged.location == "/console/unions/B9"
    assert "会员 3 人" in words_of(client.get("/console/unions/B9").text)
    gone = client.get("/console/unions/B1").text
    assert "撤销" in words_of(gone) and "merge_into" not in gone
    assert len(membership.members_under(session, "/C/D2/B9/")) == 3
    assert browser_of("U9").get("/console/register").status_code == 200


@pytest.mark.parametrize(
    ("act", "form", "field"),
    [
        ("rename", {}, "rename_name"),
        ("rename", {"rename_name": "恒启集团工会"}, "rename_document"),
        ("rename", {"rename_name": "恒启集团工会", "rename_on": "昨天", "rename_document": PAPER}, "rename_on"),
        ("rename", {"rename_name": "恒启集团工会", "rename_on": "2031-01-01", "rename_document": PAPER}, "rename_on"),
        ("move", {"move_parent": "没有的工会", "move_document": PAPER}, "move_parent"),
        ("move", {"move_parent": "", "move_document": PAPER}, "move_parent"),
        ("move", {"move_parent": "D1", "move_document": PAPER}, "move_parent"),
        ("move", {"move_parent": "D2"}, "move_document"),
        ("close", {"close_document": "号" * 121}, "close_document"),
        ("merge", {"merge_into": "B1", "merge_document": PAPER}, "merge_into"),
        ("merge", {"merge_into": "C", "merge_document": PAPER}, "merge_into"),
        ("close", {}, "close_document"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept(browser_of, act, form, field):
    answer = submit(browser_of("C1"), f"/console/unions/B1?act={act}", form)
    assert answer.status_code in (404, 409, 422)
    assert f'id="{field}-error"' in answer.text
    assert all(f'value="{typed}"' in answer.text for typed in form.values() if typed)


@pytest.mark.parametrize(
    ("act", "form", "fields"),
    [
        ("rename", {"rename_name": "恒", "rename_on": "昨天"}, ("name", "on", "document")),
        ("rename", {"rename_name": "恒启集团工会", "rename_on": "2031-01-01"}, ("on", "document")),
        ("move", {"move_parent": ""}, ("parent", "document")),
        ("move", {"move_parent": "没有的工会"}, ("parent", "document")),
        ("merge", {}, ("into", "document")),
    ],
)
def test_everything_that_is_wrong_with_a_change_is_told_at_once_and_nothing_is_changed(
    browser_of, office, session, act, form, fields
):
    answer = submit(browser_of("C1"), f"/console/unions/B1?act={act}", form)
    assert answer.status_code == 422
    for field in fields:
        assert f'id="{act}_{field}-error"' in answer.text, field
    assert answer.text.count("field__error") == len(fields)
    session.expire_all()
    assert union(office, "B1") == office.unions["B1"]


def test_a_union_that_is_not_empty_says_what_is_left(browser_of):
    answer = submit(browser_of("C1"), "/console/unions/B1?act=close", {"close_document": PAPER})
    assert (answer.status_code, "还有会员 3 人" in answer.text) == (409, True)
    assert submit(browser_of("C1"), "/console/unions/B1?act=burn", {}).status_code == 404
    assert submit(browser_of("C1"), "/console/unions/nowhere?act=close", {"close_document": PAPER}).status_code == 404


@pytest.mark.parametrize("who", ["U1", "D1u"])
def test_nobody_else_has_these_pages(browser_of, who):
    client = browser_of(who)
    assert client.get("/console/unions").status_code == 403
    assert submit(client, "/console/unions/B1?act=close", {"close_document": PAPER}).status_code == 403


def test_programs_do_the_same(office, client, session, world):
    program = make_program(client, session, world, office["C1"])
    renamed = program.post("/unions/B1/rename", {"name": "恒启集团工会", "document": PAPER, "on": "2026-03-01"})
    assert (renamed.status_code, renamed.json["name"]) == (200, "恒启集团工会")
    moved = program.post("/unions/B1/move", {"parent": "D2", "document": PAPER}).json
    assert (moved["union"]["path"], moved["places"]) == ("/C/D2/B1/", 0)
    left = program.post("/unions/B1/close", {"document": PAPER})
    assert (left.status_code, left.json["code"]) == (409, "union_not_empty")
    merged = program.post("/unions/B1/merge", {"into": "B9", "document": PAPER}).json
    assert (merged["into"]["code"], merged["members"], merged["accounts"]) == ("B9", 3, 2)
    told = program.get("/unions/B1/history").json
    assert [line["kind"] for line in told["changes"]] == ["merge", "move", "rename"]
    assert (told["closed_on"], told["in_hand"]["members"]) == (world.now().date().isoformat(), 0)
    assert make_program(client, session, world, office["D1u"]).post("/unions/B2/close", {"document": PAPER}).status_code == 403  # fmt: skip


@pytest.fixture
def run(app, office, monkeypatch):
    """Run `cardnet orgs …` in the app; returns (exit code, output, error output)."""
    group = CardnetGroup("cardnet", commands={"orgs": orgs_group})

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["cardnet", *words])
        with app.app_context():
            result = CliRunner().invoke(group, list(words))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


def test_commands_do_the_same(office, run):
    who = ("--as", office["C1"].username, "--document", PAPER)
    assert run("orgs", "rename", "B1", "恒启集团工会", "--on", "2026-03-01", *who)[1] == "B1 已更名为恒启集团工会。\n"
    assert json.loads(run("orgs", "move", "B1", "--to", "D2", *who, "--json")[1])["path"] == "/C/D2/B1/"
    assert json.loads(run("orgs", "merge", "B1", "--into", "B9", *who, "--json")[1])["members"] == 3
    shown = json.loads(run("orgs", "show", "B1", "--json")[1])
    assert [line["kind"] for line in shown["history"]] == ["merge", "move", "rename"]
    assert "并入 → 新桥港货运联合工会委员会" in run("orgs", "show", "B1")[1]
    assert "已撤销" in run("orgs", "list", "--under", "D2")[1]
    assert [one["code"] for one in json.loads(run("orgs", "list", "--json")[1])["unions"]][:2] == ["C", "D1"]
    code, _, error = run("orgs", "close", "B9", *who)
    assert (code != 0, "还有会员 3 人" in error) == (True, True)
    assert "没有编码为" in run("orgs", "show", "nowhere")[2]
