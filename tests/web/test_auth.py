"""Staff sign in with password and code, are told in sentences what went wrong, and land where their work is."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.web.auth import staff_page
from cardnet.web.forms import safe_return
from tests.make.access import PASSWORD, code_now, make_account, make_session
from tests.make.web import enter, submit, words_of


@pytest.fixture
def officer(session, world) -> access.NewAccount:
    return make_account(session, world, "wang.fang", Role.UNIT_OFFICER, password=PASSWORD)


def typed(account, world, **other) -> dict[str, str]:
    return {"username": account.username, "password": account.password, "code": code_now(account, world.now()), **other}


def test_username_password_and_code_lead_to_the_account(client: FlaskClient, world, officer):
    answer = submit(client, "/sign-in", typed(officer, world))
    assert answer.status_code == 303
    page = client.get("/account")
    assert page.status_code == 200
    assert "wang.fang 同志" in page.text
    assert "退出登录" in page.text


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client, world, officer):
    cookie = submit(client, "/sign-in", typed(officer, world)).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_wrong_code_is_refused_in_words_and_only_the_username_stays(client, world, officer):
    answer = submit(client, "/sign-in", typed(officer, world, code="000000"))
    assert answer.status_code == 422
    assert "用户名、密码或动态口令不对" in answer.text
    assert 'value="wang.fang"' in answer.text
    assert PASSWORD not in answer.text


def test_an_empty_form_names_each_field_that_is_missing(client):
    page = submit(client, "/sign-in", {}).text
    for field, words in (("username", "请输入用户名"), ("password", "请输入密码"), ("code", "请输入动态口令")):
        assert f'href="#{field}"' in page
        assert words in page
        assert f'id="{field}-error"' in page


def test_five_failures_lock_the_account_and_the_page_says_until_when(client, world, officer):
    for _ in range(5):
        page = submit(client, "/sign-in", typed(officer, world, password="wrong password")).text
    assert "账号已锁定" in page
    assert "请在 10:15 以后再试" in page
    again = submit(client, "/sign-in", typed(officer, world))
    assert again.status_code == 422


def test_a_page_of_staff_sends_who_is_not_signed_in_to_the_sign_in_page_and_back(client, world, officer):
    answer = client.get("/account?from=mail")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?return_to=/account?from%3Dmail"
    answer = submit(client, "/sign-in", typed(officer, world, return_to="/account?from=mail"))
    assert answer.headers["Location"] == "/account?from=mail"


def test_whose_sign_in_has_ended_hears_so_and_what_became_of_what_they_sent(client, session, world, officer, clock):
    def words_after(ask) -> str:
        submit(client, "/sign-in", typed(officer, world))
        clock.advance(timedelta(days=2))
        answer = ask()
        assert answer.status_code == 303
        return words_of(client.get(answer.headers["Location"]).text)

    assert "您的登录已结束，请重新登录。" in words_after(lambda: client.get("/account"))
    assert "刚才提交的内容没有保存" in words_after(lambda: submit(client, "/account/password", {"old": "x"}))
    assert "登录已结束" not in words_of(client.get("/sign-in").text)


def test_who_comes_in_by_a_door_that_is_not_theirs_lands_where_their_work_is(client, session, world):
    admin = make_account(session, world, "admin.zhao", Role.ADMIN, password=PASSWORD)
    answer = submit(client, "/sign-in", typed(admin, world, return_to="/console"))
    assert answer.headers["Location"] == "/console/accounts"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\tevil",
        "/ok\r\nSet-Cookie: a=b",
        "evil",
        "",
        None,
    ],
)
def test_signing_in_never_leads_away_from_this_site(target):
    assert safe_return(target, "/home") == "/home"


def test_signing_out_ends_the_session_in_the_database_too(client, session, world, officer):
    token = make_session(session, world, officer)
    enter(client, token)
    assert client.get("/account").status_code == 200
    submit(client, "/sign-out")
    enter(client, token)
    assert client.get("/account").status_code == 303


def test_a_session_left_alone_for_two_hours_asks_to_sign_in_again(client, session, world, clock, officer):
    enter(client, make_session(session, world, officer))
    clock.advance(timedelta(hours=2, minutes=1))
    assert client.get("/account").status_code == 303


def test_the_wrong_role_gets_a_page_that_says_so(app: Flask, session, world, officer):
    endpoint, _ = app.url_map.bind("").match("/account")
    app.view_functions[endpoint] = staff_page(Role.CHAIR)(lambda principal: principal.username)
    client = app.test_client()
    enter(client, make_session(session, world, officer))
    answer = client.get("/account")
    assert answer.status_code == 403
    assert "没有办理这项事务的权限" in answer.text
    chair = make_account(session, world, "chair", Role.CHAIR)
    enter(client, make_session(session, world, chair))
    assert client.get("/account").text == "chair"


def test_a_first_password_asks_to_be_replaced_and_the_new_one_works(client, session, world, clock):
    account = make_account(session, world, "li.na", Role.UNIT_OFFICER)
    submit(client, "/sign-in", typed(account, world))
    assert "初始密码" in client.get("/account").text
    wrong = submit(client, "/account/password", {"old": "x", "new": PASSWORD, "again": PASSWORD})
    assert "原密码不对" in wrong.text
    unequal = submit(client, "/account/password", {"old": account.password, "new": PASSWORD, "again": "y"})
    assert "两次输入的新密码不一样" in unequal.text
    done = submit(client, "/account/password", {"old": account.password, "new": PASSWORD, "again": PASSWORD})
    assert done.status_code == 303
    clock.advance(timedelta(minutes=1))
    submit(client, "/sign-out")
    assert submit(client, "/sign-in", typed(account, world, password=PASSWORD)).status_code == 303


def test_the_list_of_sessions_lets_the_owner_end_another_device(client, session, world, officer):
    other = make_session(session, world, officer)
    enter(client, make_session(session, world, officer))
    listed = client.get("/account").text
    assert listed.count(">让它退出<") == 1
    lost = access.session_of_token(
        session, world, other, access.sessions_of(session, world, officer.account_id)[0].kind
    )
    submit(client, "/account/sessions/end", {"session": str(lost.session_id)})
    assert ">让它退出<" not in client.get("/account").text
    assert "没有找到" in words_of(submit(client, "/account/sessions/end", {"session": "nonsense"}).text)
