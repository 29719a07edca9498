"""Races with real commits: the last use, the last fen of a pool, one proof at two tills. Each has a planted bug it catches."""

import contextlib
import dataclasses
import importlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cardnet.benefits import services
from cardnet.benefits.services import writes
from cardnet.benefits.words import ProgramKind
from cardnet.kernel.errors import Conflict, Unavailable
from cardnet.kernel.statement import Statement
from tests.make.benefits import (
    all_at_once,
    breaches,
    committed,
    health_check,
    make_shop,
    percent,
    rule,
)

redeem_module = importlib.import_module("cardnet.benefits.services.redeem")
ROUNDS = int(os.environ.get("CARDNET_ROUNDS", "3"))


@pytest.fixture(params=range(int(os.environ.get("CARDNET_ROUNDS", "1"))))
def each_round(request):
    """For a race that takes a database of its own: once here, 200 times in the long programme."""
    return request.param


def outcomes(results):
    """How often each outcome, with the first reason's code; errors by their class."""
    found = {}
    for result in results:
        if isinstance(result, Exception):
            name = f"{type(result).__name__} {result}" if isinstance(result, DBAPIError) else type(result).__name__
        else:
            name = result.outcome if not result.reasons else f"{result.outcome} {result.reasons[0].code}"
        found[name] = found.get(name, 0) + 1
    return found


def redeem(world, command):
    return lambda session: services.redeem(session, world, command)


@pytest.fixture(autouse=True)
def meeting(monkeypatch):
    """Everybody has decided before anybody writes, so that the race is certain: threads wait for each other once."""
    real, met = redeem_module._write, threading.local()

    def write(*args, **named):
        if meeting.barrier is not None and not getattr(met, "done", False):
            met.done = True
            with contextlib.suppress(threading.BrokenBarrierError):
                meeting.barrier.wait(60)
        return real(*args, **named)

    def meeting(parties):
        meeting.barrier = threading.Barrier(parties)

    meeting.barrier = None
    monkeypatch.setattr(redeem_module, "_write", write)
    return meeting


def guard_removed(monkeypatch):
    """The bug: counters are written without looking whether the limit still allows it."""
    real = writes._statement.__wrapped__

    def broken(shape):
        statement = real(shape)
        statement.text = statement.text.replace(b"max_n = excluded.max_n", b"max_n = null").replace(
            b"where (excluded.max_n is null", b"where (true"
        )
        return statement

    monkeypatch.setattr(writes, "_statement", broken)


def last_use(app, world, meeting, rounds=1):
    """M5: 32 parallel redemptions of one member at 8 merchants, each with a key, a reference and a code of its own."""
    with committed(app) as session:
        shop = make_shop(session, world)
        venues = [shop.venue, *(shop.till(f"M2{number:03d}") for number in range(7))]
        pool = shop.pool("B1", 50_000_000)
        shop.program("HC", health_check("B1"), ProgramKind.SUBSIDY)
        members = shop.members(*range(1, rounds + 1))
    results = []
    for member in members:
        commands = [
            shop.command(
                member,
                38_000,
                venue=venues[number % 8],
                service_code="health_check",
                merchant_ref=f"{member.index}-{number}",
            )
            for number in range(32)
        ]
        meeting(32)
        results.append(all_at_once(app, [redeem(world, command) for command in commands]))
    with committed(app) as session:
        shop.session = session
        return results, shop.level(pool.code), breaches(session)


def test_m5_of_32_who_want_the_last_use_exactly_one_gets_it(committing_app, world, meeting):
    results, level, broken = last_use(committing_app, world, meeting, rounds=ROUNDS)
    for result in results:
        assert outcomes(result) == {"captured": 1, "refused limit_count": 31}
        details = [one.reasons[0].detail for one in result if one.reasons]
        assert details == [{"used": 1, "max": 1, "period": "2026"}] * 31
    assert level == (50_000_000 - 10_000 * ROUNDS, 0, 10_000 * ROUNDS)
    assert broken == {}


def test_m5_catches_a_counter_without_its_guard(committing_app, world, meeting, monkeypatch):
    guard_removed(monkeypatch)
    results, _, _ = last_use(committing_app, world, meeting)
    assert outcomes(results[0])["captured"] > 1


def last_of_the_pool(app, world, granted, people):
    with committed(app) as session:
        shop = make_shop(session, world)
        pool = shop.pool("B9", granted)
        shop.program("HC", health_check("B9"), ProgramKind.SUBSIDY)
        members = shop.members(*range(1, people + 1))
    commands = [shop.command(member, 38_000, service_code="health_check") for member in members]
    results = []
    for start in range(0, people, 30):
        results += all_at_once(app, [redeem(world, command) for command in commands[start : start + 30]])
    with committed(app) as session:
        shop.session = session
        return results, shop.level(pool.code), breaches(session)


@pytest.mark.usefixtures("each_round")
def test_m6_a_pool_in_64_slices_gives_exactly_what_was_granted(committing_app, world):
    results, level, broken = last_of_the_pool(committing_app, world, 400_000, 60)
    assert outcomes(results) == {"captured": 40, "refused pool_exhausted": 20}
    assert level == (0, 0, 400_000)
    assert broken == {}


def test_m6_catches_a_pool_that_gives_up_before_it_laid_its_slices_together(committing_app, world, monkeypatch):
    monkeypatch.setattr(redeem_module, "take", lambda *_args: 0)
    results, level, _ = last_of_the_pool(committing_app, world, 400_000, 60)
    assert outcomes(results).get("captured", 0) < 40
    assert level[0] > 0


def one_proof_twice(app, world, meeting):
    with committed(app) as session:
        shop = make_shop(session, world)
        other = shop.till("M2002")
        shop.program("D", rule(percent(1_000)))
        member = shop.member()
    code = member.code(world)
    commands = [shop.command(member, 1_000, venue=venue, code=code) for venue in [shop.venue, other] * 8]
    meeting(16)
    results = all_at_once(app, [redeem(world, command) for command in commands])
    with committed(app) as session:
        return results, breaches(session)


@pytest.mark.usefixtures("each_round")
def test_one_code_shown_at_two_tills_at_once_is_used_once(committing_app, world, meeting):
    results, broken = one_proof_twice(committing_app, world, meeting)
    assert outcomes(results) == {"captured": 1, "refused replayed": 15}
    assert broken == {}


def test_the_proof_race_catches_a_fence_that_takes_every_comer(committing_app, world, meeting, monkeypatch):
    real = writes._statement.__wrapped__

    def broken(shape):
        statement = real(shape)
        statement.text = statement.text.replace(b"where p.redemption_id is null and", b"where true or")
        return statement

    monkeypatch.setattr(writes, "_statement", broken)
    results, found = one_proof_twice(committing_app, world, meeting)
    assert outcomes(results)["captured"] > 1
    assert "proof" in found


@pytest.mark.usefixtures("each_round")
def test_one_merchant_reference_at_once_is_one_redemption(committing_app, world, meeting):
    with committed(committing_app) as session:
        shop = make_shop(session, world)
        shop.program("D", rule(percent(1_000)))
        members = shop.members(*range(1, 13))
    commands = [shop.command(member, 1_000, merchant_ref="R-1") for member in members]
    meeting(12)
    results = all_at_once(committing_app, [redeem(world, command) for command in commands])
    assert outcomes(results) == {"captured": 1, "Conflict": 11}
    (first,) = [result for result in results if not isinstance(result, Exception)]
    conflicts = [result for result in results if isinstance(result, Conflict)]
    assert {(error.code, error.detail["redemption_id"]) for error in conflicts} == {
        ("duplicate_merchant_reference", str(first.id))
    }


def over_redemption(app, world, meeting, limit):
    with committed(app) as session:
        shop = make_shop(session, world)
        shop.program("S", rule(percent(1_000), limits=[limit]))
        members = shop.members(*range(1, 21))
        for member in members:
            session.execute(
                text("insert into family_member values (:person, '01900000-0000-7000-8000-00000000fa31')"),
                {"person": member.person_id},
            )
    meeting(20)
    results = all_at_once(app, [redeem(world, shop.command(member, 1_000)) for member in members])
    with committed(app) as session:
        used = session.scalar(text("select used_n from shared_counter"))
        return results, used, breaches(session)


@pytest.mark.usefixtures("each_round")
def test_s09_a_limit_of_the_whole_program_gives_exactly_three(committing_app, world, meeting):
    limit = {"id": "three", "scope": "program", "window": "lifetime", "max_n": 3, "on_exceed": "refuse"}
    results, used, broken = over_redemption(committing_app, world, meeting, limit)
    assert outcomes(results) == {"captured": 3, "refused limit_count": 17}
    assert (used, broken) == (3, {})


@pytest.mark.usefixtures("each_round")
def test_s09_twenty_cards_of_one_family_share_one_use(committing_app, world, meeting):
    limit = {"id": "one", "scope": "family", "window": "lifetime", "max_n": 1, "on_exceed": "refuse"}
    results, used, broken = over_redemption(committing_app, world, meeting, limit)
    assert outcomes(results) == {"captured": 1, "refused limit_count": 19}
    assert (used, broken) == (1, {})


@pytest.mark.usefixtures("each_round")
def test_m8_of_twenty_refunds_over_the_capture_one_is_made(committing_app, world):
    with committed(committing_app) as session:
        shop = make_shop(session, world)
        shop.pool("P", 1_000_000)
        shop.program("HC", health_check("P"), ProgramKind.SUBSIDY)
        first = shop.redeem(shop.member(), 15_000, service_code="health_check")
    command = services.GiveBack(shop.venue, first.id, "退货", 6_000)
    results = all_at_once(committing_app, [lambda session: services.refund(session, world, command)] * 20)
    made = [result for result in results if isinstance(result, services.RefundRecord)]
    assert len(made) == 1
    refused = [result for result in results if isinstance(result, Exception)]
    assert {(error.code, error.detail["remaining_fen"]) for error in refused} == {("refund_exceeds_captured", 4_000)}
    with committed(committing_app) as session:
        assert breaches(session) == {}


@pytest.mark.usefixtures("each_round")
def test_a_lost_guard_becomes_the_next_best_combination(committing_app, world, meeting):
    """Two members want the last of a rich benefit; who loses gets the second-best, not a refusal."""
    last = {"id": "one", "scope": "program", "window": "lifetime", "max_n": 1, "on_exceed": "refuse"}
    with committed(committing_app) as session:
        shop = make_shop(session, world)
        shop.program("RICH", rule(percent(5_000), limits=[last]))
        shop.program("POOR", rule(percent(1_000)))
        members = shop.members(*range(1, 9))
    meeting(8)
    results = all_at_once(committing_app, [redeem(world, shop.command(member, 1_000)) for member in members])
    assert sorted(result.benefits[0].program for result in results) == ["POOR"] * 7 + ["RICH"]
    with committed(committing_app) as session:
        assert breaches(session) == {}


@pytest.mark.parametrize("seed", range(2))
def test_mixed_transactions_never_deadlock(committing_app, world, seed):
    """T8 in small: three members, two merchants, one pool; holds, captures, reversals, refunds and redemptions mixed."""
    with committed(committing_app) as session:
        shop = make_shop(session, world)
        other = shop.till("M2002")
        shop.pool("P", 200_000)
        limit = {"id": "day", "scope": "person", "window": "day", "max_n": 50, "on_exceed": "refuse"}
        group = {"id": "all", "scope": "merchant", "window": "day", "max_fen": 150_000, "on_exceed": "trim"}
        body = health_check("P", limits=[limit, group, {"id": "pool", "pool": "P", "on_exceed": "trim"}])
        shop.program("HC", body, ProgramKind.SUBSIDY)
        shop.program("D", rule(percent(1_000), limits=[limit]))
        members = shop.members(1, 2, 3)

    def mixed(number):
        """A redemption or hold, and in a transaction of its own what follows it."""
        member = members[(number + seed) % 3]
        venue = (shop.venue, other)[number % 2]
        hold = number % 4 == 1
        command = shop.command(member, 9_000 + number, venue=venue, service_code="health_check", capture=not hold)
        record = as_a_till(
            lambda: in_transaction(committing_app, lambda session: services.redeem(session, world, command))
        )
        if record.refused:
            return record
        if hold and number % 8 == 1:
            then = services.Capture(venue, record.id, 500)
            return in_transaction(committing_app, lambda session: services.capture_hold(session, world, then))
        if number % 4 in (1, 2):
            undo = services.Reverse(venue, record.id, "试")
            return in_transaction(committing_app, lambda session: services.reverse(session, world, undo))
        back = services.GiveBack(venue, record.id, "试", 100)
        return in_transaction(committing_app, lambda session: services.refund(session, world, back))

    with ThreadPoolExecutor(24) as pool:
        results = list(pool.map(mixed, range(96)))
    assert len(results) == 96
    with committed(committing_app) as session:
        assert breaches(session) == {}


def as_a_till(send):
    """A till that hears `busy` (503, retry the same) sends the same again: 24 at one trimming limit keep losing guards."""
    for _ in range(50):
        try:
            return send()
        except Unavailable as error:
            assert (error.code, error.retry) == ("busy", "same_key")
    raise AssertionError("fifty times busy")


def in_transaction(app, act):
    with committed(app) as session:
        return act(session)


def test_a_newly_approved_version_counts_from_the_next_redemption_on(committing_app, world):
    with committed(committing_app) as session:
        shop = make_shop(session, world)
        shop.program("D", rule(percent(1_000)))
        member = shop.member()

    def saved():
        with committed(committing_app) as session:
            return services.redeem(session, world, shop.command(member, 1_000)).discount_fen

    assert saved() == 100
    with committed(committing_app) as session:
        shop.session = session
        from cardnet.kernel.calendar import day_of

        shop.version("D", rule(percent(2_000)), since=day_of(world.now()))
    assert saved() == 200


def test_statements_number_each_name_once():
    statement = Statement("select %(a)s, %(b)s, %(a)s where x like '%%'")
    assert (statement.text, statement.names) == (b"select $1, $2, $1 where x like '%'", ("a", "b"))
    assert dataclasses.is_dataclass(writes.Shape)
