"""Programme T2: whatever tills do over HTTP in whatever order, a small model of the shop agrees after every step.

The model knows who used what, what the pool holds and what every key was answered; the invariants are asked besides.
A short run here; `CARDNET_EXAMPLES=300 CARDNET_STEPS=40` is the programme's own.
"""

import copy
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import create_engine, text

from cardnet.access import services as access
from cardnet.benefits import services as benefits
from cardnet.benefits.invariants import INVARIANTS as OF_BENEFITS
from cardnet.benefits.services import undo
from cardnet.finance import services as finance
from cardnet.finance.closing import close_until
from cardnet.finance.invariants import INVARIANTS as OF_FINANCE
from cardnet.finance.services import Settle
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import SessionFactory, act_as_app_role, sqlalchemy_url, transaction
from cardnet.ledger.invariants import INVARIANTS as OF_LEDGER
from cardnet.merchant_api import rules as api_rules
from cardnet.merchant_api.invariants import INVARIANTS as OF_KEYS
from tests.conftest import START, make_app
from tests.make.redemptions import new_key
from tests.merchant_api.model.conftest import POOL_FEN

EXAMPLES, STEPS = int(os.environ.get("CARDNET_EXAMPLES", "8")), int(os.environ.get("CARDNET_STEPS", "25"))

BENEFIT, USES = 10_000, 2
LAST = START + timedelta(days=9)
"""Phones' credentials live fourteen days and are not renewed here."""

MUST_HOLD = OF_BENEFITS | OF_LEDGER | OF_FINANCE | OF_KEYS
LIVE = {"held", "captured", "partly_refunded"}
KEEPS_ITS_NUMBER = LIVE | {"refunded"}

pick = st.integers(0, 999)
people = st.integers(0, 3)
amounts = st.sampled_from([1, 4_000, 9_999, 10_000, 18_000])


@dataclass
class Sale:
    """A redemption as the model has it."""

    id: str
    till: str
    person: int
    ref: str
    key: str | None
    state: str
    held: int
    captured: int
    day: date
    until: datetime | None = None
    refunded: int = 0
    borne: bool = False

    @property
    def from_pool(self) -> int:
        """What it has out of the pool now."""
        if self.borne or self.state not in KEEPS_ITS_NUMBER:
            return 0
        return self.held if self.state == "held" else self.captured - self.refunded


@dataclass
class Sent:
    """A request that was answered for good."""

    till: str
    path: str
    body: Any
    key: str
    status: int
    data: bytes


class Shopping(RuleBasedStateMachine):
    """One life of the shop, on a database of its own: what is committed is committed. `street` is given by the test."""

    street: Any

    def __init__(self) -> None:
        super().__init__()
        self.street.open()
        self.shop, self.client, self.clock = self.street.shop, self.street.client, self.street.clock
        self.sales: list[Sale] = []
        self.sent: list[Sent] = []
        self.waiting: list[tuple[int, str]] = []
        self.advised: dict[str, dict[str, Any]] = {}
        self.buried: list[str] = []
        self.numbers = 0
        self.terminal_seq = 0

    # ---- what the model knows ----

    @property
    def now(self) -> datetime:
        return self.shop.world.now()

    def merchant(self, till: str) -> str:
        return "M2002" if till == "other" else "M1001"

    def left(self) -> int:
        return POOL_FEN - sum(sale.from_pool for sale in self.sales)

    def stale(self) -> list[Sale]:
        """Holds whose time is over and that nobody has released yet: until then they take what they took."""
        return [sale for sale in self.sales if sale.state == "held" and sale.until and sale.until <= self.now]

    def expected(self, person: int, amount: int) -> str | None:
        """What a redemption must say now; None where a hold that ran out may or may not be in the way."""
        if self.stale():
            return None
        uses = sum(1 for sale in self.sales if sale.person == person and sale.state in LIVE and not sale.borne)
        if uses >= USES:
            return "limit_count"
        return "granted" if self.left() >= min(BENEFIT, amount) else "pool_exhausted"

    def taken(self, till: str, ref: str) -> bool:
        return any(
            sale.ref == ref and self.merchant(sale.till) == self.merchant(till) and sale.state in KEEPS_ITS_NUMBER
            for sale in self.sales
        )

    # ---- what is done ----

    def send(self, till: str, path: str, body: Any, key: str | None = None) -> Any:
        key = key or new_key()
        answer = self.shop.post(self.client, path, body, key, till)
        assert answer.status_code < 500 or answer.json["code"] == "busy", answer.json
        assert "Idempotency-Replayed" not in answer.headers
        if answer.status_code < 500 and path != "/quotes":
            self.sent.append(Sent(till, path, body, key, answer.status_code, answer.data))
        return answer

    def body(self, person: int, amount: int, ref: str, **more: Any) -> dict[str, Any]:
        return self.shop.request(self.shop.phones[person], ref, amount_fen=amount, **more)

    def next_ref(self) -> str:
        self.numbers += 1
        return f"R-{self.numbers}"

    @rule(person=people, amount=amounts)
    def quote(self, person: int, amount: int) -> None:
        body = {name: value for name, value in self.body(person, amount, "").items() if name in ("code", "purchase")}
        answer = self.send("T01", "/quotes", body)
        expected = self.expected(person, amount)
        assert answer.status_code == 200
        # The pool is not asked by a quote: only who redeems takes from it.
        if expected in ("granted", "limit_count"):
            assert answer.json["outcome"] == ("applicable" if expected == "granted" else "refused")

    @rule(till=st.sampled_from(["T01", "T02", "other"]), person=people, amount=amounts, hold=st.booleans(), again=pick)
    def redeem(self, till: str, person: int, amount: int, hold: bool, again: int) -> None:
        self.sell(till, person, amount, hold, again)

    def sell(self, till: str, person: int, amount: int, hold: bool, again: int, **more: Any) -> None:
        ref = self.sales[again % len(self.sales)].ref if self.sales and again % 7 == 0 else self.next_ref()
        more |= {"capture": False, "hold_seconds": 900} if hold else {}
        expected, taken = self.expected(person, amount), self.taken(till, ref)
        key = new_key()
        answer = self.send(till, "/redemptions", self.body(person, amount, ref, **more), key)
        if taken:
            assert (answer.status_code, answer.json["code"]) == (409, "duplicate_merchant_reference")
            return
        if expected is None:
            self.found_out()
        elif expected == "granted":
            assert answer.status_code == 201, answer.json
        else:
            assert answer.status_code == 422
            assert expected in [reason["code"] for reason in answer.json["reasons"]]
        if answer.status_code == 201:
            told = answer.json
            fen = told["subsidy_fen"]
            assert fen == min(BENEFIT, amount)
            until = self.now + timedelta(seconds=900) if hold else None
            state = "held" if hold else "captured"
            self.sales.append(
                Sale(told["id"], till, person, ref, key, state, fen, 0 if hold else fen, day_of(self.now), until)
            )

    def found_out(self) -> None:
        """Which of the holds that ran out were released on the way, which the model does not foretell."""
        states = self.stored()
        for sale in self.stale():
            if states[sale.id][0] == "expired":
                sale.state = "expired"

    def some(self, number: int, *states: str) -> Sale | None:
        found = [sale for sale in self.sales if sale.state in states] if states else self.sales
        return found[number % len(found)] if found else None

    @precondition(lambda self: any(sale.state == "held" for sale in self.sales))
    @rule(number=pick, fen=st.sampled_from([None, 1, 4_000, 10_000, 10_001]))
    def capture(self, number: int, fen: int | None) -> None:
        sale = self.some(number, "held")
        assert sale
        late = sale.until is not None and sale.until <= self.now
        body = {} if fen is None else {"benefit_fen": fen}
        answer = self.send(sale.till, f"/redemptions/{sale.id}/capture", body)
        if late:
            assert (answer.status_code, answer.json["code"]) == (409, "hold_expired")
            sale.state = "expired"
        elif fen is not None and fen > sale.held:
            assert (answer.status_code, answer.json["code"]) == (422, "capture_exceeds_held")
        else:
            wanted = sale.held if fen is None else fen
            assert (answer.status_code, answer.json["captured_fen"]) == (200, wanted)
            assert answer.json["released_fen"] == sale.held - wanted
            sale.state, sale.captured, sale.day = "captured", wanted, day_of(self.now)

    @precondition(lambda self: self.sales)
    @rule(number=pick, by_key=st.booleans())
    def reverse(self, number: int, by_key: bool) -> None:
        sale = self.some(number)
        assert sale
        by_key = by_key and sale.key is not None
        body = {"original_idempotency_key": sale.key} if by_key else {"redemption_id": sale.id}
        answer = self.send(sale.till, "/reversals", body)
        late = sale.state == "held" and sale.until is not None and sale.until <= self.now
        if sale.state == "expired":
            assert answer.json["outcome"] == "nothing_to_reverse"
        elif sale.state in ("partly_refunded", "refunded"):
            assert (answer.status_code, answer.json["code"]) == (409, "invalid_state")
        elif sale.state == "captured" and sale.day != day_of(self.now):
            assert (answer.status_code, answer.json["code"]) == (409, "day_closed")
        else:
            assert (answer.status_code, answer.json["outcome"]) == (200, "reversed"), late
            if sale.state == "captured":
                sale.refunded = sale.captured
            sale.state = "reversed"

    @rule(till=st.sampled_from(["T01", "other"]))
    def reverse_what_never_came(self, till: str) -> None:
        key = new_key()
        assert self.send(till, "/reversals", {"original_idempotency_key": key}).json["outcome"] == "tombstoned"
        late = self.shop.post(self.client, "/redemptions", self.body(0, 9_999, self.next_ref()), key, till)
        assert (late.status_code, late.json["code"]) == (409, "already_reversed")

    @precondition(lambda self: self.sales)
    @rule(number=pick, fen=st.sampled_from([None, 1, 3_000, 10_000]))
    def refund(self, number: int, fen: int | None) -> None:
        sale = self.some(number)
        assert sale
        body = {} if fen is None else {"benefit_fen": fen}
        answer = self.send(sale.till, f"/redemptions/{sale.id}/refunds", body)
        left = sale.captured - sale.refunded
        if sale.state in ("held", "expired", "reversed"):
            assert (answer.status_code, answer.json["code"]) == (409, "invalid_state")
        elif left == 0 or (fen or 0) > left:
            assert (answer.status_code, answer.json["code"]) == (422, "refund_exceeds_captured")
        else:
            assert answer.status_code == 201
            sale.refunded += left if fen is None else fen
            sale.state = "refunded" if sale.refunded == sale.captured else "partly_refunded"

    @precondition(lambda self: self.sales)
    @rule(number=pick)
    def somebody_else_s_sale_looks_absent(self, number: int) -> None:
        sale = self.some(number)
        assert sale
        other = "other" if self.merchant(sale.till) == "M1001" else "T01"
        assert self.send_free(other, f"/redemptions/{sale.id}/refunds", {}).status_code == 404

    def send_free(self, till: str, path: str, body: Any) -> Any:
        return self.shop.post(self.client, path, body, new_key(), till)

    @precondition(lambda self: self.sent)
    @rule(number=pick)
    def replay_anything_earlier(self, number: int) -> None:
        before = self.sent[number % len(self.sent)]
        if before.status in (400, 404, 429):
            return
        again = self.shop.post(self.client, before.path, before.body, before.key, before.till)
        assert (again.status_code, again.data) == (before.status, before.data)
        assert again.headers["Idempotency-Replayed"] == "true"

    @precondition(lambda self: self.sent)
    @rule(number=pick)
    def another_request_under_an_old_key(self, number: int) -> None:
        before = self.sent[number % len(self.sent)]
        changed = {"redemption_id": str(uuid.UUID(int=number + 1))}
        again = self.shop.post(self.client, "/reversals", changed, before.key, before.till)
        assert (again.status_code, again.json["code"]) == (422, "idempotency_key_reused")

    @rule(person=people, minutes=st.sampled_from([0, 5, 600, 4_400]), amount=amounts, given=st.sampled_from([1, 4_000, 10_000]), again=pick)  # fmt: skip
    def advise(self, person: int, minutes: int, amount: int, given: int, again: int) -> None:
        """A sale made offline, told at once, hours later, or so late that people have to decide."""
        if self.advised and again % 5 == 0:
            record = self.advised[sorted(self.advised)[again % len(self.advised)]]
            answer = self.send("T01", "/advices", {"records": [record]})
            assert answer.json["results"][0]["outcome"] == "duplicate"
            return
        expected = self.expected(person, amount)
        record = self.record(person, amount, given)
        ref = record["merchant_ref"]
        if self.now + timedelta(minutes=minutes) > LAST:
            return
        self.clock.advance(timedelta(minutes=minutes))
        self.advised[ref] = record
        (told,) = self.send("T01", "/advices", {"records": [record]}).json["results"]
        self.found_out()
        if told["outcome"] == "held_for_review":
            assert minutes > 72 * 60
            self.waiting.append((person, ref))
        elif told["outcome"].startswith("captured"):
            borne = told["code"] in ("limit_count", "limit_amount", "pool_exhausted")
            assert borne or expected != "limit_count"
            self.note(told["redemption"]["id"], person, ref, borne=borne)

    @rule(till=st.sampled_from(["T02", "other"]), person=people, amount=amounts)
    def one_code_at_two_tills(self, till: str, person: int, amount: int) -> None:
        """A till alone takes a code, which another one is shown on line before it reports."""
        record = self.record(person, amount, amount, list_issued_at=self.now.isoformat())
        self.sell(till, person, amount, hold=False, again=1, code=record["code"])
        (told,) = self.send("T01", "/advices", {"records": [record]}).json["results"]
        if told["outcome"] == "captured_with_exception":
            assert (till, told["code"]) == ("other", "replayed")
            self.note(told["redemption"]["id"], person, record["merchant_ref"], borne=True)
        elif till == "other":
            assert told["code"] in ("online_required", "limit_exceeded")
        else:
            assert told["code"] in ("replayed", "online_required", "limit_exceeded")

    def record(self, person: int, amount: int, given: int, **more: Any) -> dict[str, Any]:
        self.terminal_seq += 1
        return {
            "terminal_seq": self.terminal_seq, "occurred_at": self.now.isoformat(), "merchant_ref": self.next_ref(),
            "code": self.shop.phones[person].code(self.shop.world),
            "purchase": {"amount_fen": amount, "service_code": "health_check"},
            "decision": {"benefit_fen": min(given, amount)},
        } | more  # fmt: skip

    def note(self, redemption_id: str, person: int, ref: str, *, borne: bool) -> None:
        _, captured, _ = self.stored()[redemption_id]
        ((held,),) = self.street.ask("select held_fen from redemption where id = :id", id=redemption_id)
        self.sales.append(
            Sale(redemption_id, "T01", person, ref, None, "captured", held, captured, day_of(self.now), borne=borne)
        )

    @precondition(lambda self: self.waiting)
    @rule(number=pick, accept=st.booleans())
    def people_decide(self, number: int, accept: bool) -> None:
        person, ref = self.waiting.pop(number % len(self.waiting))
        world, officers = self.shop.world, self.street.officers
        with self.street.transaction() as session:
            (one,) = [held for held in benefits.held_advices(session) if held.merchant_ref == ref]
            good = benefits.advice_evidence(session, world, one.id).if_accepted
        if not accept or good is None or good.fen == 0:
            with self.street.transaction() as session:
                benefits.refuse_advice(session, world, benefits.RefuseAdvice(one.id, officers["maker"], "退回"))
            return
        with self.street.transaction() as session:
            benefits.propose_acceptance(
                session, world, benefits.ProposeAcceptance(one.id, officers["maker"], "凭据齐全")
            )
        with self.street.transaction() as session:
            done = benefits.confirm_acceptance(session, world, benefits.ConfirmAcceptance(one.id, officers["checker"]))
        self.found_out()
        assert (done.outcome == "captured_with_exception") >= (good.bearer == "union")
        self.note(str(done.redemption_id), person, ref, borne=good.bearer == "union")

    @rule(minutes=st.sampled_from([1, 14, 16, 600, 1_500]), sweep=st.booleans())
    def time_passes(self, minutes: int, sweep: bool) -> None:
        if self.now + timedelta(minutes=minutes) > LAST:
            return
        self.clock.advance(timedelta(minutes=minutes))
        if sweep:
            over = self.stale()
            with self.street.transaction() as session:
                assert benefits.release_expired(session, self.shop.world, self.now) == len(over)
            for sale in over:
                sale.state = "expired"

    @rule()
    def close_and_settle(self) -> None:
        """The days that are over are closed and settled with every merchant."""
        yesterday = day_of(self.now) - timedelta(days=1)
        with self.street.app.app_context():
            close_until(yesterday, None, 30)
        with self.street.transaction() as session:
            finance.settle(session, self.shop.world, Settle(yesterday, None, everyone=True))

    # ---- what must be so after every step ----

    def stored(self) -> dict[str, tuple[str, int, int]]:
        query = "select id::text, state, captured_fen, refunded_fen from redemption where state <> 'refused'"
        return {row[0]: (row[1], row[2], row[3]) for row in self.street.ask(query)}

    @invariant()
    def the_book_says_what_the_model_says(self) -> None:
        assert self.stored() == {sale.id: (sale.state, sale.captured, sale.refunded) for sale in self.sales}
        assert self.street.ask("select sum(available)::bigint from pool_slice") == [(self.left(),)]

    @invariant()
    def every_invariant_holds(self) -> None:
        assert self.street.broken() == set()


class Street:
    """Where lives are lived: a database from the shop's own, an app, two officers of finance."""

    def __init__(self, server: Any, template: str, app: Flask, shop: Any, clock: Any) -> None:
        self.server, self.app, self.clock = server, app, clock
        self.shop = copy.copy(shop)
        self.shop.world, self.client = app.extensions["cardnet.world"], app.test_client()
        self.phones = shop.phones
        self.name = f"cardnet_life_{uuid.uuid4().hex[:12]}"
        self.url = server.make_database(self.name, template)
        self.engine = create_engine(sqlalchemy_url(self.url), **app.config["SQLALCHEMY_ENGINE_OPTIONS"])
        act_as_app_role(self.engine)
        app.extensions["cardnet.sessions"] = SessionFactory(self.engine, **app.extensions["cardnet.sessions"].info)
        with self.transaction() as session:
            self.officers = {name: access.principal_of_username(session, f"t2-{name}") for name in ("maker", "checker")}
        self.forget = self.remember()

    def remember(self) -> str:
        """Keep what every table holds now; the statements that bring exactly that back."""
        statements = []
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("create schema morning")
            for (table,) in connection.execute(_TABLES).fetchall():
                statements.append(f"delete from {table}")
                if connection.execute(f"select 1 from {table} limit 1").fetchone():
                    columns = ", ".join(f'"{name}"' for (name,) in connection.execute(_COLUMNS, (table,)).fetchall())
                    connection.execute(f"create table morning.{table} as select {columns} from {table}")
                    statements.append(f"insert into {table} ({columns}) select {columns} from morning.{table}")
        return "; ".join(statements)

    def open(self) -> None:
        """The shop as it was on the first morning; the clock goes back."""
        self.clock.set(START)
        with psycopg.connect(self.url, autocommit=True) as connection:
            # Triggers keep the tables append-only and would ask for every key: a life that is over may be forgotten.
            connection.execute(f"set session_replication_role = replica; begin; {self.forget}; commit")
        self.shop.phones = copy.deepcopy(self.phones)

    def close(self) -> None:
        """No more lives."""
        self.engine.dispose()
        self.server.drop_database(self.name)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """As an edge opens it."""
        with self.app.app_context(), transaction() as session:
            yield session

    def ask(self, query: str, **given: Any) -> list[tuple[Any, ...]]:
        """Rows, as plain tuples."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), given)]

    def broken(self) -> set[str]:
        """The invariants that do not hold, asked in one journey."""
        return {name for (name,) in self.ask(_BROKEN)}


_TABLES = """
select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
 and relname !~ '^(procrastinate|alembic)'"""
_COLUMNS = """
select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = ''"""
_BROKEN = " union all ".join(
    f"select '{name}' where exists ({query})" for name, (_, query) in MUST_HOLD.items()
).replace(":", r"\:")


@pytest.fixture
def life(server, open_shop, data_folder, clock) -> Iterator[Callable[..., None]]:
    """Runs lives of the shop."""
    url, shop = open_shop
    app = make_app(url, data_folder, clock.world())
    app.extensions["cardnet.sessions"].bind.dispose()
    street = Street(server, url.split("?")[0].rsplit("/", 1)[1], app, shop, clock)

    def run(examples: int = EXAMPLES, steps: int = STEPS, **more: Any) -> None:
        wanted = settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), **more,
        )  # fmt: skip
        run_state_machine_as_test(type("Life", (Shopping,), {"street": street}), settings=wanted)

    yield run
    street.close()


def test_whatever_tills_do_the_model_agrees_after_every_step(life):
    life(phases=[Phase.generate, Phase.shrink])


def _a_no_is_forgotten(monkeypatch):
    monkeypatch.setattr(api_rules, "is_stored", lambda _error: False)


def _what_is_undone_is_not_booked(monkeypatch):
    monkeypatch.setattr(undo, "book", lambda *_a, **_k: None)


@pytest.mark.parametrize("plant", [_a_no_is_forgotten, _what_is_undone_is_not_booked])
def test_the_model_catches_a_planted_bug(life, monkeypatch, plant):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        life(40, 25, phases=[Phase.generate], report_multiple_bugs=False)
