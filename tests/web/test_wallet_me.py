"""我的卡 over HTTP: loss, replacement, consents, phone and language, from the member's own phone and nobody else's."""

import pytest

from cardnet.access import services as access
from cardnet.config import Settings
from cardnet.credential.status import Status
from cardnet.credential.store import statuses_of
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardState
from cardnet.membership import services as membership
from cardnet.membership.services import notices
from tests.make.issuance import activate, judge, make_office, print_cards
from tests.make.membership import id_number
from tests.make.web import enter, submit

LAST4 = id_number(0)[-4:]
BASE = "/wallet/api"


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


@pytest.fixture
def card(office):
    return office.issue(0)[0]


@pytest.fixture
def phone(client, office, card):
    """The member's browser, signed in."""
    done = activate(office.session, office.world, card, LAST4)
    client.set_cookie("cardnet_member", done.member_token, path="/wallet")
    return client


@pytest.fixture
def sms(app):
    """As in the demonstration: a simulated phone stands for the gateway."""
    before = app.extensions["cardnet.settings"]
    app.extensions["cardnet.settings"] = Settings(**{**vars(before), "simulated_phone": True})
    yield
    app.extensions["cardnet.settings"] = before


def me(phone):
    return phone.get(f"{BASE}/me").get_json()


CALLS = [
    ("get", "me", None), ("post", "loss", {}), ("post", "replacement", {"why": "lost"}), ("post", "consents", {"notices": True}),
    ("get", "looks", None), ("post", "void-print", {}), ("post", "phone/code", {"phone": "13800000009"}), ("post", "phone", {"code": "123456"}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "call", "body"), CALLS)
def test_who_is_not_signed_in_is_told_so_and_changes_nothing(client, session, sms, card, method, call, body):
    answer = client.open(f"{BASE}/{call}", method=method.upper(), json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "member_session_ended")
    assert issuance.card_of_number(session, card.number).state is CardState.ORDERED


def test_a_member_switches_the_printed_card_off_and_the_phone_goes_on(phone, session, office, card, world):
    assert me(phone)["has_print"] is False
    assert phone.post(f"{BASE}/void-print", json={}).get_json()["code"] == "nothing_to_void"
    (printed,) = print_cards(office, card.number)
    index = judge(session, world, printed.code_text).index
    assert me(phone)["has_print"] is True
    assert phone.post(f"{BASE}/void-print", json={}).get_json()["has_print"] is False
    assert statuses_of(session, [index])[index] is Status.INVALID
    assert issuance.standing_of(session, index).binding_state == "revoked"
    assert issuance.card_of_number(session, card.number).state is CardState.ACTIVE
    assert phone.post(f"{BASE}/void-print", json={}).status_code == 409
    assert office.breaches() == {}


def test_one_button_stops_the_card_and_another_asks_for_a_new_one(phone, session, office, card):
    assert me(phone)["may_replace"] is True and me(phone)["application"] == ""
    assert phone.post(f"{BASE}/loss", json={}).status_code == 200
    assert issuance.card_of_number(session, card.number).state is CardState.SUSPENDED
    again = phone.post(f"{BASE}/loss", json={})
    assert (again.status_code, again.get_json()["code"]) == (409, "nothing_to_suspend")
    assert phone.post(f"{BASE}/replacement", json={"why": "bored"}).status_code == 422
    asked = phone.post(f"{BASE}/replacement", json={"why": "lost", "words": "公交上丢的"}).get_json()
    assert asked["application"].startswith("补卡申请：待审核（") and asked["may_replace"] is False
    twice = phone.post(f"{BASE}/replacement", json={"why": "lost"})
    assert (twice.status_code, twice.get_json()["code"]) == (409, "application_open")
    (line, _) = issuance.applications_of_people(session, [card.person_id])
    for officer in ("U1", "D1u", "C1"):
        office.review(line.batch_id, officer)
    (new,) = issuance.issue_cards(session, office.world, issuance.IssueCards(line.batch_id, office["C1"]))
    assert "已发卡" in me(phone)["application"]
    assert issuance.card_of_number(session, new.number).replaces_id == card.card_id
    assert office.breaches() == {}


def test_each_purpose_is_answered_for_itself_and_taken_back(phone, session, card):
    assert me(phone)["consents"] == {"card": True, "cover_operator": False, "notices": False}
    answer = phone.post(f"{BASE}/consents", json={"notices": True, "cover_operator": True, "at_activation": True})
    assert answer.get_json()["consents"] == {"card": True, "cover_operator": True, "notices": True}
    methods = {view.method for view in membership.consents_of(session, card.person_id) if view.purpose != "card"}
    assert methods == {"activation"}
    assert phone.post(f"{BASE}/consents", json={"notices": False}).get_json()["consents"]["notices"] is False
    for wrong in ({}, {"notices": "yes"}, {"everything": True}):
        assert phone.post(f"{BASE}/consents", json=wrong).status_code == 422
    phone.post(f"{BASE}/consents", json={"card": False})
    assert issuance.card_of_number(session, card.number).state is CardState.SUSPENDED


def test_a_phone_is_proven_from_the_wallet(phone, session, world, sms):
    assert me(phone)["phone"] == {"number": "199****0000", "verified": False, "can_send": True}
    assert phone.post(f"{BASE}/phone/code", json={"phone": "123"}).status_code == 422
    sent = phone.post(f"{BASE}/phone/code", json={"phone": "138 0000 0009"}).get_json()
    assert (sent["phone"], sent["minutes"]) == ("138****0009", 10)
    soon = phone.post(f"{BASE}/phone/code", json={"phone": "13800000009"})
    assert (soon.status_code, soon.get_json()["code"]) == (429, "code_too_soon")
    code = notices.take_next_direct(session, world).message.words.split("验证码")[1][:6]
    wrong = phone.post(f"{BASE}/phone", json={"code": "000000" if code != "000000" else "111111"})
    assert (wrong.status_code, wrong.get_json()["code"], wrong.get_json()["detail"]["tries_left"]) == (
        403,
        "code_wrong",
        4,
    )
    assert phone.post(f"{BASE}/phone", json={"code": code}).get_json()["phone"] == {
        "number": "138****0009", "verified": True, "can_send": True,
    }  # fmt: skip


def test_without_a_gateway_nobody_is_sent_for_a_code_that_cannot_come(phone):
    assert me(phone)["phone"]["can_send"] is False
    for call, body in (
        ("phone/code", {"phone": "13800000009"}),
        ("rebind-code", {"card_number": "1", "id_last4": "1234"}),
    ):
        assert phone.post(f"{BASE}/{call}", json=body).get_json()["code"] == "no_sms"


def test_a_new_phone_hears_the_same_whether_a_code_was_sent(client, office, card, sms):
    activate(office.session, office.world, card, LAST4)
    answers = [
        client.post(f"{BASE}/rebind-code", json={"card_number": number, "id_last4": last4})
        for number, last4 in ((card.number, LAST4), (card.number, "0000"), ("8000000000000", LAST4))
    ]
    assert {(answer.status_code, tuple(sorted(answer.get_json()))) for answer in answers} == {(200, ("now",))}


def test_a_member_sees_which_officer_looked(phone, app, office, card):
    assert phone.get(f"{BASE}/looks").get_json()["lines"] == []
    browser = app.test_client()
    enter(browser, access.open_staff_session(office.session, office.world, office["U1"].account_id).token)
    submit(browser, "/console/members/find", {"asked": id_number(0)})
    browser.get(f"/console/members/{card.person_id}")
    newest = phone.get(f"{BASE}/looks").get_json()["lines"][0]
    assert (newest["what"], newest["who"], newest["union"]) == ("会员：查看档案", "U1同志", office.unions["B1"].name)


def test_who_looked_at_a_file_that_was_merged_has_looked_at_the_same_member(phone, app, office, card):
    (other,) = office.issue(1)
    issuance.revoke_card(office.session, office.world, issuance.ChangeCard(other.card_id, "重复办卡", office["C1"]))
    browser = app.test_client()
    enter(browser, access.open_staff_session(office.session, office.world, office["U1"].account_id).token)
    browser.get(f"/console/members/{other.person_id}")
    assert phone.get(f"{BASE}/looks").get_json()["lines"] == []
    merge = membership.MergePeople(card.person_id, other.person_id, office["C1"], "同一人")
    issuance.merge_people(office.session, office.world, merge)
    looks = phone.get(f"{BASE}/looks").get_json()["lines"]
    assert "会员：查看档案" in {one["what"] for one in looks if one["who"] == "U1同志"}


def test_the_wallet_speaks_english_once_asked_to(phone):
    assert "我的卡" in phone.get("/wallet").text
    assert phone.post(f"{BASE}/language", json={"language": "fr"}).status_code == 422
    assert phone.post(f"{BASE}/language", json={"language": "en"}).status_code == 200
    page = phone.get("/wallet").text
    assert 'lang="en"' in page and "我的卡" not in page
