"""Staff accounts: what may be made, and what a password must be."""

import pytest
from sqlalchemy import func, select

from cardnet.access import services
from cardnet.access.models import Account
from cardnet.access.rules import Role, in_scope, password_problem, username_of
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from tests.make.access import PASSWORD, close, make_account, make_officer


def test_a_new_account_has_a_first_password_and_a_totp_secret_that_are_not_stored_in_the_clear(session, world):
    account = make_account(session, world, "D1u", Role.DISTRICT_OFFICER)
    stored = session.execute(select(Account.password_hash, Account.totp_secret)).one()
    assert len(account.password) == 19
    assert len(account.totp_secret) == 32
    assert account.password not in stored.password_hash
    assert stored.password_hash.startswith("$argon2id$")
    assert account.totp_secret.encode() not in stored.totp_secret


def test_a_username_is_found_however_it_is_typed(session, world):
    make_officer(session, world, "D1u", Role.DISTRICT_OFFICER, scope_path="/YJ/")
    principal = services.principal_of_username(session, " d1U")
    assert principal.username == "d1u"
    assert principal.roles == {Role.DISTRICT_OFFICER}
    assert principal.scope_path == "/YJ/"
    assert principal.has(Role.CHAIR, Role.DISTRICT_OFFICER)
    assert not principal.has(Role.CASHIER)


def test_an_unknown_account_is_not_found(session):
    with pytest.raises(NotFound, match="account_unknown"):
        services.principal_of_username(session, "nobody")


def test_a_disabled_account_is_not_found(session, world):
    make_officer(session, world, "gone")
    close(session, world, "gone")
    with pytest.raises(NotFound, match="account_unknown"):
        services.principal_of_username(session, "gone")


def test_a_username_is_taken_once_whatever_its_case(session, world):
    make_officer(session, world, "unit1")
    with pytest.raises(Conflict, match="unit1"), session.begin_nested():
        make_officer(session, world, "UNIT1")


def test_one_batch_with_the_same_name_twice_makes_nothing(session, world):
    commands = [
        services.CreateAccount(name, "x", frozenset({Role.ADMIN}), world.new_id(), "/YJ/") for name in ("a1", "A1")
    ]
    with pytest.raises(Conflict, match="username_taken"), session.begin_nested():
        services.create_accounts(session, world, commands)
    assert session.scalar(select(func.count(Account.id))) == 0


@pytest.mark.parametrize("username", ["", "a", "-x", "two words", "a/b", "x" * 65, "a\nb"])
def test_a_username_that_cannot_be_typed_or_read_is_refused(session, world, username):
    with pytest.raises(InvalidInput, match="username_invalid"):
        make_account(session, world, username)


def test_an_account_without_a_role_is_refused(session, world):
    command = services.CreateAccount("nobody", "x", frozenset(), world.new_id(), "/YJ/")
    with pytest.raises(InvalidInput, match="roles_missing"):
        services.create_account(session, world, command)


def test_six_hundred_officers_are_made_in_seconds_in_the_order_given_and_audited(session, world):
    commands = [
        services.CreateAccount(f"unit{n}", f"干事{n}", frozenset({Role.UNIT_OFFICER}), world.new_id(), f"/YJ/{n}/")
        for n in range(621)
    ]
    made = services.create_accounts(session, world, commands)
    assert [account.username for account in made] == [f"unit{n}" for n in range(621)]
    assert len({account.password for account in made}) == 621
    acts = select(func.count()).where(audit.AuditEvent.action == "account.create")
    assert session.scalar(acts) == 621
    assert services.principal_of_username(session, "unit620").scope_path == "/YJ/620/"


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("绿茶-桂花-七号线-东门", True),
        ("correct horse battery", True),
        ("short", False),
        ("九个字符的密码啊啊", False),
        ("1234567890", False),
        ("abcdefghijklm", False),
        ("9876543210", False),
        ("aaaaaaaaaaaaaa", False),
        ("ababababababab", False),
        ("Password2026!", False),
        ("woaini1314520", False),
        ("Ｐａｓｓｗｏｒｄ１２３", False),
        ("zhangsan-01", False),
        ("Zhangsan-0126", False),
        ("Zhangsan-01-桂花糕很甜", True),
        ("x" * 201, False),
    ],
)
def test_a_password_is_long_and_not_the_username_and_not_a_common_one(password, fits):
    username = "zhangsan-01"
    assert (password_problem(password, username) is None) == fits


def test_an_account_with_a_weak_password_is_refused(session, world):
    with pytest.raises(InvalidInput, match="password_weak"):
        make_account(session, world, "boss", password="1234567890")


def test_changing_the_password_needs_the_old_one_and_ends_the_other_sessions(session, world):
    account = make_account(session, world, "u1")
    here = services.open_staff_session(session, world, account.account_id)
    elsewhere = services.open_staff_session(session, world, account.account_id)
    wrong = services.ChangePassword(account.account_id, "not this one", PASSWORD)
    with pytest.raises(InvalidInput, match="password_wrong"):
        services.change_password(session, world, wrong)
    services.change_password(
        session, world, services.ChangePassword(account.account_id, account.password, PASSWORD, here.session_id)
    )
    assert here.must_change_password
    assert services.principal_of_session(session, world, here.token) is not None
    assert services.principal_of_session(session, world, elsewhere.token) is None
    assert not services.open_staff_session(session, world, account.account_id).must_change_password


@pytest.mark.parametrize(
    ("scope", "path", "inside"),
    [
        ("/YJ/", "/YJ/", True),
        ("/YJ/", "/YJ/YJ-01/YJ-01-001/", True),
        ("/YJ/YJ-01/", "/YJ/", False),
        ("/YJ/YJ-01/", "/YJ/YJ-011/", False),
        ("/YJ/YJ-0", "/YJ/YJ-01/", False),
        ("", "/YJ/", False),
    ],
)
def test_a_scope_is_a_union_and_everything_below_it(scope, path, inside):
    assert in_scope(scope, path) is inside


def test_names_of_accounts_come_in_one_go(session, world):
    one, two = make_officer(session, world, "one"), make_officer(session, world, "two")
    assert services.display_names(session, [one.account_id, two.account_id, world.new_id()]) == {
        one.account_id: "one 同志",
        two.account_id: "two 同志",
    }
    assert services.display_names(session, []) == {}


def test_full_width_usernames_are_the_same_username():
    assert username_of("Ｄ１ｕ ") == "d1u"
