"""Races with real commits: a company is listed while its shop is resumed; two people decide one account.

Each race has a planted bug beside it that loses it. CARDNET_ROUNDS=200 is the long programme (T3).
"""

import threading

import pytest
from sqlalchemy import text
from stdnum.cn import uscc

from cardnet.access.rules import Role
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict
from cardnet.merchants import services as merchants
from cardnet.merchants.invariants import INVARIANTS
from cardnet.merchants.rules import MerchantState
from cardnet.merchants.services import accounts, partners
from cardnet.merchants.services.blacklist import is_blacklisted
from tests.make.access import make_officer
from tests.make.merchants import CREDIT_CODE, make_partner, make_till
from tests.make.racing import ROUNDS, TRIES


@pytest.fixture
def at_once(committing_app):
    """Each act in its own thread and transaction, started together; returns values or exceptions, in order."""

    def run_all(*acts):
        barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

        def run(number, act):
            barrier.wait()
            try:
                with committing_app.app_context(), transaction() as session:
                    results[number] = act(session)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
                results[number] = error

        threads = [threading.Thread(target=run, args=one) for one in enumerate(acts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return results

    return run_all


@pytest.fixture
def opened(committing_app):
    """`with opened() as session:` a transaction that commits."""

    class Opened:
        def __enter__(self):
            self.context = committing_app.app_context()
            self.context.push()
            self.work = transaction()
            return self.work.__enter__()

        def __exit__(self, *error):
            self.work.__exit__(*error)
            self.context.pop()

    return Opened


def listed_while_resumed(at_once, opened, world, rounds=ROUNDS):
    with opened() as session:
        one = make_partner(session, world)
    for _ in range(rounds):
        with opened() as session:
            if merchants.merchant_of_id(session, one.id).state is MerchantState.ACTIVE:
                stop = merchants.SetMerchantState(one.id, MerchantState.SUSPENDED, "盘点")
                merchants.set_merchant_state(session, world, stop)
        entry = merchants.Blacklist(CREDIT_CODE, "云间疗养院", "虚假核销", "云工〔2026〕40号")
        resume = merchants.SetMerchantState(one.id, MerchantState.ACTIVE, "恢复")
        listed, resumed = at_once(
            lambda session, entry=entry: merchants.blacklist(session, world, entry),
            lambda session, resume=resume: merchants.set_merchant_state(session, world, resume),
        )
        assert listed in ((), ("M1001",)), listed
        assert resumed is None or resumed.code == "merchant_blacklisted", resumed
        with opened() as session:
            assert session.execute(text(INVARIANTS["M-BLACKLIST"][1])).all() == []
            line = next(line for line in merchants.blacklist_lines(session) if line.lifted_at is None)
            merchants.lift_blacklist(session, world, merchants.LiftBlacklist(line.id, "整改合格"))


def test_a_company_listed_while_its_shop_is_resumed_is_never_left_active(at_once, opened, world):
    listed_while_resumed(at_once, opened, world)


def test_planted_bug_asking_the_list_without_holding_the_code_loses_the_race(at_once, opened, world, monkeypatch):
    def asked_only(session, code):
        listed = is_blacklisted(session, code)
        session.execute(text("select pg_sleep(0.3)"))
        if listed:
            raise Conflict("merchant_blacklisted", "")

    monkeypatch.setattr(partners, "refuse_blacklisted", asked_only)
    with pytest.raises(AssertionError):
        listed_while_resumed(at_once, opened, world, rounds=TRIES)


def test_a_shop_given_a_listed_code_while_it_is_resumed_is_not_left_active(opened, at_once, world):
    """Found by reading: the list was asked of the code the shop had before."""
    other = CREDIT_CODE[:16] + "8"
    other += uscc.calc_check_digit(other)
    with opened() as session:
        one = make_partner(session, world)
        merchants.set_merchant_state(
            session, world, merchants.SetMerchantState(one.id, MerchantState.SUSPENDED, "盘点")
        )
    heard = []

    def resume():
        command = merchants.SetMerchantState(one.id, MerchantState.ACTIVE, "恢复")
        heard.extend(at_once(lambda session: merchants.set_merchant_state(session, world, command)))

    thread = threading.Thread(target=resume)
    with opened() as session:
        change = merchants.ChangeMerchant(one.id, one.name, one.category, other, one.settlement_cycle)
        merchants.change_merchant(session, world, change)
        thread.start()
        thread.join(0.3)
        merchants.blacklist(session, world, merchants.Blacklist(other, "云间疗养院", "虚假核销", "云工〔2026〕40号"))
    thread.join(60)
    with opened() as session:
        assert session.execute(text(INVARIANTS["M-BLACKLIST"][1])).all() == []
    assert [error.code for error in heard] == ["merchant_state"]


def two_decide(at_once, opened, world, rounds=ROUNDS):
    with opened() as session:
        one = make_partner(session, world)
        maker = make_officer(session, world, "jb", Role.FINANCE_MAKER)
        deciders = [make_officer(session, world, f"fh{n}", Role.FINANCE_CHECKER) for n in range(2)]
    for number in range(rounds):
        with opened() as session:
            given = merchants.ProposeAccount(
                one.id, "疗养院", f"62220000{number:06d}", "农商银行", "开户许可证", maker.account_id
            )
            proposed = merchants.propose_account(session, world, given)
        answers = at_once(
            *(
                lambda session, who=who, yes=yes, proposed=proposed: merchants.decide_account(
                    session, world, merchants.DecideAccount(proposed.id, yes, "核对过", who.account_id)
                )
                for who, yes in zip(deciders, (True, False), strict=True)
            )
        )
        assert sorted(getattr(answer, "code", "done") for answer in answers) == ["account_decided", "done"], answers


def while_another_waits(committing_app, opened, first, second):
    """`first(session)` in a transaction that stays open until `second` waits for it; then what `second` came to."""
    with opened() as session:
        after = first(session)
        waiting = session.scalar(text("select pg_backend_pid()"))
        results = []

        def run():
            try:
                with committing_app.app_context(), transaction() as other:
                    results.append(second(other))
            except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
                results.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        # Not pg_stat_activity, which shows a transaction always the same as it showed it first.
        blocked = text("select exists (select from pg_locks where not granted and :me = any(pg_blocking_pids(pid)))")
        while thread.is_alive() and not session.scalar(blocked, {"me": waiting}):
            thread.join(0.01)
        if after:
            after()
    thread.join(60)
    return results[0]


def test_a_device_pairs_while_a_new_code_is_made_and_neither_waits_for_ever(committing_app, opened, world):
    with opened() as session:
        till = make_till(session, world).venue.terminal_id
        code = merchants.make_pairing_code(session, world, merchants.MakePairingCode(till))

    def lock(session):
        session.execute(text("select from terminal where id = :till for update"), {"till": till})
        return lambda: merchants.make_pairing_code(session, world, merchants.MakePairingCode(till))

    enrol = merchants.Enrol(code, "前台")
    done = while_another_waits(committing_app, opened, lock, lambda session: merchants.enrol(session, world, enrol))
    assert isinstance(done, merchants.EnrolmentRefused)


def test_of_two_who_give_the_same_code_at_once_the_second_is_told(committing_app, opened, world):
    with opened() as session:
        store = make_till(session, world).venue
    acts = {
        "merchant_code_taken": lambda session: merchants.make_merchant(
            session, world, merchants.MakeMerchant("M7", "面馆", "food")
        ),
        "store_code_taken": lambda session: merchants.make_store(
            session, world, merchants.MakeStore(store.merchant_id, "S7", "分店")
        ),
        "terminal_code_taken": lambda session: merchants.add_terminal(
            session, world, merchants.AddTerminal(store.store_id, "T7")
        ),
    }
    for code, act in acts.items():

        def first(session, act=act):
            act(session)

        told = while_another_waits(committing_app, opened, first, act)
        assert isinstance(told, Conflict), told
        assert told.code == code


def test_of_two_who_decide_an_account_at_once_one_finds_it_decided(at_once, opened, world):
    two_decide(at_once, opened, world)


def test_planted_bug_deciding_without_the_guard_is_stopped_by_the_database_only(at_once, opened, world, monkeypatch):
    def unguarded(session, world, known, state, actor, words):
        session.execute(text("select pg_sleep(0.2)"))
        session.execute(
            text(
                "update settlement_account set state = :s, decided_at = now(), decided_by = :a, words = :w where id = :i"
            ),
            {"s": state.value, "a": actor, "w": words, "i": known.id},
        )

    monkeypatch.setattr(accounts, "_finish", unguarded)
    with pytest.raises(AssertionError):
        two_decide(at_once, opened, world, rounds=TRIES)
