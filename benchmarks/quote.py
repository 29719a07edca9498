"""What a quote takes with 2,000 rule versions in force, against 20 on the same server.

Four programs a merchant: five merchants have twenty, five hundred have two thousand; the same five are asked. Reach: 1.5 times.

    python -m benchmarks.quote [--rounds 5] [--seconds 4]
"""

import argparse
import statistics
import sys

from sqlalchemy.orm import Session

from benchmarks.ground.offers import make_own_offers
from benchmarks.ground.sales import ground
from benchmarks.harness import ROOT, Run, drive, gunicorn, machine, report
from cardnet.kernel.world import World
from tests.make.merchants import Till

ASKED, PER_MERCHANT, QUOTES_A_SECOND, WARM = 5, 4, 1_200, 200
FEW, MANY = 20, 2_000


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.quote")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    wanted = parser.parse_args(arguments)
    few, many = (_measured(count, wanted.rounds, wanted.seconds) for count in (FEW, MANY))
    p50 = [statistics.median(run.percentile_ms(0.5) for run in runs) for runs in (few, many)]
    report(
        name="quote",
        value=round(p50[1], 2),
        unit="ms p50 with 2,000 rule versions",
        floor=round(p50[0], 2),
        ratio=round(p50[1] / p50[0], 3),
        cpu_ms=round(statistics.median(run.cpu_ms for run in many), 2),
        floor_cpu_ms=round(statistics.median(run.cpu_ms for run in few), 2),
        reach=1.5,
    )
    return 0 if all(set(run.statuses) == {200} for run in (*few, *many)) else 1


def _measured(versions: int, rounds: int, seconds: float) -> list[Run]:
    def offers(session: Session, world: World) -> list[Till]:
        return make_own_offers(session, world, versions // PER_MERCHANT, each=PER_MERCHANT)

    count = int(QUOTES_A_SECOND * seconds)
    with ground("quote", count * rounds + WARM, offers) as field, gunicorn("wsgi:app", ROOT, field.env) as web:
        asked = field.tills[:ASKED]
        drive(web, field.server, field.requests(web.port, WARM, 2, path="/merchant/v1/quotes", tills=asked), 2)
        runs = []
        for _ in range(rounds):
            requests = field.requests(web.port, count, seconds, path="/merchant/v1/quotes", tills=asked)
            runs.append(drive(web, field.server, requests, seconds))
        print(
            f"# {versions} versions: {[round(run.per_second) for run in runs]}/s {machine(field.server)}",
            file=sys.stderr,
        )
        return runs


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
