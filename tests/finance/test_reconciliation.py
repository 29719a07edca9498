"""A merchant's file against our lines, end to end (M18), and what a second file or run does."""

import csv
import io
import json
import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from cardnet.cli import CardnetGroup
from cardnet.finance import services
from cardnet.finance.cli import COMMANDS
from cardnet.finance.services import Reconcile, RunReconciliation, SetAside
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict, InvalidInput
from tests.finance.test_days_and_settlements import NEXT, at
from tests.make.finance import DAY, sales, statement_csv


def reconcile(shop, content, first=DAY, last=None, name="对账.csv"):
    command = Reconcile(shop.venue.merchant_id, content, name, first, last or first, shop.actor_id)
    return shop.act(lambda session: services.reconcile(session, shop.world, command))


def again(shop, run):
    command = RunReconciliation(run.merchant_id, tuple(f.id for f in run.files), run.first_on, run.last_on)
    return shop.act(lambda session: services.run_reconciliation(session, shop.world, command))


def exceptions(run):
    with transaction() as session:
        return services.exceptions_of_run(session, run.id)


@pytest.fixture
def m18(shop, clock):
    """Nine sales of ours on the 21st, the last of them at 00:00:01, and the ten lines the merchant sends."""
    early = at(DAY, 0, 0, 1)
    refs = sales(shop, clock, [early, *(at(DAY, 9, minute) for minute in range(8))])
    late, equal, wrong, missing = refs[0], refs[1:7], refs[7], refs[8]
    lines = [(ref, DAY, "6.00") for ref in equal]
    lines += [(wrong, DAY, "6.01"), (equal[0], DAY, "6.00"), ("R-unknown", DAY, "6.00"), (late, NEXT, "6.00")]
    clock.set(at(NEXT, 10))
    assert missing not in [line[0] for line in lines]
    return statement_csv(lines)


def test_m18_each_planted_difference_is_found_once_and_nothing_else(shop, m18, clock):
    run, result = reconcile(shop, m18)
    assert run.summary["matched"]["lines"] == 6
    assert run.summary["counts"] == {"E01": 1, "E02": 1, "E03": 1, "E06": 1, "E08": 1}
    assert run.summary["ours"] == {"lines": 9, "amount_fen": 5_400}
    found = exceptions(run)
    (amount,) = [one for one in found if one.code == "E06"]
    assert (amount.ours[0]["amount_fen"], amount.theirs[0]["amount_fen"], amount.difference_fen) == (600, 601, -1)
    assert "商户多 0.01 元" in amount.explanation

    with pytest.raises(Conflict) as refused:
        reconcile(shop, m18, name="again.csv")
    assert refused.value.code == "file_already_imported"
    assert refused.value.detail["filename"] == "对账.csv"
    assert refused.value.detail["run_id"] == str(run.id)

    second, repeated = again(shop, run)
    assert repeated == result
    assert second.result_sha256 == run.result_sha256
    with transaction() as session:
        twice = session.execute(
            text("select our_id from reconciliation_match where live group by 1 having count(*) > 1")
        ).all()
        assert twice == []
        assert services.audit.run(session, shop.world) == []
        assert services.run_view(session, run.id).superseded

    open_before = {one.code: one.state for one in exceptions(second)}
    assert open_before["E08"] == "open"
    clock.set(at(NEXT + timedelta(days=1), 0, 20))
    shop.settle(NEXT)
    states = {one.code.value: one.state.value for one in exceptions(second)}
    assert states == {"E01": "open", "E02": "open", "E03": "open", "E06": "open", "E08": "closed"}


def test_the_differences_add_up_to_the_difference_of_the_totals(shop, m18):
    run, _ = reconcile(shop, m18)
    assert sum(group["difference_fen"] for group in run.summary["groups"]) == run.summary["difference_fen"]


def test_a_month_that_covers_both_days_finds_the_late_line_too_and_takes_the_days_place(shop, m18):
    day, _ = reconcile(shop, m18)
    command = RunReconciliation(day.merchant_id, (day.files[0].id,), date(2026, 11, 1), date(2026, 11, 30))
    month, _ = shop.act(lambda session: services.run_reconciliation(session, shop.world, command))
    assert month.summary["counts"] == day.summary["counts"]
    assert month.summary["difference_fen"] == -1 + 600 - 600 - 600
    with pytest.raises(Conflict) as refused:
        again(shop, day)
    assert refused.value.code == "period_overlaps"


def test_yesterdays_missing_line_clears_when_todays_file_has_it(shop, clock):
    (ref,) = sales(shop, clock, [at(DAY, 23, 59, 59)])
    other = sales(shop, clock, [at(DAY, 9)])
    clock.set(at(NEXT + timedelta(days=1), 10))
    first, _ = reconcile(shop, statement_csv([(other[0], DAY, "6.00")]))
    assert first.summary["counts"] == {"E01": 1}
    second, _ = reconcile(shop, statement_csv([(ref, NEXT, "6.00")]), NEXT)
    assert second.summary["counts"] == {"E08": 1}
    assert [one.state.value for one in exceptions(first)] == ["closed"]


def test_what_was_found_again_clears_by_itself_as_what_was_found_once(shop, clock):
    late, other = sales(shop, clock, [at(DAY, 23, 59, 59)])[0], sales(shop, clock, [at(DAY, 9)])[0]
    clock.set(at(NEXT, 10))
    first, _ = reconcile(shop, statement_csv([(other, DAY, "6.00"), (late, NEXT, "6.00")]))
    slip, _ = reconcile(shop, statement_csv([(other, DAY, "6.00")]), name="slip.csv")
    assert [one.state.value for one in exceptions(first)] == ["closed"]
    take_back(shop, slip)
    assert [(one.code, one.state.value) for one in exceptions(first)] == [("E08", "reopened")]
    clock.set(at(NEXT + timedelta(days=1), 1))
    shop.settle(NEXT)
    assert [one.state.value for one in exceptions(first)] == ["closed"]


def test_unreadable_lines_are_reported_with_their_number_and_the_rest_is_compared(shop, clock):
    refs = sales(shop, clock, [at(DAY, 9, minute) for minute in range(3)])
    clock.set(at(NEXT, 10))
    content = statement_csv([(refs[0], DAY, "6.00"), (refs[1], DAY, "1e5"), (refs[2], DAY, "100.005")])
    run, _ = reconcile(shop, content)
    assert run.summary["counts"] == {"E01": 2, "E05": 2}
    assert [one.theirs[0]["line"] for one in exceptions(run) if one.code == "E05"] == [3, 4]


def test_a_file_whose_total_is_wrong_is_refused_and_leaves_the_good_result_alone(shop, clock):
    refs = sales(shop, clock, [at(DAY, 9), at(DAY, 10)])
    clock.set(at(NEXT, 10))
    good, _ = reconcile(shop, statement_csv([(refs[0], DAY, "6.00")]))
    bad, _ = reconcile(shop, statement_csv([(refs[0], DAY, "6.00"), ("合计 1 笔", "", "7.00")]))
    assert bad.summary["refused"]
    assert bad.summary["counts"] == {"E17": 1}
    assert "7.00" in exceptions(bad)[0].explanation
    with transaction() as session:
        assert [run.id for run in services.runs(session)] == [good.id]
    assert [(one.code, one.state) for one in exceptions(good)] == [("E01", "open")]


def test_a_statement_we_exported_ourselves_reconciles_without_a_difference(shop, clock):
    shop.redeem(0)
    shop.redeem(1)
    clock.set(at(NEXT, 10))
    (sealed,) = shop.settle(DAY).sealed
    with transaction() as session:
        content = services.settlement_csv(session, sealed.id)
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["union_yuan"] for row in rows] == ["100.00", "100.00"]
    run, _ = reconcile(shop, content)
    assert (run.summary["matched"]["lines"], run.summary["counts"]) == (2, {})
    assert run.summary["matched"]["by_pass"]["P1"] == 2


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", b"PK\x03\x04rubbish", "姓名,电话\n王,1\n".encode()])
def test_what_is_no_statement_is_refused_with_a_sentence_and_nothing_is_stored(shop, content):
    with pytest.raises(InvalidInput):
        reconcile(shop, content)
    with transaction() as session:
        assert session.execute(text("select count(*) from statement_file")).scalar() == 0


def test_the_commands_print_one_document_each(shop, m18, clock, tmp_path, capsys, monkeypatch):
    path = tmp_path / "百禾.csv"
    path.write_bytes(m18)
    asked = ["reconcile", "--merchant", "M1001", "--file", str(path), "--day", DAY.isoformat()]
    told = run_command(monkeypatch, capsys, [*asked, "--json"])
    assert told["counts"] == {"E01": 1, "E02": 1, "E03": 1, "E06": 1, "E08": 1}
    refused = run_command(monkeypatch, capsys, [*asked, "--json"], code=1)
    assert refused["error"]["code"] == "file_already_imported"
    assert "--again" in refused["error"]["message"] and "请在那次结果里" not in refused["error"]["message"]
    repeated = run_command(monkeypatch, capsys, [*asked, "--again", "--json"])
    assert {**repeated, "run_id": told["run_id"]} == told
    settled = run_command(monkeypatch, capsys, ["settle", "--day", DAY.isoformat(), "--all", "--json"])
    assert settled["settlements"][0]["net_fen"] == 5_400
    assert run_command(monkeypatch, capsys, ["audit", "--json"])["held"] is True
    early = run_command(monkeypatch, capsys, ["settle", "--day", NEXT.isoformat(), "--json"], code=1)
    assert early["error"]["code"] == "day_not_over"


def run_command(monkeypatch, capsys, words, code=0):
    """The one document a command prints, run inside the app that is already there."""
    monkeypatch.setattr("sys.argv", ["cardnet", *words])
    group = CardnetGroup(commands={command.name: command for command in COMMANDS})
    try:
        group.main(words, standalone_mode=False)
        ended = 0
    except SystemExit as end:
        ended = end.code
    assert ended == code
    return json.loads(capsys.readouterr().out)


# -- what a person gets wrong


def moved(lines, days):
    return [(ref, day + timedelta(days=days), amount) for ref, day, amount in lines]


@pytest.fixture
def good(shop, clock):
    """Six sales of ours and the same six as the merchant writes them; it is the day after."""
    refs = sales(shop, clock, [at(DAY, 9, minute) for minute in range(6)])
    clock.set(at(NEXT, 10))
    return [(ref, DAY, "6.00") for ref in refs]


def test_every_line_of_other_days_is_counted_with_its_first_and_last_day(shop, good):
    run, _ = reconcile(shop, statement_csv([*moved(good[:2], 1), *moved(good[2:], 30)]))
    theirs = run.summary["theirs"]
    assert (theirs["lines"], theirs["outside_period"], theirs["outside_paired"]) == (0, 6, 2)
    assert (theirs["outside_first_on"], theirs["outside_last_on"]) == ("2026-11-22", "2026-12-21")


def test_days_that_are_all_still_to_come_are_refused(shop, good):
    with pytest.raises(InvalidInput) as refused:
        reconcile(shop, statement_csv(good), DAY + timedelta(days=10))
    assert (refused.value.code, "还没有到" in refused.value.message) == ("period_invalid", True)


def test_a_file_of_other_days_or_of_strangers_is_doubted_before_anything_is_stored(shop, good):
    strange = [(f"X-{ref}", day, amount) for ref, day, amount in good]
    for lines, doubt in ((moved(good, 30), "period"), (strange, "strange")):
        command = Reconcile(shop.venue.merchant_id, statement_csv(lines), "a.csv", DAY, DAY, confirmed=False)
        with pytest.raises(Conflict) as refused:
            shop.act(lambda session, command=command: services.reconcile(session, shop.world, command))
        assert (refused.value.code, refused.value.detail["doubt"]) == ("file_doubtful", doubt)
    with transaction() as session:
        assert session.execute(text("select count(*) from statement_file")).scalar() == 0
    sure = Reconcile(shop.venue.merchant_id, statement_csv(good), "a.csv", DAY, DAY, confirmed=False)
    assert shop.act(lambda session: services.reconcile(session, shop.world, sure))[0].summary["counts"] == {}


def take_back(shop, run, reason="传错了"):
    return shop.act(lambda session: services.set_aside(session, shop.world, SetAside(run.id, reason, shop.actor_id)))


def waiting():
    with transaction() as session:
        return {code.value: n for (code, _), n in services.open_exceptions_by_code(session).items()}


def test_the_same_file_is_compared_again_for_other_days_and_after_it_was_set_aside(shop, good):
    file = statement_csv([*good[:5], ("S-unread", DAY, "1e5")])
    wrong, _ = reconcile(shop, file, DAY - timedelta(days=9))
    right, result = reconcile(shop, file)
    assert right.summary["counts"] == {"E01": 1, "E05": 1}
    with pytest.raises(Conflict, match="file_already_imported"):
        reconcile(shop, file)
    again(shop, right)
    with transaction() as session:
        newest = services.runs(session)[0]
    gone, counted = take_back(shop, newest)
    assert (gone.set_aside_words, gone.superseded, counted) == ("传错了", True, ())
    with pytest.raises(Conflict, match="already_set_aside"):
        take_back(shop, newest)
    assert waiting() == {}
    repeated, content = reconcile(shop, file)
    assert (content, waiting()) == (result, {"E01": 1, "E05": 1})
    assert wrong.id != repeated.id
    with transaction() as session:
        assert services.audit.run(session, shop.world) == []


def test_a_bad_file_that_took_the_place_of_a_good_one_is_set_aside_and_the_good_one_counts_again(shop, good):
    first, _ = reconcile(shop, statement_csv([*good[:5], (good[5][0], DAY, "7.00")]))
    bad, _ = reconcile(shop, statement_csv([(f"X-{ref}", day, amount) for ref, day, amount in good]), name="bad.csv")
    assert waiting() == {"E01": 6, "E02": 6}
    with pytest.raises(InvalidInput, match="reason_required"):
        take_back(shop, bad, "  ")
    with pytest.raises(Conflict, match="run_superseded"):
        take_back(shop, first)
    _, (counted,) = take_back(shop, bad)
    assert (counted.id, counted.superseded, waiting()) == (first.id, False, {"E06": 1})
    with transaction() as session:
        assert [run.id for run in services.runs(session)] == [first.id]
        assert {run.id for run in services.runs(session, everything=True)} == {first.id, bad.id}
        live = text("select run_id, count(*) from reconciliation_match where live group by 1")
        assert session.execute(live).all() == [(first.id, 5)]
        assert services.audit.run(session, shop.world) == []


def test_when_our_lines_changed_since_the_good_file_is_compared_anew(shop, good, clock):
    first, _ = reconcile(shop, statement_csv(good))
    bad, _ = reconcile(shop, statement_csv(good[:1]))
    sales(shop, clock, [at(DAY, 21)])
    clock.set(at(NEXT, 11))
    _, (counted,) = take_back(shop, bad)
    assert counted.id not in (first.id, bad.id)
    assert (counted.summary["counts"], waiting()) == ({"E01": 1}, {"E01": 1})


def test_a_line_of_ours_whose_number_stands_on_an_unreadable_line_says_so(shop, good):
    run, _ = reconcile(shop, statement_csv([*good[:5], (good[5][0], DAY, "1e5")]))
    (missing,) = [one for one in exceptions(run) if one.code == "E01"]
    assert "第 7 行" in missing.explanation
    assert "商户文件里没有" not in missing.explanation
    assert missing.detail["related"]["theirs"][0]["line"] == 7


def test_a_total_that_unreadable_lines_keep_from_being_checked_is_told(shop, good):
    run, _ = reconcile(shop, statement_csv([*good[:5], (good[5][0], DAY, "1e5"), ("合计", "", "99.00")]))
    (file,) = run.summary["files"]
    assert (file["declared_fen"], file["readable_fen"]) == (9_900, 3_000)


def test_a_run_is_listed_and_set_aside_by_command(shop, good, capsys, monkeypatch):
    run, _ = reconcile(shop, statement_csv(good))
    asked = ["reconciliations", "set-aside", str(run.id), "--reason", "传错了", "--json"]
    assert run_command(monkeypatch, capsys, asked)["set_aside"]["set_aside_words"] == "传错了"
    assert run_command(monkeypatch, capsys, ["reconciliations", "list", "--json"]) == {"reconciliations": []}
    (gone,) = run_command(monkeypatch, capsys, ["reconciliations", "list", "--all", "--json"])["reconciliations"]
    assert (gone["run_id"], gone["counts"]) == (str(run.id), False)
    assert run_command(monkeypatch, capsys, asked, code=1)["error"]["code"] == "already_set_aside"
    # Asked of one merchant, the other's runs do not fill the list; a merchant there is not is told as such.
    unknown = ["reconciliations", "list", "--merchant", "M404", "--json"]
    assert run_command(monkeypatch, capsys, unknown, code=1)["error"]["code"] == "merchant_unknown"
    with transaction() as session:
        of = {
            one: services.runs(session, 1, everything=True, merchant_id=one)
            for one in (run.merchant_id, uuid.UUID(int=1))
        }
    assert [[one.id for one in found] for found in of.values()] == [[run.id], []]


# -- a wrong file in the place of a good one; the last day of one month and the first of the next


def test_a_wrong_file_takes_no_good_results_place_unless_somebody_insists(shop, good, tmp_path, capsys, monkeypatch):
    first, _ = reconcile(shop, statement_csv(good))
    asked = ["reconcile", "--merchant", "M1001", "--day", DAY.isoformat(), "--json", "--file"]
    strange = [(f"X-{ref}", day, amount) for ref, day, amount in good]
    files = {"strange": strange, "period": moved(good, -30), "worse": strange[:2]}
    for doubt, lines in files.items():
        path = tmp_path / f"{doubt}.csv"
        path.write_bytes(statement_csv(lines))
        refused = run_command(monkeypatch, capsys, [*asked, str(path)], code=1)["error"]
        assert (refused["code"], refused["doubt"]) == ("file_doubtful", doubt)
        assert refused["replaces"] == [str(first.id)]
        assert "--force" in refused["message"]
    with transaction() as session:
        assert [run.id for run in services.runs(session, everything=True)] == [first.id], "nothing is lost"
    told = run_command(monkeypatch, capsys, [*asked, str(path), "--force"])
    assert told["counts"] == {"E01": 6, "E02": 2}
    with transaction() as session:
        assert {str(run.id) for run in services.runs_replaced(session, uuid.UUID(told["run_id"]))} == {str(first.id)}


def test_every_difference_on_the_screen_can_be_found_by_its_numbers(shop, good, tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(statement_csv([*good[:4], (good[4][0], DAY, "6.01"), ("X-1", DAY, "7.00"), ("X-2", DAY, "1e5")]))
    words = ["reconcile", "--merchant", "M1001", "--file", str(path), "--day", DAY.isoformat()]
    monkeypatch.setattr("sys.argv", ["cardnet", *words])
    CardnetGroup(commands={command.name: command for command in COMMANDS}).main(words, standalone_mode=False)
    told = capsys.readouterr().out
    with transaction() as session:
        (run,) = services.runs(session)
    for one in exceptions(run):
        for line in one.ours:
            assert f"6.00 元  2026-11-21  商户单号 {line['merchant_ref']}  核销编号 {line['redemption_id']}" in told
    for words in ("第 6 行  核销  6.01 元", "商户单号 X-1", "第 8 行  金额无法识别  商户单号 X-2"):
        assert words in told, words


@pytest.mark.parametrize("theirs_later", [True, False])
def test_a_line_on_the_other_side_of_the_months_end_is_e08_in_both_months(shop, clock, theirs_later):
    ours_at, day = (at(DAY, 23, 59, 59), NEXT) if theirs_later else (at(NEXT, 0, 0, 1), DAY)
    (other,) = sales(shop, clock, [at(DAY, 9)])
    (ref,) = sales(shop, clock, [ours_at])
    clock.set(at(NEXT + timedelta(days=1), 10))
    both = statement_csv([(other, DAY, "6.00"), (ref, day, "6.00")])
    before, _ = reconcile(shop, both)
    after, _ = reconcile(shop, both, NEXT)
    assert (before.summary["counts"], after.summary["counts"]) == ({"E08": 1}, {"E08": 1})
    assert [one.state.value for run in (before, after) for one in exceptions(run)] == ["closed", "closed"]
    assert str(day) in exceptions(after)[0].explanation
    for run in (before, after):
        assert sum(group["difference_fen"] for group in run.summary["groups"]) == run.summary["difference_fen"]
    repeated, _ = again(shop, before)
    assert repeated.summary["counts"] == {"E08": 1}
    with transaction() as session:
        assert services.audit.run(session, shop.world) == []
