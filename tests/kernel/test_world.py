from datetime import UTC, datetime, timedelta

from cardnet.kernel.world import clock_started_at, frozen_world, system_world, uuid7

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def test_ids_sort_by_the_moment_they_were_made():
    moments = [AT + timedelta(microseconds=250 * n) for n in range(50)]
    ids = [uuid7(at, b"\xff" * 8 if n % 2 else b"\0" * 8) for n, at in enumerate(moments)]
    assert ids == sorted(ids)
    assert {made.version for made in ids} == {7}


def test_a_frozen_world_repeats_itself():
    first, second = frozen_world(AT), frozen_world(AT)
    assert [first.new_id() for _ in range(3)] == [second.new_id() for _ in range(3)]
    assert first.random_bytes(40) == second.random_bytes(40)
    assert first.now() == AT


def test_a_started_clock_runs_on():
    world = clock_started_at(AT)
    assert AT <= world.now() < AT + timedelta(minutes=1)


def test_the_systems_ids_are_all_different():
    world = system_world()
    assert len({world.new_id() for _ in range(1000)}) == 1000
