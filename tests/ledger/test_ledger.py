"""Entries that balance and never change, pools that give exactly what they hold, days that close."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cardnet.kernel.errors import Conflict, InvalidInput, Unavailable
from cardnet.ledger import services
from cardnet.ledger.invariants import INVARIANTS
from cardnet.ledger.rules import (
    Account,
    AccountCode,
    DayState,
    EntryKind,
    Ledger,
    PoolUnit,
    PostingLine,
    balanced,
    cut,
    merged,
    move,
)
from tests.make.benefits import all_at_once, committed

MERCHANT, PROGRAM = uuid.UUID(int=1), uuid.UUID(int=2)
PAYABLE = Account(AccountCode.MERCHANT_PAYABLE, owner_id=MERCHANT)
SUBSIDY = Account(AccountCode.SUBSIDY, owner_id=PROGRAM)


def draft(lines, kind=EntryKind.CAPTURE):
    return services.EntryDraft(kind, "redemption", uuid.UUID(int=3), lines)


def breaches(session):
    session.flush()
    found = {code: session.execute(text(sql.replace(":", r"\:"))).all() for code, (_, sql) in INVARIANTS.items()}
    return {code: rows for code, rows in found.items() if rows}


@contextmanager
def as_owner(session) -> Iterator[None]:
    """Somebody with the rights of the database's owner and bad intentions."""
    session.execute(text("set local role none"))
    for table in ("entry", "posting"):
        session.execute(text(f"alter table {table} disable trigger user"))
    yield
    for table in ("entry", "posting"):
        session.execute(text(f"alter table {table} enable trigger user"))


def test_an_entry_is_posted_and_its_balances_read(session, world):
    services.post(session, world, draft(move(SUBSIDY, PAYABLE, 10_000)), draft(move(PAYABLE, SUBSIDY, 4_000)))
    assert services.balance_of(session, PAYABLE) == -6_000
    assert services.balances_by_owner(session, AccountCode.MERCHANT_PAYABLE) == {MERCHANT: -6_000}
    lines = {line.account: (line.debit, line.credit, line.balance) for line in services.trial_balance(session)}
    assert lines == {PAYABLE: (4_000, 10_000, -6_000), SUBSIDY: (10_000, 4_000, 6_000)}
    assert services.trial_balance(session, date(2026, 11, 22)) == []
    assert breaches(session) == {}


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (PostingLine(SUBSIDY, 1),),
        (PostingLine(SUBSIDY, 1), PostingLine(PAYABLE, -2)),
        (PostingLine(SUBSIDY, 0), PostingLine(PAYABLE, 0)),
        (PostingLine(SUBSIDY, 5), PostingLine(Account(AccountCode.AVAILABLE, Ledger.BUDGET, PROGRAM), -5)),
    ],
    ids=["nothing", "one line", "unequal", "zeros", "two ledgers"],
)
def test_what_does_not_balance_is_not_posted(session, world, lines):
    with pytest.raises(ValueError, match="balance"):
        services.post(session, world, draft(lines))


@given(st.lists(st.integers(-(10**12), 10**12), max_size=6))
def test_lines_balance_exactly_when_they_sum_to_zero(amounts):
    lines = [PostingLine(SUBSIDY, amount) for amount in amounts]
    assert balanced(lines) == (len(amounts) >= 2 and sum(amounts) == 0 and 0 not in amounts)


@pytest.mark.parametrize("table", ["entry", "posting"])
@pytest.mark.parametrize("change", ["update {} set line = 2", "delete from {}", "truncate {} cascade"])
def test_l2_nobody_changes_an_entry_not_even_the_owner(session, world, table, change):
    services.post(session, world, draft(move(SUBSIDY, PAYABLE, 10_000)))
    statement = change.replace("line = 2", "kind = 'hold'" if table == "entry" else "amount = 2").format(table)
    for role in ("cardnet_app", "none"):
        with pytest.raises(DBAPIError, match=r"append-only|permission denied"), session.begin_nested():
            session.execute(text(f"set local role {role}"))
            session.execute(text(statement))
    assert services.balance_of(session, PAYABLE) == -10_000


@pytest.mark.parametrize(
    ("tampering", "code"),
    [
        ("update posting set amount = amount + 1 where line = 1", "L1"),
        ("delete from posting where line = 1", "L1"),
        ("delete from posting", "L1"),
        ("delete from entry", "ledger_account"),
        ("update posting set account_id = gen_random_uuid()", "ledger_account"),
        ("alter table posting drop constraint ck_posting_not_zero", None),
    ],
)
def test_each_invariant_catches_what_it_is_for(session, world, tampering, code):
    services.post(session, world, draft(move(SUBSIDY, PAYABLE, 10_000)))
    with as_owner(session):
        session.execute(text(tampering))
    assert (code in breaches(session)) if code else breaches(session) == {}


def test_l2_notices_a_trigger_that_is_gone_or_asleep(session, world):
    session.execute(text("set local role none"))
    session.execute(text("alter table posting disable trigger posting_append_only"))
    assert [row[0] for row in breaches(session)["L2"]] == ["posting"]
    session.execute(text("drop trigger entry_append_only on entry"))
    assert len(breaches(session)["L2"]) == 2


def test_l7_notices_a_slice_that_was_touched_by_hand(session, world):
    services.make_pool(session, world, services.MakePool("P", "池", PoolUnit.FEN, 1_000, "文号"))
    assert breaches(session) == {}
    session.execute(text("update pool_slice set available = available + 1 where no = 0"))
    assert "L7" in breaches(session)


# ---- pools ----


def level(session, code="P"):
    (found,) = services.pool_levels(session, [code])
    return found


def test_a_grant_is_an_entry_and_spread_over_the_slices(session, world):
    pool = services.make_pool(session, world, services.MakePool("P", "体检", PoolUnit.FEN, 1_000, "文号"))
    assert sorted(session.scalars(text("select available from pool_slice")))[::63] == [15, 16]
    services.appropriate(session, world, services.Appropriate(pool.id, 500, "追加"))
    assert (level(session).granted, level(session).available) == (1_500, 1_500)
    with pytest.raises(InvalidInput, match="pool_amount"):
        services.appropriate(session, world, services.Appropriate(pool.id, 0, "追加"))
    with pytest.raises(InvalidInput, match="pool_code_taken"):
        services.make_pool(session, world, services.MakePool("P", "体检", PoolUnit.FEN, 1_000, "文号"))
    with pytest.raises(InvalidInput, match="doc_ref_missing"):
        services.make_pool(session, world, services.MakePool("Q", "体检", PoolUnit.FEN, 1_000, " "))
    assert breaches(session) == {}


def test_takes_larger_than_a_slice_lay_the_slices_together(session, world):
    pool = services.make_pool(session, world, services.MakePool("P", "池", PoolUnit.FEN, 1_000, "文号"))
    assert services.take(session, world, pool, 600) is None
    assert services.take(session, world, pool, 401) == 400
    assert services.take(session, world, pool, 400) is None
    assert services.take(session, world, pool, 1) == 0
    services.give_back(session, world, pool, 7)
    assert services.give_back_if_free(session, pool, 5)
    assert services.take_exactly(session, pool, 12) is None
    assert session.scalar(text("select sum(available) from pool_slice")) == 0


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=64), st.integers(0, 200_000))
def test_laying_together_keeps_every_fen(available, taken):
    after = merged(available, taken, len(available))
    if taken > sum(available):
        assert after is None
    else:
        assert after is not None
        assert len(after) == len(available)
        assert sum(after) == sum(available) - taken
        assert min(after) >= 0


@given(st.integers(0, 10**12), st.integers(1, 128))
def test_slices_are_as_equal_as_whole_numbers_allow(total, slices):
    parts = cut(total, slices)
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1


def race_for(app, world, granted, takers, amount):
    with committed(app) as session:
        pool = services.make_pool(session, world, services.MakePool("P", "池", PoolUnit.FEN, granted, "文号"))
    left = all_at_once(app, [lambda session: services.take(session, world, pool, amount)] * takers)
    with committed(app) as session:
        return left, session.scalar(text("select sum(available) from pool_slice"))


def test_a_pool_gives_every_fen_and_no_fen_twice(committing_app, world):
    left, rest = race_for(committing_app, world, 300_000, 36, 10_000)
    assert sorted(map(str, left)) == ["0"] * 6 + ["None"] * 30
    assert rest == 0


def test_the_race_catches_a_take_without_its_guard(committing_app, world, monkeypatch):
    from cardnet.ledger.services import pools

    monkeypatch.setattr(
        pools, "_ONE", pools._ONE.replace("and available >= %(amount)s", "").replace("- %(amount)s", "")
    )
    left, rest = race_for(committing_app, world, 300_000, 36, 10_000)
    assert (left.count(None), rest) != (30, 0)


# ---- the business day ----


def test_the_business_date_is_shanghais_whatever_the_server_thinks(session, world, clock):
    for zone in ("UTC", "America/Los_Angeles", "Asia/Shanghai", "Pacific/Kiritimati"):
        session.execute(text(f"set local timezone to '{zone}'"))
        clock.set(datetime(2026, 11, 21, 15, 59, 59, 900_000, tzinfo=UTC))
        services.post(session, world, draft(move(SUBSIDY, PAYABLE, 1)))
        clock.set(datetime(2026, 11, 21, 16, 0, 0, 50_000, tzinfo=UTC))
        services.post(session, world, draft(move(SUBSIDY, PAYABLE, 1)))
    assert services.balance_of(session, SUBSIDY, date(2026, 11, 21)) == 4
    assert services.balance_of(session, SUBSIDY, date(2026, 11, 22)) == 8
    assert services.days_not_closed(session, date(2026, 11, 22)) == [date(2026, 11, 21), date(2026, 11, 22)]


def test_a_day_closes_in_order_and_once(session, world, clock):
    day = date(2026, 11, 21)
    services.post(session, world, draft(move(SUBSIDY, PAYABLE, 1)))
    assert services.day_state(session, day) is DayState.OPEN
    with pytest.raises(Conflict, match="day_not_closing"):
        services.mark_closed(session, world, day)
    assert services.mark_closing(session, world, day) is DayState.CLOSING
    with pytest.raises(Unavailable, match="day_closing"), session.begin_nested():
        services.post(session, world, draft(move(SUBSIDY, PAYABLE, 1)))
    services.mark_closed(session, world, day)
    assert services.mark_closing(session, world, day) is DayState.CLOSED
    assert services.days_not_closed(session, day) == []
    clock.advance(timedelta(days=1))
    services.post(session, world, draft(move(SUBSIDY, PAYABLE, 1)))


def comes_true(app, question):
    """Transaction ids are the whole server's: other tests' transactions may have to end first."""
    for _ in range(600):
        with committed(app) as session:
            if question(session):
                return True
        threading.Event().wait(0.05)
    return False


def test_the_close_waits_for_whoever_saw_the_day_open(committing_app, world):
    """A writer that began before the mark is seen by the seal; one that comes later is turned away."""
    day = date(2026, 11, 21)
    with committing_app.app_context():
        factory = committing_app.extensions["cardnet.sessions"]
        with factory() as writer:
            services.post(writer, world, draft(move(SUBSIDY, PAYABLE, 1)))
            with committed(committing_app) as session:
                services.mark_closing(session, world, day)
            with committed(committing_app) as session:
                mark = services.newest_writer(session)
            with committed(committing_app) as session:
                assert not services.writers_gone(session, mark)
            writer.commit()
    assert comes_true(committing_app, lambda session: services.writers_gone(session, mark))
    with pytest.raises(Unavailable), committed(committing_app) as session:
        services.post(session, world, draft(move(SUBSIDY, PAYABLE, 1)))
    with committed(committing_app) as session:
        services.mark_closed(session, world, day)
    with committed(committing_app) as session:
        assert breaches(session) == {}
        # The planted bug: a writer that never asked for the day's state.
        session.execute(
            text(
                "insert into entry (id, kind, source, source_id, accepted_at) "
                "values (:id, 'hold', 'redemption', :id, '2026-11-21 02:00+00')"
            ),
            {"id": uuid.UUID(int=9)},
        )
    with committed(committing_app) as session:
        assert "L11" in breaches(session)
