"""What click says of a command it cannot carry out: Chinese to the last word, as everything else the command says."""

import re
from pathlib import Path

import click
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from click.testing import CliRunner

import cardnet.cli

WORDS = Path(cardnet.cli.__file__).parent / "usage" / "zh" / "LC_MESSAGES"
PROGRAMMERS = re.compile(
    r"DeprecationWarning|^d$|defined twice|cannot use the same flag|Could not determine name|No options defined|"
    r"exactly one parameter declaration|Invalid start character|hell completion|Editing failed|Windows error|"
    r"Unknown color|Press any key|Unknown standard stream"
)
"""What only somebody who writes commands could meet, or a system we do not run on."""


def test_every_word_click_says_to_a_user_has_its_chinese():
    with (WORDS / "messages.po").open("rb") as source, (WORDS / "messages.mo").open("rb") as compiled:
        known, spoken = read_po(source), read_mo(compiled)
    keywords = {"_": None, "ngettext": (1, 2)}
    found = extract_from_dir(Path(click.__file__).parent, [("**.py", "python")], keywords=keywords)
    said = {one if isinstance(one, str) else one[0] for _, _, one, _, _ in found}
    missing = {one for one in said if not PROGRAMMERS.search(one) and (one not in known or not known[one].string)}
    assert missing == set()
    assert _whole(spoken) == _whole(known)


def _whole(catalogue):
    return {
        str(tuple([one.id] if isinstance(one.id, str) else one.id)): str([*one.string]) for one in catalogue if one.id
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("nothing", "没有 'nothing' 这个命令"),
        ("reconcile --merchant M1", "缺少选项 '--file'"),
        ("serve --port x", "'--port' 的值不对：'x' 不是数字"),
        ("upgrade --again", "没有 '--again' 这个选项"),
        ("upgrade now", "多出了参数（now）"),
        ("merchants list --state x", "可以是：'draft', 'active'"),
        ("merchants pair", "缺少参数 'CODE'"),
        ("reconcile --file /nowhere", "没有这个文件：'/nowhere'"),
        ("--help", "显示这份说明"),
        ("reconcile --help", "用法： cardnet reconcile [选项]"),
    ],
)
def test_a_wrong_command_is_told_so_in_chinese(app, monkeypatch, words, told):
    monkeypatch.setattr("cardnet.cli.create_app", lambda _: app)
    monkeypatch.setenv("CARDNET_DATABASE_URL", "postgresql://unused")
    result = CliRunner().invoke(cardnet.cli.main, words.split(), prog_name="cardnet")
    assert result.exit_code == (0 if "--help" in words else 2)
    assert told in result.output
    assert re.findall(r"\b(?:Usage|Error|Missing|Invalid|such|Try|Options|Commands|required)\b", result.output) == []
