"""A minute after a code was shown, a copied phone is stopped and a forged credential raises the alarm."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.benefits.services import ApproveRule, CreateProgram, DraftRule, SubmitRule, watch_codes
from cardnet.benefits.words import ProgramKind
from cardnet.credential import store
from cardnet.credential.codec import Claims
from cardnet.credential.device import DeviceKey
from cardnet.credential.keys import KeyUse, shard_of
from cardnet.credential.signing import sign_credential
from cardnet.credential.status import Status
from tests.make.benefits import percent, rule
from tests.make.issuance import make_officer
from tests.make.redemptions import new_key


@pytest.fixture
def phone(shop):
    return shop.phones[0]


def shown(client, shop, world, code, till="T01"):
    body = shop.request(shop.phones[0], new_key(), code=code)
    return shop.post(client, "/redemptions", body, till=till)


def codes_of(answer):
    return {reason["code"] for reason in answer.json.get("reasons", [])}


def sell(client, shop, world, phone, till="T01"):
    body = {"code": phone.code(world), "purchase": {"amount_fen": 10_000}, "merchant_ref": new_key()}
    answer = shop.post(client, "/redemptions", body, till=till)
    assert answer.status_code == 201, answer.json
    return answer.json["id"]


@pytest.fixture
def tenth_off(shop, session, world):
    """Ten per cent off, as often as one likes."""
    author, approver = (
        make_officer(session, world, shop.office.unions["C"], name, Role.DISTRICT_OFFICER, Role.CHAIR)
        for name in ("tenth-author", "tenth-approver")
    )
    made = CreateProgram("D-10", "九折", ProgramKind.DISCOUNT, "云工〔2026〕8号", author.union_id, author)
    benefits.create_program(session, world, made)
    terms = rule(percent(1_000), {"op": "merchant_in", "codes": ["M1001"]})
    draft = benefits.draft_rule(session, world, DraftRule("D-10", terms, date(2026, 1, 1), author))
    benefits.submit_rule(session, world, SubmitRule(draft.id, author))
    benefits.approve_rule(session, world, ApproveRule(draft.id, approver))
    session.flush()


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


def test_a_code_nobody_signed_is_told_once_for_its_card_and_terminal(client, shop, session, world, phone):
    """Also the true signature under another phone's key; the true phone's count is left alone."""
    other = DeviceKey.make(world)
    other.counter = 9_000
    for till in ("T01", "T01", "T02"):
        answer = shown(client, shop, world, other.code(phone.credential, world), till)
        assert codes_of(answer) == {"bad_signature"}
    assert shown(client, shop, world, phone.code(world)).status_code == 201
    watched = watch_codes(session, world)
    assert (watched.forged, watched.copied, watched.harvested) == (2, 0, 0)
    told = {(line.alarm.kind, line.alarm.card_index, line.alarm.terminal[-3:]) for line in store.alarms(session)}
    assert told == {("forged_code", phone.index, "T01"), ("forged_code", phone.index, "T02")}


@pytest.mark.parametrize(
    ("seconds", "second", "undone", "found"),
    [(15, "T01", False, 1), (60, "T01", False, 1), (61, "T01", False, 0), (15, "T02", False, 0), (15, "T01", True, 0)],
)
def test_two_sales_to_one_phone_at_one_till_within_a_minute_are_looked_at(
    client, shop, session, world, clock, phone, tenth_off, seconds, second, undone, found
):
    first = sell(client, shop, world, phone)
    clock.advance(timedelta(seconds=seconds))
    if undone:
        shop.post(client, "/reversals", {"redemption_id": first, "reason": "cashier"})
    last = sell(client, shop, world, phone, second)
    watched = watch_codes(session, world)
    assert (watched.harvested, watched.copied) == (found, 0)
    assert [str(line.alarm.redemption_id) for line in store.alarms(session)] == [last] * found
    assert watch_codes(session, world).harvested == 0


def test_a_card_used_faster_than_anybody_shops_is_looked_at_once(client, shop, session, world, clock, phone, tenth_off):
    """By default six uses within ten minutes; two members who buy less are left alone, and so is a seventh use."""
    made = []
    for _ in range(7):
        made.append(sell(client, shop, world, phone))
        clock.advance(timedelta(seconds=90))
    for _ in range(5):
        sell(client, shop, world, shop.phones[1])
        clock.advance(timedelta(seconds=90))
    assert [watch_codes(session, world).hurried for _ in range(2)] == [1, 0]
    (line,) = store.alarms(session)
    assert (line.alarm.kind, line.alarm.card_index) == ("velocity_suspected", phone.index)
    assert str(line.alarm.redemption_id) == made[5]


def test_a_use_reported_late_is_not_blamed_for_a_rush_of_long_after(
    client, shop, session, world, clock, phone, tenth_off
):
    for _ in range(6):
        sell(client, shop, world, phone)
        clock.advance(timedelta(seconds=65))
    assert watch_codes(session, world).hurried == 1
    clock.advance(timedelta(hours=20))
    late = sell(client, shop, world, phone)
    session.execute(text("update redemption set event_at = event_at - interval '22 hours' where id = :i"), {"i": late})
    # Ids say when they were made: all but the late one have been looked at.
    seen = text("update code_watch set after_id = (select max(id::text)::uuid from redemption where id <> :i)")
    session.execute(seen, {"i": late})
    assert watch_codes(session, world).hurried == 0


def test_how_fast_is_too_fast_is_the_districts_to_say(client, shop, session, world, clock, phone, tenth_off):
    maker, checker = (
        make_officer(session, world, shop.office.unions["C"], name, role)
        for name, role in (("pace-maker", Role.FINANCE_MAKER), ("pace-checker", Role.FINANCE_CHECKER))
    )
    slower = replace(store.OfflineLimits(), rush_uses=2, rush_minutes=30)
    asked = store.propose_limits(session, world, store.ProposeLimits(slower, "云工〔2026〕40号", maker.account_id))
    store.decide_limits(session, world, store.DecideLimits(asked.id, True, "同意", checker.account_id))
    sell(client, shop, world, phone)
    clock.advance(timedelta(minutes=29))
    last = sell(client, shop, world, phone)
    assert watch_codes(session, world).hurried == 1
    assert [str(line.alarm.redemption_id) for line in store.alarms(session)] == [last]
