"""E11 and E12: lines only the merchant has, because a till sold without a network."""

import hashlib

import pytest

from cardnet.benefits import services as benefits
from cardnet.benefits.services import Purchase
from cardnet.credential.pack import Policy
from cardnet.credential.store import trust_pack
from cardnet.credential.verify import VerifyContext, Window, verify
from cardnet.finance import services
from cardnet.finance.services import Reconcile, RunReconciliation
from cardnet.kernel.db import transaction
from tests.finance.test_days_and_settlements import NEXT, at
from tests.make.finance import DAY


def reported(shop, clock, seq, moment, fen, ref):
    """A sale a till made alone, as it reports it."""
    clock.set(moment)
    code = shop.phones[seq % len(shop.phones)].code(shop.world)
    then = shop.world.now()

    def advise(session):
        judged = verify(code, trust_pack(session, then), None, then, VerifyContext(window=Window.OFFLINE))
        command = benefits.Advise(
            shop.venue, seq, then, ref, code, judged, Purchase(fen, "health_check"), {"code": code},
            hashlib.sha256(ref.encode()).digest(), signed=True, given_fen=min(fen, 10_000),
        )  # fmt: skip
        told = benefits.advise(session, shop.world, command, Policy())
        benefits.note_gaps(session, shop.world, shop.venue, [seq])
        return told

    return shop.act(advise)


@pytest.fixture
def evening(shop, clock):
    """Numbers 1, 2 and 5: the second over the floor; 3 and 4 are still in the till. And what the merchant sends."""
    assert reported(shop, clock, 1, at(DAY, 20, 0), 600, "OFF-1").outcome == "captured"
    assert reported(shop, clock, 2, at(DAY, 20, 10), 6_000, "OFF-2").outcome == "refused_advice"
    reported(shop, clock, 5, at(DAY, 20, 40), 600, "OFF-5")
    clock.set(at(NEXT, 10))
    rows = [
        ("商户单号", "终端", "交易时间", "金额（元）"),
        ("OFF-1", "T01", "2026-11-21 20:00:00", "6.00"),
        ("OFF-2", "T01", "2026-11-21 20:10:00", "60.00"),
        ("OFF-3", "T01", "2026-11-21 20:20:00", "6.00"),
        ("OFF-5", "T01", "2026-11-21 20:40:00", "6.00"),
        ("OFF-9", "T01", "2026-11-21 22:20:00", "6.00"),
    ]
    return "".join(",".join(row) + "\r\n" for row in rows).encode("utf-8-sig")


def run(shop, content):
    command = Reconcile(shop.venue.merchant_id, content, "离线.csv", DAY, DAY, shop.actor_id)
    return shop.act(lambda session: services.reconcile(session, shop.world, command))


def test_a_line_reported_and_refused_is_e11_one_among_missing_numbers_e12_and_the_rest_e02(shop, evening):
    done, result = run(shop, evening)
    assert done.summary["counts"] == {"E02": 1, "E11": 1, "E12": 1}
    with transaction() as session:
        found = {one.code: one for one in services.exceptions_of_run(session, done.id)}
    assert [found[code].theirs[0]["merchant_ref"] for code in ("E11", "E12", "E02")] == ["OFF-2", "OFF-3", "OFF-9"]
    assert "终端 T01 断网时办理" in found["E11"].explanation
    assert "序号 3 至 4" in found["E12"].explanation
    again = RunReconciliation(done.merchant_id, tuple(file.id for file in done.files), DAY, DAY)
    _, same = shop.act(lambda session: services.run_reconciliation(session, shop.world, again))
    assert same == result


def test_when_the_missing_records_come_the_next_run_has_them_on_both_sides(shop, evening, clock):
    done, _ = run(shop, evening)
    reported(shop, clock, 3, at(DAY, 20, 20), 600, "OFF-3")
    clock.set(at(NEXT, 11))
    again = RunReconciliation(done.merchant_id, tuple(file.id for file in done.files), DAY, DAY)
    fresh, _ = shop.act(lambda session: services.run_reconciliation(session, shop.world, again))
    assert fresh.summary["counts"] == {"E02": 1, "E11": 1}


def test_without_a_look_at_what_tills_reported_they_are_only_missing(shop, evening, monkeypatch):
    """The planted bug: nobody asks the advices."""
    monkeypatch.setattr(benefits, "offline_traces", lambda *_a: [])
    done, _ = run(shop, evening)
    assert done.summary["counts"] == {"E02": 3}
