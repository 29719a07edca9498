"""What a till gives alone: the file that binds its TypeScript says what the engine says."""

import json

from tests.benefits.offline_cases import FILE, all_cases


def test_the_cases_of_the_till_are_what_the_engine_decides():
    cases = all_cases()
    assert json.loads(FILE.read_text()) == cases, "python -m tests.benefits.offline_cases writes them anew"
    given = [len(case["given"]) for case in cases]
    assert given.count(0) > 20
    assert sum(n > 1 for n in given) > 20
