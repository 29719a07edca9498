"""Closing, settling and proving, on a database that really commits (M12, M16)."""

import json
import threading
import time
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text

from cardnet.benefits import services as benefits
from cardnet.benefits.services import GiveBack, Reverse
from cardnet.finance import services
from cardnet.finance.closing import close_until
from cardnet.finance.rules import CarryReason, HoldReason
from cardnet.finance.services import CloseDay, HoldBack, Release, Settle, close_day, settle
from cardnet.kernel.calendar import SHANGHAI
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, Conflict, Unavailable
from cardnet.ledger import services as ledger
from cardnet.ledger.rules import Account, AccountCode, DayState
from cardnet.merchants.services import MakeMerchant, make_merchant
from tests.make.finance import DAY

NEXT = DAY + timedelta(days=1)


def at(day, hour=10, minute=0, second=0, millisecond=0):
    moment = datetime(day.year, day.month, day.day, hour, minute, second, millisecond * 1_000, SHANGHAI)
    return moment.astimezone(UTC)


def test_m16_a_statement_holds_every_movement_and_the_signature_covers_every_byte(shop, world, clock):
    first, second, third = (shop.redeem(n) for n in range(3))
    clock.advance(timedelta(minutes=10))
    shop.act(lambda session: benefits.reverse(session, world, Reverse(shop.venue, first.id, "customer_cancelled")))
    give_back = GiveBack(shop.venue, second.id, "partial", benefit_fen=4_000)
    shop.act(lambda session: benefits.refund(session, world, give_back))

    clock.set(at(NEXT, 0, 20))
    receipt = shop.settle(DAY)
    (sealed,) = receipt.sealed
    totals = sealed.totals
    assert (totals.lines, totals.captured_fen, totals.reversed_fen, totals.refunded_fen) == (5, 30_000, 10_000, 4_000)
    assert totals.net_fen == 16_000
    with transaction() as session:
        download = services.settlement_json(session, sealed.id)
        assert json.loads(download)["statement"]["net_yuan"] == "160.00"
        assert services.verify_settlement(session, world, download) == []
        assert services.seal_faults(session, world, sealed.id) == []
        payable, in_settlement = (
            ledger.balance_of(session, Account(code, owner_id=shop.venue.merchant_id))
            for code in (AccountCode.MERCHANT_PAYABLE, AccountCode.MERCHANT_IN_SETTLEMENT)
        )
        assert (payable, in_settlement) == (0, -16_000)
        assert services.audit.run(session, world) == []
        for place in range(0, len(download), 97):
            spoiled = bytes([download[place] ^ 1])
            changed = download[:place] + spoiled + download[place + 1 :]
            same = _same_json(changed, download)
            assert same or services.verify_settlement(session, world, changed), place

    clock.set(at(NEXT, 9))
    with pytest.raises(CardnetError) as refused:
        shop.act(lambda session: benefits.reverse(session, world, Reverse(shop.venue, third.id, "too late")))
    assert (refused.value.status, refused.value.code) == (409, "day_closed")
    give_back = GiveBack(shop.venue, third.id, "next day", benefit_fen=1_000)
    shop.act(lambda session: benefits.refund(session, world, give_back))
    shop.redeem(3)
    clock.set(at(NEXT + timedelta(days=1), 1))
    (following,) = shop.settle(NEXT).sealed
    assert (following.totals.lines, following.totals.net_fen) == (2, 9_000)
    with transaction() as session:
        told = json.loads(services.settlement_json(session, following.id))["statement"]
        assert told["previous"] == {"number": sealed.number, "sha256": sealed.sha256.hex()}
        assert services.audit.run(session, world) == []


def _same_json(changed, original):
    try:
        return json.loads(changed) == json.loads(original)
    except ValueError:
        return False


def test_m12_a_redemption_belongs_to_the_shanghai_day_it_was_accepted_in(shop, world, clock):
    with transaction() as session:
        session.connection().exec_driver_sql("set time zone 'America/Los_Angeles'")
    clock.set(at(DAY, 23, 59, 59, 900))
    before = shop.redeem(0)
    clock.set(at(NEXT, 0, 0, 0, 50))
    after = shop.redeem(1)
    assert (before.business_date, after.business_date) == (DAY, NEXT)
    with transaction() as session:
        days = [
            len(benefits.settlement_facts(session, None, first, last))
            for first, last in ((DAY, DAY), (NEXT, NEXT), (DAY, NEXT))
        ]
    assert days == [1, 1, 2]
    clock.set(at(NEXT, 0, 15))
    (sealed,) = shop.settle(DAY).sealed
    assert sealed.totals.lines == 1


def test_a_day_that_is_not_over_is_neither_closed_nor_settled(shop, world, clock):
    clock.set(at(DAY, 23, 59, 59, 999))
    for act in (lambda: close_until(DAY, None), lambda: shop.act(lambda s: settle(s, world, Settle(DAY)))):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "day_not_over"


def test_closing_waits_for_a_writer_that_saw_the_day_open(shop, world, clock, shop_database):
    clock.set(at(NEXT, 0, 15))
    with psycopg.connect(shop_database) as writer:
        writer.execute("select pg_current_xact_id()")
        step = CloseDay(DAY)
        for _ in range(4):
            step = shop.act(lambda session, step=step: close_day(session, world, step)).next_step
            assert step, "the day was closed over a writer's head"
        writer.commit()
    done = shop.act(lambda session: close_day(session, world, step))
    # Transaction ids are the whole server's: what another test writes in a database of its own is waited for too.
    until = time.monotonic() + 60
    while done.next_step and time.monotonic() < until:
        time.sleep(0.1)
        done = shop.act(lambda session, step=done.next_step: close_day(session, world, step))
    assert done.state is DayState.CLOSED
    again = shop.act(lambda session: close_day(session, world, CloseDay(DAY)))
    assert (again.state, again.next_step) == (DayState.CLOSED, None)


def test_a_close_that_does_not_wait_loses_a_writer(shop, world, clock, shop_database, monkeypatch):
    """Negative control: with the wait taken out, the test above must fail."""
    clock.set(at(NEXT, 0, 15))
    monkeypatch.setattr(ledger, "writers_gone", lambda session, mark: True)
    with psycopg.connect(shop_database) as writer:
        writer.execute("select pg_current_xact_id()")
        close_until(DAY, None)
        with transaction() as session:
            assert ledger.day_state(session, DAY) is DayState.CLOSED


def test_closing_gives_up_with_a_sentence_and_goes_on_later(shop, world, clock, shop_database):
    clock.set(at(NEXT, 0, 15))
    with psycopg.connect(shop_database) as writer:
        writer.execute("select pg_current_xact_id()")
        with pytest.raises(Unavailable):
            close_until(DAY, None, patience_seconds=0.1)
        writer.rollback()
    assert close_until(DAY, None)[-1] == DAY


def test_settling_twice_and_by_two_people_at_once_settles_once(shop, world, clock, shop_app):
    shop.redeem(0)
    clock.set(at(NEXT, 1))
    close_until(DAY, None)
    receipts = []

    def one():
        with shop_app.app_context():
            receipts.append(shop.act(lambda session: settle(session, world, Settle(DAY, everyone=True))))

    people = [threading.Thread(target=one) for _ in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(len(receipt.sealed) for receipt in receipts) == [0, 0, 0, 1]
    assert shop.settle(DAY).already[0].totals.lines == 1


def test_a_cycle_that_is_not_over_and_one_below_100_yuan_carry_over(shop, world, clock):
    shop.redeem(0, amount_fen=5_000)
    clock.set(at(NEXT, 1))
    (waiting,) = shop.settle(DAY, everyone=False).carried
    assert waiting.reason is CarryReason.CYCLE_NOT_OVER
    clock.set(at(date(2026, 12, 1), 1))
    (small,) = shop.settle(date(2026, 11, 30), everyone=False).carried
    assert (small.reason, small.net_fen) == (CarryReason.BELOW_MINIMUM, 5_000)
    clock.set(at(date(2026, 12, 1), 10))
    shop.redeem(1)
    clock.set(at(date(2027, 1, 1), 1))
    (sealed,) = shop.settle(date(2026, 12, 31), everyone=False).sealed
    assert (sealed.first_on, sealed.totals.net_fen) == (DAY, 15_000)


def test_a_movement_held_back_waits_for_its_release(shop, world, clock):
    held, _ = shop.redeem(0), shop.redeem(1)
    hold = HoldBack(
        shop.venue.merchant_id, held.id, "capture", DAY, 10_000, HoldReason.FRAUD_FLAG, "打烊后交易", shop.actor_id
    )
    held_id = shop.act(lambda session: services.hold_back(session, world, hold))
    clock.set(at(NEXT, 1))
    (sealed,) = shop.settle(DAY).sealed
    assert (sealed.totals.lines, sealed.totals.net_fen) == (1, 10_000)
    with transaction() as session:
        assert services.audit.run(session, world) == []
    shop.act(lambda session: services.release(session, world, Release(held_id, "已核对小票", shop.actor_id)))
    clock.set(at(NEXT + timedelta(days=1), 1))
    (following,) = shop.settle(NEXT).sealed
    assert following.totals.net_fen == 10_000


def test_what_is_given_back_of_a_held_sale_waits_with_it_and_is_not_taken_off_alone(shop, world, clock):
    held, undone, _ = (shop.redeem(n) for n in range(3))
    kept = []
    for one in (held, undone):
        hold = HoldBack(
            shop.venue.merchant_id, one.id, "capture", DAY, 10_000, HoldReason.MEMBER_DENIES, "待查", shop.actor_id
        )
        kept.append(shop.act(lambda session, hold=hold: services.hold_back(session, world, hold)))
    shop.act(lambda session: benefits.reverse(session, world, Reverse(shop.venue, undone.id, "not_the_member")))
    back = GiveBack(shop.venue, held.id, "partial", benefit_fen=4_000)
    shop.act(lambda session: benefits.refund(session, world, back))
    clock.set(at(NEXT, 1))
    (sealed,) = shop.settle(DAY).sealed
    assert (sealed.totals.lines, sealed.totals.net_fen) == (1, 10_000)
    for held_id in kept:
        with transaction() as session:
            assert services.audit.run(session, world) == []
        release = Release(held_id, "已查清", shop.actor_id)
        shop.act(lambda session, release=release: services.release(session, world, release))
    clock.set(at(NEXT + timedelta(days=1), 1))
    (following,) = shop.settle(NEXT).sealed
    assert (following.totals.lines, following.totals.net_fen) == (4, 6_000)
    with transaction() as session:
        assert services.audit.run(session, world) == []


def test_settling_reads_what_may_be_unsettled_and_no_more(shop, world, clock, monkeypatch):
    """A partner that never sold, or one release years ago, made every settlement read all there ever was."""
    read = []
    real = benefits.settlement_facts_since

    def noted(*asked):
        read.append(real(*asked))
        return read[-1]

    held, _ = shop.redeem(0), shop.redeem(1)
    hold = HoldBack(shop.venue.merchant_id, held.id, "capture", DAY, 10_000, HoldReason.DISPUTED, "待查", shop.actor_id)
    held_id = shop.act(lambda session: services.hold_back(session, world, hold))
    release = Release(held_id, "已查清", shop.actor_id)
    shop.act(lambda session: make_merchant(session, world, MakeMerchant("M9", "没有卖过的店", "retail")))
    monkeypatch.setattr(benefits, "settlement_facts_since", noted)
    # On the third day what was held back on the first is let go: once more, from that day on.
    for days, lines in enumerate((2, 1, 4, 1)):
        day = DAY + timedelta(days=days)
        clock.set(at(day, 12))
        if days:
            shop.redeem(2)
        if days == 2:
            shop.act(lambda session: services.release(session, world, release))
        clock.set(at(day + timedelta(days=1), 1))
        shop.settle(day)
        assert len(read[-1]) == lines, day


def test_nobody_holds_back_what_is_being_settled(shop, world, clock, shop_app):
    sold = shop.redeem(0)
    clock.set(at(NEXT, 1))
    close_until(DAY, None)
    hold = HoldBack(shop.venue.merchant_id, sold.id, "capture", DAY, 10_000, HoldReason.DISPUTED, "待查", shop.actor_id)
    came_to = []

    def other():
        with shop_app.app_context():
            try:
                came_to.append(shop.act(lambda session: services.hold_back(session, world, hold)))
            except Conflict as error:
                came_to.append(error.code)

    person = threading.Thread(target=other)
    with transaction() as session:
        assert settle(session, world, Settle(DAY, everyone=True)).sealed
        person.start()
        waits = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
        while person.is_alive() and not session.scalar(waits):
            person.join(0.01)
    person.join()
    assert came_to == ["already_settled"]


@pytest.mark.parametrize(
    "change",
    [
        "update settlement set net_fen = net_fen",
        "update settlement set net_fen = 1",
        "delete from settlement",
        "truncate settlement cascade",
        "update settlement_line set net_fen = 1",
        "delete from settlement_line",
    ],
)
def test_a_sealed_settlement_cannot_be_changed_even_by_the_owner(shop, clock, shop_database, change):
    shop.redeem(0)
    clock.set(at(NEXT, 1))
    shop.settle(DAY)
    with psycopg.connect(shop_database) as owner:
        if change.endswith("net_fen = net_fen"):
            owner.execute("update settlement set state = 'confirmed'")
            return
        with pytest.raises(psycopg.Error, match=r"never changes|append-only"):
            owner.execute(change)


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        (
            "L13",
            "alter table settlement disable trigger all; update settlement set net_fen = 9999, captured_fen = 9999",
        ),
        (
            "L13-signature",
            "alter table settlement disable trigger all; update settlement set signature = document_sha256",
        ),
        ("L12", "alter table settlement disable trigger all; update settlement set last_on = last_on + 1"),
        ("L5", "alter table settlement disable trigger all; update settlement set net_fen = 9999, captured_fen = 9999"),
    ],
)
def test_the_audit_finds_a_settlement_that_was_tampered_with(shop, world, clock, shop_database, code, damage):
    shop.redeem(0)
    clock.set(at(NEXT, 10))
    shop.settle(DAY)
    shop.redeem(1)
    with psycopg.connect(shop_database) as owner:
        owner.execute(damage)
    with transaction() as session:
        assert code in {breach.code for breach in services.audit.run(session, world)}


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("document = set_byte(document, 200, get_byte(document, 200) # 1)", ["hash_differs", "signature_wrong"]),
        ("signature = set_byte(signature, 9, get_byte(signature, 9) # 1)", ["signature_wrong"]),
        ("document_sha256 = sha256(document || 'x')", ["hash_differs"]),
        ("key_id = '\\xffff'", ["key_unknown"]),
    ],
)
def test_a_page_sees_that_a_sealed_document_was_changed(shop, world, clock, shop_database, damage, told):
    shop.redeem(0)
    clock.set(at(NEXT, 10))
    (sealed,) = shop.settle(DAY).sealed
    with psycopg.connect(shop_database) as owner:
        owner.execute(f"alter table settlement disable trigger all; update settlement set {damage}")
    with transaction() as session:
        assert services.seal_faults(session, world, sealed.id) == told


def test_a_released_movement_of_an_earlier_day_goes_into_the_next_settlement(shop, world, clock):
    held = shop.redeem(0)
    hold = HoldBack(
        shop.venue.merchant_id, held.id, "capture", DAY, 10_000, HoldReason.DISPUTED, "会员说没有来过", shop.actor_id
    )
    held_id = shop.act(lambda session: services.hold_back(session, world, hold))
    clock.set(at(NEXT, 9))
    shop.redeem(1)
    clock.set(at(NEXT + timedelta(days=1), 9))
    assert len(shop.settle(NEXT).sealed) == 1
    shop.act(lambda session: services.release(session, world, Release(held_id, "会员想起来了", shop.actor_id)))
    for settled_already in (DAY, NEXT):
        assert shop.settle(settled_already).sealed == ()
    clock.set(at(NEXT + timedelta(days=2), 9))
    (sealed,) = shop.settle(NEXT + timedelta(days=1)).sealed
    assert (sealed.totals.lines, sealed.totals.net_fen) == (1, 10_000)
