"""Redeeming with a printed card: the last four, once a day, the first use; races with real commits and planted bugs."""

import contextlib
import copy
import importlib
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.benefits import services
from cardnet.benefits.services import printed
from cardnet.benefits.words import ProgramKind
from cardnet.issuance import services as issuance
from cardnet.kernel.errors import Unavailable
from cardnet.kernel.statement import Statement
from tests.make import issuance as make_issuance
from tests.make import membership as make_membership
from tests.make.benefits import ONCE_A_YEAR, all_at_once, breaches, committed, health_check, make_shop, percent, rule

redeem_module = importlib.import_module("cardnet.benefits.services.redeem")

SERIAL = 1
LAST4 = make_membership.id_number(SERIAL)[-4:]
WRONG = f"{(int(LAST4[:3]) + 1) % 1000:03d}{LAST4[3]}"


@dataclass
class Paper:
    """A printed card, its text, and redeeming with it."""

    shop: object
    card: issuance.IssuedCard
    code_text: str

    def command(self, amount_fen=1_000, last4=LAST4, **other):
        code = make_issuance.judge(self.shop.session, self.shop.world, self.code_text)
        return self.shop.command(None, amount_fen, code=code, id_last4=last4, **other)

    def redeem(self, amount_fen=1_000, last4=LAST4, **other):
        return services.redeem(self.shop.session, self.shop.world, self.command(amount_fen, last4, **other))

    def quote(self, last4=LAST4):
        command = self.command(last4=last4)
        asked = services.Quote(command.venue, command.code, command.purchase, last4)
        return services.quote(self.shop.session, self.shop.world, asked)

    def state(self):
        self.shop.session.expire_all()
        return issuance.card_of_number(self.shop.session, self.card.number).state


def make_paper(shop, hand_out=True):
    (card,) = shop.office.issue(SERIAL)
    if hand_out:
        command = issuance.HandOutCards(shop.office["C1"], numbers=(card.number,))
        issuance.hand_out_cards(shop.session, shop.world, command)
    (sheet,) = make_issuance.print_cards(shop.office, card.number)
    return Paper(shop, card, sheet.code_text)


@pytest.fixture
def shop(session, world):
    shop = make_shop(session, world)
    shop.program("D", rule(percent(1_000)))
    return shop


@pytest.fixture
def paper(shop):
    return make_paper(shop)


def reasons(record):
    return [(reason.code, dict(reason.detail or {})) for reason in record.reasons]


# ---- the last four ----


def test_a_printed_card_with_the_right_last_four_saves_like_a_phone(paper):
    record = paper.redeem()
    assert (record.outcome, record.discount_fen, record.assurance) == ("captured", 100, "printed")
    assert breaches(paper.shop.session) == {}


def test_without_the_last_four_the_till_is_asked_for_them_and_nothing_is_counted(paper):
    for _ in range(7):
        record = paper.redeem(last4=None)
        assert reasons(record) == [("confirm_required", {})]
        assert record.reasons[0].message == "请输入会员证件后四位。"
    assert paper.redeem().outcome == "captured"


def test_each_wrong_last_four_says_how_many_tries_are_left_and_after_five_only_the_phone_or_the_union_helps(paper):
    for left in (4, 3, 2, 1, 0):
        record = paper.redeem(last4=WRONG)
        assert reasons(record) == [("confirm_required", {"tries_left": left})]
    locked = "证件后四位今天试错次数已满，请会员改用手机上的动态码，或到所在工会办理。"
    for last4 in (LAST4, WRONG, None):
        record = paper.redeem(last4=last4)
        assert (reasons(record), record.reasons[0].message) == ([("confirm_required", {"tries_left": 0})], locked)
    assert breaches(paper.shop.session) == {}


def test_tomorrow_there_are_five_tries_again(paper, clock):
    for _ in range(5):
        paper.redeem(last4=WRONG)
    clock.advance(timedelta(days=1))
    assert paper.redeem().outcome == "captured"


def test_a_wrong_last_four_in_a_quote_is_counted_too(paper):
    assert [reasons(paper.quote(WRONG))[0][1]["tries_left"] for _ in range(5)] == [4, 3, 2, 1, 0]
    assert reasons(paper.redeem()) == [("confirm_required", {"tries_left": 0})]


def test_a_quote_with_the_right_last_four_writes_nothing_and_uses_nothing(paper):
    assert paper.quote().outcome == "applicable"
    assert paper.quote(None).reasons[0].code == "confirm_required"
    assert paper.redeem().outcome == "captured"
    assert paper.quote().reasons[0].code == "limit_exceeded"


@pytest.mark.parametrize("typed", ["010x", " 010X ", "010X"])
def test_an_x_at_the_end_may_be_typed_small(typed):
    from cardnet.issuance.rules import same_last4

    assert same_last4("31990019700101010X", typed)
    assert not same_last4("31990019700101010X", "0101")
    assert not same_last4("31990019700101010X", "")


def test_what_the_card_says_comes_before_the_question(paper):
    shop = paper.shop
    issuance.suspend_card(shop.session, shop.world, issuance.ChangeCard(paper.card.card_id, "丢失", shop.office["C1"]))
    assert [code for code, _ in reasons(paper.redeem(last4=None))] == ["suspended"]


def test_a_phone_is_not_asked(shop):
    assert shop.redeem(shop.member(9), 1_000).outcome == "captured"


def test_the_replay_of_a_printed_decision_gives_the_same(paper):
    assert services.replay(paper.shop.session, paper.redeem().id)


# ---- once a day ----


def test_a_printed_card_is_used_once_a_day_in_the_whole_network(paper, clock):
    other = paper.shop.till("M2002")
    assert paper.redeem().outcome == "captured"
    for venue in (paper.shop.venue, other):
        assert reasons(paper.redeem(venue=venue)) == [("limit_exceeded", {})]
    clock.advance(timedelta(days=1))
    assert paper.redeem(venue=other).outcome == "captured"
    assert breaches(paper.shop.session) == {}


def test_a_new_print_has_no_second_use_on_the_same_day(paper):
    paper.redeem()
    (again,) = make_issuance.print_cards(paper.shop.office, paper.card.number)
    old, paper.code_text = paper.code_text, again.code_text
    assert reasons(paper.redeem()) == [("limit_exceeded", {})]
    paper.code_text = old
    assert [code for code, _ in reasons(paper.redeem())] == ["revoked"]


def test_a_refused_attempt_does_not_use_the_day(paper):
    first = paper.redeem(last4=WRONG)
    assert first.refused
    assert paper.redeem().outcome == "captured"


def test_a_reversal_gives_the_day_back_and_a_refund_does_not(paper):
    first = paper.redeem()
    paper.shop.reverse(first.id)
    assert breaches(paper.shop.session) == {}
    second = paper.redeem()
    assert second.outcome == "captured"
    paper.shop.refund(second.id)
    assert reasons(paper.redeem()) == [("limit_exceeded", {})]
    assert breaches(paper.shop.session) == {}


def test_a_hold_takes_the_day_and_gives_it_back_when_it_is_over(paper, clock):
    held = paper.redeem(capture=False, hold_seconds=60)
    assert held.outcome == "held"
    assert reasons(paper.redeem()) == [("limit_exceeded", {})]
    clock.advance(timedelta(seconds=61))
    services.release_expired(paper.shop.session, paper.shop.world, clock.at)
    assert paper.redeem().outcome == "captured"
    assert breaches(paper.shop.session) == {}


# ---- the first use ----


def test_the_first_capture_by_a_printed_card_activates_it(paper):
    assert paper.state() == "delivered"
    assert paper.redeem(last4=WRONG).refused
    assert paper.quote().outcome == "applicable"
    assert paper.state() == "delivered"
    paper.redeem()
    assert paper.state() == "active"
    last = paper.shop.session.execute(
        text("select action, from_state, to_state, channel from card_event where card_id = :card order by seq desc"),
        {"card": paper.card.card_id},
    ).first()
    assert tuple(last) == ("activate", "delivered", "active", "printed_first_use")
    assert make_issuance.breaches(paper.shop.session) == {}


def test_a_hold_activates_when_it_is_captured(paper):
    held = paper.redeem(capture=False)
    assert paper.state() == "delivered"
    paper.shop.capture(held.id)
    assert paper.state() == "active"


def test_who_began_on_paper_may_take_a_phone_to_the_card_later(paper):
    paper.redeem()
    shop = paper.shop
    done = make_issuance.activate(shop.session, shop.world, paper.card, LAST4)
    assert isinstance(done, issuance.Activation)
    assert make_issuance.breaches(shop.session) == {}


def test_paper_that_was_not_handed_out_is_not_in_use(shop):
    paper = make_paper(shop, hand_out=False)
    assert [code for code, _ in reasons(paper.redeem())] == ["card_not_active"]
    assert paper.state() == "produced"


# ---- races, with real commits ----


@pytest.fixture
def meeting(monkeypatch):
    """Everybody has asked whether the card may be used before anybody writes: threads wait for each other once."""
    real = redeem_module._write
    met = threading.local()

    def write(*args, **named):
        if meeting.barrier is not None and not getattr(met, "done", False):
            met.done = True
            with contextlib.suppress(threading.BrokenBarrierError):
                meeting.barrier.wait(60)
        return real(*args, **named)

    def meeting(parties):
        meeting.barrier = threading.Barrier(parties)

    meeting.barrier = None
    monkeypatch.setattr(redeem_module, "_write", write)
    return meeting


def outcomes(results):
    def name(one):
        if isinstance(one, Exception):
            return type(one).__name__
        return " ".join([one.outcome, *(reason.code for reason in one.reasons)])

    return Counter(map(name, results))


def everywhere_at_once(app, world, last4s, begun=False):
    """One printed card shown at as many tills as there are answers, all at the same moment.

    Of a day that has `begun` there is a row already: nobody waits for the first comer's to be committed.
    """
    with committed(app) as session:
        shop = make_shop(session, world)
        shop.pool("P", 1_000_000)
        limits = [{**ONCE_A_YEAR, "max_n": 99}, {"id": "pool", "pool": "P", "on_exceed": "refuse"}]
        shop.program("HC", health_check("P", limits=limits), ProgramKind.SUBSIDY)
        venues = [shop.venue, shop.till("M2002")]
        paper = make_paper(shop)
        if begun:
            paper.redeem(9_000, WRONG, service_code="health_check")
        commands = [
            paper.command(9_000, last4, venue=venues[number % 2], service_code="health_check")
            for number, last4 in enumerate(last4s)
        ]
    acts = [lambda session, command=command: services.redeem(session, world, command) for command in commands]
    results = all_at_once(app, acts)
    with committed(app) as session:
        paper.shop.session = session
        return results, breaches(session), paper.state()


def without_lock(monkeypatch):
    """The bug: the day's row is read and not locked."""
    monkeypatch.setattr(printed, "_LOCK", Statement(_LOOK))


_LOOK = """
with made as (
  insert into printed_day (person_id, day, wrong) values (%(person_id)s, %(day)s, 0) on conflict do nothing)
select coalesce(max(wrong), 0), (array_agg(redemption_id))[1] from printed_day
 where person_id = %(person_id)s and day = %(day)s"""


def without_guard(monkeypatch):
    """The bug: a day that has its redemption is given to the next as well."""
    broken = copy.copy(printed._USE)
    broken.text = broken.text.replace(b"and redemption_id is null", b"")
    monkeypatch.setattr(printed, "_USE", broken)


def test_of_two_tills_that_show_one_printed_card_at_once_exactly_one_redeems(committing_app, world):
    results, broken, state = everywhere_at_once(committing_app, world, [LAST4] * 2)
    assert outcomes(results) == {"captured": 1, "refused limit_exceeded": 1}
    assert (broken, state) == ({}, "active")


def test_the_write_alone_would_also_stop_the_second(committing_app, world, monkeypatch, meeting):
    without_lock(monkeypatch)
    meeting(2)
    results, broken, _ = everywhere_at_once(committing_app, world, [LAST4] * 2, begun=True)
    assert outcomes(results) == {"captured": 1, "refused limit_exceeded": 1}
    assert broken == {}


def test_the_race_of_two_tills_catches_a_day_without_lock_and_guard(committing_app, world, monkeypatch, meeting):
    without_lock(monkeypatch)
    without_guard(monkeypatch)
    meeting(2)
    results, broken, _ = everywhere_at_once(committing_app, world, [LAST4] * 2, begun=True)
    assert outcomes(results) == {"captured": 2}
    assert "printed" in broken


def test_of_twenty_guesses_sent_at_once_five_are_compared(committing_app, world):
    results, broken, state = everywhere_at_once(committing_app, world, [WRONG] * 20)
    left = Counter(result.reasons[0].detail["tries_left"] for result in results)
    assert left == {4: 1, 3: 1, 2: 1, 1: 1, 0: 16}
    assert (broken, state) == ({}, "delivered")


def test_the_race_of_guesses_catches_a_count_without_lock(committing_app, world, monkeypatch):
    without_lock(monkeypatch)
    results, _, _ = everywhere_at_once(committing_app, world, [WRONG] * 20)
    # Every guess was compared; the table's own check stopped the sixth from being counted.
    assert any(isinstance(result, Exception) and not isinstance(result, Unavailable) for result in results)
