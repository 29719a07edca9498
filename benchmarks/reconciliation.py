"""A million lines of ours against a million of theirs, beside the same join written by hand in DuckDB.

Both read the same Parquet files in a process of their own, join by the merchant's reference, and give pairs and
differences as Arrow. The hand-written join knows amount, missing and extra lines only: no duplicates, no neighbouring
days, no ambiguity, no terminals. What is timed is the matching; reading the files and putting results into words is
not. One line in a thousand differs.
"""

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.harness import report
from cardnet.finance.matching import OURS, THEIRS, match
from cardnet.kernel.world import monotonic_seconds

ROWS = 1_000_000
REACH_RATIO, REACH_MB = 1.5, 1_000
FIRST_DAY = 20_727
ROUNDS = 3

BY_HAND = """
create table joined as
select o.no as our_no, t.no as their_no,
       case when t.no is null then 'E01' when o.no is null then 'E02' when o.union_fen <> t.amount_fen then 'E06' end as code
from ours o full outer join theirs t on o.merchant_ref = t.merchant_ref and o.type = t.type and o.day = t.day"""


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--child", choices=("match", "by_hand"))
    asked.add_argument("--folder", type=Path)
    asked.add_argument("--rows", type=int, default=ROWS)
    given = asked.parse_args()
    if given.child:
        print(json.dumps({"match": _match, "by_hand": _by_hand}[given.child](given.folder)))
        return
    with TemporaryDirectory() as folder:
        planted = _write(Path(folder), given.rows)
        rounds = [(_child("match", folder), _child("by_hand", folder)) for _ in range(ROUNDS)]
    for ours, _ in rounds:
        assert ours["counts"] == planted, (ours["counts"], planted)
    seconds, floor = (min(pair[side]["seconds"] for pair in rounds) for side in (0, 1))
    memory = max(pair[0]["mb"] for pair in rounds)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "duckdb": duckdb.__version__}
    report(
        name="reconciliation", value=round(seconds, 2), unit="s", floor=round(floor, 2), ratio=round(seconds / floor, 2),
        reach=REACH_RATIO, rows=given.rows, machine=machine,
    )  # fmt: skip
    report(
        name="reconciliation_peak_memory", value=round(memory), unit="MB", floor=round(max(p[1]["mb"] for p in rounds)),
        ratio=None, reach=REACH_MB, rows=given.rows, machine=machine,
    )  # fmt: skip


def _child(what: str, folder: str) -> dict:
    command = [sys.executable, "-m", "benchmarks.reconciliation", "--child", what, "--folder", folder]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _match(folder: Path) -> dict:
    ours, theirs = pq.read_table(folder / "ours.parquet"), pq.read_table(folder / "theirs.parquet")
    begun = monotonic_seconds()
    result = match(ours, theirs, "union_fen")
    seconds = monotonic_seconds() - begun
    codes = result.findings["code"].to_pylist()
    own = [code for code, role in zip(codes, result.findings["role"].to_pylist(), strict=True) if role == "own"]
    per_side = {"E06": 2}
    return {
        "seconds": seconds,
        "mb": _peak_mb(),
        "counts": {c: own.count(c) // per_side.get(c, 1) for c in sorted(set(own))},
    }


def _by_hand(folder: Path) -> dict:
    ours, theirs = pq.read_table(folder / "ours.parquet"), pq.read_table(folder / "theirs.parquet")
    begun = monotonic_seconds()
    connection = duckdb.connect(config={"threads": 2, "memory_limit": "600MB"})
    connection.register("ours", ours)
    connection.register("theirs", theirs)
    connection.execute(BY_HAND)
    connection.execute("select our_no, their_no from joined where code is null order by 1").to_arrow_table()
    connection.execute("select * from joined where code is not null order by code, 2, 3").to_arrow_table()
    return {"seconds": monotonic_seconds() - begun, "mb": _peak_mb()}


def _write(folder: Path, rows: int) -> dict[str, int]:
    """Both sides, theirs in another order; what was planted, by class."""
    chance = numpy.random.default_rng(7)
    no = numpy.arange(rows)
    day = FIRST_DAY + no * 30 // rows
    refs = pa.array([f"R-{n:09d}" for n in range(rows)])
    fen = chance.integers(100, 30_000, rows)
    ours = {
        "no": no, "redemption_id": [f"0199{n:032x}"[:36] for n in range(rows)], "original_id": pa.nulls(rows, pa.string()),
        "merchant_ref": refs, "type": pa.array(["capture"]).take(pa.array(numpy.zeros(rows, "int64"))),
        "day": day, "at": day * 86_400 + no % 86_400, "terminal": [f"T{n % 40:02d}" for n in range(rows)],
        "union_fen": fen, "discount_fen": numpy.zeros(rows, "int64"), "benefit_fen": fen, "gross_fen": fen * 3,
        "in_period": numpy.ones(rows, bool), "foreign": numpy.zeros(rows, bool),
        "paired_day": pa.nulls(rows, pa.int32()),
    }  # fmt: skip
    pq.write_table(pa.table(ours, schema=OURS), folder / "ours.parquet")
    wrong = random.Random(7).sample(range(rows), rows // 1_000)
    amount, missing, unknown = (wrong[part::3] for part in range(3))
    their_fen = fen.copy()
    their_fen[amount] += 1
    their_refs = refs.to_pylist()
    for place in unknown:
        their_refs[place] = f"X-{place}"
    keep = numpy.ones(rows, bool)
    keep[missing] = False
    order = chance.permutation(no[keep])
    theirs = pa.table(
        {
            "no": no, "redemption_id": pa.nulls(rows, pa.string()), "merchant_ref": their_refs, "type": ours["type"],
            "day": day, "at": pa.nulls(rows, pa.int64()), "terminal": pa.nulls(rows, pa.string()),
            "amount_fen": their_fen, "in_period": numpy.ones(rows, bool),
        },
        schema=THEIRS,
    ).take(order)  # fmt: skip
    theirs = theirs.set_column(0, "no", pa.array(numpy.arange(theirs.num_rows)))
    pq.write_table(theirs, folder / "theirs.parquet")
    return {"E01": len(missing) + len(unknown), "E02": len(unknown), "E06": len(amount)}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


if __name__ == "__main__":
    main()
