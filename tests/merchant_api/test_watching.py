"""A minute after a code was shown, a copied phone is stopped and a forged credential raises the alarm."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.benefits.services import watch_codes
from cardnet.credential import store
from cardnet.credential.codec import Claims
from cardnet.credential.device import DeviceKey
from cardnet.credential.keys import KeyUse, shard_of
from cardnet.credential.signing import sign_credential
from cardnet.credential.status import Status
from tests.make.redemptions import new_key


@pytest.fixture
def phone(shop):
    return shop.phones[0]


def shown(client, shop, world, code, till="T01"):
    body = shop.request(shop.phones[0], new_key(), code=code)
    return shop.post(client, "/redemptions", body, till=till)


def codes_of(answer):
    return {reason["code"] for reason in answer.json.get("reasons", [])}


def test_an_honest_phone_is_left_alone(client, shop, session, world, clock, phone):
    for _ in range(5):
        shown(client, shop, world, phone.code(world))
        clock.advance(timedelta(hours=5))
    watched = watch_codes(session, world)
    assert (watched.looked_at, watched.copied, watched.not_issued) == (5, 0, 0)
    assert store.alarms(session) == ()
    # Looking again, and at rows that come late, counts nothing twice.
    assert watch_codes(session, world).copied == 0


def test_a_copied_phone_is_stopped_and_its_member_told(client, shop, session, world, clock, phone):
    copy = DeviceKey(phone.key.private, phone.key.counter)
    for _ in range(3):
        shown(client, shop, world, phone.code(world))
        clock.advance(timedelta(hours=1))
    assert watch_codes(session, world).copied == 0
    shown(client, shop, world, copy.code(phone.credential, world), "T02")
    watched = watch_codes(session, world)
    assert watched.copied == 1
    (line,) = store.alarms(session, open_only=True)
    assert (line.alarm.kind, line.alarm.card_index) == ("clone_suspected", phone.index)
    assert line.alarm.terminal.endswith("T02")
    assert store.statuses_of(session, [phone.index]) == {phone.index: Status.INVALID}
    # Both are refused from now on, and the member hears why.
    clock.advance(timedelta(minutes=1))
    assert codes_of(shown(client, shop, world, phone.code(world))) == {"revoked"}
    told = session.execute(text("select kind from notice order by id desc limit 1")).scalar()
    assert told == "code_stopped"
    assert watch_codes(session, world).copied == 0
    store.acknowledge_alarm(session, world, store.AcknowledgeAlarm(line.id, "手机已重绑"))
    assert store.alarms(session, open_only=True) == ()


def test_a_credential_made_with_a_stolen_issuer_key_raises_the_alarm(client, shop, session, world, clock, phone):
    """The thief signs a phone of their own, over an index of somebody else and over one nobody has."""
    thief, seconds = DeviceKey.make(world), int(world.now().timestamp())
    for index in (phone.index, 4_000_000_000):
        key = store.signing_key(session, world, KeyUse.CARD, shard_of(index))
        claims = Claims(index, seconds, seconds + 86_400, 1, None, thief.public)
        answer = shown(client, shop, world, thief.code(sign_credential(key, claims), world))
        assert codes_of(answer) == {"not_issued"}
    watched = watch_codes(session, world)
    assert (watched.not_issued, watched.copied) == (2, 0)
    alarms = store.alarms(session)
    assert {line.alarm.card_index for line in alarms} == {phone.index, 4_000_000_000}
    assert all(line.alarm.kid.hex().startswith("01") for line in alarms)
    # The member whose index was used has done nothing: their phone goes on.
    clock.advance(timedelta(minutes=1))
    assert codes_of(shown(client, shop, world, phone.code(world))) <= {"not_best_combination", "limit_count"}
    assert watch_codes(session, world).not_issued == 0


def test_a_long_backlog_is_looked_through_in_parts(client, shop, session, world, clock, phone, monkeypatch):
    monkeypatch.setattr("cardnet.benefits.services.watching._MOST", 3)
    for _ in range(7):
        shown(client, shop, world, phone.code(world))
        clock.advance(timedelta(minutes=10))
    looks = [watch_codes(session, world) for _ in range(3)]
    assert [(look.looked_at, look.more) for look in looks] == [(3, True), (3, True), (1, False)]
