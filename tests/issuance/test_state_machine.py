"""Whatever officers, members and the clock do in whatever order, every invariant holds after every step.

A hypothesis state machine over quota, applications and cards, through the real services. CARDNET_EXAMPLES=300 is the
long run: 300 lives of 40 steps. Each step is a transaction of its own: what is refused leaves nothing behind.
"""

import dataclasses
import importlib
import os
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from cardnet.issuance import services
from cardnet.issuance.rules import AllocationBasis, HandoutKind, PhoneChoice, Verdict
from cardnet.issuance.services import withdrawal
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from tests.conftest import START
from tests.make.issuance import activate, make_office
from tests.make.membership import id_number

EXAMPLES = int(os.environ.get("CARDNET_EXAMPLES", "8"))
STEPS = 40

UNITS = {"B1": "U1", "B2": "U2", "B9": "U9"}
REVIEWERS = ("A1", "D1u", "C1", "D9u")
EDGES = (("C", "D1"), ("C", "D2"), ("D1", "B1"), ("D1", "B2"), ("D2", "B9"))
CODES = ("C", "D1", "D2", "B1", "B2", "B9")
counts = st.integers(1, 6)


class Life(RuleBasedStateMachine):
    """One life of the union; `session`, `world`, `clock` and `office` are given by the test."""

    def __init__(self):
        super().__init__()
        self.clock.set(START)
        self.life = self.session.begin_nested()
        self.serial = 0
        self.batches = []
        self.cards = []

    def teardown(self):
        self.life.rollback()
        self.session.expunge_all()

    @contextmanager
    def step(self):
        """What an edge's transaction is: everything or nothing."""
        step = self.session.begin_nested()
        try:
            yield
        except CardnetError:
            step.rollback()
            self.session.expunge_all()
        else:
            step.commit()

    @property
    def year(self):
        return services.quota_year_of(self.session, day_of(self.world.now()))

    def do(self, verb, command):
        with self.step():
            return getattr(services, verb)(self.session, self.world, command)

    @initialize(count=st.integers(4, 12))
    def begin(self, count):
        self.do("grant_quota", services.GrantQuota(self.year, count, "云工〔2026〕1号"))
        self.do("spread_quota", services.SpreadQuota(self.year))
        for unit, people in (("B1", 4), ("B2", 2)):
            self.send_in(unit, people)

    # ---- quota ----

    @rule(count=st.integers(-8, 12).filter(bool))
    def grant(self, count):
        self.do("grant_quota", services.GrantQuota(self.year, count, "云工〔2026〕2号"))

    @rule(edge=st.sampled_from(EDGES), count=counts)
    def allocate(self, edge, count):
        self.do("allocate_quota", services.MoveQuota(self.year, *edge, count))

    @rule(code=st.sampled_from(["C", "D1", "D2"]), count=counts, basis=st.sampled_from(["members", "last_year"]))
    def allocate_many(self, code, count, basis):
        self.do("allocate_many", services.AllocateMany(self.year, code, count, AllocationBasis(basis)))

    @rule(codes=st.permutations(CODES), count=counts)
    def transfer(self, codes, count):
        self.do("transfer_quota", services.MoveQuota(self.year, codes[0], codes[1], count))

    @rule(code=st.sampled_from(CODES), count=counts)
    def give_back(self, code, count):
        self.do("return_quota", services.ReturnQuota(self.year, code, count))

    @rule()
    def spread(self):
        self.do("spread_quota", services.SpreadQuota(self.year))

    @rule(code=st.sampled_from(["C", "D1"]), days=st.integers(0, 5))
    def recall(self, code, days):
        after = day_of(self.world.now()) + timedelta(days=days)
        self.do("set_recall_date", services.SetRecallDate(self.year, code, after))
        self.clock.advance(timedelta(days=3))
        self.do("recall_quota", services.RecallQuota(self.year, code))

    @rule(count=counts)
    def raise_for_a_unit(self, count):
        with self.step():
            wanted = services.ask_for_more(
                self.session, self.world, services.AskForMore(self.year, "B1", count, "新入职", self.office["U1"])
            )
            services.approve_raise(self.session, self.world, services.DecideRaise(wanted, self.office["D1u"]))

    # ---- applications ----

    @rule(unit=st.sampled_from(sorted(UNITS)), people=st.integers(1, 4))
    def submit(self, unit, people):
        self.send_in(unit, people)

    def send_in(self, unit, people):
        serials = range(self.serial, self.serial + people)
        self.serial += people
        with self.step():
            receipt = self.office.submit(self.office.roster(*serials, unit=unit), unit, UNITS[unit])
            self.batches.append((receipt.batch_id, unit, serials))

    @precondition(lambda self: self.batches)
    @rule(pick=st.integers(0, 50), department=st.sampled_from(["二车间", "三车间", "四车间"]))
    def submit_again(self, pick, department):
        _, unit, serials = self.batches[pick % len(self.batches)]
        with self.step():
            again = self.office.roster(*serials, unit=unit, department=department)
            receipt = self.office.submit(again, unit, UNITS[unit])
            self.batches.append((receipt.batch_id, unit, serials))

    @precondition(lambda self: self.batches)
    @rule(
        pick=st.integers(0, 50), officer=st.sampled_from(REVIEWERS), row=st.one_of(st.none(), st.integers(1, 4)),
        verdict=st.sampled_from([Verdict.APPROVE, Verdict.APPROVE, Verdict.APPROVE, Verdict.RETURN, Verdict.REJECT]),
    )  # fmt: skip
    def review(self, pick, officer, row, verdict):
        batch = self.batches[pick % len(self.batches)][0]
        with self.step():
            reasons = () if verdict is Verdict.APPROVE else ("R03",)
            self.office.review(batch, officer, verdict, None if row is None else (row,), reasons)

    @precondition(lambda self: self.batches)
    @rule(pick=st.integers(0, 50))
    def approve_all_the_way_and_issue(self, pick):
        batch, unit, _ = self.batches[pick % len(self.batches)]
        for officer in ("A1", "D1u", "C1") if unit == "B1" else ("U9", "D9u", "C1"):
            with self.step():
                self.office.review(batch, officer)
        self.issue_batch(batch)

    @precondition(lambda self: self.batches)
    @rule(pick=st.integers(0, 50))
    def issue(self, pick):
        self.issue_batch(self.batches[pick % len(self.batches)][0])

    def issue_batch(self, batch):
        self.cards += self.do("issue_cards", services.IssueCards(batch, self.office["C2"])) or ()

    @precondition(lambda self: self.batches)
    @rule(pick=st.integers(0, 50), row=st.one_of(st.none(), st.integers(1, 4)))
    def withdraw(self, pick, row):
        batch, unit, _ = self.batches[pick % len(self.batches)]
        command = withdrawal.Withdraw(batch, self.office[UNITS[unit]], None if row is None else (row,))
        with self.step():
            withdrawal.withdraw(self.session, self.world, command)

    # ---- the waiting list ----

    @rule(officer=st.sampled_from(["U1", "U2", "D1u", "C1"]), verb=st.sampled_from(["accept_offers", "decline_offers"]))
    def answer(self, officer, verb):
        self.do(verb, services.AnswerOffers(self.office[officer]))

    @rule(pick=st.integers(0, 50), priority=st.integers(-9, 9))
    def move_in_line(self, pick, priority):
        line = services.waiting_list(self.session, self.year, "/").lines
        if line:
            chosen = line[pick % len(line)].application_id
            self.do("set_priority", services.SetPriority(chosen, priority, "困难职工", self.office["C1"]))

    @rule(days=st.sampled_from([1, 4, 11, 30]))
    def time_passes(self, days):
        self.clock.advance(timedelta(days=days))
        with self.step():
            services.lapse_overdue(self.session, self.world)
        with self.step():
            withdrawal.lapse_returned(self.session, self.world)
        with self.step():
            services.close_due_years(self.session, self.world)

    @rule(days=st.integers(0, 20))
    def the_year_begins_to_close(self, days):
        open_years = [one.year for one in services.years(self.session) if one.state == "open"]
        if open_years:
            until = min(day_of(self.world.now()) + timedelta(days=days), date(open_years[0] + 1, 12, 31))
            self.do("begin_closing", services.BeginClosing(open_years[0], until))

    # ---- cards ----

    @precondition(lambda self: self.cards)
    @rule(pick=st.integers(0, 50), verb=st.sampled_from(["suspend_card", "resume_card", "revoke_card"]))
    def change_card(self, pick, verb):
        card = self.cards[pick % len(self.cards)]
        self.do(verb, services.ChangeCard(card.card_id, "遗失", self.office["C1"]))

    @precondition(lambda self: self.cards)
    @rule(pick=st.integers(0, 50))
    def replace_card(self, pick):
        """K3, K5: a replacement changes no counter."""
        before = self.counters()
        card = self.cards[pick % len(self.cards)]
        if new := self.do("replace_card", services.ReplaceCard(card.card_id, self.office["C1"], "遗失")):
            self.cards.append(new)
        assert self.counters() == before

    @precondition(lambda self: self.cards)
    @rule(pick=st.integers(0, 50))
    def activate_card(self, pick):
        card = self.cards[pick % len(self.cards)]
        with self.step():
            activate(self.session, self.world, card, id_number(pick % max(1, self.serial))[-4:])

    def holder(self, pick):
        """A card, and how its holder's document ends."""
        card = self.cards[pick % len(self.cards)]
        return card, membership.people(self.session, [card.person_id])[card.person_id].id_number[-4:]

    @precondition(lambda self: self.cards)
    @rule(pick=st.integers(0, 50), by_officers_code=st.booleans(), beside=st.booleans())
    def bind_a_phone(self, pick, by_officers_code, beside=False):
        card, last4 = self.holder(pick)
        choice = None
        with self.step():
            if by_officers_code:
                given = services.GiveRebindCode(card.card_id, self.office["C1"])
                code = services.give_rebind_code(self.session, self.world, given).code
                card = dataclasses.replace(card, activation_code=code)
            phones = services.phones_of(self.session, card.card_id)
            choice = PhoneChoice(None if beside or not phones else phones[0].index)
            activate(self.session, self.world, card, last4, choice=choice)

    @rule(count=st.sampled_from([1, 2]))
    def say_how_many_phones(self, count):
        self.do("set_phone_policy", services.SetPhonePolicy(count, "区总〔2026〕8号", self.office["C1"]))

    @precondition(lambda self: self.cards)
    @rule(pick=st.integers(0, 50))
    def stop_a_phone(self, pick):
        for phone in services.phones_of(self.session, self.cards[pick % len(self.cards)].card_id)[:1]:
            self.do("stop_phone", services.StopPhone(phone.index, "旧手机", self.office["C1"]))

    @precondition(lambda self: self.cards)
    @rule(pick=st.integers(0, 50), lost=st.sampled_from(list(services.Lost)))
    def report_loss(self, pick, lost):
        card = self.cards[pick % len(self.cards)]
        self.do("report_loss", services.ReportLoss(card.person_id, lost, "遗失"))

    @precondition(lambda self: self.batches)
    @rule(pick=st.integers(0, 50), days=st.integers(0, 60))
    def issue_until_soon(self, pick, days):
        batch, last = self.batches[pick % len(self.batches)][0], day_of(self.world.now()) + timedelta(days=days)
        self.cards += self.do("issue_cards", services.IssueCards(batch, self.office["C2"], last)) or ()

    @rule(officer=st.sampled_from(["U1", "C1"]))
    def renew(self, officer):
        before = self.counters()
        self.cards += self.do("renew_cards", services.RenewCards(self.office[officer])) or ()
        assert self.counters() == before

    @precondition(lambda self: self.cards)
    @rule(pick=st.integers(0, 50))
    def start_renewed(self, pick):
        card = self.cards[pick % len(self.cards)]
        self.do("start_renewed_card", services.ReplaceCard(card.card_id, self.office["C1"], "遗失"))

    @rule(officer=st.sampled_from(["U1", "C1"]), only_unprinted=st.booleans())
    def print_cards(self, officer, only_unprinted):
        scope = self.office[officer].scope_path
        printing = services.PrintCards(self.office[officer], path=scope, only_unprinted=only_unprinted)
        self.do("print_cards", printing)

    @precondition(lambda self: self.cards)
    @rule(pick=st.integers(0, 50))
    def void_print(self, pick):
        number = self.cards[pick % len(self.cards)].number
        self.do("void_prints", services.VoidPrints(self.office["C1"], "卡纸", numbers=(number,)))

    @rule(officer=st.sampled_from(["U1", "C1"]), everybody=st.booleans(), pick=st.integers(0, 50))
    def hand_out(self, officer, everybody, pick):
        who = self.office[officer]
        with self.step():
            opened = services.OpenHandout(who, HandoutKind.CARD, "发卡")
            handout = services.open_handout(self.session, self.world, opened)
            if everybody:
                services.sign_all_except(self.session, self.world, services.SignAllExcept(who, handout.id))
            elif self.cards:
                number = self.cards[pick % len(self.cards)].number
                services.sign_by_scan(self.session, self.world, services.Scan(who, handout.id, number))

    @rule(officer=st.sampled_from(["U1", "C1"]))
    def make_letters(self, officer):
        letters = services.MakeLetters(self.office[officer], path=self.office[officer].scope_path)
        made = {letter.card_id: letter.code for letter in self.do("make_letters", letters) or ()}
        self.cards = [
            dataclasses.replace(card, activation_code=made.get(card.card_id, card.activation_code))
            for card in self.cards
        ]

    @precondition(lambda self: self.cards)
    @rule(pick=st.integers(0, 50), unit=st.sampled_from(sorted(UNITS)))
    def follow_transfer(self, pick, unit):
        """S19: the card goes with its holder, and no quota is used anywhere."""
        before, card = self.counters(), self.cards[pick % len(self.cards)]
        self.do("follow_transfer", services.FollowTransfer(card.person_id, self.office.unions[unit].id))
        assert self.counters() == before

    def counters(self):
        return self.session.execute(
            text("select id, received, passed_down, held, used from quota_node order by id")
        ).all()

    @invariant()
    def every_invariant_holds(self):
        assert self.office.breaches() == {}


@pytest.fixture
def life(session, world, clock):
    """The machine, on this test's database."""
    return type(
        "ThisLife", (Life,), {"session": session, "world": world, "clock": clock, "office": make_office(session, world)}
    )


def runs(count, **more):
    return settings(
        max_examples=count, stateful_step_count=STEPS, deadline=None, database=None, print_blob=False,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate], **more,
    )  # fmt: skip


def test_every_invariant_of_quota_applications_and_cards_holds_after_every_step(life):
    run_state_machine_as_test(life, settings=runs(EXAMPLES))


ISSUE = ("approve_all_the_way_and_issue", {"pick": 0})
STORIES = {
    "nobody is offered what is handed down": (
        ("quota", "fill_waiting", lambda *_: 0), 9, ("transfer", {"codes": ["B2", "B1"], "count": 1}),
    ),
    "an issue uses no place": (("issue", "use_places", lambda *_: None), 12, ISSUE),
    "a hold without its entry": (("waiting", "_entries", lambda *_: None), 12, ("submit", {"unit": "B1", "people": 1})),
    "a lost card's phone goes on": (
        ("cards", "_set_bindings", lambda *_: None), 12, ISSUE, ("bind_a_phone", {"pick": 0, "by_officers_code": False}),
        ("report_loss", {"pick": 0, "lost": services.Lost.CARD}),
    ),
    "one phone again, and the other goes on": (
        ("phones", "_keep_newest", lambda *_: 0), 12, ISSUE, ("say_how_many_phones", {"count": 2}),
        *(("bind_a_phone", {"pick": 0, "by_officers_code": False}),) * 2, ("say_how_many_phones", {"count": 1}),
    ),
    "a signature without its delivery": (
        ("handouts", "deliver", lambda *_, **__: ()), 12, ISSUE,
        ("hand_out", {"officer": "C1", "everybody": True, "pick": 0}),
    ),
}  # fmt: skip
"""The bug, the places granted at the beginning, and the shortest life in which it shows."""


def live(life, granted, steps):
    """One life, step by step, with every invariant asked after each, as the machine does it."""
    machine = life()
    try:
        machine.begin(count=granted)
        machine.every_invariant_holds()
        for name, given in steps:
            getattr(machine, name)(**given)
            machine.every_invariant_holds()
    finally:
        machine.teardown()


@pytest.mark.parametrize("story", STORIES)
def test_planted_bug_is_found(life, monkeypatch, story):
    (module, name, bug), granted, *steps = STORIES[story]
    live(life, granted, steps)
    monkeypatch.setattr(importlib.import_module(f"cardnet.issuance.services.{module}"), name, bug)
    with pytest.raises(AssertionError):
        live(life, granted, steps)


def test_the_machine_comes_upon_a_planted_bug_by_itself(life, monkeypatch):
    monkeypatch.setattr(importlib.import_module("cardnet.issuance.services.issue"), "use_places", lambda *_: None)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(life, settings=runs(30, derandomize=True))
