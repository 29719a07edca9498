"""What the checks of cards and uses from before say, to a reader of English; the rosters' are in tests/membership."""

import ast
import inspect
import re

import pytest

from cardnet.benefits import use_file
from cardnet.benefits.services import past_use_judge
from cardnet.issuance import card_file
from cardnet.issuance.services import cards_before
from cardnet.web.finding_words import in_english

HAN = re.compile(r"[\u4e00-\u9fff]")
LIMIT = "超过“茶饮九折”的限额{}：最多 {}，已用 {}。请核对日期、次数和金额。"


def sentences(module) -> set[str]:
    """Whole Chinese sentences as they stand in the source, with something typed in each gap."""
    tree = ast.parse(inspect.getsource(module))
    pieces = {part for one in ast.walk(tree) if isinstance(one, ast.JoinedStr) for part in one.values}
    found = set()
    for one in ast.walk(tree):
        if isinstance(one, ast.JoinedStr):
            found.add("".join(part.value if isinstance(part, ast.Constant) else "7" for part in one.values))
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and one not in pieces:
            found.add(one.value)
    return {text for text in found if HAN.search(text) and text.endswith("。")}


@pytest.mark.parametrize("module", [card_file, cards_before, use_file, past_use_judge])
def test_every_sentence_of_the_other_lists_has_its_english(module):
    said = {text for text in sentences(module) if not text.startswith("超过")}
    assert len(said) >= 5
    assert {text for text in said if in_english(text) == text} == set()


@pytest.mark.parametrize("period", ["", "（2026）"])
@pytest.mark.parametrize(("most", "used"), [("2 次", "2 次"), ("100.00 元", "80.50 元")])
def test_what_is_above_a_limit_says_how_much(period, most, used):
    said = in_english(LIMIT.format(period, most, used))
    assert said.startswith("Above the limit of “茶饮九折”") and most.split()[0] in said and used.split()[0] in said
    assert ("(2026)" in said) == bool(period) and ("yuan" in said) == ("元" in most)


def test_what_no_check_says_stays_as_it_is():
    assert in_english("别的句子。") == "别的句子。"
