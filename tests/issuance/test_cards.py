"""Cards: numbers, hand-out, activation, renewal, loss and replacement (S18), standing."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.credential import codec, cose, store
from cardnet.credential.device import DeviceKey
from cardnet.credential.status import Status
from cardnet.credential.verify import Accepted, VerifyContext, Window, verify
from cardnet.issuance import rules, services
from cardnet.issuance.rules import CardAction, CardState
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def card(office):
    return office.issue(0)[0]


LAST4 = make_membership.id_number(0)[-4:]


# ---- numbers and codes ----


def test_the_luhn_digit_is_iso_7812s():
    assert rules.luhn_digit("7992739871") == "3"
    assert rules.luhn_digit("0") == "0"


@given(st.binary(min_size=8, max_size=8))
def test_every_drawn_number_is_one_of_ours_and_no_payment_schemes(chance):
    number = rules.card_number(chance)
    assert rules.is_card_number(number)
    assert number[:2] not in {*map(str, range(10, 16)), *map(str, range(25, 31)), "62"}


@given(st.binary(min_size=8, max_size=8), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_no_card_number(chance, place, more):
    number = rules.card_number(chance)
    digit = (int(number[place]) + more) % 10
    assert not rules.is_card_number(number[:place] + str(digit) + number[place + 1 :])


@pytest.mark.parametrize(
    "number", ["", "8", "１２３４５６７８９０１２３", "8" * 12, "8" * 14, "abcdefghijklm", "6200000000005"]
)
def test_what_is_no_card_number(number):
    assert not rules.is_card_number(number)


@given(st.binary(min_size=8, max_size=8))
def test_a_code_has_eight_signs_nobody_confuses(chance):
    code = rules.activation_code(chance)
    assert len(code) == 8
    assert not set(code) & set("01IO")
    assert rules.typed_code(f" {code[:4].lower()}-{code[4:]} ") == code


def test_a_card_works_until_the_end_of_its_fifth_year(card):
    assert card.valid_to == date(2030, 12, 31)


# ---- activation ----


def test_activation_binds_the_phone_and_its_code_verifies(office, card, session, world):
    phone = DeviceKey.make(world)
    done = activate(session, world, card, LAST4, phone)
    assert isinstance(done, services.Activation)
    claims = codec.decode_credential(done.credential).claims
    assert (claims.index, claims.device_key) == (done.index, phone.public)
    assert done.expires_at == world.now() + timedelta(days=14)
    assert (done.now, done.card.state, done.card.name) == (world.now(), CardState.ACTIVE, "周桂林")
    assert done.card.union_name == office.unions["B1"].name
    assert access.person_of_member_session(session, world, done.member_token) == card.person_id
    pack = store.trust_pack(session, world.now())
    judged = verify(phone.code(done.credential, world), pack, None, world.now(), VerifyContext(Window.ONLINE))
    assert isinstance(judged, Accepted)
    standing = services.standing_of(session, judged.index)
    assert (standing.person_id, standing.binding_key) == (card.person_id, judged.device_key)
    assert office.breaches() == {}


def test_the_tries_of_an_activation_are_forgotten_once_it_succeeds(card, session, world):
    for _ in range(4):
        assert isinstance(activate(session, world, card, "0000"), services.ActivationRefused)
    activate(session, world, card, LAST4)
    assert activate(session, world, card, "0000").tries_left == 4


def test_standing_says_what_benefits_need(office, session, world):
    office.give_unit("B1", 1)
    receipt = office.submit(office.roster(0, name="欧阳建国", model_worker="省部级", special_post="高温"))
    office.approve_all_the_way(receipt.batch_id)
    card = services.issue_cards(session, world, services.IssueCards(receipt.batch_id, office["C1"]))[0]
    done = activate(session, world, card, LAST4)
    standing = services.standing_of(session, done.index)
    assert (standing.unit_path, standing.membership_kind) == ("/C/D1/B1/", "active")
    assert (standing.member_since, standing.birth_on) == (date(2018, 4, 28), date(1985, 5, 1))
    assert standing.tags == {"model_worker", "front_line", "special_post"}
    assert (standing.display, standing.sex, standing.card_state) == ("欧阳*", "male", "active")
    assert services.standing_of(session, done.index, date(2017, 1, 1)).unit_path is None
    assert services.standing_of(session, done.index + 1) is None


def test_standing_is_one_statement_that_finds_its_way_by_indexes(card, session, world):
    from cardnet.issuance.services import standing

    activate(session, world, card, LAST4)
    session.flush()
    session.execute(text("set local enable_seqscan = off"))
    driver = session.connection().connection.driver_connection
    asked = standing._STANDING.text.decode()
    assert sorted(standing._STANDING.names) == ["index", "on"]
    for name, value in (("index", "0"), ("on", "date '2026-11-21'")):
        asked = asked.replace(f"${standing._STANDING.names.index(name) + 1}", value)
    plan = "\n".join(row[0] for row in driver.execute("explain " + asked))
    assert "Seq Scan" not in plan, plan


def test_a_credential_never_outlives_the_card(office, session, world, clock):
    office.give_unit("B1", 1)
    receipt = office.submit(office.roster(0))
    office.approve_all_the_way(receipt.batch_id)
    for never, code in ((date(2026, 11, 20), "valid_to_past"), (date.max, "valid_to_far")):
        with pytest.raises(InvalidInput, match=code):
            services.issue_cards(session, world, services.IssueCards(receipt.batch_id, office["C1"], valid_to=never))
    command = services.IssueCards(receipt.batch_id, office["C1"], valid_to=date(2026, 11, 25))
    card = services.issue_cards(session, world, command)[0]
    done = activate(session, world, card, LAST4)
    assert done.expires_at.isoformat() == "2026-11-25T15:59:59+00:00"
    clock.advance(timedelta(days=5))
    with pytest.raises(Conflict, match="card_expired"):
        activate(session, world, card, LAST4)


def test_five_wrong_tries_lock_and_say_nothing_about_which_part_was_wrong(office, card, session, world):
    wrong_id = activate(session, world, card, "0000")
    wrong_code = activate(session, world, services.IssuedCard(**{**vars(card), "activation_code": "22222222"}), LAST4)
    assert (wrong_id.code, wrong_id.message) == (wrong_code.code, wrong_code.message)
    assert (wrong_id.tries_left, wrong_code.tries_left) == (4, 3)
    assert [activate(session, world, card, "0000").code for _ in range(3)] == [
        "activation_refused", "activation_refused", "activation_locked",
    ]  # fmt: skip
    locked = activate(session, world, card, LAST4)
    assert (locked.code, locked.tries_left) == ("activation_locked", 0)
    assert isinstance(locked.error(), NotAllowed)
    assert session.scalar(text("select tries from activation_code")) == 5
    code = services.reprint_code(session, world, card.card_id, office["U1"])
    fresh = services.IssuedCard(**{**vars(card), "activation_code": code})
    assert isinstance(activate(session, world, fresh, LAST4), services.Activation)


def test_an_unknown_number_is_answered_like_a_wrong_code(card, session, world):
    other = services.IssuedCard(**{**vars(card), "number": rules.card_number(b"\x01" * 8)})
    assert activate(session, world, other, LAST4).code == "activation_refused"


def test_the_proof_must_come_from_the_key_that_is_bound(card, session, world):
    mine, theirs = DeviceKey.make(world), DeviceKey.make(world)
    proof = theirs.activation_proof(card.number, card.activation_code)
    with pytest.raises(InvalidInput, match="proof_invalid"):
        services.activate_card(
            session, world, services.ActivateCard(card.number, card.activation_code, LAST4, mine.public, proof)
        )
    other = mine.activation_proof(card.number, "22222222")
    with pytest.raises(InvalidInput, match="proof_invalid"):
        services.activate_card(
            session, world, services.ActivateCard(card.number, card.activation_code, LAST4, mine.public, other)
        )
    assert session.scalar(text("select tries from activation_code")) == 0


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("card_number", "123", "card_number_invalid"),
        ("card_number", "八" * 13, "card_number_invalid"),
        ("public_key", b"", "public_key_invalid"),
        ("public_key", b"\x04" + b"\x01" * 32, "public_key_invalid"),
        ("public_key", b"\x02" + b"\xff" * 32, "proof_invalid"),
        ("proof", b"", "proof_invalid"),
        ("proof", b"\x00" * 64, "proof_invalid"),
        ("proof", b"\xff" * 64, "proof_invalid"),
        ("activation_code", "激活码" * 1000, "proof_invalid"),
    ],
)
def test_bad_activation_input_is_told_and_counts_no_try(card, session, world, field, value, code):
    phone = DeviceKey.make(world)
    good = {
        "card_number": card.number, "activation_code": card.activation_code, "id_last4": LAST4,
        "public_key": phone.public, "proof": phone.activation_proof(card.number, card.activation_code),
    }  # fmt: skip
    with pytest.raises(InvalidInput, match=code):
        services.activate_card(session, world, services.ActivateCard(**{**good, field: value}))
    assert session.scalar(text("select tries from activation_code")) == 0


def test_the_same_phone_asking_again_is_answered_again_and_another_phone_is_not(office, card, session, world):
    phone = DeviceKey.make(world)
    first = activate(session, world, card, LAST4, phone)
    again = activate(session, world, card, LAST4, phone)
    assert (again.index, again.card) == (first.index, first.card)
    with pytest.raises(Conflict, match="illegal_transition"):
        activate(session, world, card, LAST4)
    assert session.scalar(text("select count(*) from binding")) == 1
    assert office.breaches() == {}


def test_a_renewal_keeps_key_and_index(card, session, world, clock):
    phone = DeviceKey.make(world)
    first = activate(session, world, card, LAST4, phone)
    clock.advance(timedelta(days=10))
    renewed = services.renew_credential(session, world, services.RenewCredential(card.person_id, phone.public))
    assert renewed.index == first.index
    assert renewed.expires_at == first.expires_at + timedelta(days=10)
    with pytest.raises(Conflict, match="not_bound"):
        services.renew_credential(
            session, world, services.RenewCredential(card.person_id, DeviceKey.make(world).public)
        )


def test_a_lost_key_is_replaced_by_a_new_one_under_a_new_index(office, card, session, world):
    first = activate(session, world, card, LAST4)
    phone = DeviceKey.make(world)
    proof = cose.sign_es256(phone.private, rules.rebind_statement(card.number))
    command = services.RebindCard(card.person_id, card.number, phone.public, proof)
    second = services.rebind_card(session, world, command)
    assert second.index != first.index
    assert store.statuses_of(session, [first.index])[first.index] is Status.INVALID
    assert services.standing_of(session, first.index).binding_state == "revoked"
    assert office.breaches() == {}


# ---- hand-out ----


def test_hand_out_records_receipts_once_and_leaves_out_who_did_not_sign(office, session, world):
    cards = office.issue(0, 1, 2)
    batch = session.scalar(text("select batch_id from application limit 1"))
    command = services.HandOutCards(office["U1"], batch_id=batch, except_numbers=(cards[1].number,))
    assert services.hand_out_cards(session, world, command) == 2
    assert services.hand_out_cards(session, world, command) == 0
    states = [services.card_of_number(session, card.number).state for card in cards]
    assert states == ["delivered", "ordered", "delivered"]
    with pytest.raises(NotAllowed, match="role_missing"):
        from cardnet.access.rules import Role
        from tests.make.issuance import make_officer

        cashier = make_officer(session, world, office.unions["B1"], "cashier", Role.CASHIER)
        services.hand_out_cards(session, world, services.HandOutCards(cashier, batch_id=batch))
    assert services.hand_out_cards(session, world, services.HandOutCards(office["U9"], batch_id=batch)) == 0
    assert office.breaches() == {}


def test_a_card_activated_before_it_was_signed_for_stays_active(office, card, session, world):
    activate(session, world, card, LAST4)
    command = services.HandOutCards(office["U1"], numbers=(card.number,), channel="scan")
    assert services.hand_out_cards(session, world, command) == 1
    assert services.card_of_number(session, card.number).state is CardState.ACTIVE
    counted = services.card_counts(session, world, "/", office.year)[0].total
    assert (counted.issued, counted.handed_out, counted.activated) == (1, 1, 1)
    assert office.breaches() == {}


# ---- loss and replacement ----


def test_s18_card_replacement(office, card, session, world):
    phone = DeviceKey.make(world)
    done = activate(session, world, card, LAST4, phone)
    used = office.quota("B1").used
    lost = services.ChangeCard(card.card_id, "遗失", person_id=card.person_id)
    assert services.suspend_card(session, world, lost).state is CardState.SUSPENDED
    assert store.statuses_of(session, [done.index])[done.index] is Status.SUSPENDED
    assert services.standing_of(session, done.index).card_state is CardState.SUSPENDED
    with pytest.raises(Conflict, match="card_suspended"):
        services.renew_credential(session, world, services.RenewCredential(card.person_id, phone.public))
    new = services.replace_card(session, world, services.ReplaceCard(card.card_id, office["C1"], "遗失"))
    assert (new.person_id, new.valid_to, new.number != card.number) == (card.person_id, card.valid_to, True)
    assert store.statuses_of(session, [done.index])[done.index] is Status.INVALID
    assert services.standing_of(session, done.index).card_state is CardState.REPLACED
    assert office.quota("B1").used == used
    with pytest.raises(Conflict, match="illegal_transition"):
        services.resume_card(session, world, services.ChangeCard(card.card_id, "找到了", office["C1"]))
    with pytest.raises(Conflict, match="illegal_transition"):
        services.replace_card(session, world, services.ReplaceCard(card.card_id, office["C2"], "遗失"))
    again = activate(session, world, new, LAST4)
    assert services.standing_of(session, again.index).person_id == card.person_id
    counted = services.card_counts(session, world, "/", office.year)[0].total
    assert (counted.issued, counted.activated) == (1, 1)
    assert office.breaches() == {}


def test_a_found_card_works_again(office, card, session, world):
    done = activate(session, world, card, LAST4)
    services.suspend_card(session, world, services.ChangeCard(card.card_id, "", office["U1"]))
    services.resume_card(session, world, services.ChangeCard(card.card_id, "找到了", office["U1"]))
    assert store.statuses_of(session, [done.index])[done.index] is Status.VALID
    assert services.standing_of(session, done.index).binding_state == "live"
    assert office.breaches() == {}


def test_a_card_suspended_before_activation_goes_back_to_where_it_was(office, card, session, world):
    services.suspend_card(session, world, services.ChangeCard(card.card_id, "", office["U1"]))
    with pytest.raises(Conflict, match="illegal_transition"):
        activate(session, world, card, LAST4)
    assert services.resume_card(session, world, services.ChangeCard(card.card_id, "", office["U1"])).state == "ordered"
    assert isinstance(activate(session, world, card, LAST4), services.Activation)


def test_nobody_touches_a_card_outside_the_own_scope(office, card, session, world):
    for act, command in (
        (services.suspend_card, services.ChangeCard(card.card_id, "", office["U9"])),
        (services.revoke_card, services.ChangeCard(card.card_id, "", office["D9u"])),
        (services.replace_card, services.ReplaceCard(card.card_id, office["D9u"], "")),
    ):
        with pytest.raises(NotAllowed, match="out_of_scope"):
            act(session, world, command)
    with pytest.raises(NotFound, match="card_unknown"):
        services.suspend_card(session, world, services.ChangeCard(card.card_id, "", person_id=world.new_id()))


@pytest.mark.parametrize("state", list(CardState))
@pytest.mark.parametrize("action", list(CardAction))
def test_everything_not_listed_is_an_illegal_card_transition(state, action):
    if (state, action) in rules.CARD_STEPS:
        assert isinstance(rules.next_card_state(state, action), CardState)
    else:
        with pytest.raises(Conflict, match="illegal_transition"):
            rules.next_card_state(state, action)


# ---- counts ----


def test_counts_add_up_the_tree(office, session, world):
    office.issue(0, 1)
    office.give_unit("B9", 1)
    lines = [make_membership.roster_line(n, unit="B9") for n in (10, 11)]
    office.submit(make_membership.csv_file(make_membership.roster_cells(lines)), "B9", "U9")
    by_code = {line.union.code: line for line in services.card_counts(session, world, "/", office.year)}
    assert (by_code["C"].total.members, by_code["C"].total.submitted, by_code["C"].total.issued) == (4, 4, 2)
    assert (by_code["D1"].total.issued, by_code["D2"].total.waitlisted) == (2, 1)
    assert by_code["C"].own == services.CardCounts()
    assert by_code["B1"].own.quota == 2
