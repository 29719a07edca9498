"""What a till reported and nobody booked is looked through like everything else that was shown."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.benefits.services import watch_codes
from cardnet.credential import store
from cardnet.credential.codec import Claims
from cardnet.credential.device import DeviceKey
from cardnet.credential.keys import KeyUse, shard_of
from cardnet.credential.signing import sign_credential
from cardnet.issuance.services import standing_of
from cardnet.membership.services import person_of_id
from tests.make.offline import approve, results, send


@pytest.fixture
def stolen(shop, session, world):
    """A phone of a thief who has an issuer's key, over the index of somebody else."""
    thief, phone, seconds = DeviceKey.make(world), shop.phones[0], int(world.now().timestamp())
    key = store.signing_key(session, world, KeyUse.CARD, shard_of(phone.index))
    claims = Claims(phone.index, seconds, seconds + 86_400, 1, None, thief.public)
    return lambda: thief.code(sign_credential(key, claims), world)


def alarms(session):
    return {(line.alarm.kind, line.alarm.card_index, line.alarm.terminal) for line in store.alarms(session)}


@pytest.mark.parametrize(
    ("late", "outcome"),
    [
        (timedelta(0), ("refused_advice", "bad_signature")),
        (timedelta(hours=73), ("held_for_review", "late_submission")),
    ],
)
def test_a_forged_code_in_a_refused_or_held_record_raises_the_alarm_once(
    shop, client, session, world, clock, record, late, outcome
):
    phone, forger = shop.phones[0], DeviceKey.make(world)
    made = [record(code=forger.code(phone.credential, world), list_issued_at=None) for _ in range(2)]
    clock.advance(late)
    assert results(send(shop, client, *made)) == [outcome] * 2
    watched = [watch_codes(session, world) for _ in range(2)]
    assert [(one.forged, one.not_issued, one.copied) for one in watched] == [(1, 0, 0), (0, 0, 0)]
    assert alarms(session) == {("forged_code", phone.index, "M1001/T01")}


@pytest.mark.parametrize("wrong", ["clock", "amount"])
def test_a_stolen_issuer_key_is_heard_of_whatever_becomes_of_the_record(
    shop, client, session, world, record, stolen, wrong
):
    """Held for its clock, or refused for its price before anybody asks who stands behind the card."""
    more = {"clock_offset_seconds": 300} if wrong == "clock" else {}
    made = record(18_000 if wrong == "clock" else 90_000, code=stolen(), **more)
    assert results(send(shop, client, made))[0][0] == ("held_for_review" if wrong == "clock" else "refused_advice")
    watched = watch_codes(session, world)
    assert (watched.not_issued, watched.forged) == (1, 0)
    (line,) = store.alarms(session)
    assert line.alarm.redemption_id is None
    assert line.alarm.advice_id == session.scalar(text("select id from advice"))


@pytest.mark.parametrize("let_pass", [True, False])
def test_a_phone_whose_clock_was_set_right_is_no_copy(shop, client, session, world, clock, record, let_pass):
    """Nine minutes fast, sold or turned away by the limits of paper, then set right: its numbers rise, its times fall."""
    if let_pass:
        approve(shop, replace(store.OfflineLimits(), as_printed_seconds=600))
    phone, index = shop.phones[0], shop.phones[0].index
    last4 = person_of_id(session, standing_of(session, index).person_id).id_number[-4:]
    now = world.now()
    clock.set(now + timedelta(minutes=9))
    fast = phone.code(world)
    clock.set(now)
    first = record(900, code=fast, decision=None, id_last4=last4, person=1)
    clock.advance(timedelta(minutes=2))
    second = record(900, code=phone.code(world), decision=None, person=1)
    clock.advance(timedelta(minutes=1))
    told = results(send(shop, client, first, second))
    assert told[0] == (("captured", None) if let_pass else ("refused_advice", "future_proof"))
    watched = watch_codes(session, world)
    assert (watched.looked_at, watched.copied) == (2, 0)


def test_an_honest_record_raises_none(shop, client, session, world, record):
    assert results(send(shop, client, record(90_000), record(clock_offset_seconds=300)))[0][0] == "refused_advice"
    watched = watch_codes(session, world)
    assert (watched.looked_at, watched.not_issued, watched.forged, watched.copied) == (2, 0, 0, 0)
    assert store.alarms(session) == ()
