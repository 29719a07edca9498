"""30,000 and 100,000 rows: measured in a process of its own, so that no other test's memory counts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import xlsxwriter

from tests.conftest import ACCEPTANCE
from tests.make.membership import roster_cells, roster_line

MEASURE = """
import json, resource, sys, time
from datetime import date
from cardnet.membership.roster import RosterContext, check, read_sheet
units = json.loads(sys.argv[2])
begun = time.perf_counter()
result = check(read_sheet(open(sys.argv[1], "rb").read()), RosterContext(units, None, "/", date(2026, 11, 21)))
seconds = time.perf_counter() - begun
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps({"seconds": seconds, "megabytes": peak / 1024, "valid": result.valid, "rows": len(result.rows)}))
"""


def measured(file, units):
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(file), json.dumps(units)],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return json.loads(run.stdout)


def test_thirty_thousand_rows_are_all_valid_and_stay_small():
    lines = (ACCEPTANCE / "organisations.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    units = {line.split(",")[0]: f"/{line.split(',')[0]}/" for line in lines}
    figures = measured(ACCEPTANCE / "roster-30000.xlsx", units)
    assert (figures["rows"], figures["valid"]) == (30_000, 30_000)
    assert figures["megabytes"] < 400
    # Six seconds on a quiet machine (benchmarks/); here it only must not be of another order.
    assert figures["seconds"] < 30


@pytest.mark.parametrize("count", [100_000])
def test_a_hundred_thousand_rows_stay_below_four_hundred_megabytes(tmp_path, count):
    file = tmp_path / "large.xlsx"
    [header, line] = roster_cells([roster_line(1)])
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, header)
        for at in range(1, count + 1):
            page.write_row(at, 0, [at, f"会员{at}", *line[2:6], f"19{at:09d}", *line[7:]])
    figures = measured(file, {"B1": "/B1/"})
    assert figures["rows"] == count
    assert figures["megabytes"] < 400
