"""The switch for maintenance: writes are answered 503 with `retry: same_key`, reads go on and say so."""

from datetime import timedelta

import pytest

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.cli import main
from cardnet.http import maintenance
from cardnet.kernel.maintenance import close, open_again
from tests.make.issuance import make_officer
from tests.make.redemptions import make_shop, new_key
from tests.make.web import enter, submit, words_of


@pytest.fixture
def shop(session, world):
    return make_shop(session, world, people=2)


@pytest.fixture
def seconds(monkeypatch):
    """The processes' own clock, moved by hand."""
    now = [100.0]
    monkeypatch.setattr(maintenance, "monotonic_seconds", lambda: now[0])
    return now


def test_money_calls_are_turned_away_within_seconds_and_the_same_key_works_afterwards(
    client, shop, session, world, seconds
):
    body, key = shop.request(shop.phones[0]), new_key()
    assert shop.get(client, "/me").status_code == 200
    close(session, world, "预计 22:30 恢复")
    seconds[0] += maintenance.SECONDS
    answer = shop.post(client, "/redemptions", body, key)
    assert (answer.status_code, answer.json["code"], answer.json["retry"]) == (503, "maintenance", "same_key")
    assert (answer.headers["Retry-After"], "预计 22:30 恢复" in answer.json["title"]) == ("30", True)
    for path, more in (
        ("/advices", {"records": []}),
        ("/reversals", {"original_idempotency_key": key}),
        ("/quotes", body),
        (f"/redemptions/{new_id(world)}/capture", {}),
        (f"/redemptions/{new_id(world)}/refunds", {}),
    ):
        assert shop.post(client, path, more).json["code"] == "maintenance"
    assert shop.count("redemption") == shop.count("idempotency_key") == 0
    assert open_again(session, world)
    seconds[0] += maintenance.SECONDS
    done = shop.post(client, "/redemptions", body, key)
    assert (done.status_code, done.headers.get("Idempotency-Replayed")) == (201, None)


def new_id(world):
    return world.new_id()


def test_reads_health_and_pages_live_and_say_so(client, shop, session, world, app):
    officer = make_officer(session, world, shop.office.unions["C"], "fin", Role.FINANCE_MAKER)
    enter(client, access.open_staff_session(session, world, officer.account_id).token)
    assert "系统维护中" not in client.get("/finance").text
    close(session, world, "搬迁机房")
    with app.app_context():
        maintenance.forget()
    page = client.get("/finance")
    assert (page.status_code, "系统维护中" in words_of(page.text), "搬迁机房" in page.text) == (200, True, True)
    # A till that fetches what it needs offline is served, and not even that is written down.
    assert (shop.get(client, "/offline-offers").status_code, shop.count("terminal_sync")) == (200, 0)
    listed = shop.get(client, "/redemptions")
    assert (listed.status_code, maintenance.HEADER in listed.headers) == (200, True)
    assert client.get("/healthz").json == {"status": "ok"}
    refused = submit(client, "/finance/days/close", {"day": "2026-11-20"})
    assert (refused.status_code, "系统维护中，暂时不能办理（搬迁机房）" in words_of(refused.text)) == (503, True)
    assert submit(client, "/sign-out").status_code == 303


def test_a_process_that_cannot_ask_goes_on_by_what_it_knew(client, shop, session, world, seconds, monkeypatch):
    close(session, world)
    assert shop.post(client, "/reversals", {"original_idempotency_key": new_key()}).status_code == 503

    def broken(_session):
        raise maintenance.PoolTimeout

    monkeypatch.setattr(maintenance.maintenance, "closed", broken)
    seconds[0] += 60
    assert shop.post(client, "/reversals", {"original_idempotency_key": new_key()}).status_code == 503


def test_it_is_asked_once_in_two_seconds(client, shop, seconds, monkeypatch):
    asked = []
    monkeypatch.setattr(maintenance.maintenance, "closed", asked.append)
    for _ in range(5):
        shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    assert len(asked) == 1
    seconds[0] += maintenance.SECONDS
    shop.post(client, "/redemptions", shop.request(shop.phones[0]))
    assert len(asked) == 2


def test_a_server_that_never_asks_again_is_found(client, shop, session, world, seconds, monkeypatch):
    """The planted bug: the switch is asked once in the life of a process."""
    monkeypatch.setattr(maintenance, "SECONDS", timedelta(days=9_999).total_seconds())
    assert shop.post(client, "/redemptions", shop.request(shop.phones[0])).status_code == 201
    close(session, world)
    seconds[0] += 3_600
    assert shop.post(client, "/redemptions", shop.request(shop.phones[1], "R-2")).status_code == 201


def test_the_command_turns_it_on_and_off(app, session):
    runner = app.test_cli_runner()
    for words, told in (
        (["on", "--message", "升级"], "已打开"),
        (["status"], "升级"),
        (["off"], "已关闭"),
        (["off"], "没有打开"),
        (["status"], "正常"),
    ):
        with app.app_context():
            result = runner.invoke(main.commands["maintenance"], words)
        assert (result.exit_code, told in result.output) == (0, True), result.output
