"""One request sent by many at once under one key is done once; without a key it is done as often as it is sent."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.make.api import Program, make_program
from tests.make.issuance import Office, make_office

SENDERS = 8


@pytest.fixture
def granted(committing_app, clock):
    """`granted(key)`: all at once grant ten places to the district; the answers, and what the district has then."""
    world = clock.world()
    with committing_app.extensions["cardnet.sessions"]() as session, session.begin():
        office = make_office(session, world)
        token = make_program(committing_app.test_client(), session, world, office["C1"])
        year = office.year

    def grant(key: str):
        body = {"year": year, "count": 10, "document": "云工〔2026〕1号"}

        def send(_: int):
            return Program(committing_app.test_client(), token.token, token.roles).post("/quota/grant", body, key=key)

        with ThreadPoolExecutor(SENDERS) as pool:
            answers = list(pool.map(send, range(SENDERS)))
        with committing_app.extensions["cardnet.sessions"]() as session:
            return answers, Office(session, world, office.unions).quota("C").received

    return grant


def test_many_with_one_key_are_one(granted):
    answers, places = granted("grant-once-00000001")
    assert [answer.status_code for answer in answers] == [200] * SENDERS
    assert (places, len({answer.data for answer in answers})) == (10, 1)
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == SENDERS - 1


def test_without_a_key_each_is_done(granted):
    """The planted bug of the test above: nothing but the key keeps these apart."""
    answers, places = granted("")
    done = sum(answer.status_code == 200 for answer in answers)
    assert (done, places) == (SENDERS, 10 * SENDERS)
