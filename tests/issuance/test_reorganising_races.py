"""A union is moved while a roster of it comes in, with real commits: nothing is left behind at the old place.

The planted bug beside it loses the race, so that a test that proves nothing would be noticed.
"""

import threading
import time

import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.rules import RosterMode
from cardnet.kernel.errors import Conflict
from cardnet.membership import services as membership
from cardnet.membership.services import register, transferring
from tests.make import membership as make_membership
from tests.make.racing import ROUNDS, TRIES, Desk

YEAR = 2026
PARENTS = ("D2", "D1")

_LEFT_BEHIND = text("""
    select a.id from application a join union_node u on u.id = a.union_id where a.path <> u.path
    union all select b.id from batch b join union_node u on u.id = b.union_id where b.path <> u.path""")


@pytest.fixture
def desk(committing_app, world):
    desk = Desk(committing_app, world)
    desk.arrange(lambda office: office.give_unit("B1", 3))
    return desk


def send_while_it_moves(desk, number):
    serials = desk.next_serials(2)

    def send(office):
        command = services.SubmitRoster(
            office.roster(*serials), "名单.csv", "B1", office["C1"], RosterMode.VALID_ROWS_ONLY
        )
        return services.submit_roster(office.session, office.world, command)

    def move(office):
        command = membership.MoveUnion("B1", PARENTS[number % 2], "云工〔2026〕18号", office["C2"])
        return services.move_union(office.session, office.world, command)

    results = desk.at_once(send, move)
    assert [one for one in results if isinstance(one, Exception)] == []
    with desk.transaction() as session:
        return session.execute(_LEFT_BEHIND).all()


def test_a_roster_that_comes_in_while_its_unit_is_moved_stands_where_the_unit_stands(desk):
    for number in range(ROUNDS):
        assert send_while_it_moves(desk, number) == []
    assert desk.arrange(lambda office: office.breaches()) == {}


def test_a_submission_that_does_not_hold_the_unit_still_is_caught(desk, monkeypatch):
    """The planted bug: the place of the unit is read, and nobody is kept from moving it."""

    def unlocked(session, ids):
        found = membership.unions_of_ids(session, ids)
        time.sleep(0.1)
        return found

    monkeypatch.setattr(membership, "unions_held", unlocked)
    assert any(send_while_it_moves(desk, number) for number in range(TRIES))


# ---- closed, while somebody or something comes in ----

_IN_CLOSED = text("""
    select u.code from membership m join union_node u on u.id = m.union_id
     where m."to" is null and u."to" is not null
    union all select u.code from transfer_proposal t join union_node u on u.id = t.to_union_id
     where t.state = 'proposed' and u."to" is not null
    union all select u.code from self_fill_entry e join union_node u on u.id = e.union_id
     where e.state = 'waiting' and u."to" is not null
    union all select u.code from quota_node q join union_node u on u.id = q.union_id
     where u."to" is not null and not q.closed and q.received - q.passed_down - q.held - q.used > 0""")


def registers(code, number):
    content = make_membership.csv_file(
        make_membership.roster_cells([make_membership.roster_line(900 + number, unit=code)])
    )
    return lambda office: membership.import_register(
        office.session, office.world, membership.ImportRegister(content, "名册.csv", code)
    )


def moves_in(code, number):
    def act(office):
        person_id = office.session.scalar(text("select min(person_id::text)::uuid from membership"))
        target = membership.union_of_code(office.session, code)
        services.transfer_member(
            office.session, office.world, membership.StartTransfer(person_id, target.id, office["C1"])
        )

    return act


def hands_down(code, number):
    return lambda office: services.allocate_quota(
        office.session, office.world, services.MoveQuota(YEAR, f"T{number}", code, 1, office["C1"])
    )


def spreads(code, number):
    return lambda office: services.spread_quota(
        office.session, office.world, services.SpreadQuota(YEAR, f"T{number}", office["C1"])
    )


ACTS = (registers, moves_in, hands_down, spreads)


def what_got_into_closed_unions(desk):
    """Each act with the close of its union: the close first, and the act first; whoever is first takes a while to commit."""
    pairs = [(f"E{number}", act) for number, act in enumerate(act for act in ACTS for _ in range(2))]
    desk.arrange(lambda office: arrange_townships(office, [code for code, _ in pairs]))
    for number, (code, make_act) in enumerate(pairs):
        act = make_act(code, number)

        def close(office, code=code):
            command = membership.CloseUnion(code, "云工〔2026〕18号", office["C2"])
            return services.close_union(office.session, office.world, command)

        first, second = one_after_the_other(desk, *((act, close) if number % 2 else (close, act)))
        assert first is None
        assert second is None or isinstance(second, Conflict), second
    with desk.transaction() as session:
        return session.execute(_IN_CLOSED).all()


def arrange_townships(office, codes):
    """For each code a township with places and that one unit, where nobody is yet; and a member who can move there."""
    session, world = office.session, office.world
    below = [(f"T{number}", code) for number, code in enumerate(codes)]
    townships = [(township, f"{township}镇总工会", "township", "C") for township, _ in below]
    units = [(code, f"{code}厂工会", "unit", township) for township, code in below]
    make_membership.tree(session, world, [*make_membership.TREE, *townships, *units])
    make_membership.people(session, world, 1, "B1")
    services.grant_quota(session, world, services.GrantQuota(YEAR, 50, "云工〔2026〕1号", office["C1"]))
    for township, _ in below:
        services.allocate_quota(session, world, services.MoveQuota(YEAR, "C", township, 5, office["C1"]))


def one_after_the_other(desk, first, second):
    """The second begins when the first has done its work and not committed yet. What came of each: None or an error."""
    done = threading.Event()

    def leads(office):
        try:
            first(office)
        finally:
            done.set()
        time.sleep(0.2)

    def follows(office):
        done.wait(30)
        second(office)

    return desk.at_once(leads, follows)


def test_nothing_gets_into_a_union_that_is_closed_meanwhile(desk):
    assert what_got_into_closed_unions(desk) == []


def test_acts_that_do_not_hold_their_union_still_are_caught(desk, monkeypatch):
    def unlocked(session, ids):
        return membership.unions_of_ids(session, ids)

    for module in (membership, register, transferring):
        monkeypatch.setattr(module, "unions_held", unlocked)
    assert what_got_into_closed_unions(desk)
