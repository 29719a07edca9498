"""A wrong ID number is mended on the person by the district; one card already held is tied from the person's page."""

import hashlib
from datetime import date

import pytest
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardState
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed
from cardnet.membership import services
from cardnet.membership.rules import IdType, Sex
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office
from tests.make.web import enter, submit

RIGHT = make_membership.id_number(41, date(1979, 2, 3), Sex.FEMALE)
MISTYPED = RIGHT[:-1] + ("1" if RIGHT[-1] != "1" else "2")


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


def correct(office, person_id, number=RIGHT, officer="C1", evidence="身份证原件已核对", id_type=IdType.RESIDENT):
    command = services.CorrectDocument(
        person_id, id_type, number, office[officer], evidence, hashlib.sha256(b"scan").digest()
    )
    services.correct_document(office.session, office.world, command)


def test_the_person_stays_the_same_with_card_and_counters_and_the_new_number_finds_them(office, session, world):
    (card,) = office.issue(0)
    correct(office, card.person_id, " " + RIGHT.lower())
    person = services.person_of_id(session, card.person_id)
    assert (person.id_number, person.birth_on, person.sex) == (RIGHT, date(1979, 2, 3), Sex.FEMALE)
    assert services.people_of_document(session, RIGHT) == {card.person_id}
    assert services.people_of_document(session, make_membership.id_number(0)) == set()
    assert activate(session, world, card, RIGHT[-4:]).card.number == card.number
    after = session.scalar(text("select after from audit_event where action = 'member.correct_document'"))
    assert after["evidence"] == "身份证原件已核对" and len(after["sha256"]) == 64
    # The trail keeps no number.
    assert RIGHT not in str(after)
    # A roster with the right number is the same person, not a second one.
    office.give_unit("B1", 1)
    again = services.save_people(session, world, [make_membership.person_row(0, id_number=RIGHT)])
    assert list(again.values()) == [card.person_id]
    assert office.breaches() == {}


def test_what_is_wrong_taken_unchanged_or_not_shown_is_refused(office, session, world):
    first, second = make_membership.people(session, world, 2)
    for number, code in ((MISTYPED, "id_checksum"), ("12", "id_format")):
        with pytest.raises(InvalidInput, match=code):
            correct(office, first, number)
    with pytest.raises(InvalidInput, match="evidence_missing"):
        correct(office, first, evidence=" ")
    with pytest.raises(Conflict, match="document_taken"):
        correct(office, first, make_membership.id_number(1))
    with pytest.raises(Conflict, match="document_unchanged"):
        correct(office, second, make_membership.id_number(1))
    for officer in ("U1", "D1u"):
        with pytest.raises(NotAllowed, match="role_missing"):
            correct(office, first, officer=officer)


def test_the_district_corrects_on_the_page_and_a_unit_has_no_such_act(app, office, session, world):
    (person_id,) = make_membership.people(session, world)

    def browser(name):
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, office[name].account_id).token)
        return client

    address = f"/console/members/{person_id}"
    assert "更正证件号码" not in browser("U1").get(address).text
    form = {"act": "document", "document_id_type": str(IdType.RESIDENT), "document_evidence": "原件已核对"}
    wrong = submit(browser("C1"), address, {**form, "document_id_number": MISTYPED})
    assert wrong.status_code == 422 and "校验位" in wrong.text
    assert submit(browser("C1"), address, {**form, "document_id_number": RIGHT}).status_code == 303
    assert submit(browser("U1"), address, {**form, "document_id_number": RIGHT}).status_code == 403
    assert "会员：更正证件号码" in browser("C1").get(address).text


# ---- a card already held ----


def test_one_card_already_held_is_tied_from_the_page_without_quota(app, office, session, world):
    (person_id,) = make_membership.people(session, world)
    client = app.test_client()
    enter(client, access.open_staff_session(session, world, office["U1"].account_id).token)
    address = f"/console/members/{person_id}"
    form = {"act": "tie", "tie_number": "6222 0012 3456", "tie_issuer": "市总工会"}
    assert submit(client, address, {**form, "tie_issuer": ""}).status_code == 422
    assert submit(client, address, {**form, "tie_number": "?"}).status_code == 422
    assert submit(client, address, {**form, "tie_valid_to": "2030-12-31"}).status_code == 303
    (card,) = issuance.cards_of_person(session, person_id)
    assert (card.valid_to, card.state in (CardState.ORDERED, CardState.DELIVERED, CardState.ACTIVE)) == (
        date(2030, 12, 31),
        True,
    )
    assert "绑定已有的卡" not in client.get(address).text
    twice = issuance.TieCard(person_id, office["U1"], "622200123456", "市总工会")
    with pytest.raises(Conflict, match="already_tied"):
        issuance.tie_card(session, world, twice)
    (other,) = make_membership.people(session, world, 1, id_number=make_membership.id_number(9))
    with pytest.raises(InvalidInput, match="card_taken"):
        issuance.tie_card(session, world, issuance.TieCard(other, office["U1"], "622200123456", "市总工会"))
    assert office.breaches() == {}
