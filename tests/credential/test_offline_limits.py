"""What tills may do alone: decided by two of finance, published in the pack, and sales judged by what a till could know."""

import threading
from datetime import timedelta

import cbor2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from cardnet.access.rules import Role
from cardnet.credential import pack, store
from cardnet.credential.pack import Policy
from cardnet.credential.signing import device_claims
from cardnet.credential.store import OfflineLimits
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed
from cardnet.merchant_api.services.offers import LIMITS, signed_offers
from tests.make.access import make_officer
from tests.make.merchants import make_till

LOWER = OfflineLimits(3_000, 1, 20, 50_000, 48, 500, 1)


@pytest.fixture
def eyes(session, world):
    store.ensure_keys(session, world)
    return make_officer(session, world, "jb", Role.FINANCE_MAKER), make_officer(
        session, world, "sp", Role.FINANCE_APPROVER
    )


def approve(session, world, eyes, limits, document="云工〔2026〕30号"):
    maker, approver = eyes
    proposed = store.propose_limits(session, world, store.ProposeLimits(limits, document, maker.account_id))
    decided = store.DecideLimits(proposed.id, True, "同意", approver.account_id)
    return store.decide_limits(session, world, decided)


def test_the_limits_of_the_design_hold_while_nobody_decided(session, world):
    assert store.limits_in_force(session) == OfflineLimits(5_000, 2, 40, 100_000, 72, 1_000, 1)
    assert store.policy_as_of(session, world.now()) == Policy()


def test_approved_limits_are_in_the_next_pack_and_in_the_appendix(session, world, eyes):
    till = make_till(session, world)
    before = pack.peek_pack(store.signed_trust_pack(session, world).content)
    approve(session, world, eyes, LOWER)
    after = pack.peek_pack(store.signed_trust_pack(session, world).content)
    assert after.seq == before.seq + 1
    told = (after.policy.offline_floor_fen, after.policy.offline_sync, after.policy.printed_floor_fen)
    assert told == (3_000, 48 * 3_600, 500)
    assert store.trust_pack(session, world.now()).policy == after.policy
    claims = cbor2.loads(cbor2.loads(signed_offers(session, world, till.venue).content).value[2])
    assert claims[LIMITS] == {
        "floor_fen": 3_000, "card_uses": 1, "uses": 20, "given_fen": 50_000, "sync_seconds": 172_800,
        "printed_floor_fen": 500, "printed_card_uses": 1,
    }  # fmt: skip


def test_nobody_approves_what_they_proposed_and_one_proposal_waits_at_a_time(session, world, eyes):
    maker, approver = eyes
    asked = store.ProposeLimits(LOWER, "云工〔2026〕30号", maker.account_id)
    proposed = store.propose_limits(session, world, asked)
    with pytest.raises(Conflict, match="limits_waiting"):
        store.propose_limits(session, world, asked)
    with pytest.raises(NotAllowed, match="sod_violation"):
        store.decide_limits(session, world, store.DecideLimits(proposed.id, True, "同意", maker.account_id))
    own = "update offline_limits set state = 'approved', decided_at = now(), decided_by = proposed_by"
    with pytest.raises(IntegrityError, match="four_eyes"), session.begin_nested():
        session.execute(text(own))
    refused = store.DecideLimits(proposed.id, False, "太低", approver.account_id)
    assert store.decide_limits(session, world, refused).state == "rejected"
    with pytest.raises(Conflict, match="limits_decided"):
        store.decide_limits(session, world, refused)
    with pytest.raises(DBAPIError, match="stays as it is"), session.begin_nested():
        session.execute(text("update offline_limits set document = 'x'"))
    mine = store.propose_limits(session, world, asked)
    assert (
        store.decide_limits(session, world, store.DecideLimits(mine.id, False, "", maker.account_id)).state
        == "withdrawn"
    )
    assert store.limits_in_force(session) == OfflineLimits()


def test_of_two_who_propose_at_once_the_second_hears_that_one_waits(committing_app, world):
    """Found by reading: the second looked before the first was there, and the index answered it with a 500."""
    with committing_app.app_context():
        with transaction() as session:
            officer = make_officer(session, world, "jb", Role.FINANCE_MAKER)
        asked = store.ProposeLimits(LOWER, "云工〔2026〕30号", officer.account_id)
        heard = []

        def second():
            with committing_app.app_context(), pytest.raises(Conflict, match="limits_waiting"), transaction() as other:
                store.propose_limits(other, world, asked)
            heard.append("limits_waiting")

        with transaction() as session:
            store.propose_limits(session, world, asked)
            thread = threading.Thread(target=second)
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
        thread.join(60)
    assert heard == ["limits_waiting"]


def test_a_sale_is_judged_by_the_most_a_till_could_then_believe(session, world, clock, eyes):
    start = world.now()
    clock.advance(timedelta(hours=1))
    approve(session, world, eyes, LOWER)
    for hours, floor in ((0, 5_000), (2, 5_000), (72, 5_000), (74, 3_000)):
        # Within 72 hours of the decision a till may honestly hold the older pack.
        assert store.policy_as_of(session, start + timedelta(hours=hours)).offline_floor_fen == floor, hours
    clock.advance(timedelta(days=30))
    approve(session, world, eyes, OfflineLimits(8_000, 3, 60, 150_000, 24, 2_000, 2), "云工〔2026〕31号")
    later = store.policy_as_of(session, world.now() + timedelta(hours=1))
    assert (later.offline_floor_fen, later.offline_sync) == (8_000, 48 * 3_600)


def test_windows_and_lives_travel_in_the_pack_and_are_what_is_signed_and_judged_by(session, world, clock, eyes):
    """A proof of 50 seconds: too old for the pack of today, and good for a till that held the one of before."""
    before = world.now()
    shorter = OfflineLimits(
        rotation_seconds=10,
        online_past_seconds=20,
        offline_past_seconds=30,
        challenge_seconds=300,
        as_printed_seconds=300,
        device_days=7,
    )
    clock.advance(timedelta(hours=1))
    approve(session, world, eyes, shorter)
    policy = pack.peek_pack(store.signed_trust_pack(session, world).content).policy
    assert (policy.rotation, policy.online_past, policy.offline_past, policy.challenge) == (10, 20, 30, 300)
    assert (policy.device_life, policy.as_printed, Policy().as_printed) == (7 * 86_400, 300, 0)
    assert store.trust_pack(session, world.now()).policy == policy
    for hours, seconds in ((0, 60), (72, 60), (74, 30)):
        then = before + timedelta(hours=hours)
        assert store.trust_pack_as_of(session, world.now(), then).policy.offline_past == seconds, hours
    claims = device_claims(7, b"\2" * 33, 1, None, world.now(), world.now() + timedelta(days=400), policy)
    assert claims.expires_at - claims.issued_at == 7 * 86_400


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"floor_fen": -1}, "floor_fen"),
        ({"floor_fen": 100_001}, "floor_fen"),
        ({"uses": 0}, "uses"),
        ({"sync_hours": 169}, "sync_hours"),
        ({"printed_floor_fen": 5_001}, "printed_floor_fen"),
        ({"printed_card_uses": 3}, "printed_card_uses"),
        # The code on the screen counts until the next one is there, and offline no shorter than online.
        ({"rotation_seconds": 31}, "online_past_seconds"),
        ({"online_past_seconds": 61}, "offline_past_seconds"),
        ({"challenge_seconds": 60, "offline_past_seconds": 61}, "challenge_seconds"),
        # A code that nobody asked about is let pass longer than the window, and no longer than one that answered.
        ({"as_printed_seconds": 60}, "as_printed_seconds"),
        ({"as_printed_seconds": 601}, "as_printed_seconds"),
        ({"device_days": 31}, "device_days"),
        ({"rush_uses": 1}, "rush_uses"),
    ],
)
def test_limits_that_make_no_sense_are_refused_by_field(session, world, eyes, change, field):
    limits = OfflineLimits(**{**vars_of(OfflineLimits()), **change})
    with pytest.raises(InvalidInput, match="limits_invalid") as refused:
        store.propose_limits(session, world, store.ProposeLimits(limits, "文", eyes[0].account_id))
    assert f"/{field}" in [one.pointer for one in refused.value.errors]


def vars_of(limits):
    return {name: getattr(limits, name) for name in limits.__dataclass_fields__}
