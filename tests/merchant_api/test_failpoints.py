"""Programme T5, in one process at a time: it dies at a named place of a money call, and the same key tells the truth.

Here a chosen part; `CARDNET_FAILPOINTS=all` is every place × every call (`make soak`).
"""

import os
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from cardnet.benefits import services as benefits
from cardnet.finance import services as finance
from cardnet.finance.closing import close_until
from cardnet.finance.services import Settle
from cardnet.kernel import failpoints
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World, frozen_world
from cardnet.merchant_api import services as keys
from cardnet.merchant_api.jobs import send_due
from cardnet.merchant_api.webhooks import Door
from tests.conftest import START, MovableWorld, make_app
from tests.make.dying import in_a_process
from tests.make.redemptions import make_shop, new_key

ALL = os.environ.get("CARDNET_FAILPOINTS") == "all"

WORKER = ("hold_released", "day_marked", "day_closed", "settlement_written", "settlement_sealed", "events_numbered")  # fmt: skip
MONEY = tuple(name for name in failpoints.POINTS if name not in WORKER)
ALWAYS = ("before_commit", "commit_sent", "after_commit")
CALLS = ("redeem", "hold", "capture", "reverse", "refund", "advise")
REACHED = {
    "redeem": {"written", "decided", "facts_read"},
    "hold": {"written", "decided", "facts_read"},
    "capture": {"locked", "counted", "announced", "booked"},
    "reverse": {"locked", "counted", "announced", "booked"},
    "refund": {"locked", "counted", "announced", "booked"},
    "advise": {"facts_read", "decided", "written", "advice_judged", "advice_kept", "counted", "announced", "booked"},
}
"""What each call comes by beyond what all of them do."""
EVERYWHERE = {"request_received", "caller_known", "request_read", "key_taken", "work_done", "answer_made", *ALWAYS}
NAMED_ONCE = {"locked": "capture", "counted": "refund", "announced": "reverse", "booked": "capture", "written": "redeem",
              "decided": "redeem", "facts_read": "hold"}  # fmt: skip


def chosen() -> list[tuple[str, str]]:
    cases = []
    for call in CALLS:
        for point in sorted(REACHED[call] | EVERYWHERE):
            once = NAMED_ONCE.get(point, "redeem" if point in EVERYWHERE else "advise")
            if ALL or point in ALWAYS or once == call:
                cases.append((call, point))
    return cases


@dataclass
class Ground:
    """A shop on a database of its own, and an app whose processes may die."""

    app: Any
    shop: Any
    clock: MovableWorld
    engine: Any
    sales: int = 0

    def world(self) -> World:
        """The same moment; ids of its own."""
        return frozen_world(self.clock.at, uuid.uuid4().bytes)

    def ask(self, query: str, **given: Any) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(query), given).all()

    def count(self, query: str, **given: Any) -> int:
        found: int = self.ask(query, **given)[0][0]
        return found

    def next_ref(self) -> str:
        self.sales += 1
        return f"R-{self.sales:05d}"

    def sale(self, **more: Any) -> Any:
        """A redemption that happened."""
        answer = self.shop.post(self.app.test_client(), "/redemptions", self.body(**more))
        assert answer.status_code == 201, answer.json
        return answer.json

    def body(self, **more: Any) -> dict[str, Any]:
        return self.shop.request(self.shop.phones[0], self.next_ref(), **more)


@pytest.fixture(scope="module")
def ground(server, template, data_folder):
    name = f"cardnet_dying_{uuid.uuid4().hex[:8]}"
    url = server.make_database(name, template)
    clock = MovableWorld(START)
    app = make_app(url, data_folder, clock.world())
    with app.app_context(), transaction() as session:
        shop = make_shop(session, clock.world(), people=12, max_n=1_000_000, floor_fen=20_000)
    shop.world = clock.world()
    engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
    yield Ground(app, shop, clock, engine)
    engine.dispose()
    with app.app_context():
        app.extensions["cardnet.sessions"].bind.dispose()
    server.drop_database(name)


@dataclass
class Case:
    """A call to be made: where, what, and how often its effect is there."""

    path: str
    body: dict[str, Any]
    effect: Callable[[], int]


def case_of(ground: Ground, call: str) -> Case:
    if call in ("redeem", "hold"):
        body = ground.body() | ({"capture": False} if call == "hold" else {})
        live = "select count(*) from redemption where merchant_ref = :ref and state in ('captured', 'held')"
        return Case("/redemptions", body, lambda: ground.count(live, ref=body["merchant_ref"]))
    if call == "advise":
        number = ground.count("select coalesce(max(terminal_seq), 0) + 1 from advice")
        record = {
            "terminal_seq": number,
            "occurred_at": ground.clock.at.isoformat(),
            "merchant_ref": ground.next_ref(),
            # A till alone gives a card twice a day.
            "code": ground.shop.phones[1 + (number - 1) // 2].code(ground.shop.world),
            "purchase": {"amount_fen": 18_000, "service_code": "health_check"},
            "decision": {"benefit_fen": 10_000},
        }
        made = "select count(*) from advice where merchant_ref = :ref and outcome <> 'duplicate'"
        return Case("/advices", {"records": [record]}, lambda: ground.count(made, ref=record["merchant_ref"]))
    if call == "capture":
        held = ground.sale(capture=False)
        done = "select count(*) from redemption where id = :id and state = 'captured' and captured_fen = 7000"
        return Case(
            f"/redemptions/{held['id']}/capture", {"benefit_fen": 7_000}, lambda: ground.count(done, id=held["id"])
        )
    sold = ground.sale()
    undone = "select count(*) from refund where redemption_id = :id"
    if call == "reverse":
        return Case("/reversals", {"redemption_id": sold["id"]}, lambda: ground.count(undone, id=sold["id"]))
    path = f"/redemptions/{sold['id']}/refunds"
    return Case(path, {"benefit_fen": 4_000}, lambda: ground.count(undone, id=sold["id"]))


def send_and_die(ground: Ground, case: Case, key: str, point: str, *, too_early: bool = False) -> Any:
    """The call in a process of its own that dies at `point`; what the till heard of it."""

    def act(app, tell):
        if too_early:
            acknowledge_before_the_commit(tell)
        answer = ground.shop.post(app.test_client(), case.path, case.body, key)
        if not too_early:
            tell([answer.status_code, answer.get_data(as_text=True)])

    return in_a_process(ground.app, ground.world(), point, act)


def acknowledge_before_the_commit(tell) -> None:
    """The planted bug: the till hears of it before the database does."""
    for name in ("once", "at_once"):
        original = getattr(keys, name)

        def early(*args, _original=original, **more):
            answer = _original(*args, **more)
            tell([answer.status, answer.body.decode()])
            return answer

        setattr(keys, name, early)


def audit(ground: Ground, case: Case, key: str, heard: list[Any]) -> list[str]:
    """The till asks again with the same key; what does not fit what it heard, or is there other than once."""
    again = None
    for _ in range(5):
        again = ground.shop.post(ground.app.test_client(), case.path, case.body, key)
        if again.status_code not in (409, 503):
            break
    found = [f"answered {again.status_code}"] if again.status_code not in (200, 201) else []
    if heard and [again.status_code, again.get_data(as_text=True)] != heard[-1]:
        found.append("missing: what was acknowledged is not what is there")
    if case.effect() != 1:
        found.append(f"doubled: {case.effect()}")
    return found + unbalanced(ground)


def unbalanced(ground: Ground) -> list[str]:
    with ground.app.app_context(), transaction() as session:
        return [breach.code for breach in finance.audit.run(session)]


@pytest.mark.parametrize(("call", "point"), chosen())
def test_whoever_dies_in_a_money_call_leaves_all_of_it_or_nothing_and_the_same_key_says_which(ground, call, point):
    case, key = case_of(ground, call), new_key()
    died = send_and_die(ground, case, key, point)
    assert died.killed, "the place is not on this call's way"
    assert audit(ground, case, key, died.heard) == []


def test_a_till_that_hears_of_it_before_the_database_does_is_caught(ground):
    """The planted bug: an acknowledgement before the commit. The same death, and the audit finds it missing."""
    case, key = case_of(ground, "redeem"), new_key()
    died = send_and_die(ground, case, key, "before_commit", too_early=True)
    assert died.killed
    assert died.heard, "the till has heard of it"
    assert audit(ground, case, key, died.heard) == ["missing: what was acknowledged is not what is there"]


def test_there_are_twelve_places_and_more_and_each_is_on_the_way_of_a_call():
    assert len(MONEY) >= 12
    assert {point for call in CALLS for point in REACHED[call] | EVERYWHERE} == set(MONEY)
    with pytest.raises(ValueError, match="one of"):
        failpoints.arm("nowhere")


class _Open(Door):
    """A merchant that takes everything, at whose door the worker may die."""

    def __init__(self, dies: bool) -> None:
        super().__init__()
        self.dies = dies

    def send(self, url, headers, body):
        if self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return 200, None


def test_a_worker_that_dies_while_holds_run_out_leaves_them_for_the_next(ground):
    held = [ground.sale(capture=False)["id"] for _ in range(3)]
    ground.clock.advance(timedelta(hours=1))

    def release(app, tell):
        with app.app_context(), transaction() as session:
            benefits.release_expired(session, ground.world(), ground.clock.at)
        tell("released")

    for point in ("hold_released:2", "counted", "booked", "before_commit", "after_commit"):
        died = in_a_process(ground.app, ground.world(), point, release)
        assert (died.killed, died.heard) == (True, [])
        assert unbalanced(ground) == []
    assert in_a_process(ground.app, ground.world(), "", release).heard == ["released"]
    states = ground.ask("select count(*) from redemption where id = any(:ids) and state = 'expired'", ids=held)
    assert states == [(3,)]
    assert unbalanced(ground) == []


def test_a_worker_that_dies_while_it_closes_and_seals_goes_on_where_it_stopped(ground):
    ground.sale()
    ground.clock.advance(timedelta(days=2))
    yesterday = (ground.clock.at - timedelta(days=1)).date()

    def close_and_seal(app, tell):
        with app.app_context():
            close_until(yesterday, None, 20)
            with transaction() as session:
                sealed = finance.settle(session, ground.world(), Settle(yesterday, None, everyone=True)).sealed
            tell(len(sealed))

    for point in ("day_marked", "day_closed", "settlement_written", "settlement_sealed"):
        died = in_a_process(ground.app, ground.world(), point, close_and_seal)
        assert (died.killed, died.heard) == (True, [])
        assert unbalanced(ground) == []
    assert in_a_process(ground.app, ground.world(), "", close_and_seal).heard == [1]
    assert ground.ask("select count(*) from settlement") == [(1,)]
    assert unbalanced(ground) == []


def test_a_worker_that_dies_while_it_numbers_and_tells_events_tells_each_under_its_own_id(ground):
    with ground.app.app_context(), transaction() as session:
        merchant_id = ground.shop.tills["T01"].venue.merchant_id
        keys.make_endpoint(
            session, ground.world(), keys.MakeEndpoint(merchant_id, "https://hooks.example.com/a", None, None)
        )
    sold = ground.sale()

    def tell_merchants(*, dies):
        def act(app, tell):
            with app.app_context():
                tell(send_due(ground.world(), _Open(dies)))

        return act

    assert in_a_process(ground.app, ground.world(), "events_numbered", tell_merchants(dies=False)).killed
    assert in_a_process(ground.app, ground.world(), "", tell_merchants(dies=True)).killed
    ground.clock.advance(timedelta(minutes=10))
    in_a_process(ground.app, ground.world(), "", tell_merchants(dies=False))
    query = (
        "select d.state, count(*) from webhook_delivery d join outbox_event o on o.id = d.event_id "
        "where o.subject_id = :id group by 1"
    )
    assert [tuple(row) for row in ground.ask(query, id=sold["id"])] == [("delivered", 1)]
