"""Sign-ins at the same moment, with real commits."""

import threading
from collections import Counter

import pytest
from sqlalchemy import Select, func, select

from cardnet.access import passwords, services
from cardnet.access.models import StaffSession
from cardnet.kernel.db import transaction
from tests.make.access import code_now, make_account


def at_once(app, world, account, count, password):
    """The outcomes of `count` sign-ins with one and the same code."""
    gate, outcomes = threading.Barrier(count), []
    code = code_now(account, world.now())

    def run():
        with app.app_context(), transaction() as session:
            gate.wait(30)
            outcome = services.sign_in(session, world, services.SignIn("racer", password, code))
            outcomes.append(getattr(outcome, "reason", "signed in"))

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return Counter(outcomes)


@pytest.fixture
def account(committing_app, world):
    with committing_app.app_context(), transaction() as session:
        return make_account(session, world, "racer")


def test_one_code_signs_in_once_however_many_try(committing_app, world, account):
    outcomes = at_once(committing_app, world, account, 4, account.password)
    assert outcomes == {"signed in": 1, "sign_in_wrong": 3}
    with committing_app.app_context(), transaction() as session:
        assert session.scalar(select(func.count(StaffSession.id))) == 1


def test_wrong_passwords_at_once_are_all_counted(committing_app, world, account):
    assert at_once(committing_app, world, account, 6, "wrong") == {"sign_in_wrong": 4, "account_locked": 2}


def test_without_the_lock_the_race_would_be_lost(committing_app, world, account, monkeypatch):
    """The planted bug: the account is read without being held, and everybody has read it before anybody writes."""
    everybody_has_read = threading.Barrier(4)
    honest = passwords.matches

    def slow(stored, password):
        everybody_has_read.wait(30)
        return honest(stored, password)

    monkeypatch.setattr(Select, "with_for_update", lambda statement, **_options: statement)
    monkeypatch.setattr(passwords, "matches", slow)
    assert at_once(committing_app, world, account, 4, account.password) == {"signed in": 4}
