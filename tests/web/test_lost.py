"""`/lost`: a member without a phone stops the card; a stranger learns and stops nothing."""

from datetime import timedelta

import pytest

from cardnet.access import services as access
from cardnet.issuance import services
from cardnet.issuance.rules import CardState
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office
from tests.make.web import submit, words_of

NUMBER = make_membership.id_number(0)


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


@pytest.fixture
def card(office):
    return office.issue(0)[0]


def test_name_and_document_stop_the_card_and_its_sessions(card, office, client, session, world):
    done = activate(session, world, card, NUMBER[-4:])
    answer = submit(client, "/lost", {"name": " 周桂林", "id_number": f"{NUMBER[:6]} {NUMBER[6:14]} {NUMBER[14:]}"})
    assert answer.status_code == 200
    assert "已经停用" in words_of(answer.text)
    assert services.card_of_number(session, card.number).state is CardState.SUSPENDED
    assert access.person_of_member_session(session, world, done.member_token) is None
    again = submit(client, "/lost", {"name": "周桂林", "id_number": NUMBER})
    assert "可能已经挂失" in words_of(again.text)
    assert office.breaches() == {}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("周桂", NUMBER),
        ("王建国", NUMBER),
        ("周桂林", make_membership.id_number(9)),
        ("周桂林", NUMBER[:-4]),
        ("阿", "G12345678"),
    ],
)
def test_what_does_not_fit_stops_nothing_and_is_answered_alike(card, client, session, name, number):
    answer = submit(client, "/lost", {"name": name, "id_number": number})
    assert answer.status_code == 422
    assert "对不上有卡的会员" in words_of(answer.text)
    assert number not in answer.text
    assert services.card_of_number(session, card.number).state is CardState.ORDERED


def test_who_guesses_too_much_waits_an_hour(card, client, session, clock):
    for _ in range(10):
        assert submit(client, "/lost", {"name": "王", "id_number": "1"}).status_code == 422
    refused = submit(client, "/lost", {"name": "周桂林", "id_number": NUMBER})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    assert services.card_of_number(session, card.number).state is CardState.ORDERED
    clock.advance(timedelta(hours=1, seconds=1))
    assert submit(client, "/lost", {"name": "周桂林", "id_number": NUMBER}).status_code == 200


def test_an_empty_form_says_what_is_missing(client):
    answer = submit(client, "/lost", {})
    assert answer.status_code == 422
    assert 'href="#name"' in answer.text and 'href="#id_number"' in answer.text
