"""A phone asks about its own binding with its key: live, suspended and why, moved, ended; nobody else learns anything."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.credential import cose
from cardnet.credential.device import DeviceKey, base64url
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import binding_statement, rebind_statement, renewal_statement
from cardnet.issuance.services import proving
from cardnet.membership import services as membership
from cardnet.membership.rules import ConsentMethod, Purpose
from tests.make.issuance import activate, make_office
from tests.make.membership import id_number

LAST4 = id_number(0)[-4:]


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def card(office):
    return office.issue(0)[0]


@dataclass
class Phone:
    client: object
    world: object
    key: DeviceKey
    index: int

    def ask(self, *, index=None, ahead=timedelta(), said=None, **changed):
        at = int((self.world.now() + ahead).timestamp() * 1000)
        index = self.index if index is None else index
        proof = cose.sign_es256(self.key.private, said or binding_statement(index, at))
        body = {"index": index, "at": at, "proof": base64url(proof)} | changed
        return self.client.post("/wallet/api/binding", json=body)

    def standing(self):
        found = self.ask().get_json()
        assert set(found) == {"state", "why", "now"}, "nothing about whose card it is"
        return found["state"], found["why"]


@pytest.fixture
def phone(client, office, card):
    key = DeviceKey.make(office.world)
    return Phone(client, office.world, key, activate(office.session, office.world, card, LAST4, key).index)


def change(office, card, officer=None):
    """By an officer, or by the member."""
    given = {"officer": office[officer]} if officer else {"person_id": card.person_id}
    return issuance.ChangeCard(card.card_id, "查", **given)


def agree(office, card, given):
    answers = {Purpose.CARD: given}
    issuance.answer_own(
        office.session, office.world, membership.AnswerOwn(card.person_id, answers, ConsentMethod.SELF_SERVICE)
    )


def test_a_loss_an_officers_stop_and_a_consent_taken_back_are_told_apart(office, card, phone):
    assert phone.standing() == ("live", "")
    issuance.suspend_card(office.session, office.world, change(office, card))
    assert phone.standing() == ("suspended", "loss")
    issuance.resume_card(office.session, office.world, change(office, card, "U1"))
    assert phone.standing() == ("live", "")
    issuance.suspend_card(office.session, office.world, change(office, card, "U1"))
    assert phone.standing() == ("suspended", "office")
    issuance.resume_card(office.session, office.world, change(office, card, "U1"))
    agree(office, card, given=False)
    assert phone.standing() == ("suspended", "consent")
    agree(office, card, given=True)
    assert phone.standing() == ("suspended", "agreed")
    issuance.revoke_card(office.session, office.world, change(office, card, "U1"))
    assert phone.standing() == ("ended", "cancelled")


def test_the_old_phone_hears_that_the_card_moved_and_the_new_one_that_it_is_live(office, card, phone):
    new = DeviceKey.make(office.world)
    proof = cose.sign_es256(new.private, rebind_statement(card.number))
    command = issuance.RebindCard(card.person_id, card.number, new.public, proof)
    index = issuance.rebind_card(office.session, office.world, command).index
    assert phone.standing() == ("moved", "")
    assert Phone(phone.client, office.world, new, index).standing() == ("live", "")


def test_a_card_that_was_replaced_says_so(office, card, phone):
    issuance.replace_card(office.session, office.world, issuance.ReplaceCard(card.card_id, office["C1"], "丢了"))
    assert phone.standing() == ("ended", "replaced")


def test_a_key_that_was_stopped_as_copied_has_ended(office, phone):
    issuance.stop_copied_code(office.session, office.world, issuance.StopCopiedCode(phone.index))
    assert phone.standing() == ("ended", "stopped")


def test_another_key_another_text_and_an_unknown_index_get_one_answer(office, phone):
    stranger = Phone(phone.client, office.world, DeviceKey.make(office.world), phone.index)
    answers = [
        stranger.ask(), phone.ask(said=rebind_statement("1")), phone.ask(index=phone.index + 1_000_000), phone.ask(proof="AA"),
    ]  # fmt: skip
    assert {(one.status_code, one.get_json()["code"]) for one in answers} == {(404, "binding_unknown")}


@pytest.mark.parametrize("ahead", [timedelta(minutes=11), timedelta(minutes=-11)])
def test_a_proof_of_another_hour_is_no_proof(phone, ahead):
    answer = phone.ask(ahead=ahead)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "clock_off")


@pytest.mark.parametrize(
    "wrong",
    [
        {"index": -1},
        {"index": 2**32},
        {"index": True},
        {"index": "1"},
        {"at": 2**60},
        {"at": 2**53},
        {"at": None},
        {"proof": ""},
    ],
)
def test_a_field_of_the_wrong_kind_is_never_a_fault(phone, wrong):
    assert phone.ask(**wrong).status_code == 422


def test_wrong_proofs_are_counted_by_address_and_right_ones_are_not(office, phone, monkeypatch):
    monkeypatch.setattr(proving, "REFUSED_AN_HOUR", 3)
    for _ in range(4):
        assert phone.standing() == ("live", "")
    stranger = Phone(phone.client, office.world, DeviceKey.make(office.world), phone.index)
    assert [stranger.ask().status_code for _ in range(4)] == [404, 404, 404, 429]


# ---- renewing by the key alone ----


def renew(phone, *, index=None, at=None, said=None, key=None, ahead=timedelta()):
    at = at or int((phone.world.now() + ahead).timestamp() * 1000)
    index = phone.index if index is None else index
    proof = cose.sign_es256((key or phone.key).private, said or renewal_statement(index, at))
    return phone.client.post("/wallet/api/renew-by-key", json={"index": index, "at": at, "proof": base64url(proof)})


def signed_in(client):
    return client.get("/wallet/api/card").status_code == 200


def code_of(answer):
    return answer.status_code, answer.get_json()["code"]


def test_a_phone_whose_session_is_over_renews_by_its_key_and_is_signed_in_again(office, card, phone):
    phone.client.delete_cookie("cardnet_member", path="/wallet")
    assert not signed_in(phone.client)
    answer = renew(phone)
    assert answer.status_code == 200
    assert answer.get_json()["index"] == phone.index
    assert answer.get_json()["card"]["number"] == card.number
    assert signed_in(phone.client)
    # The session is this phone's own: when the phone is taken off the card, it is over too.
    issuance.stop_phone(office.session, office.world, issuance.StopPhone(phone.index, person_id=card.person_id))
    assert not signed_in(phone.client)


def test_a_proof_that_was_overheard_opens_no_second_session(phone):
    at = int(phone.world.now().timestamp() * 1000)
    assert renew(phone, at=at).status_code == 200
    phone.client.delete_cookie("cardnet_member", path="/wallet")
    assert code_of(renew(phone, at=at)) == (409, "proof_used")
    assert code_of(renew(phone, at=at - 1)) == (409, "proof_used"), "nor one that was made before it"
    assert not signed_in(phone.client)
    assert renew(phone, at=at + 1).status_code == 200


def test_another_key_another_sentence_another_index_and_another_hour_renew_nothing(office, card, phone):
    other = DeviceKey.make(office.world)
    at = int(phone.world.now().timestamp() * 1000)
    answers = [
        renew(phone, key=other),
        renew(phone, at=at, said=binding_statement(phone.index, at)),
        renew(phone, at=at, said=rebind_statement(card.number)),
        renew(phone, index=phone.index + 1_000_000),
    ]
    assert {code_of(one) for one in answers} == {(404, "binding_unknown")}
    assert code_of(renew(phone, ahead=timedelta(minutes=11))) == (422, "clock_off")
    phone.client.delete_cookie("cardnet_member", path="/wallet")
    assert not signed_in(phone.client)


def test_a_stopped_card_a_moved_one_and_one_past_its_day_are_not_renewed_by_the_key(office, card, phone):
    issuance.suspend_card(office.session, office.world, change(office, card))
    assert code_of(renew(phone)) == (409, "card_suspended")
    issuance.resume_card(office.session, office.world, change(office, card, "U1"))
    # Found again: the loss ended the session, and the key is still good.
    assert renew(phone).status_code == 200
    office.session.execute(
        text("update card set valid_from = :day, valid_to = :day where id = :id"),
        {"day": "2026-01-01", "id": card.card_id},
    )
    office.session.expire_all()
    assert code_of(renew(phone, ahead=timedelta(seconds=1))) == (409, "card_expired")
    assert phone.standing() == ("ended", "expired")
    issuance.stop_copied_code(office.session, office.world, issuance.StopCopiedCode(phone.index))
    assert code_of(renew(phone, ahead=timedelta(seconds=2))) == (409, "not_bound")
