"""Python's verifier and the till's, which is TypeScript, must say the same of every code: shared vectors, then chance.

Some thousands of cases in the suite; CARDNET_FUZZ=100000 (or any number) for more, CARDNET_FUZZ_SEED for others.
"""

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from cardnet.credential.verify import Outcome
from tests.credential.fuzz import Fuzz
from tests.credential.outcomes import FILE, judged_by_python, opened_by_python

FRONTEND = Path(__file__).parents[2] / "frontend"
PATH = os.pathsep.join([str(FRONTEND.parent / ".venv" / "bin"), os.environ["PATH"]])
CASES = int(os.environ.get("CARDNET_FUZZ", "3500"))
SEED = int(os.environ.get("CARDNET_FUZZ_SEED", "20261121"))


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """The till's verifier as one file for Node; `judge(document, cases, …)` gives a line for each case."""
    folder = tmp_path_factory.mktemp("judge")
    if not (FRONTEND / "node_modules").exists():
        pytest.fail("手机页面的工具还没有安装：请运行 make pages。")
    node = shutil.which("node", path=PATH)
    bundler = FRONTEND / "node_modules" / ".bin" / "rolldown"
    words = [bundler, "tests/judge.mjs", "--file", folder / "judge.mjs", "--format", "esm", "--platform", "node"]
    subprocess.run([node, *words], cwd=FRONTEND, check=True, capture_output=True)

    def run(document, cases, *planted):
        (folder / "document.json").write_text(json.dumps({**document, "cases": []}))
        (folder / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
        files = [folder / "document.json", folder / "cases.jsonl", folder / "answers.txt"]
        subprocess.run([node, folder / "judge.mjs", *files, *planted], check=True)
        return (folder / "answers.txt").read_text(encoding="utf-8").splitlines()

    return run


@pytest.fixture(scope="module")
def fuzzed():
    fuzz = Fuzz(SEED)
    cases = list(fuzz.cases(CASES))
    document = fuzz.document()
    return document, cases, judged_by_python({**document, "cases": cases})


def test_python_says_what_the_shared_vectors_say():
    document = json.loads(FILE.read_text())
    wrong = [
        (case["name"], case["says"], said)
        for case, said in zip(document["cases"], judged_by_python(document), strict=True)
        if case["says"] != said
    ]
    assert wrong == []


def test_python_reads_in_packs_what_the_shared_vectors_read():
    document = json.loads(FILE.read_text())
    assert opened_by_python(document) == {name: case["keys"] for name, case in document["openings"].items()}


def test_the_shared_vectors_have_every_outcome_there_is():
    told = {case["says"].split()[0] for case in json.loads(FILE.read_text())["cases"]}
    assert told == {outcome.value for outcome in Outcome} | {"accepted"}


def test_two_verifiers_never_disagree(judge, fuzzed):
    document, cases, python = fuzzed
    typescript = judge(document, cases)
    apart = [
        (case["text"], said, other)
        for case, said, other in zip(cases, python, typescript, strict=True)
        if said != other
    ]
    assert apart[:5] == []
    # What was compared is worth comparing: every outcome is there, and not all is one.
    counted = Counter(said.split()[0] for said in python)
    assert set(counted) == {outcome.value for outcome in Outcome} | {"accepted"}
    assert counted["malformed"] < 0.7 * len(cases)


def test_a_verifier_that_overlooks_a_byte_at_the_end_is_caught(judge, fuzzed):
    """The planted bug: the till's reader stops where the token ends and never looks at what follows."""
    document, cases, python = fuzzed
    some = slice(0, 700)
    assert judge(document, cases[some], "planted") != python[some]
