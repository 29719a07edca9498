"""30,000 and 100,000 rows: measured in a process of its own, so that no other test's memory counts."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import ACCEPTANCE
from tests.make.membership import roster_cells, roster_line, xlsx_file

MEASURE = """
import json, os, resource, sys
from datetime import date
from cardnet.membership.roster import RosterContext, check, read_sheet
units = json.loads(sys.argv[2])
begun = sum(os.times()[:4])
result = check(read_sheet(open(sys.argv[1], "rb").read()), RosterContext(units, None, "/", date(2026, 11, 21)))
# Of our own work and of the processes we started, whatever else the machine does.
seconds = sum(os.times()[:4]) - begun
# A process inherits ru_maxrss from the one that started it, so our own peak is asked of /proc.
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
peak = max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
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


def large_workbook(file, count):
    """A workbook written as text: a spreadsheet library would take a minute for it."""
    [header, line] = roster_cells([roster_line(1)])
    small = zipfile.ZipFile(io.BytesIO(xlsx_file([header])))

    def row(at, cells):
        inside = "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells)
        return f'<row r="{at}">{inside}</row>'

    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in small.namelist():
            if name != "xl/worksheets/sheet1.xml":
                archive.writestr(name, small.read(name))
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            head, tail = _SHEET.split("|")
            sheet.write((head + row(1, header)).encode())
            for at in range(1, count + 1):
                cells = [at, f"会员{'甲乙丙丁'[at % 4]}", *line[2:6], f"19{at:09d}", *line[7:]]
                sheet.write(row(at + 1, cells).encode())
            sheet.write(tail.encode())


_SHEET = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>|</sheetData></worksheet>'
)


def test_a_hundred_thousand_rows_stay_below_four_hundred_megabytes(tmp_path):
    file = tmp_path / "large.xlsx"
    large_workbook(file, 100_000)
    figures = measured(file, {"B1": "/B1/"})
    assert figures["rows"] == 100_000
    assert figures["megabytes"] < 400
