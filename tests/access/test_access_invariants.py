"""The invariants of access hold in use and see what breaks them."""

from datetime import timedelta

from sqlalchemy import text

from cardnet.access.invariants import INVARIANTS
from tests.make.access import close, make_account, make_session


def broken(session):
    return {code for code, (_sentence, sql) in INVARIANTS.items() if session.execute(text(sql)).first()}


def test_a_disabled_account_that_was_seen_again_is_found(session, world, clock):
    account = make_account(session, world, "gone")
    make_session(session, world, account)
    close(session, world, "gone")
    assert broken(session) == set()
    clock.advance(timedelta(hours=1))
    session.execute(text("update staff_session set seen_at = :at"), {"at": world.now()})
    assert broken(session) == {"A-DISABLED"}
