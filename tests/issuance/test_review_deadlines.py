"""Tiers, delegation, ageing (S24 of the acceptance scenarios), and the same with other days and other people."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.rules import ApplicationState, Verdict
from cardnet.issuance.rules.deadlines import Freeze, due_at
from cardnet.issuance.services import desk
from cardnet.kernel.calendar import SHANGHAI, published_through, start_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed
from cardnet.membership import services as membership
from cardnet.membership.rules import Tier
from tests.make.issuance import lines_of, make_office


def moment(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=SHANGHAI)


@pytest.fixture
def office(session, world, clock):
    clock.set(moment("2025-05-30 10:00"))
    office = make_office(session, world)
    office.give_unit("B1", 5)
    return office


@pytest.fixture
def batch(office):
    return office.submit(office.roster(0, 1)).batch_id


def delegate(office, giver, deputy, first, end, by=None):
    return services.give_delegation(
        office.session,
        office.world,
        services.GiveDelegation(
            office[giver].username, office[deputy].username, start_of(first), start_of(end), "外出培训", office[by or giver]
        ),
    )  # fmt: skip


def act_for(office, batch, deputy, giver, verdict=Verdict.APPROVE, reasons=()):
    command = services.Review(batch, office[deputy], verdict, reasons=reasons, on_behalf_of=office[giver].account_id)
    return services.review(office.session, office.world, command)


def test_s24_tiers_delegation_and_ageing(office, batch, session, world, clock):
    with pytest.raises(NotAllowed, match="sod_violation"):
        office.review(batch, "U1")
    services.set_term(session, world, services.SetTerm(Tier.TOWNSHIP, 3, office["C1"]))
    clock.set(moment("2025-06-02 09:00"))  # the Dragon Boat holiday; she works anyway
    assert office.review(batch, "A1").next_path == "/C/D1/"
    assert {line.due_at for line in lines_of(session, batch)} == {moment("2025-06-05 09:00")}

    clock.set(moment("2025-06-05 09:00"))
    assert services.escalate_overdue(session, world) == 0
    clock.set(moment("2025-06-05 09:00:01"))
    (task,) = [one for one in desk.tasks_of(session, world, office["D1u"]) if one.kind == "review"]
    assert task.overdue
    assert services.escalate_overdue(session, world) == 2
    assert services.escalate_overdue(session, world) == 0
    (told,) = [one for one in desk.tasks_of(session, world, office["C1"]) if one.kind == "overdue"]
    assert (told.count, told.union.code) == (2, "D1")

    delegate(office, "D1u", "A1", date(2025, 6, 3), date(2025, 6, 10))
    with pytest.raises(NotAllowed, match="sod_violation"):
        act_for(office, batch, "A1", "D1u")
    (first,) = services.delegations(session, world, office["D1u"])
    services.end_delegation(session, world, services.EndDelegation(first.id, office["D1u"]))
    delegate(office, "D1u", "D2u", date(2025, 6, 3), date(2025, 6, 10))
    clock.set(moment("2025-06-10 00:00"))
    with pytest.raises(NotAllowed, match="delegation_out_of_window"):
        act_for(office, batch, "D2u", "D1u")
    clock.set(moment("2025-06-09 23:59:59"))
    assert act_for(office, batch, "D2u", "D1u", Verdict.RETURN, ("R02",)).rows == 2
    last = desk.batch_history(session, office["C1"], batch)[-1]
    assert (last.actor, last.on_behalf_of) == ("D2u同志", "D1u同志")
    audited = session.execute(
        text("select actor_id, on_behalf_of from audit_event where action = 'application.return'")
    ).all()
    assert audited == [(office["D2u"].account_id, office["D1u"].account_id)]

    # Round two keeps the place and starts both terms anew.
    assert office.quota("B1").held == 2
    clock.set(moment("2025-06-11 09:00"))
    again = office.submit(office.roster(0, 1, department="二车间")).batch_id
    assert [(line.round, line.due_at) for line in lines_of(session, again)] == [(2, moment("2025-06-18 09:00"))] * 2
    office.review(again, "A1")
    assert {line.due_at for line in lines_of(session, again)} == {moment("2025-06-16 09:00")}

    freeze = services.freeze_review(
        session, world, services.FreezeReview("D1", moment("2025-06-12 15:00"), None, "年中盘点", office["C1"])
    )
    assert {line.due_at for line in lines_of(session, again)} == {None}
    clock.set(moment("2025-06-13 10:00"))
    with pytest.raises(Conflict, match="frozen"):
        office.review(again, "D1u")
    assert services.escalate_overdue(session, world) == 0
    clock.set(moment("2025-06-17 08:00"))
    services.lift_freeze(session, world, services.LiftFreeze(freeze, office["C1"]))
    # Three working days that no freeze touched: 18, 19 and 20 June.
    assert {line.due_at for line in lines_of(session, again)} == {moment("2025-06-20 09:00")}
    assert office.review(again, "D1u").rows == 2
    assert office.breaches() == {}


# ---- deadlines ----


@pytest.mark.parametrize(
    ("arrived", "days", "due", "why"),
    [
        ("2025-06-02 09:00", 3, "2025-06-05 09:00", "the start is a holiday"),
        ("2025-01-27 16:30", 4, "2025-02-08 16:30", "Spring Festival: 28 January to 4 February are free, 8 February is worked"),
        ("2025-09-26 08:00", 2, "2025-09-29 08:00", "Sunday the 28th is worked"),
        ("2026-02-13 17:00", 1, "2026-02-14 17:00", "Saturday 14 February 2026 is worked"),
        ("2026-12-31 10:00", 1, "2027-01-04 10:00", "1 January never changes, though 2027 was not published"),
    ],
)  # fmt: skip
def test_a_term_ends_at_the_same_local_time_on_the_nth_working_day(arrived, days, due, why):
    assert due_at(moment(arrived), days, (), {}) == moment(due), why


def test_a_day_touched_by_a_freeze_does_not_count():
    freeze = Freeze("/C/", moment("2025-06-04 15:00"), moment("2025-06-06 00:00"))
    assert due_at(moment("2025-06-03 09:00"), 3, (freeze,), {}) == moment("2025-06-10 09:00")
    assert due_at(moment("2025-06-03 09:00"), 3, (Freeze("/C/", moment("2025-06-04 15:00"), None),), {}) is None


def test_a_year_whose_notice_is_not_known_is_recorded_by_hand_and_open_deadlines_move(office, session, world, clock):
    assert published_through() >= 2026
    year = published_through() + 1
    friday = next(date(year, 3, day) for day in range(1, 8) if date(year, 3, day).weekday() == 4)
    clock.set(datetime.combine(friday, datetime.min.time(), SHANGHAI) + timedelta(hours=9))
    services.grant_quota(session, world, services.GrantQuota(year, 1, "云工〔2027〕1号"))
    for giver, taker in (("C", "D1"), ("D1", "B1")):
        services.allocate_quota(session, world, services.MoveQuota(year, giver, taker, 1))
    batch = office.submit(office.roster(7)).batch_id
    (line,) = lines_of(session, batch)
    assert line.due_at == world.now() + timedelta(days=7)
    days = {friday + timedelta(days=1): True, friday + timedelta(days=3): False}
    command = services.RecordDays(days, "国办发明电〔2026〕9号", office["C1"])
    assert services.record_days(session, world, command) == 0  # one more, one fewer
    (line,) = lines_of(session, batch)
    assert line.due_at == world.now() + timedelta(days=7)
    command = services.RecordDays({friday + timedelta(days=4): False}, "国办发明电〔2026〕9号", office["C1"])
    assert services.record_days(session, world, command) == 1
    (line,) = lines_of(session, batch)
    assert line.due_at == world.now() + timedelta(days=10)
    assert [day.works for day in membership.recorded_days(session, year)] == [True, False, False]


def test_a_deadline_that_has_passed_stays_passed(office, batch, session, world, clock):
    (due,) = {line.due_at for line in lines_of(session, batch)}
    clock.set(due + timedelta(hours=1))
    services.freeze_review(session, world, services.FreezeReview("C", world.now(), None, "盘点", office["C1"]))
    assert {line.due_at for line in lines_of(session, batch)} == {due}


def test_the_workers_round_escalates_and_lets_lapse(app, office, batch, session, world, clock):
    from cardnet import worker

    office.review(batch, "A1", Verdict.RETURN, (1,), ("R01",))
    clock.advance(timedelta(days=30))
    with app.app_context():
        for _ in range(2):
            worker.watch_reviews(0)
    assert [str(line.state) for line in lines_of(session, batch)] == ["lapsed", "submitted"]
    told = session.scalars(
        text("select action from application_event where action in ('lapse', 'escalate') order by 1")
    )
    assert list(told) == ["escalate", "lapse"]
    assert office.breaches() == {}


def test_a_freeze_that_never_began_moves_nothing_in_the_end(office, batch, session, world, clock):
    before = [line.due_at for line in lines_of(session, batch)]
    starts = world.now() + timedelta(days=1)
    freeze = services.freeze_review(session, world, services.FreezeReview("C", starts, None, "盘点"))
    assert {line.due_at for line in lines_of(session, batch)} == {None}
    services.lift_freeze(session, world, services.LiftFreeze(freeze))
    with pytest.raises(Conflict, match="freeze_over"):
        clock.advance(timedelta(days=2))
        services.lift_freeze(session, world, services.LiftFreeze(freeze))
    # The moment of the freeze itself touches no day, since it lasted for none.
    assert [line.due_at for line in lines_of(session, batch)] == before


def test_only_the_district_sets_terms_and_freezes(office, session, world):
    with pytest.raises(NotAllowed, match="role_missing"):
        services.set_term(session, world, services.SetTerm(Tier.UNIT, 2, office["D1u"]))
    with pytest.raises(InvalidInput, match="term_invalid"):
        services.set_term(session, world, services.SetTerm(Tier.UNIT, 0, office["C1"]))
    with pytest.raises(InvalidInput, match="freeze_invalid"):
        at = world.now()
        services.freeze_review(session, world, services.FreezeReview("C", at, at, "盘点", office["C1"]))


# ---- delegation ----


def test_a_delegation_is_one_link_and_one_deputy_at_a_time(office, batch, session, world, clock):
    clock.set(moment("2025-06-03 09:00"))
    office.review(batch, "A1")
    delegate(office, "D1u", "D9u", date(2025, 6, 3), date(2025, 6, 10))
    with pytest.raises(Conflict, match="delegation_overlaps"):
        delegate(office, "D1u", "D2u", date(2025, 6, 9), date(2025, 6, 12))
    # D9u's own deputy has what D9u has, and not what D1u lent to D9u.
    delegate(office, "D9u", "U9", date(2025, 6, 3), date(2025, 6, 10))
    with pytest.raises(NotAllowed, match="delegation_unknown"):
        act_for(office, batch, "U9", "D1u")
    with pytest.raises((NotAllowed, Conflict)):
        act_for(office, batch, "U9", "D9u")
    assert act_for(office, batch, "D9u", "D1u").rows == 2
    # The next tier: neither the deputy nor who was stood in for decides again.
    delegate(office, "C1", "D1u", date(2025, 6, 3), date(2025, 6, 10))
    delegate(office, "C2", "D9u", date(2025, 6, 3), date(2025, 6, 10))
    for deputy, giver in (("D1u", "C1"), ("D9u", "C2")):
        with pytest.raises(NotAllowed, match="sod_violation"):
            act_for(office, batch, deputy, giver)
    assert office.review(batch, "C1").state is ApplicationState.APPROVED


def test_who_fell_ill_gets_a_deputy_from_the_union_above(office, session, world, clock):
    first, end = date(2025, 6, 3), date(2025, 6, 10)
    with pytest.raises(NotAllowed, match="out_of_scope"):
        delegate(office, "D1u", "D2u", first, end, by="A1")
    delegate(office, "D1u", "D2u", first, end, by="C1")
    (line,) = services.delegations(session, world, office["C1"])
    assert (line.giver, line.deputy, line.state) == ("D1u同志", "D2u同志", "coming")
    assert services.stands_in_for(session, world, office["D2u"]) == {}
    clock.set(moment("2025-06-03 00:00"))
    (lent,) = services.stands_in_for(session, world, office["D2u"]).values()
    assert (lent.display_name, lent.scope_path) == ("D2u同志代D1u同志", "/C/D1/")
    with pytest.raises(NotAllowed, match="out_of_scope"):
        services.end_delegation(session, world, services.EndDelegation(line.id, office["U9"]))
    services.end_delegation(session, world, services.EndDelegation(line.id, office["D2u"]))
    assert services.stands_in_for(session, world, office["D2u"]) == {}


def test_nobody_delegates_to_themselves_to_the_past_or_to_a_finance_account(office, session, world):
    from cardnet.access.rules import Role
    from tests.make.issuance import make_officer

    first, end = date(2025, 6, 3), date(2025, 6, 10)
    with pytest.raises(InvalidInput, match="delegation_to_self"):
        delegate(office, "D1u", "D1u", first, end)
    with pytest.raises(InvalidInput, match="delegation_window"):
        delegate(office, "D1u", "D2u", end, first)
    with pytest.raises(InvalidInput, match="delegation_window"):
        delegate(office, "D1u", "D2u", date(2025, 5, 1), date(2025, 5, 30))
    office.officers["maker"] = make_officer(session, world, office.unions["C"], "maker", Role.FINANCE_MAKER)
    with pytest.raises(NotAllowed, match="delegate_not_officer"):
        delegate(office, "D1u", "maker", first, end)
