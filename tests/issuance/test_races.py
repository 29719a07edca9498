"""Races with real commits: one row decided twice, one card replaced twice, and what else two do at once.

Every race has a planted bug beside it that loses the race, so that a test that proves nothing would be noticed.
"""

import importlib
import time

import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.models import Card
from cardnet.issuance.rules import Verdict
from cardnet.issuance.services import replacing
from cardnet.kernel.errors import CardnetError, Conflict
from tests.make import membership as make_membership
from tests.make.issuance import activate, lines_of
from tests.make.racing import ROUNDS, TRIES, Desk

# The package of services has a function of the same name.
reviewing = importlib.import_module("cardnet.issuance.services.review")


@pytest.fixture
def desk(committing_app, world):
    return Desk(committing_app, world)


# ---- one row, two verdicts ----


def two_verdicts(desk):
    batch = desk.arrange(_batch_at_the_township(desk)).batch_id
    results = desk.at_once(
        lambda office: office.review(batch, "D1u", rows=(1,)),
        lambda office: office.review(batch, "D2u", Verdict.REJECT, (1,), ("R05",)),
    )
    winners = [r for r in results if isinstance(r, services.ReviewReceipt)]
    losers = [r for r in results if isinstance(r, Conflict)]
    assert (len(winners), len(losers)) == (1, 1)
    first = ("D1u同志", "D2u同志")[results.index(winners[0])]
    assert (losers[0].code, losers[0].detail["by"]) == ("already_decided", first)
    with desk.transaction() as session:
        decided = "select count(*) from application_event where review_path = '/C/D1/' and application_id = any(:ids)"
        ids = [line.application_id for line in lines_of(session, batch)]
        assert session.scalar(text(decided), {"ids": ids}) == 1
        audited = "select count(*) from audit_event where subject_id = :batch and after->>'at' = '/C/D1/'"
        assert session.scalar(text(audited), {"batch": str(batch)}) == 1
    assert desk.breaches() == {}


def _batch_at_the_township(desk):
    serials = desk.next_serials(1)

    def act(office):
        office.give_unit("B1", 1)
        receipt = office.submit(office.roster(*serials))
        office.review(receipt.batch_id, "A1")
        return receipt

    return act


def test_of_two_verdicts_on_one_row_the_first_commit_wins(desk):
    for _ in range(ROUNDS):
        two_verdicts(desk)


def test_planted_bug_deciding_without_looking_again_loses_the_race(desk, monkeypatch):
    blind = (
        str(reviewing._GATHER).replace("for no key update of a", "").replace("from mine", "from mine, pg_sleep(0.2)")
    )
    stale = str(reviewing._DECIDE).replace("a.review_path = :scope and a.state in ('submitted', 'in_review')", "true")
    assert stale != str(reviewing._DECIDE)
    monkeypatch.setattr(reviewing, "_GATHER", text(blind))
    monkeypatch.setattr(reviewing, "_DECIDE", text(stale))
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            two_verdicts(desk)


# ---- a row that arrives while its neighbours are decided ----


def arrives_meanwhile(desk, monkeypatch):
    """The unit passes row 2 on after the township has looked at what stands before it and before it writes."""
    serials = desk.next_serials(2)

    def two_rows_one_at_the_township(office):
        office.give_unit("B1", 2)
        receipt = office.submit(office.roster(*serials))
        office.review(receipt.batch_id, "A1", rows=(1,))
        return receipt.batch_id

    batch = desk.arrange(two_rows_one_at_the_township)
    look = reviewing._standing_before

    def look_and_another_arrives(session, officer, *more):
        found = look(session, officer, *more)
        if officer.scope_path == "/C/D1/":
            assert desk.at_once(lambda office: office.review(batch, "A1", rows=(2,)).rows) == [1]
        return found

    monkeypatch.setattr(reviewing, "_standing_before", look_and_another_arrives)
    receipt = desk.arrange(lambda office: office.review(batch, "D1u", Verdict.REJECT, None, ("R05",)))
    assert receipt.rows == 1
    with desk.transaction() as session:
        states = [str(line.state) for line in lines_of(session, batch)]
    assert states == ["rejected", "in_review"]
    assert desk.breaches() == {}


def test_a_verdict_on_everything_decides_only_what_stood_there_when_it_looked(desk, monkeypatch):
    arrives_meanwhile(desk, monkeypatch)


def test_planted_bug_deciding_what_stands_there_now_takes_the_newcomer_along(desk, monkeypatch):
    now = str(reviewing._DECIDE).replace("a.id = any(:ids)", "(a.id = any(:ids) or true)")
    assert now != str(reviewing._DECIDE)
    monkeypatch.setattr(reviewing, "_DECIDE", text(now))
    with pytest.raises(AssertionError):
        arrives_meanwhile(desk, monkeypatch)


# ---- one card, two clerks ----


def two_replacements(desk):
    serials = desk.next_serials(1)
    card = desk.arrange(lambda office: office.issue(*serials))[0]

    def clerk(name):
        return lambda office: services.replace_card(
            office.session, office.world, services.ReplaceCard(card.card_id, office[name], "遗失")
        )

    results = desk.at_once(clerk("C1"), clerk("C2"))
    made = [r for r in results if isinstance(r, services.IssuedCard)]
    refused = [r for r in results if isinstance(r, CardnetError)]
    assert (len(made), [r.code for r in refused]) == (1, ["illegal_transition"])
    with desk.transaction() as session:
        states = [view.state for view in services.cards_of_person(session, card.person_id)]
    assert sorted(states) == ["ordered", "replaced"]
    assert desk.breaches() == {}


def test_two_clerks_replacing_one_card_make_one_card(desk):
    for _ in range(ROUNDS):
        two_replacements(desk)


def test_planted_bug_replacing_without_the_cards_lock_loses_the_race(desk, monkeypatch):
    def unlocked(session, card_id):
        card = session.get(Card, card_id)
        time.sleep(0.2)
        return card

    monkeypatch.setattr(replacing, "locked_card", unlocked)
    with pytest.raises(AssertionError):
        for _ in range(TRIES):
            two_replacements(desk)


# ---- what else two do at once ----


def test_the_same_bytes_sent_five_times_at_once_are_one_batch(desk):
    desk.arrange(lambda office: office.give_unit("B1", 10))
    content = desk.office.roster(0, 1, 2)
    receipts = desk.at_once(*[lambda office: office.submit(content)] * 5)
    assert len({r.batch_id for r in receipts}) == 1
    assert sorted(r.resumed for r in receipts) == [False, True, True, True, True]
    assert {(r.submitted, r.waitlisted) for r in receipts} == {(3, 0)}
    assert desk.breaches() == {}


def test_one_person_in_two_rosters_at_once_gets_one_application(desk):
    desk.arrange(lambda office: office.give_unit("B1", 10))
    rosters = [desk.office.roster(0, department=name) for name in ("一车间", "二车间")]
    results = desk.at_once(*(lambda office, c=content: office.submit(c) for content in rosters))
    outcomes = sorted(type(r).__name__ for r in results)
    refused = [r for r in results if isinstance(r, CardnetError)]
    assert outcomes in (["Conflict", "RosterReceipt"], ["InvalidInput", "RosterReceipt"])
    # Whoever came later either met the open application in the check or at the table.
    assert refused[0].code in ("application_open", "roster_nothing_valid")
    assert desk.arrange(lambda office: office.quota("B1").held) == 1
    assert desk.breaches() == {}


def test_of_twenty_wrong_codes_at_once_five_are_counted(desk):
    card = desk.arrange(lambda office: office.issue(0))[0]
    results = desk.at_once(*[lambda office: activate(office.session, office.world, card, "0000")] * 20)
    assert sorted(r.tries_left for r in results) == [0] * 16 + [1, 2, 3, 4]
    locked = desk.arrange(
        lambda office: activate(office.session, office.world, card, make_membership.id_number(0)[-4:])
    )
    assert locked.code == "activation_locked"


def test_two_phones_activating_one_card_bind_one(desk):
    card = desk.arrange(lambda office: office.issue(0))[0]
    last4 = make_membership.id_number(0)[-4:]
    results = desk.at_once(*[lambda office: activate(office.session, office.world, card, last4)] * 2)
    assert sorted(type(r).__name__ for r in results) == ["Activation", "Conflict"]
    assert desk.breaches() == {}


def test_two_issues_of_one_batch_make_each_card_once(desk):
    def approved(office):
        office.give_unit("B1", 3)
        batch = office.submit(office.roster(0, 1, 2)).batch_id
        office.approve_all_the_way(batch)
        return batch

    batch = desk.arrange(approved)
    act = lambda office: services.issue_cards(office.session, office.world, services.IssueCards(batch, office["C1"]))  # noqa: E731
    results = desk.at_once(act, act)
    assert sorted(type(r).__name__ for r in results) == ["Conflict", "tuple"]
    assert desk.breaches() == {}


def test_moving_places_in_circles_never_blocks_and_never_invents_one(desk):
    def arrange(office):
        office.grant(100)
        office.allocate("C", "D1", 50)
        office.allocate("C", "D2", 50)
        for unit in ("B1", "B2"):
            office.allocate("D1", unit, 20)

    desk.arrange(arrange)
    year = desk.office.year

    def move(giver, taker):
        return lambda o: services.transfer_quota(o.session, o.world, services.MoveQuota(year, giver, taker, 3))

    def give(giver):
        return lambda o: services.return_quota(o.session, o.world, services.ReturnQuota(year, giver, 2))

    for _ in range(ROUNDS):
        results = desk.at_once(
            move("D1", "D2"), move("D2", "D1"), move("B1", "B2"), move("B2", "B1"), give("B1"), give("D1"),
            lambda office: office.allocate("D1", "B1", 1),
        )  # fmt: skip
        unexpected = [r for r in results if isinstance(r, Exception) and not isinstance(r, Conflict)]
        assert unexpected == []
    assert desk.breaches() == {}
