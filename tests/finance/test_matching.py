from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardnet.finance import matching
from cardnet.finance.matching import match
from tests.make.finance import DAY, ours, theirs

NEXT = DAY + timedelta(days=1)


def found(result):
    """(code, ours, theirs) of each finding, own lines only."""
    rows = {}
    for row in result.findings.to_pylist():
        key = rows.setdefault(row["finding"], (row["code"], set(), set()))
        if row["role"] == "own":
            if row["our_no"] is not None:
                key[1].add(row["our_no"])
            if row["their_no"] is not None:
                key[2].add(row["their_no"])
    return sorted((code, tuple(sorted(a)), tuple(sorted(b))) for code, a, b in rows.values())


def matched(result):
    return [(row["pass"], row["our_no"], row["their_no"]) for row in result.matches.to_pylist()]


CASES = {
    "equal by reference": (
        [{"id": "a"}], [{"ref": "R-a"}],
        [("P2", 0, 0)], [],
    ),
    "equal by redemption id, whatever their reference says": (
        [{"id": "a"}], [{"id": "a", "ref": "X"}],
        [("P1", 0, 0)], [],
    ),
    "a file without dates is matched by key and amount": (
        [{"id": "a"}], [{"ref": "R-a", "day": None}],
        [("P2", 0, 0)], [],
    ),
    "E01: they have not got it": (
        [{"id": "a"}], [],
        [], [("E01", (0,), ())],
    ),
    "E02: we have not got it": (
        [], [{"ref": "R-z"}],
        [], [("E02", (), (0,))],
    ),
    "E03: they have it twice": (
        [{"id": "a"}], [{"ref": "R-a"}, {"ref": "R-a"}],
        [("P2", 0, 0)], [("E03", (), (1,))],
    ),
    "E03: twice with different amounts, one of them right": (
        [{"id": "a"}], [{"ref": "R-a", "fen": 700}, {"ref": "R-a"}],
        [("P2", 0, 1)], [("E03", (), (0,))],
    ),
    "E03 beside E02: twice in theirs, never in ours": (
        [], [{"ref": "R-z"}, {"ref": "R-z"}],
        [], [("E02", (), (0,)), ("E03", (), (1,))],
    ),
    "E04: we have it twice": (
        [{"id": "a"}, {"id": "a"}], [{"ref": "R-a"}],
        [("P2", 0, 0)], [("E04", (1,), ())],
    ),
    "E06: another amount": (
        [{"id": "a"}], [{"ref": "R-a", "fen": 601}],
        [], [("E06", (0,), (0,))],
    ),
    "E07: another type": (
        [{"id": "a"}], [{"ref": "R-a", "type": "refund"}],
        [], [("E07", (0,), (0,))],
    ),
    "E07: another sign": (
        [{"id": "a"}], [{"ref": "R-a", "fen": -600}],
        [], [("E07", (0,), (0,))],
    ),
    "a minus without a word is our reversal": (
        [{"id": "a"}, {"id": "r", "type": "reversal", "original": "a", "ref": "R-a"}],
        [{"ref": "R-a"}, {"ref": "R-a", "type": "back"}],
        [("P2", 0, 0), ("P2", 1, 1)], [],
    ),
    "their reversal names the redemption it took back": (
        [{"id": "a"}, {"id": "r", "type": "reversal", "original": "a", "ref": ""}],
        [{"id": "a"}, {"id": "a", "type": "reversal"}],
        [("P1", 0, 0), ("P1", 1, 1)], [],
    ),
    "E08: a day apart": (
        [{"id": "a"}], [{"ref": "R-a", "day": NEXT, "within": False}],
        [("P4", 0, 0)], [("E08", (0,), (0,))],
    ),
    "E08: ours is the one outside the period": (
        [{"id": "a", "day": NEXT, "within": False}], [{"ref": "R-a"}],
        [("P4", 0, 0)], [("E08", (0,), (0,))],
    ),
    "E08: another run has paired it with this line of the month before": (
        [{"id": "a", "day": NEXT, "within": False, "paired": DAY}], [{"ref": "R-a"}],
        [], [("E08", (0,), (0,))],
    ),
    "E08: paired in the file of the month before, and not in this one": (
        [{"id": "a", "paired": NEXT}], [],
        [], [("E08", (0,), ())],
    ),
    "E02: paired with another day's line, so this one is one more": (
        [{"id": "a", "within": False, "paired": NEXT}], [{"ref": "R-a"}],
        [], [("E02", (), (0,))],
    ),
    "two days apart are two differences": (
        [{"id": "a"}], [{"ref": "R-a", "day": NEXT + timedelta(days=1)}],
        [], [("E01", (0,), ()), ("E02", (), (0,))],
    ),
    "neighbouring days that nobody asked for are silent": (
        [{"id": "a", "day": NEXT, "within": False}], [{"ref": "R-b", "day": NEXT, "within": False}],
        [], [],
    ),
    "E09: they still count what we reversed": (
        [{"id": "a"}, {"id": "r", "type": "reversal", "original": "a"}], [{"ref": "R-a"}],
        [("P2", 0, 0)], [("E09", (1,), ())],
    ),
    "E10: another merchant's redemption": (
        [{"id": "f", "foreign": True}], [{"id": "f"}],
        [], [("E10", (), (0,))],
    ),
    "E10: another of the merchant's own terminals": (
        [{"id": "a"}, {"id": "b", "terminal": "T02"}],
        [{"ref": "R-a", "terminal": "T02"}, {"ref": "R-b", "terminal": "2号收银台"}],
        [("P2", 0, 0), ("P2", 1, 1)], [("E10", (), ())],
    ),
    "E14: two of ours share a reference, theirs is one": (
        [{"id": "a", "ref": "R"}, {"id": "b", "ref": "R"}], [{"ref": "R"}],
        [], [("E14", (0, 1), (0,))],
    ),
    "E14: two different lines of theirs could be ours": (
        [{"id": "a"}], [{"ref": "R-a", "fen": 700}, {"ref": "R-a", "fen": 800}],
        [], [("E14", (0,), (0, 1))],
    ),
    "equal lines on both sides pair off: nobody has to pick": (
        [{"id": "a", "ref": "R"}, {"id": "b", "ref": "R"}], [{"ref": "R"}, {"ref": "R"}],
        [("P2", 0, 0), ("P2", 1, 1)], [],
    ),
    "E14: a line without any key, two of ours at its till within two minutes": (
        [{"id": "a", "at": 100}, {"id": "b", "at": 160}], [{"terminal": "T01", "at": 120}],
        [], [("E14", (0, 1), (0,))],
    ),
    "a line without any key is never taken, only suggested": (
        [{"id": "a", "at": 100}, {"id": "b", "at": 5_000}], [{"terminal": "T01", "at": 220}],
        [], [("E01", (0,), ()), ("E01", (1,), ()), ("E02", (), (0,))],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def judged():
    """What one run over all cases says of each: they share no key, so none can help or harm another."""
    all_ours, all_theirs, starts = [], [], {}
    for number, (case, (our_lines, their_lines, _, _)) in enumerate(CASES.items()):
        starts[case] = (len(all_ours), len(all_theirs))
        all_ours += [apart(number, {"terminal": "T01", **line}) for line in our_lines]
        all_theirs += [apart(number, line) for line in their_lines]
    result = match(ours(*all_ours), theirs(*all_theirs), "union_fen")
    return starts, matched(result), found(result)


def apart(number, line):
    """The line under names no other case uses; `R-x` stays the reference that sale `x` has by itself."""
    named = {key: f"{number}-{line[key]}" for key in ("id", "original", "terminal") if line.get(key)}
    if ref := line.get("ref"):
        named["ref"] = f"R-{number}-{ref[2:]}" if ref.startswith("R-") else f"{number}-{ref}"
    return {**line, **named}


@pytest.mark.parametrize("case", CASES)
def test_every_line_gets_its_match_or_its_class(case, judged):
    our_lines, their_lines, matches, findings = CASES[case]
    starts, all_matches, all_findings = judged
    first_ours, first_theirs = starts[case]
    mine = range(first_ours, first_ours + len(our_lines)), range(first_theirs, first_theirs + len(their_lines))
    assert [(name, a - first_ours, b - first_theirs) for name, a, b in all_matches if a in mine[0]] == matches
    told = [
        (code, tuple(no - first_ours for no in a), tuple(no - first_theirs for no in b))
        for code, a, b in all_findings
        if set(a) & set(mine[0]) or set(b) & set(mine[1])
    ]
    if case.startswith("E10: another of"):
        # It owns no line, its lines stay matched: the one finding of this kind is told apart by owning none.
        told = [one for one in all_findings if one == ("E10", (), ())]
    assert told == sorted(findings)


def test_a_suggestion_shows_the_line_it_suggests():
    result = match(ours({"id": "a", "at": 100}), theirs({"terminal": "T01", "at": 220}))
    related = [(r["code"], r["our_no"], r["their_no"]) for r in result.findings.to_pylist() if r["role"] == "related"]
    assert related == [("E01", None, 0), ("E02", 0, None)]


def test_a_column_that_only_says_amount_means_the_amount_most_lines_agree_with():
    our_lines = ours({"id": "a", "gross": 38_000}, {"id": "b", "gross": 41_000}, {"id": "c", "gross": 5_000})
    their_lines = theirs({"ref": "R-a", "fen": 38_000}, {"ref": "R-b", "fen": 41_000}, {"ref": "R-c", "fen": 5_100})
    result = match(our_lines, their_lines)
    assert result.basis == "gross_fen"
    assert found(result) == [("E06", (2,), (2,))]
    assert match(our_lines, their_lines, basis="union_fen").basis == "union_fen"


PLANTS = ("equal", "by_id", "E01", "E02", "E03", "E06", "E07", "E08", "E09", "E10", "E14")


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plants=st.lists(st.sampled_from(PLANTS), min_size=10, max_size=120), order=st.randoms(use_true_random=False))
def test_planted_differences_are_found_exactly_and_no_line_is_used_twice(plants, order):
    our_lines, their_lines, expected = plant(plants)
    order.shuffle(their_lines)
    first = match(ours(*our_lines), theirs(*their_lines))
    assert sorted(code for code, _, _ in found(first)) == sorted(expected)
    used = [row["their_no"] for row in first.matches.to_pylist()]
    assert len(used) == len(set(used))
    used = [row["our_no"] for row in first.matches.to_pylist()]
    assert len(used) == len(set(used))
    accounted = {no for _, a, _ in found(first) for no in a} | set(used)
    assert accounted == {no for no, line in enumerate(our_lines) if not line.get("foreign")}


def plant(plants):  # noqa: PLR0912 - one branch a class
    """Both sides with one planted case each, told apart by its key and its own amount and hour."""
    our_lines, their_lines, expected = [], [], []
    for no, kind in enumerate(plants):
        name, ref, fen, at = f"id-{no}", f"R-id-{no}", 1_000 + 10 * no, 10_000 * no
        our = {"id": name, "fen": fen, "at": at}
        their = {"ref": ref, "fen": fen, "at": at, "terminal": "T01"}
        if kind not in ("equal", "by_id"):
            expected.append(kind)
        if kind == "by_id":
            their = {"id": name, "fen": fen}
        elif kind == "E03":
            their_lines.append(dict(their))
        elif kind == "E06":
            their["fen"] += 1
        elif kind == "E07":
            their["type"] = "refund"
        elif kind == "E08":
            their |= {"day": NEXT, "within": False}
        elif kind == "E09":
            our_lines.append({"id": f"rev-{no}", "original": name, "type": "reversal", "fen": fen, "at": at + 5_000})
        elif kind == "E10":
            our["foreign"], their = True, {"id": name, "fen": fen}
        elif kind == "E14":
            our_lines.append({**our, "id": f"twin-{no}", "at": at + 30})
            their.pop("ref")
        elif kind == "E02":
            their |= {"ref": f"unknown-{no}", "at": at + 5_000}
            our_lines.append({**our, "id": f"other-{no}", "ref": f"S-{no}"})
            their_lines.append({"ref": f"S-{no}", "fen": fen})
        if kind != "E02":
            our_lines.append(our)
        if kind != "E01":
            their_lines.append(their)
    return our_lines, their_lines, expected


def test_a_matcher_that_forgets_to_use_up_its_lines_is_caught(monkeypatch):
    """Negative control: the properties above must be able to fail."""
    monkeypatch.setattr(matching._Run, "_use", lambda self, pairs: None)
    our_lines, their_lines, _ = plant(["by_id", "E09"])
    our_lines[0]["ref"] = "R"
    their_lines[0]["ref"] = "R"
    used = match(ours(*our_lines), theirs(*their_lines)).matches.to_pylist()
    assert len({row["our_no"] for row in used}) < len(used)
