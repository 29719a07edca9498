"""Redemptions per second, everything on, against the floor of the same run on the same server.

Every redemption is a member's own fresh code, redeemed once: verification, rules, counters, pools, postings, outbox,
idempotency, durable commit. Codes are made just before each round, because they are good for 35 seconds only.
Rounds of floor and redemption take turns, so that both meet the same machine; the figure is the median round.

    python -m benchmarks.redemption [--rounds 9] [--seconds 5] [--merchants 8] [--rich] [--floor tests/acceptance/floor.py]

The redemption is M1 of the acceptance scenarios: body R1, the health check HC2026 out of one pool. `--rich` adds order
lines, a second pool and a discount that stacks with the subsidy.
"""

import argparse
import statistics
import sys
from pathlib import Path

from benchmarks.ground.offers import make_offers
from benchmarks.ground.sales import CODES_A_SECOND, ground
from benchmarks.harness import ROOT, Run, drive, gunicorn, machine, report, request_bytes
from cardnet.kernel.db import libpq_url

WARM = 500


def main(arguments: list[str]) -> int:
    wanted = _options(arguments)
    each = int(CODES_A_SECOND * wanted.seconds)
    members = each * wanted.rounds + WARM
    floor_runs, our_runs = [], []
    with ground(
        "redemption", members, lambda session, world: make_offers(session, world, wanted.merchants, rich=wanted.rich)
    ) as field:
        server = field.server
        floor_database = {"FLOOR_DSN": libpq_url(server.make_database("floor"))}
        with (
            gunicorn("wsgi:app", ROOT, field.env) as web,
            gunicorn("floor:app", wanted.floor.parent, floor_database) as floor,
        ):
            # The floor reads nothing of its body, which is of the size of ours.
            floor_request = request_bytes(floor.port, "/redeem", {"code": "CN1:" + "0" * 373, "amount_fen": 38_000})
            drive(floor, server, [floor_request] * WARM, 2)
            drive(web, server, field.requests(web.port, WARM, 2, rich=wanted.rich), 2)
            for turn in range(wanted.rounds):
                floor_runs.append(drive(floor, server, [floor_request] * 5 * each, wanted.seconds))
                requests = field.requests(web.port, each, wanted.seconds, rich=wanted.rich)
                our_runs.append(drive(web, server, requests, wanted.seconds))
                print(f"# round {turn + 1}: {_line(floor_runs[-1])} | {_line(our_runs[-1])}", file=sys.stderr)
        _tell("redemption_rich" if wanted.rich else "redemption", floor_runs, our_runs, machine(server))
    return 0 if all(set(run.statuses) == {201} for run in our_runs) else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.redemption")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--merchants", type=int, default=8)
    parser.add_argument("--rich", action="store_true")
    parser.add_argument("--floor", type=lambda text: Path(text).resolve(), default=ROOT / "tests/acceptance/floor.py")
    return parser.parse_args(arguments)


def _tell(name: str, floor_runs: list[Run], our_runs: list[Run], on: dict[str, object]) -> None:
    floor, ours = _median(floor_runs), _median(our_runs)
    ratios = [mine.per_second / its.per_second for mine, its in zip(our_runs, floor_runs, strict=True)]
    slower = [
        mine.percentile_ms(0.99) / its.percentile_ms(0.99) for mine, its in zip(our_runs, floor_runs, strict=True)
    ]
    statuses: dict[int, int] = {}
    for run in our_runs:
        for status, number in run.statuses.items():
            statuses[status] = statuses.get(status, 0) + number
    report(
        name=name,
        value=round(ours, 1),
        unit="redemptions/s",
        floor=round(floor, 1),
        ratio=round(statistics.median(ratios), 3),
        p50_ms=round(statistics.median(run.percentile_ms(0.5) for run in our_runs), 1),
        p99_ms=round(statistics.median(run.percentile_ms(0.99) for run in our_runs), 1),
        cpu_ms=round(statistics.median(run.cpu_ms for run in our_runs), 2),
        floor_cpu_ms=round(statistics.median(run.cpu_ms for run in floor_runs), 2),
        p99_ratio=round(statistics.median(slower), 2),
        ratios=[round(ratio, 3) for ratio in ratios],
        statuses=statuses,
        machine=on,
    )


def _median(runs: list[Run]) -> float:
    return statistics.median(run.per_second for run in runs)


def _line(run: Run) -> str:
    each = 1_000 / len(run.took)
    cpu = f"web {run.web_seconds * each:.2f} database {run.database_seconds * each:.2f} ms CPU"
    return f"{run.per_second:.0f}/s p50 {run.percentile_ms(0.5):.1f} p99 {run.percentile_ms(0.99):.1f} ms {cpu} {run.statuses}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
