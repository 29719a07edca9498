"""Rosters of many seeds in every form offices send, against the plan by which each was spoilt."""

import functools
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardnet.kernel.errors import InvalidInput
from cardnet.membership.result_workbook import result_workbook
from cardnet.membership.roster import RosterContext, RowStatus, check, read_sheet
from tests.make.messy import FORMS, ON, messy_roster

UNITS = {"C": "/C/", "D1": "/C/D1/", "B1": "/C/D1/B1/", "D2": "/C/D2/", "B9": "/C/D2/B9/"}
CONTEXT = RosterContext(UNITS, "B1", "/C/D1/", ON)
SEEDS = range(int(os.environ.get("CARDNET_MESSY_SEEDS", "36")))


def told(content):
    return check(read_sheet(content), CONTEXT)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_gets_what_was_done_to_it_and_nothing_else(seed):
    messy = messy_roster(seed, form=FORMS[seed % len(FORMS)])
    result = told(messy.content)
    found = [(row.status.value, list(row.codes)) for row in result.rows]
    assert found == [(row.status, row.codes) for row in messy.rows], messy.form
    assert [row.line for row in result.rows] == list(messy.lines)
    counts = {status: sum(1 for row in messy.rows if row.status == status) for status in ("valid", "warning", "declined", "invalid")}  # fmt: skip
    assert (result.valid, result.declined, result.invalid) == (counts["valid"] + counts["warning"], counts["declined"], counts["invalid"])  # fmt: skip


@pytest.mark.parametrize("seed", [3, 12, 21, 30])
def test_the_same_people_get_the_same_in_every_form(seed):
    verdicts = {tuple(row.codes for row in told(messy_roster(seed, form=form).content).rows) for form in FORMS}
    assert len(verdicts) == 1


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_the_result_sent_again_untouched_gets_the_same_verdicts(seed):
    result = told(messy_roster(seed).content)
    again = told(result_workbook(result))
    assert [(row.status, row.codes) for row in again.rows] == [(row.status, row.codes) for row in result.rows]
    assert [row.line for row in again.rows] == [row.line for row in result.rows]


@pytest.mark.parametrize("seed", SEEDS[::6])
def test_the_rows_to_be_mended_alone_get_the_same_verdicts(seed):
    result = told(messy_roster(seed).content)
    wrong = [row for row in result.rows if row.status is RowStatus.INVALID]
    again = told(result_workbook(result, frozenset({RowStatus.INVALID}))) if wrong else result
    beside = {"duplicate_in_file", "phone_shared"}
    assert [set(row.codes) - beside for row in again.rows if wrong] == [set(row.codes) - beside for row in wrong]


@functools.cache
def small(seed, form):
    """Made once: a workbook holds the moment it was written at, and its length with it."""
    return messy_roster(seed, count=6, form=form).content


@settings(max_examples=int(os.environ.get("CARDNET_MESSY_SEEDS", "40")), deadline=None, suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
@given(st.data())
def test_a_mutated_file_is_a_table_or_a_sentence_never_a_traceback(data):
    form = data.draw(st.sampled_from(FORMS))
    content = bytearray(small(data.draw(st.integers(0, 5)), form))
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "double", "zero"])):
            case "flip":
                content[at] = data.draw(st.integers(0, 255))
            case "cut":
                del content[at : at + data.draw(st.integers(1, 400))]
            case "double":
                content[at:at] = content[at : at + 100]
            case "zero":
                content[at : at + 20] = bytes(20)
        if not content:
            return
    try:
        result_workbook(told(bytes(content)))
    except InvalidInput as error:
        assert error.message
