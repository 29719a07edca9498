"""Sixteen clients redeeming for a minute: 300 redemptions a second are asked on two cores.

The slowest five seconds are told beside the whole, for a checkpoint in between must not show.

    python -m benchmarks.sustained [--seconds 60]
"""

import argparse
import sys

from benchmarks.ground.offers import make_offers
from benchmarks.ground.sales import ground
from benchmarks.harness import ROOT, Run, drive, gunicorn, machine, report

REACH, WARM, SLICE = 300, 400, 5
DATED_A_SECOND = 400
"""How fast the codes are dated: from 170 to 500 redemptions a second, every code is still good when it is shown."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.sustained")
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args(arguments).seconds
    count = DATED_A_SECOND * seconds * 5 // 4
    slices: list[Run] = []
    with ground("sustained", count + WARM, lambda session, world: make_offers(session, world, 8)) as field:
        with gunicorn("wsgi:app", ROOT, field.env) as web:
            drive(web, field.server, field.requests(web.port, WARM, 2), 2)
            requests = field.requests(web.port, count, count / DATED_A_SECOND)
            for _ in range(seconds // SLICE):
                slices.append(drive(web, field.server, requests, SLICE))
                requests = requests[len(slices[-1].took) :]
        whole = Run()
        for run in slices:
            whole.add(run)
        report(
            name="sustained",
            value=round(whole.per_second, 1),
            unit="redemptions/s",
            slowest_slice=round(min(run.per_second for run in slices), 1),
            p99_ms=round(whole.percentile_ms(0.99), 1),
            statuses=whole.statuses,
            reach=REACH,
            machine=machine(field.server),
        )
    return 0 if set(whole.statuses) == {201} else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
