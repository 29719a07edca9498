"""Uses from before cardnet: what is wrong in a list is said, what is right counts, and what was wrong is taken back."""

import contextlib
import json
import sys
import threading
from datetime import date, timedelta

import pytest
from click.testing import CliRunner

from cardnet.benefits import services
from cardnet.benefits.cli import COMMANDS
from cardnet.benefits.services import past_uses
from cardnet.benefits.words import ProgramKind
from cardnet.cli import CardnetGroup
from cardnet.issuance.services.cards_before import ImportCards, import_cards
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.ledger.rules import PoolUnit
from cardnet.membership.services import save_people
from tests.make.benefits import all_at_once, breaches, committed, fixed, health_check, make_shop, percent, rule
from tests.make.membership import csv_file, id_number, person_row

HEADINGS = ["姓名", "证件号码", "项目编号", "使用日期", "金额", "次数", "体检机构"]


@pytest.fixture
def shop(session, world):
    return make_shop(session, world)


def once_a_year(shop, code="health-check", since=date(2026, 6, 1)):
    """The health check as it is: 100 yuan, once a person and calendar year, since cardnet began in June."""
    shop.pool("pool", 1_000_000, PoolUnit.FEN)
    return shop.program(code, health_check("pool"), ProgramKind.SUBSIDY, since=since)


def take_in(shop, *rows, headings=HEADINGS, officer="C1"):
    content = csv_file([["2026 年体检登记表", *[""] * (len(headings) - 1)], headings, *rows])
    command = services.ImportPastUses(content, "体检.csv", shop.office[officer])
    return services.import_past_uses(shop.session, shop.world, command)


def line(serial, day="2026-03-12", program="health-check", fen="100", times="", place="区疗休养院"):
    return ["周桂林", id_number(serial), program, day, fen, times, place]


def codes(done):
    return [(found.line, found.code) for found in done.findings]


def test_who_had_the_health_check_in_march_before_cardnet_may_not_have_it_again(shop):
    once_a_year(shop)
    before, other = shop.members(1, 2)
    done = take_in(shop, line(1))
    assert (done.rows, done.stored, done.known, done.invalid, done.people) == (1, 1, 0, 0, 1)
    refused = shop.redeem(before, 20_000, service_code="health_check")
    assert refused.refused and "limit_count" in {reason.code for reason in refused.reasons}
    assert not shop.redeem(other, 20_000, service_code="health_check").refused
    assert breaches(shop.session) == {}


def test_a_use_of_last_year_leaves_this_year_free(shop):
    once_a_year(shop)
    member = shop.member(1)
    assert take_in(shop, line(1, "2025-03-12")).stored == 1
    assert not shop.redeem(member, 20_000, service_code="health_check").refused
    assert breaches(shop.session) == {}


def test_no_merchant_is_owed_anything_and_no_pool_is_touched(shop):
    once_a_year(shop)
    shop.member(1)
    before = shop.level("pool")
    take_in(shop, line(1))
    assert shop.level("pool") == before
    assert services.redemptions_of_person(shop.session, shop.member(2).person_id) == []
    (report,) = services.usage_report(shop.session)
    assert (report.people, report.uses, report.union_fen) == (0, 0, 0)
    assert (report.imported_people, report.imported_uses, report.imported_fen) == (1, 1, 10_000)


def test_the_same_list_sent_again_counts_nothing_twice(shop):
    once_a_year(shop)
    shop.member(1)
    take_in(shop, line(1))
    again = take_in(shop, line(1))
    assert (again.import_id, again.stored, again.known, again.invalid) == (None, 0, 1, 0)
    assert breaches(shop.session) == {}


def test_a_corrected_amount_is_said_and_does_not_count_on_top(shop):
    limit = {"id": "month", "scope": "person", "window": "month", "max_fen": 5_000, "on_exceed": "trim"}
    shop.program("meal", rule(percent(1_000), limits=[limit]), since=date(2026, 1, 1))
    member = shop.member(1)
    first = take_in(shop, line(1, "2026-11-03", "meal", "20"))
    for changed in (line(1, "2026-11-03", "meal", "21"), line(1, "2026-11-03", "meal", "20", "2")):
        assert codes(take_in(shop, changed)) == [(3, "differs_from_before")]
    assert shop.usage(member, "meal") == {("month", "2026-11"): (1, 2_000)}
    command = services.TakeBackPastUses(first.import_id, shop.office["C1"], "金额更正")
    services.take_back_past_uses(shop.session, shop.world, command)
    assert take_in(shop, line(1, "2026-11-03", "meal", "21")).stored == 1
    assert shop.usage(member, "meal") == {("month", "2026-11"): (1, 2_100)}
    assert breaches(shop.session) == {}


def test_one_day_on_two_lines_of_a_file_is_a_duplicate_whatever_the_amounts(shop):
    shop.program("ticket", rule(fixed(1_000)), since=date(2026, 1, 1))
    shop.member(1)
    done = take_in(shop, line(1, "2026-11-03", "ticket", "10"), line(1, "2026-11-03", "ticket", "12"))
    assert (done.stored, codes(done)) == (1, [(4, "duplicate_in_file")])


def test_everything_wrong_is_said_of_its_row_in_one_pass(shop):
    once_a_year(shop)
    shop.members(1, 2, 3, 4)
    done = take_in(
        shop,
        line(1, "2026-12-12"),
        line(1, program="nothing-like-it"),
        line(1, "三月"),
        line(1, fen="1e5"),
        line(1, times="许多"),
        ["赵一", id_number(99), "health-check", "2026-03-12", "100", "", ""],
        ["钱二", "310101199001010010", "health-check", "2026-03-12", "100", "", ""],
        ["孙三", "", "health-check", "2026-03-12", "100", "", ""],
        line(2),
        line(2),
        line(3),
        line(3, "2026-04-01"),
        ["合计", "", "", "", "400", "", ""],
    )
    assert codes(done) == [
        (3, "date_in_future"),
        (4, "program_unknown"),
        (5, "date_invalid"),
        (6, "amount_invalid"),
        (7, "times_invalid"),
        (8, "member_unknown"),
        (9, "id_checksum"),
        (10, "person_missing"),
        (12, "duplicate_in_file"),
        (14, "over_limit"),
    ]
    assert (done.rows, done.stored, done.invalid) == (12, 2, 10)
    assert "2026" in done.findings[-1].message and "1 次" in done.findings[-1].message
    assert breaches(shop.session) == {}


def test_a_list_may_name_people_by_card_ours_or_foreign(shop):
    once_a_year(shop)
    ours = shop.office.issue(1)[0].number
    headings = ["姓名", "证件类型", "证件号码", "卡号"]
    cards = csv_file(
        [headings, ["周桂林", "居民身份证", id_number(1), ours], ["周桂林", "居民身份证", id_number(2), "6222021001"]]
    )
    save_people(shop.session, shop.world, [person_row(2)])
    import_cards(shop.session, shop.world, ImportCards(cards, "卡.csv", "B1", shop.office["U1"]))
    rows = [["项目名称", "卡号", "使用日期"], ["health-check", f"{ours[:4]} {ours[4:]}", "2026.3.12"]]
    rows += [["health-check", "6222021001", "20260313"], ["health-check", "6222029999", "2026年3月13日"]]
    command = services.ImportPastUses(csv_file(rows), "用.csv", shop.office["D1u"])
    done = services.import_past_uses(shop.session, shop.world, command)
    assert (done.stored, codes(done)) == (2, [(4, "card_unknown")])
    assert breaches(shop.session) == {}


def test_card_and_document_of_two_people_are_said_and_left_out(shop):
    once_a_year(shop)
    number = shop.office.issue(1)[0].number
    shop.member(2)
    headings = ["卡号", "证件号码", "项目编号", "使用日期"]
    done = take_in(shop, [number, id_number(2), "health-check", "2026-03-12"], headings=headings)
    assert codes(done) == [(3, "person_mismatch")]


def test_a_limit_of_money_counts_the_amount_and_asks_for_it(shop):
    limit = {"id": "month", "scope": "person", "window": "month", "max_fen": 5_000, "on_exceed": "trim"}
    shop.program("meal", rule(percent(1_000), limits=[limit]), since=date(2026, 1, 1))
    member = shop.member(1)
    done = take_in(
        shop,
        line(1, "2026-11-03", "meal", "30", "2"),
        line(1, "2026-11-04", "meal", ""),
        line(1, "2026-11-05", "meal", "20.01"),
    )
    assert (done.stored, codes(done)) == (1, [(4, "amount_missing"), (5, "over_limit")])
    assert shop.usage(member, "meal") == {("month", "2026-11"): (2, 3_000)}
    assert shop.redeem(member, 100_000).discount_fen == 2_000
    assert breaches(shop.session) == {}


def test_what_was_redeemed_here_on_that_day_is_not_counted_again(shop):
    shop.program("ticket", rule(fixed(1_000)), since=date(2026, 1, 1))
    member = shop.member(1)
    shop.redeem(member, 5_000)
    assert codes(take_in(shop, line(1, "2026-11-21", "ticket"))) == [(3, "redeemed_here")]


def test_a_township_takes_in_its_own_members_only_and_a_unit_nobody(shop):
    once_a_year(shop)
    shop.member(1)
    assert codes(take_in(shop, line(1), officer="D9u")) == [(3, "unit_out_of_scope")]
    assert take_in(shop, line(1), officer="D1u").stored == 1
    with pytest.raises(NotAllowed, match="role_missing"):
        take_in(shop, line(1), officer="U1")


def test_a_program_without_rules_is_said(shop):
    officer = shop.office["C1"]
    command = services.CreateProgram(
        "bare", "没有标准的项目", ProgramKind.SUBSIDY, "云工〔2026〕8号", officer.union_id, officer
    )
    services.create_program(shop.session, shop.world, command)
    shop.member(1)
    assert codes(take_in(shop, line(1, program="没有标准的项目"))) == [(3, "no_rule_version")]


def test_a_list_that_was_wrong_is_taken_back_and_its_uses_are_free_again(shop):
    once_a_year(shop)
    member = shop.member(1)
    done = take_in(shop, line(1))
    command = services.TakeBackPastUses(done.import_id, shop.office["C1"], "医院给错了名单")
    assert services.take_back_past_uses(shop.session, shop.world, command) == 1
    assert services.past_uses_of_person(shop.session, member.person_id) == ()
    assert not shop.redeem(member, 20_000, service_code="health_check").refused
    assert breaches(shop.session) == {}
    with pytest.raises(Conflict, match="taken_back_before"):
        services.take_back_past_uses(shop.session, shop.world, command)
    with pytest.raises(NotFound, match="past_use_import_unknown"):
        services.take_back_past_uses(
            shop.session, shop.world, services.TakeBackPastUses(done.import_id, shop.office["D9u"], "x")
        )
    (shown,) = services.past_use_imports(shop.session, shop.office["C1"])
    assert (shown.stored, shown.reason) == (1, "医院给错了名单")


def test_taken_back_it_can_be_taken_in_again(shop, clock):
    once_a_year(shop)
    member = shop.member(1)
    first = take_in(shop, line(1))
    services.take_back_past_uses(
        shop.session, shop.world, services.TakeBackPastUses(first.import_id, shop.office["C1"], "日期错了")
    )
    clock.advance(timedelta(minutes=5))
    assert take_in(shop, line(1, "2026-03-13")).stored == 1
    (use,) = services.past_uses_of_person(shop.session, member.person_id)
    assert (use.program, use.used_on, use.fen, use.place) == ("health-check", date(2026, 3, 13), 10_000, "区疗休养院")


def test_a_file_that_is_no_list_of_uses_is_said(shop):
    for rows in ([["姓名", "金额"], ["周桂林", "1"]], [["项目编号", "使用日期", "卡号"]]):
        with pytest.raises(InvalidInput):
            services.import_past_uses(
                shop.session, shop.world, services.ImportPastUses(csv_file(rows), "x.csv", shop.office["C1"])
            )


def both_at_once(app, world, monkeypatch, patience):
    """The same list by two officers who meet before they write, if they can; no limit is in the way."""
    with committed(app) as session:
        shop = make_shop(session, world)
        shop.program("ticket", rule(fixed(1_000)), since=date(2026, 1, 1))
        shop.member(1)
    content = csv_file([HEADINGS, line(1, "2026-11-03", "ticket", "10")])
    barrier, write = threading.Barrier(2), past_uses.write

    def meet(*args):
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(patience)
        write(*args)

    monkeypatch.setattr(past_uses, "write", meet)
    commands = [services.ImportPastUses(content, "券.csv", shop.office[officer]) for officer in ("C1", "D1u")]
    acts = [lambda session, one=one: services.import_past_uses(session, world, one) for one in commands]
    return sorted((done.stored, done.known) for done in all_at_once(app, acts))


def test_of_two_officers_with_the_same_list_at_once_one_counts(committing_app, world, monkeypatch):
    assert both_at_once(committing_app, world, monkeypatch, patience=0.5) == [(0, 1), (1, 0)]


def test_planted_bug_two_officers_who_do_not_wait_count_twice(committing_app, world, monkeypatch):
    monkeypatch.setattr(past_uses, "one_list_at_a_time", lambda _session: None)
    assert both_at_once(committing_app, world, monkeypatch, patience=20) == [(1, 0), (1, 0)]


def test_planted_bug_a_use_without_its_counter_is_found_by_the_invariants(shop, monkeypatch):
    once_a_year(shop)
    shop.member(1)
    monkeypatch.setattr("cardnet.benefits.services.past_use_writes._asked", lambda _fits, *, shared: {})
    take_in(shop, line(1))
    assert "L8" in breaches(shop.session)


# ---- the command ----


@pytest.fixture
def said(app, monkeypatch):
    """Run `cardnet past-uses …` with --json; gives the document, or the code of the refusal."""
    group = CardnetGroup("cardnet", commands={command.name: command for command in COMMANDS})

    def ask(*words, code=0):
        line = ["past-uses", *map(str, words), "--json"]
        monkeypatch.setattr(sys, "argv", ["cardnet", *line])
        with app.app_context():
            result = CliRunner().invoke(group, line)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        document = json.loads(result.stdout)
        return document if code == 0 else document["error"]["code"]

    return ask


def test_the_command_takes_a_list_in_tells_it_and_takes_it_back(shop, said, tmp_path):
    once_a_year(shop)
    member = shop.member(1)
    file, officer = tmp_path / "体检.csv", shop.office["C1"].username
    file.write_bytes(csv_file([HEADINGS, line(1), line(2)]))
    done = said("import", file, "--as", officer)
    assert (done["rows"], done["stored"], done["invalid"], done["people"]) == (2, 1, 1, 1)
    assert [(found["line"], found["code"]) for found in done["findings"]] == [(3, "member_unknown")]
    assert shop.redeem(member, 20_000, service_code="health_check").refused
    (listed,) = said("list", "--as", officer)["imports"]
    assert (listed["id"], listed["stored"], listed["taken_back_at"]) == (done["import_id"], 1, None)
    assert said("take-back", done["import_id"], "--reason", "项目选错了", "--as", officer) == {"taken_back": 1}
    assert not shop.redeem(member, 20_000, service_code="health_check").refused
    assert said("take-back", "keine", "--reason", "错", "--as", officer, code=1) == "past_use_import_unknown"
    assert said("import", file, "--as", shop.office["U1"].username, code=1) == "role_missing"
