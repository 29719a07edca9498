"""用卡率 is of those who hold a card now: nobody who left can make it more than the whole."""

from datetime import date

import pytest
from sqlalchemy import select

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.issuance import services as issuance
from cardnet.issuance.services import answers
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Ending
from tests.make.issuance import make_officer
from tests.make.redemptions import make_shop
from tests.make.web import enter, words_of

YEAR = date(2026, 1, 1), date(2026, 12, 31)


@pytest.fixture
def shop(session, world):
    return make_shop(session, world)


def use(shop, client, phone):
    answer = shop.post(client, "/redemptions", shop.request(phone))
    assert answer.status_code == 201, answer.text


def holders_of(session, world):
    return set(session.scalars(select(answers.holders(world, "/C/").c.person_id)))


def test_who_left_was_served_and_is_in_no_rate(shop, client, app, session, world):
    holders = holders_of(session, world)
    before = benefits.card_use(session, world, "/C/", *YEAR)
    assert (len(holders) > 0, sum(before.own.values())) == (True, 0)
    use(shop, client, shop.phones[0])
    one = benefits.card_use(session, world, "/C/", *YEAR)
    assert (one.total["/C/"], sum(one.own.values())) == (1, 1)
    assert (
        one.total["/C/"]
        == benefits.holders_who_used(session, world, "/C/", *YEAR)
        == benefits.people_served(session, "/C/")
    )
    for gone in holders:
        command = membership.EndMembership(gone, Ending.LEFT, shop.office["C1"], words="离职")
        issuance.end_membership(session, world, command)
    assert holders_of(session, world) == set()
    assert benefits.people_served(session, "/C/") == 1, "the service was given"
    assert benefits.holders_who_used(session, world, "/C/", *YEAR) == 0
    chair = app.test_client()
    officer = make_officer(session, world, shop.office.unions["C"], "zhuxi", Role.CHAIR)
    enter(chair, access.open_staff_session(session, world, officer.account_id).token)
    assert "使用 — 用过 0／持卡 0" in words_of(chair.get("/overview").text)
    issue = benefits.issue_of(session, world, "/C/", 2026, every_level=True)
    rates = [figures.rates for figures in (issue.first.total, *(line.figures for line in issue.first.lines))]
    assert [rate.use for rate in rates] == [None] * len(rates), "nobody holds a card, so there is nothing to take it of"
