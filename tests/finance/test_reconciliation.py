"""A merchant's file against our lines, end to end (M18), and what a second file or run does."""

import csv
import io
import json
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from cardnet.cli import CardnetGroup
from cardnet.finance import services
from cardnet.finance.cli import COMMANDS
from cardnet.finance.services import Reconcile, RunReconciliation
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


def test_unreadable_lines_are_reported_with_their_number_and_the_rest_is_compared(shop, clock):
    refs = sales(shop, clock, [at(DAY, 9, minute) for minute in range(3)])
    clock.set(at(NEXT, 10))
    content = statement_csv([(refs[0], DAY, "6.00"), (refs[1], DAY, "1e5"), (refs[2], DAY, "100.005")])
    run, _ = reconcile(shop, content)
    assert run.summary["counts"] == {"E01": 2, "E05": 2}
    assert [one.theirs[0]["line"] for one in exceptions(run) if one.code == "E05"] == [3, 4]


def test_a_file_whose_total_is_wrong_is_refused_and_leaves_the_good_result_alone(shop, clock):
    refs = sales(shop, clock, [at(DAY, 9)])
    clock.set(at(NEXT, 10))
    good, _ = reconcile(shop, statement_csv([(refs[0], DAY, "6.00")]))
    bad, _ = reconcile(shop, statement_csv([(refs[0], DAY, "6.00"), ("合计 1 笔", "", "7.00")]))
    assert bad.summary["refused"]
    assert bad.summary["counts"] == {"E17": 1}
    assert "7.00" in exceptions(bad)[0].explanation
    with transaction() as session:
        assert [run.id for run in services.runs(session)] == [good.id]


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
