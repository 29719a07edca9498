"""Two files of one person: what was used under either counts once they are one, and what is given back frees it again."""

from datetime import date

import pytest
from sqlalchemy import text

from cardnet.benefits import services
from cardnet.benefits.services import merging
from cardnet.benefits.words import ProgramKind
from cardnet.ledger.rules import PoolUnit
from cardnet.membership.services import MergePeople
from tests.benefits.test_past_uses import line, take_in
from tests.make.benefits import UNION, breaches, health_check, make_shop, rule


@pytest.fixture
def shop(session, world):
    shop = make_shop(session, world)
    shop.pool("pool", 1_000_000, PoolUnit.FEN)
    shop.program("health-check", health_check("pool"), ProgramKind.SUBSIDY, since=date(2026, 6, 1))
    return shop


def check(shop, member):
    return shop.redeem(member, 38_000, service_code="health_check")


def merge(shop, keep, other):
    """The officer cancels the card of the file that goes, and merges."""
    given = {"person": other.person_id}
    shop.session.execute(text("update card set state = 'cancelled' where person_id = :person"), given)
    shop.session.expire_all()
    services.merge_people(shop.session, shop.world, MergePeople(keep.person_id, other.person_id, shop.office["C1"]))


def year_of(shop, member):
    year = services.own_year(shop.session, member.person_id, 2026)
    return year.times, year.fen


def test_who_had_it_under_the_other_file_has_had_it_until_it_is_given_back(shop):
    keep, other = shop.members(1, 2)
    used = check(shop, other)
    merge(shop, keep, other)
    assert {reason.code for reason in check(shop, keep).reasons} >= {"limit_count"}
    assert year_of(shop, keep) == (1, 10_000)
    assert [one.id for one in services.redemptions_of_person(shop.session, keep.person_id, refusals=False)] == [used.id]
    assert breaches(shop.session) == {}
    shop.refund(used.id)
    assert not check(shop, keep).refused
    assert breaches(shop.session) == {}


def test_what_both_files_have_had_stands_and_both_must_come_back_before_there_is_more(shop):
    keep, other, third = shop.members(1, 2, 3)
    uses = [check(shop, member).id for member in (keep, other)]
    merge(shop, keep, other)
    assert year_of(shop, keep) == (2, 20_000)
    shop.reverse(uses[1])
    assert check(shop, keep).refused
    merge(shop, third, keep)
    assert breaches(shop.session) == {}
    assert check(shop, third).refused
    shop.refund(uses[0])
    assert not check(shop, third).refused
    assert breaches(shop.session) == {}


def test_what_a_till_reports_later_of_the_card_that_went_counts_for_the_file_that_stays(shop):
    keep, other = shop.members(1, 2)
    merge(shop, keep, other)
    late = shop.redeem(other, 38_000, service_code="health_check", card_was_good=True)
    assert (late.outcome, late.person_id) == ("captured", keep.person_id)
    assert {reason.code for reason in check(shop, keep).reasons} >= {"limit_count"}
    assert breaches(shop.session) == {}


def test_a_use_from_before_cardnet_follows_and_may_still_be_taken_back(shop):
    keep, other = shop.members(1, 2)
    done = take_in(shop, line(2))
    merge(shop, keep, other)
    assert len(services.past_uses_of_person(shop.session, keep.person_id)) == 1
    # The same list once more is known, whichever file it names.
    assert (take_in(shop, line(2)).known, take_in(shop, line(1)).known) == (1, 1)
    assert check(shop, keep).refused
    command = services.TakeBackPastUses(done.import_id, shop.office["C1"], "导错了")
    services.take_back_past_uses(shop.session, shop.world, command)
    assert not check(shop, keep).refused
    assert breaches(shop.session) == {}


FAMILY = {
    "id": "home",
    "scope": "family",
    "window": "calendar_year",
    "max_n": 3,
    "max_fen": 12_000,
    "on_exceed": "refuse",
}


@pytest.fixture
def home(session, world):
    """Three times a year and 120.00 yuan for a whole family, 30.00 yuan each time."""
    shop = make_shop(session, world)
    gift = {"op": "subsidy_fixed", "fen": 3_000, "not_above_price": True}
    shop.pool("pool", 1_000_000, PoolUnit.FEN)
    limits = [FAMILY, {"id": "pool", "pool": "pool", "on_exceed": "refuse"}]
    shop.program("home", rule(gift, lane=20, limits=limits, funding=UNION), ProgramKind.SUBSIDY, since=date(2026, 6, 1))
    return shop


def family(shop, number, *members):
    for member in members:
        given = {"person": member.person_id, "family": f"01900000-0000-7000-8000-0000000000{number}"}
        shop.session.execute(text("insert into family_member values (:person, :family)"), given)


def uses_of_families(shop):
    rows = shop.session.execute(text("select used_n, used_fen from shared_counter where used_n > 0 order by 1, 2"))
    return [tuple(row) for row in rows]


def test_what_the_other_file_used_counts_with_the_family_of_the_one_that_stays(home):
    keep, other, wife = home.members(1, 2, 3)
    family(home, 41, keep, wife)
    used = [home.redeem(member, 8_000).id for member in (keep, wife, other)]
    merge(home, keep, other)
    assert (uses_of_families(home), breaches(home.session)) == ([(3, 9_000)], {})
    for member in (keep, wife):
        assert {reason.code for reason in home.redeem(member, 8_000).reasons} == {"limit_count"}
    home.refund(used[2])
    assert not home.redeem(wife, 8_000).refused
    assert breaches(home.session) == {}


def test_who_had_no_family_counts_with_the_one_of_the_other_file(home):
    keep, other, wife = home.members(1, 2, 3)
    family(home, 42, other, wife)
    for member in (keep, keep, other, wife):
        assert not home.redeem(member, 8_000).refused
    merge(home, keep, other)
    # Four together, one more than a family may: that stands, and nothing more is given.
    assert (uses_of_families(home), breaches(home.session)) == ([(4, 12_000)], {})
    assert home.redeem(wife, 8_000).refused and home.redeem(keep, 8_000).refused


def test_of_two_families_only_the_persons_own_uses_follow(home):
    keep, other, wife, stranger = home.members(1, 2, 3, 4)
    family(home, 43, keep, wife)
    family(home, 44, other, stranger)
    held = home.redeem(other, 8_000, capture=False)
    for member in (other, stranger, wife):
        home.redeem(member, 8_000)
    merge(home, keep, other)
    assert (uses_of_families(home), breaches(home.session)) == ([(1, 3_000), (2, 6_000)], {})
    assert home.redeem(keep, 8_000).refused
    home.reverse(held.id)
    assert not home.redeem(keep, 8_000).refused
    assert breaches(home.session) == {}


def test_families_that_are_left_alone_give_more_than_one_may(home, monkeypatch):
    """Negative control."""
    keep, other = home.members(1, 2)
    for member in (keep, keep, other):
        home.redeem(member, 8_000)
    monkeypatch.setattr(merging, "_MOVE_FAMILY", text("select :keep"))
    merge(home, keep, other)
    assert not home.redeem(keep, 8_000).refused


def test_a_merge_that_leaves_the_counters_gives_twice(shop, monkeypatch):
    """Negative control."""
    keep, other = shop.members(1, 2)
    check(shop, other)
    monkeypatch.setattr(merging, "_MOVE", text("select :keep, :other, :people"))
    merge(shop, keep, other)
    assert not check(shop, keep).refused


def test_what_was_used_under_the_other_file_is_a_use_of_who_holds_the_card_now(shop):
    keep, other = shop.members(1, 2)
    check(shop, other)
    asked = shop.session, shop.world, "/C/", date(2026, 1, 1), date(2026, 12, 31)
    assert services.holders_who_used(*asked) == 1
    merge(shop, keep, other)
    assert services.holders_who_used(*asked) == 1
