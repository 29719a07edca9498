"""The year's roster of 30,000, which the repository keeps packed, as the workbook a union would send."""

import csv
import lzma
import os
from pathlib import Path

import xlsxwriter

ACCEPTANCE = Path(__file__).parents[1] / "acceptance"


def year_roster() -> Path:
    """Where the workbook is; it is written, as a spreadsheet program would, the first time somebody asks."""
    target = ACCEPTANCE / "roster-30000.xlsx"
    if target.exists():
        return target
    with lzma.open(ACCEPTANCE / "roster-30000.csv.xz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    # Two runs that begin together write a file each; either may be the one that stays.
    new = target.with_suffix(f".{os.getpid()}")
    with xlsxwriter.Workbook(new, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("会员信息采集表")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return new.replace(target)
