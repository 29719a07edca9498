"""Gateways on loopback that answer well, badly, late or with rubbish; workers that die and workers that race."""

import json
import threading
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import text

from cardnet.config import settings_from
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput
from cardnet.membership import jobs
from cardnet.membership.notices.official_account import OfficialAccount
from cardnet.membership.notices.rules import Accepted, Later, Message, NoticeKind, RefusedForGood, Way
from cardnet.membership.notices.sms import SmsGateway, signature
from cardnet.membership.services import notices
from cardnet.membership.services.notices import sending
from tests.conftest import START
from tests.make import membership as make_membership
from tests.make.gateway import Gateway
from tests.make.issuance import make_officer

MESSAGE = Message(
    "01a1fbd4-0000-7000-8000-000000000001", NoticeKind.CARD_ISSUED, "13800000001", "周桂林：您的卡已办好。"
)
SECRET = "not-a-real-secret"


@pytest.fixture
def gateways():
    made = []

    def make(*answers):
        made.append(Gateway(*answers))
        return made[-1]

    yield make
    for one in made:
        one.close()


def sms(gateway, seconds=30.0):
    return SmsGateway(gateway.url, SECRET, "云间区总工会", lambda: START, seconds)


# ---- one message ----


def test_a_message_is_signed_and_carries_its_key(gateways):
    gateway = gateways((200, b'{"id": 77}'))
    assert sms(gateway).send(MESSAGE) == Accepted("77")
    ((path, headers, body),) = gateway.requests
    assert path == "/send?from=cardnet" and headers["Idempotency-Key"] == MESSAGE.key
    assert headers["X-Cardnet-Signature"] == "sha256=" + signature(SECRET, headers["X-Cardnet-Timestamp"], body)
    assert json.loads(body) == {
        "id": MESSAGE.key, "kind": "card_issued", "phone": "13800000001", "sign": "云间区总工会",
        "text": "周桂林：您的卡已办好。",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((202, b'{"id": "a"}'), Accepted("a")),
        ((200, b"OK"), Later("answer_unreadable")),
        ((200, b'{"id": ""}'), Later("answer_unreadable")),
        ((200, b"[" * 50_000), Later("answer_unreadable")),
        ((200, b"\xff\xfe"), Later("answer_unreadable")),
        ((204, b""), Later("answer_unreadable")),
        ((302, b"", {"headers": (("Location", "http://127.0.0.1:9/"),)}), Later("http_302")),
        ((500, b"<html>"), Later("http_500")),
        ((503, b"", {"headers": (("Retry-After", "120"),)}), Later("http_503", timedelta(seconds=120))),
        ((429, b"", {"headers": (("Retry-After", "soon"),)}), Later("http_429")),
        ((401, b'{"code": "key"}'), Later("http_401")),
        ((422, b'{"code": "blacklisted"}'), RefusedForGood("blacklisted")),
        ((400, b'{"code": "number 13800000001 is dead"}'), RefusedForGood("http_400")),
        ((400, b'{"code": "13800000001"}'), RefusedForGood("http_400")),
        ((200, b'{"id": "a"}', {"wait": 2}), Later("timeout")),
        ((200, b'{"id": "a"}', {"drip": 0.3}), Later("timeout")),
    ],
)
def test_whatever_a_gateway_answers_becomes_one_of_three_things(gateways, answer, outcome):
    late = outcome == Later("timeout")
    assert sms(gateways(answer), *([0.5] if late else [])).send(MESSAGE) == outcome


def test_nobody_at_the_other_end_is_later():
    assert SmsGateway("http://127.0.0.1:9/", SECRET, "", lambda: START, 1).send(MESSAGE) == Later("unreachable")


TOKEN = (200, b'{"access_token": "T", "expires_in": 7200}')


@pytest.mark.parametrize(
    ("answers", "outcome", "calls"),
    [
        ([TOKEN, (200, b'{"errcode": 0, "errmsg": "ok", "msgid": 200228332}')], Accepted("200228332"), 2),
        ([TOKEN, (200, b'{"errcode": 43004}')], RefusedForGood("wechat_43004"), 2),
        ([TOKEN, (200, b'{"errcode": -1}')], Later("wechat_-1"), 2),
        ([TOKEN, (200, b'{"errcode": 40037}')], Later("wechat_40037"), 2),
        ([TOKEN, (200, b"rubbish")], Later("answer_unreadable"), 2),
        ([TOKEN, (502, b"")], Later("http_502"), 2),
        ([TOKEN, (200, b'{"errcode": 42001}'), TOKEN, (200, b'{"errcode": 0, "msgid": 1}')], Accepted("1"), 4),
        ([(200, b'{"errcode": 40013}')], Later("token_refused"), 1),
        ([TOKEN, (200, b'{"errcode": 40001}'), TOKEN, (200, b'{"errcode": 40001}')], Later("token_refused"), 4),
    ],
)
def test_the_official_account_sends_a_template_message(gateways, answers, outcome, calls):
    gateway = gateways(*answers)
    account = OfficialAccount(gateway.url.split("/send")[0], "wx1", SECRET, "tpl", 30)
    assert account.send(MESSAGE) == outcome and len(gateway.requests) == calls
    if calls > 1:
        document = gateway.documents()[1]
        assert document["touser"] == MESSAGE.address and document["client_msg_id"] == MESSAGE.key.replace("-", "")


def test_secrets_and_people_stand_in_no_text_of_a_gateway_or_a_log(gateways):
    gateway = sms(gateways((500, b"")))
    account = OfficialAccount("https://example.org", "wx1", SECRET, "tpl")
    shown = repr((gateway, account, MESSAGE)) + repr(settings_from({"CARDNET_SMS_URL": "https://a.cn/", "CARDNET_SMS_SECRET": SECRET}))  # fmt: skip
    assert SECRET not in shown and "13800000001" not in shown and "周桂林" not in shown


@pytest.mark.parametrize(
    "env",
    [
        {"CARDNET_SMS_URL": "https://sms.example.cn/"},
        {"CARDNET_SMS_URL": "http://sms.example.cn/", "CARDNET_SMS_SECRET": "x"},
        {"CARDNET_SMS_URL": "sms.example.cn", "CARDNET_SMS_SECRET": "x"},
        {"CARDNET_SMS_URL": "https://[", "CARDNET_SMS_SECRET": "x"},
        {"CARDNET_SMS_URL": "https://a.cn/", "CARDNET_SMS_SECRET": "x", "CARDNET_SIMULATED_PHONE": "on"},
        {"CARDNET_WECHAT_APP_ID": "wx1", "CARDNET_WECHAT_SECRET": "x"},
    ],
)
def test_half_a_setting_is_refused(env):
    with pytest.raises(InvalidInput, match="CARDNET_"):
        settings_from(env)


# ---- workers ----


class Post:
    """An app whose transactions commit, with people of one unit who can be reached by SMS."""

    def __init__(self, app, world, people):
        self.app, self.world = app, world
        with app.app_context(), transaction() as session:
            unions = make_membership.tree(session, world)
            officer = make_officer(session, world, unions["B1"])
            ids = make_membership.people(session, world, people)
            notices.confirm_phones(session, world, notices.ConfirmPhones(officer, tuple(ids)))
            told = [notices.Recipient(one, unions["B1"].id) for one in ids]
            notices.tell(session, world, notices.Tell(NoticeKind.ACTIVATION_REMINDER, told))

    def work(self, gateway):
        with self.app.app_context():
            return jobs.send_due(self.world, {Way.SMS: gateway})

    def states(self):
        with self.app.app_context(), transaction() as session:
            return [tuple(row) for row in session.execute(text("select state, tries from notice order by id"))]


@pytest.fixture
def post(committing_app, world):
    return lambda people: Post(committing_app, world, people)


def test_each_is_sent_once_and_the_gateways_number_is_kept(post, gateways):
    gateway, office = gateways((200, b'{"id": "P-9"}')), post(3)
    assert office.work(sms(gateway)) == 3 and office.work(sms(gateway)) == 0
    assert set(gateway.keys.values()) == {1} and office.states() == [("sent", 1)] * 3


class Killed(BaseException):
    """The process is gone: nothing after this line happens."""


class DiesAfterSending:
    def __init__(self, gateway):
        self.gateway = gateway

    def send(self, message):
        self.gateway.send(message)
        raise Killed


def test_a_worker_killed_after_sending_is_followed_by_one_with_the_same_key(post, gateways, clock):
    gateway, office = gateways(), post(1)
    with pytest.raises(Killed):
        office.work(DiesAfterSending(sms(gateway)))
    assert office.work(sms(gateway)) == 0, "while the claim lasts nobody knows that the worker is dead"
    clock.advance(sending.CLAIM)
    assert office.work(sms(gateway)) == 1
    assert list(gateway.keys.values()) == [2] and office.states() == [("sent", 2)], "one key, so one message"


def race(office, gateway, workers=4):
    threads = [threading.Thread(target=office.work, args=(sms(gateway),)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_workers_side_by_side_send_nothing_twice(post, gateways):
    gateway, office = gateways((200, b'{"id": "P"}', {"wait": 0.02})), post(30)
    race(office, gateway)
    assert set(gateway.keys.values()) == {1} and len(gateway.keys) == 30 and gateway.most_at_once > 1


def test_the_race_is_seen_when_a_claim_does_not_hold(post, gateways, monkeypatch):
    """Planted: the claim does not put the notice aside until it is over."""
    broken = sending._CLAIM.text.replace("next_try_at = :until", "next_try_at = n.next_try_at + 0 * (cast(:until as timestamptz) - n.next_try_at)")  # fmt: skip
    monkeypatch.setattr(sending, "_CLAIM", text(broken))
    gateway, office = gateways((200, b'{"id": "P"}', {"wait": 0.05})), post(10)
    race(office, gateway)
    assert max(gateway.keys.values()) > 1


def test_a_gateway_that_is_down_for_an_hour_gets_everything_in_the_end(post, gateways, clock):
    gateway, office = gateways((500, b""), (200, b"?"), (200, b'{"id": "P"}')), post(1)
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            office.work(sms(gateway))
            clock.advance(timedelta(minutes=6))
    assert office.states() == [("sent", 3)] and len(gateway.keys) == 1
    assert [line["error"] for line in logs] == ["http_500", "answer_unreadable"]
    assert "19900000000" not in str(logs) and "周桂林" not in str(logs)
