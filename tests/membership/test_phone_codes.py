"""A number is proven by a code that was sent to it: once, for minutes, five tries, and not a stream of messages."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.credential.device import DeviceKey
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardState
from cardnet.kernel.errors import Conflict, InvalidInput, TooManyRequests
from cardnet.membership import services
from cardnet.membership.invariants import INVARIANTS
from cardnet.membership.jobs import send_direct_due
from cardnet.membership.notices.direct import CODES_A_DAY, DirectKind, direct_sentence, six_digits
from cardnet.membership.notices.rules import Accepted, Later, RefusedForGood
from cardnet.membership.rules import Purpose
from cardnet.membership.services import notices
from tests.make import membership as make_membership
from tests.make.issuance import activate, make_office

NEW = "13800000009"


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def person_id(session, world, office):
    return make_membership.people(session, world)[0]


@pytest.fixture(autouse=True)
def _clock(clock):
    world_moves.clock = clock


def world_moves(world, by=timedelta(seconds=61)):
    world_moves.clock.set(world.now() + by)


def ask(session, world, person_id, phone=NEW):
    return services.ask_phone_code(session, world, services.AskPhoneCode(person_id, phone))


def sent(session, world):
    taken = notices.take_next_direct(session, world)
    notices.note_direct(session, world, taken, Accepted("x"))
    return taken.message.address, taken.message.words.split("验证码")[1][:6]


def confirm(session, world, person_id, code):
    return services.confirm_phone(session, world, services.ConfirmPhone(person_id, code))


def test_a_number_counts_once_its_code_came_back(session, world, person_id):
    assert services.verified_phone(session, person_id) is None
    ask(session, world, person_id, "138 0000 0009")
    address, code = sent(session, world)
    assert address == NEW
    assert confirm(session, world, person_id, code) == services.PhoneConfirmed(NEW, 0)
    assert services.verified_phone(session, person_id) == NEW
    assert confirm(session, world, person_id, code) == services.PhoneCodeRefused(0)
    with pytest.raises(Conflict, match="phone_unchanged"):
        ask(session, world, person_id)


def test_the_number_on_record_is_proven_without_typing_it(session, world, person_id):
    ask(session, world, person_id, None)
    address, code = sent(session, world)
    assert address == "19900000000"
    assert confirm(session, world, person_id, code).taken_over == 0


def test_the_newest_who_proves_a_number_has_it(session, world, office):
    first, second = make_membership.people(session, world, 2)
    for person_id, taken in ((first, 0), (second, 1)):
        ask(session, world, person_id)
        _, code = sent(session, world)
        assert confirm(session, world, person_id, code).taken_over == taken
        world_moves(world)
    assert services.verified_phone(session, first) is None and services.verified_phone(session, second) == NEW


def test_five_wrong_codes_end_it_and_the_right_one_then_is_late(session, world, person_id):
    ask(session, world, person_id)
    _, code = sent(session, world)
    wrong = "000000" if code != "000000" else "111111"
    assert [confirm(session, world, person_id, wrong).tries_left for _ in range(5)] == [4, 3, 2, 1, 0]
    assert confirm(session, world, person_id, code) == services.PhoneCodeRefused(0)
    assert services.verified_phone(session, person_id) is None


def test_a_code_is_good_for_ten_minutes_and_dead_once_another_is_asked_for(session, world, person_id):
    ask(session, world, person_id)
    _, first = sent(session, world)
    world_moves(world)
    ask(session, world, person_id)
    _, second = sent(session, world)
    assert first == second or confirm(session, world, person_id, first).tries_left == 4
    world_moves(world, timedelta(minutes=10, seconds=1))
    assert confirm(session, world, person_id, second) == services.PhoneCodeRefused(0)


def test_nobody_is_flooded_with_codes(session, world, office):
    first, second = make_membership.people(session, world, 2)
    ask(session, world, first)
    for person_id, phone in ((first, "13800000010"), (second, NEW)):
        with pytest.raises(TooManyRequests, match="code_too_soon"):
            ask(session, world, person_id, phone)
    for _ in range(CODES_A_DAY - 1):
        world_moves(world)
        ask(session, world, first)
    world_moves(world)
    with pytest.raises(TooManyRequests, match="too_many_codes"):
        ask(session, world, second)
    world_moves(world, timedelta(days=1))
    ask(session, world, second)


def test_what_is_no_mobile_number_is_said_at_once(session, world, person_id):
    with pytest.raises(InvalidInput, match="phone_format"):
        ask(session, world, person_id, "021-6781")


# ---- on its way ----


def states(session):
    return [
        tuple(row)
        for row in session.execute(text("select state, tries, words is null from direct_message order by id"))
    ]


def test_a_message_is_sent_once_and_its_words_are_gone(session, world, person_id):
    ask(session, world, person_id)
    sent(session, world)
    assert states(session) == [("sent", 1, True)]
    assert notices.take_next_direct(session, world) is None


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([Later("timeout"), Accepted("9")], "sent"),
        ([RefusedForGood("blocked")], "failed"),
        ([Later("http_500")] * 5, "failed"),
    ],
)
def test_what_does_not_go_out_is_tried_again_in_seconds_and_then_given_up(session, world, person_id, outcomes, state):
    ask(session, world, person_id)
    for outcome in outcomes:
        taken = notices.take_next_direct(session, world)
        assert notices.take_next_direct(session, world) is None, "it is in hand"
        notices.note_direct(session, world, taken, outcome)
        world_moves(world, timedelta(minutes=1, seconds=1) if len(outcomes) < 5 else timedelta(seconds=0))
        session.execute(
            text("update direct_message set next_try_at = :at where next_try_at is not null"), {"at": world.now()}
        )
    assert states(session)[0][0] == state


def test_a_code_nobody_could_send_in_time_is_not_sent_later(session, world, person_id):
    ask(session, world, person_id)
    world_moves(world, timedelta(minutes=11))
    assert notices.take_next_direct(session, world) is None
    assert states(session) == [("lapsed", 0, True)]


def test_without_a_gateway_nothing_waits_for_ever(session, world, person_id):
    ask(session, world, person_id)
    notices.fail_direct(session)
    assert states(session) == [("failed", 0, True)]


def test_a_code_fits_one_message_and_a_link_three_parts():
    values = {
        "code": "012345", "minutes": "10", "union": "新桥港货运联合工会委员会", "rows": "38", "days": "7",
        "url": "https://card.example.org/confirm/" + "x" * 43,
    }  # fmt: skip
    words = {kind: f"【云间区总工会】{direct_sentence(kind, '021-67812351', values)}" for kind in DirectKind}
    assert all("012345" in words[kind] for kind in (DirectKind.PHONE_CODE, DirectKind.REBIND_CODE))
    assert max(len(words[kind]) for kind in (DirectKind.PHONE_CODE, DirectKind.REBIND_CODE)) <= 70
    assert len(words[DirectKind.CHAIR_LINK]) <= 3 * 67 and values["url"] in words[DirectKind.CHAIR_LINK]
    assert [six_digits(n.to_bytes(8, "big")) for n in (0, 7, 10**6 + 5)] == ["000000", "000007", "000005"]


class _Gateway:
    """Takes what it is given, and fails the first time."""

    def __init__(self):
        self.taken = []

    def send(self, message):
        self.taken.append(message.address)
        return Later("timeout") if len(self.taken) == 1 else Accepted("1")


def test_the_worker_sends_what_waits_and_comes_back_for_what_failed(app, session, world, person_id):
    ask(session, world, person_id)
    gateway = _Gateway()
    with app.app_context():
        assert send_direct_due(world, gateway) == 0 and states(session)[0][0] == "waiting"
        world_moves(world, timedelta(seconds=6))
        assert send_direct_due(world, gateway) == 1 and gateway.taken == [NEW, NEW]
        assert send_direct_due(world, gateway) == 0 and states(session) == [("sent", 2, True)]


# ---- a new phone by a code to the verified one ----


def holder(office):
    (card,) = office.issue(0)
    session, world = office.session, office.world
    old = DeviceKey.make(world)
    activate(session, world, card, make_membership.id_number(0)[-4:], old)
    ask(session, world, card.person_id)
    _, code = sent(session, world)
    confirm(session, world, card.person_id, code)
    return card


LAST4 = make_membership.id_number(0)[-4:]


def ask_for_rebinding(office, card, last4=LAST4, number=None, address="10.0.0.9"):
    command = issuance.AskRebindCode(number or card.number, last4, address)
    return issuance.ask_rebind_code(office.session, office.world, command)


def test_a_code_to_the_verified_phone_binds_a_new_one(session, world, office):
    card = holder(office)
    assert ask_for_rebinding(office, card)
    address, code = sent(session, world)
    assert address == NEW
    phone = DeviceKey.make(world)
    command = issuance.ActivateCard(
        card.number, code, make_membership.id_number(0)[-4:], phone.public, phone.activation_proof(card.number, code)
    )
    done = issuance.activate_card(session, world, command)
    assert isinstance(done, issuance.Activation) and done.card.state is CardState.ACTIVE
    channel = session.scalar(text("select channel from card_event where action = 'rebind'"))
    assert channel == "phone_code" and office.breaches() == {}


def test_nothing_is_sent_for_wrong_numbers_unproven_phones_or_stopped_cards_and_guessing_is_held_back(
    session, world, office
):
    card = holder(office)
    (other,) = office.issue(7)
    assert not ask_for_rebinding(office, other, make_membership.id_number(7)[-4:])
    for n in range(10):
        assert not ask_for_rebinding(
            office, card, "0000" if n % 2 else "111X", number=None if n % 2 else "1234567890123"
        )
    with pytest.raises(TooManyRequests, match="too_many_tries"):
        ask_for_rebinding(office, card)
    assert notices.take_next_direct(session, world) is None
    issuance.report_loss(session, world, issuance.ReportLoss(card.person_id, issuance.Lost.CARD, "丢失"))
    assert not ask_for_rebinding(office, card, address="10.0.0.10")


# ---- own answers ----


def test_a_member_answers_each_purpose_and_takes_it_back(session, world, office):
    (card,) = office.issue(0)
    activate(session, world, card, make_membership.id_number(0)[-4:])

    def answer(**answers):
        chosen = {Purpose(name): given for name, given in answers.items()}
        return issuance.answer_own(session, world, services.AnswerOwn(card.person_id, chosen))

    def agreed():
        views = services.agreed_purposes(session, card.person_id)
        return {str(purpose) for purpose, view in views.items() if view and view.counts and view.answer == "given"}

    assert agreed() == {"card"}
    assert answer(card=True, notices=True, cover_operator=False) == {"notices", "cover_operator"}
    assert agreed() == {"card", "notices"}
    assert answer(notices=True) == frozenset()
    assert answer(notices=False) == {"notices"} and agreed() == {"card"}
    assert answer(card=False) == {"card"} and agreed() == set()
    assert issuance.card_of_number(session, card.number).state is CardState.SUSPENDED
    assert answer(card=True) == {"card"} and agreed() == {"card"}
    assert office.breaches() == {}


# ---- each message has one fate ----

_NOTICE = (
    "insert into notice (id, kind, person_id, union_id, words, way, state, reason, day, created_at, sent_at, printed_at) "
    "select gen_random_uuid(), 'activation_reminder', person_id, union_id, '', {way}, {state}, {reason}, current_date, now(), "
    "{sent}, {printed} from membership"
)
BROKEN = {
    "N1": (
        _NOTICE.format(way="'sms'", state="'sent'", reason="null", sent="now()", printed="null"),
        _NOTICE.format(way="'sms'", state="'failed'", reason="null", sent="null", printed="null"),
        _NOTICE.format(way="'paper'", state="'printed'", reason="'chosen'", sent="null", printed="null"),
        _NOTICE.format(way="'sms'", state="'dropped'", reason="null", sent="null", printed="now()"),
    ),
    "N2": (
        "drop index uq_notice_reminder; "
        + "; ".join(
            [_NOTICE.format(way="'paper'", state="'waiting'", reason="'chosen'", sent="null", printed="null")] * 2
        ),
    ),
    "N3": (
        "update direct_message set state = 'sent', sent_at = now(), words = null, next_try_at = null",
        "update direct_message set state = 'failed', words = null, next_try_at = null",
    ),
}


def test_the_invariants_of_notices_find_what_they_are_there_to_find(session, world, person_id):
    ask(session, world, person_id)
    session.execute(text("reset role"))
    for code, breaches in BROKEN.items():
        sentence, query = INVARIANTS[code]
        assert session.execute(text(query)).all() == [], sentence
        for breach in breaches:
            with session.begin_nested() as savepoint:
                for statement in breach.split("; "):
                    session.execute(text(statement))
                assert session.execute(text(query)).all() != [], (sentence, breach)
                savepoint.rollback()


def test_a_printed_slip_is_recalled_when_its_holder_activates(session, world, office):
    (card,) = office.issue(0)
    remind = issuance.Remind(office["U1"], "slip", path="/C/D1/B1/")
    issuance.remind(session, world, remind)
    slips = notices.print_slips(session, world, notices.Slips(office["U1"], "/C/D1/B1/"))
    assert len(slips) == 1
    activate(session, world, card, LAST4)
    (recalled,) = notices.notice_lines(session, "/C/", "recalled")
    assert recalled.state == "dropped" and notices.notice_lines(session, "/C/", "to_hand_out") == ()
    assert notices.hand_out_slips(session, world, notices.HandOutSlips(office["U1"], "/C/D1/B1/")) == 0
