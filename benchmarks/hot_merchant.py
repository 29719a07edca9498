"""Ninety of a hundred sales at one merchant, out of its one pool, against the same sales spread evenly.

Eight merchants, each with a program of its own out of a pool of its own, on one server; even and hot rounds take turns.
Reach: 0.9 of the even mix.

    python -m benchmarks.hot_merchant [--rounds 5] [--seconds 8]
"""

import argparse
import statistics
import sys

from benchmarks.ground.offers import make_own_offers
from benchmarks.ground.sales import CODES_A_SECOND, ground, mostly
from benchmarks.harness import ROOT, drive, gunicorn, machine, report

MERCHANTS, HOT_SHARE, WARM = 8, 90, 400


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.hot_merchant")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    wanted = parser.parse_args(arguments)
    each = int(CODES_A_SECOND * wanted.seconds)
    even, hot = [], []
    with ground(
        "hot", 2 * each * wanted.rounds + WARM, lambda session, world: make_own_offers(session, world, MERCHANTS)
    ) as field:
        one_hot = mostly(field.tills[0], field.tills[1:], HOT_SHARE)
        with gunicorn("wsgi:app", ROOT, field.env) as web:
            drive(web, field.server, field.requests(web.port, WARM, 2), 2)
            for _ in range(wanted.rounds):
                for runs, tills in ((even, field.tills), (hot, one_hot)):
                    requests = field.requests(web.port, each, wanted.seconds, tills=tills)
                    runs.append(drive(web, field.server, requests, wanted.seconds))
                print(f"# even {even[-1].per_second:.0f}/s hot {hot[-1].per_second:.0f}/s", file=sys.stderr)
        ratios = [its.per_second / their.per_second for its, their in zip(hot, even, strict=True)]
        report(
            name="hot_merchant",
            value=round(statistics.median(run.per_second for run in hot), 1),
            unit="redemptions/s",
            floor=round(statistics.median(run.per_second for run in even), 1),
            ratio=round(statistics.median(ratios), 3),
            ratios=[round(ratio, 3) for ratio in ratios],
            reach=0.9,
            machine=machine(field.server),
        )
    return 0 if all(set(run.statuses) == {201} for run in (*even, *hot)) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
