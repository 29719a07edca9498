"""Signing in, locks, sessions, tokens."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from cardnet.access import services
from cardnet.access.models import Account, StaffSession
from cardnet.access.rules import Role, SessionKind, SignInRefusal
from cardnet.kernel import audit
from tests.make.access import PASSWORD, close, code_now, make_account, make_officer


@pytest.fixture
def account(session, world):
    return make_account(session, world, "officer", Role.TOWNSHIP_OFFICER, password=PASSWORD)


def attempt(session, world, account, password=None, code=None):
    given = code if code is not None else code_now(account, world.now())
    command = services.SignIn(account.username, account.password if password is None else password, given, "10.0.0.1")
    return services.sign_in(session, world, command)


def test_password_and_code_open_a_session(session, world, account):
    signed_in = attempt(session, world, account)
    assert isinstance(signed_in, services.SignedIn)
    principal = services.principal_of_session(session, world, signed_in.token)
    assert principal == services.principal_of_username(session, "officer")
    stored = session.scalar(select(StaffSession.token_hash))
    assert stored is not None
    assert signed_in.token.encode() not in stored
    assert session.scalar(select(func.count()).where(audit.AuditEvent.action == "account.sign_in")) == 1


@pytest.mark.parametrize(
    ("password", "code"),
    [("wrong password", None), (None, "000000"), (None, ""), (None, "12345"), ("", None), (None, "１２３")],
)
def test_a_wrong_password_or_code_is_refused_with_one_and_the_same_answer(session, world, account, password, code):
    refused = attempt(session, world, account, password, code)
    assert refused == services.SignInRefused(SignInRefusal.WRONG)
    assert session.scalar(select(Account.failures)) == 1


def test_an_unknown_name_gets_the_answer_of_a_wrong_password(session, world):
    refused = services.sign_in(session, world, services.SignIn("nobody", PASSWORD, "123456"))
    assert refused == services.SignInRefused(SignInRefusal.WRONG)


def test_a_code_works_once(session, world, clock, account):
    code = code_now(account, world.now())
    assert isinstance(attempt(session, world, account, code=code), services.SignedIn)
    assert isinstance(attempt(session, world, account, code=code), services.SignInRefused)
    clock.advance(timedelta(seconds=30))
    assert isinstance(attempt(session, world, account), services.SignedIn)


def test_a_code_of_the_step_before_or_after_works_and_two_steps_away_does_not(session, world, clock, account):
    at = world.now()
    late, early = code_now(account, at - timedelta(seconds=30)), code_now(account, at + timedelta(seconds=60))
    assert isinstance(attempt(session, world, account, code=late), services.SignedIn)
    assert isinstance(attempt(session, world, account, code=early), services.SignInRefused)
    clock.advance(timedelta(seconds=30))
    assert isinstance(attempt(session, world, account, code=early), services.SignedIn)
    # The step in between is now older than the last one used.
    assert isinstance(attempt(session, world, account), services.SignInRefused)


def test_five_failures_lock_the_account_for_fifteen_minutes(session, world, clock, account):
    for _ in range(4):
        assert attempt(session, world, account, "wrong").reason is SignInRefusal.WRONG
    until = world.now() + timedelta(minutes=15)
    assert attempt(session, world, account, "wrong") == services.SignInRefused(SignInRefusal.LOCKED, until)
    assert attempt(session, world, account) == services.SignInRefused(SignInRefusal.LOCKED, until)
    clock.advance(timedelta(minutes=15))
    assert isinstance(attempt(session, world, account), services.SignedIn)
    assert session.scalar(select(func.count()).where(audit.AuditEvent.action == "account.lock")) == 1


def test_a_success_forgets_earlier_failures(session, world, clock, account):
    for _ in range(4):
        attempt(session, world, account, "wrong")
    assert isinstance(attempt(session, world, account), services.SignedIn)
    clock.advance(timedelta(seconds=30))
    assert attempt(session, world, account, "wrong").reason is SignInRefusal.WRONG


def test_the_first_sign_in_stores_a_made_password_the_slow_way_and_asks_to_change_it(session, world):
    account = make_account(session, world, "fresh")
    assert "m=8," in session.scalar(select(Account.password_hash))
    signed_in = attempt(session, world, account)
    assert signed_in.must_change_password
    assert "m=47104," in session.scalar(select(Account.password_hash))


def test_a_disabled_account_signs_in_nowhere_and_its_sessions_and_tokens_are_over(session, world, clock, account):
    signed_in = attempt(session, world, account)
    token = services.issue_token(session, world, signed_in.principal)
    close(session, world, "officer")
    clock.advance(timedelta(seconds=30))
    assert attempt(session, world, account).reason is SignInRefusal.DISABLED
    assert attempt(session, world, account, "wrong").reason is SignInRefusal.WRONG
    assert services.principal_of_session(session, world, signed_in.token) is None
    assert services.principal_of_token(session, world, token) is None


def test_a_session_ends_after_twelve_hours_even_in_use(session, world, clock, account):
    token = attempt(session, world, account).token
    for _ in range(11):
        clock.advance(timedelta(hours=1))
        assert services.principal_of_session(session, world, token) is not None
    clock.advance(timedelta(hours=1))
    assert services.principal_of_session(session, world, token) is None


def test_a_session_left_alone_for_two_hours_is_over(session, world, clock, account):
    token = attempt(session, world, account).token
    clock.advance(timedelta(hours=2) - timedelta(seconds=1))
    assert services.principal_of_session(session, world, token) is not None
    clock.advance(timedelta(hours=2))
    assert services.principal_of_session(session, world, token) is None


def test_signing_out_ends_the_session_and_no_other(session, world, account):
    account_id = account.account_id
    one, two = (services.open_staff_session(session, world, account_id) for _ in range(2))
    services.sign_out(session, world, one.token)
    services.sign_out(session, world, one.token)
    assert services.principal_of_session(session, world, one.token) is None
    assert services.principal_of_session(session, world, two.token) is not None
    assert [found.session_id for found in services.sessions_of(session, world, account_id)] == [two.session_id]
    services.end_session(session, world, world.new_id(), two.session_id)
    assert services.principal_of_session(session, world, two.token) is not None
    services.end_session(session, world, account_id, two.session_id)
    assert services.principal_of_session(session, world, two.token) is None


def test_a_bearer_token_is_no_cookie_and_a_cookie_no_bearer_token(session, world, clock):
    officer = make_officer(session, world, "api-user", Role.AUDITOR)
    token = services.issue_token(session, world, officer)
    page = services.open_staff_session(session, world, officer.account_id).token
    assert services.principal_of_token(session, world, token) == officer
    assert services.principal_of_session(session, world, token) is None
    assert services.principal_of_token(session, world, page) is None
    assert services.session_of_token(session, world, token, SessionKind.API).confirmed_at == world.now()
    clock.advance(timedelta(days=89))
    assert services.principal_of_token(session, world, token) == officer
    clock.advance(timedelta(days=1))
    assert services.principal_of_token(session, world, token) is None


def test_an_unknown_token_stands_for_nobody(session, world):
    assert services.principal_of_session(session, world, "cns_unknown") is None
    assert services.person_of_member_session(session, world, "") is None


def test_a_member_session_lasts_four_hundred_days_and_longer_with_visits(session, world, clock):
    person_id = world.new_id()
    token = services.open_member_session(session, world, person_id)
    left_alone = services.open_member_session(session, world, person_id)
    clock.advance(timedelta(days=399))
    assert services.person_of_member_session(session, world, token) == person_id
    services.prolong_member_session(session, world, token)
    clock.advance(timedelta(days=1))
    assert services.person_of_member_session(session, world, left_alone) is None
    assert services.person_of_member_session(session, world, token) == person_id
    services.prolong_member_session(session, world, left_alone)
    assert services.person_of_member_session(session, world, left_alone) is None


def test_ending_a_members_sessions_ends_all_of_them(session, world):
    person_id, other_id = world.new_id(), world.new_id()
    first, second, other = (
        services.open_member_session(session, world, who) for who in (person_id, person_id, other_id)
    )
    services.end_member_session(session, world, first)
    assert services.person_of_member_session(session, world, second) == person_id
    services.end_member_sessions(session, world, person_id)
    assert services.person_of_member_session(session, world, second) is None
    assert services.person_of_member_session(session, world, other) == other_id


def test_secrets_do_not_show_when_a_value_is_printed(session, world, account):
    assert PASSWORD not in repr(account)
    assert account.totp_secret not in repr(account)
    signed_in = attempt(session, world, account)
    assert signed_in.token not in repr(signed_in)
