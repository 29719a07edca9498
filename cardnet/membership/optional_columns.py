"""The optional columns of a row: they never block; what is wrong there is dropped and said. Pure."""

import re
from dataclasses import dataclass
from datetime import date

from cardnet.membership.cleaning import date_of, month_of, short, text_of, word_of
from cardnet.membership.columns import Column
from cardnet.membership.findings import FindingCode, RowFindings
from cardnet.membership.rules import Answer, NewTag, TagKind
from cardnet.membership.sheet import Sheet, SheetRow
from cardnet.membership.table import Cell
from cardnet.membership.words import ANSWERS, NO_EXPIRY, NOTHING


@dataclass(frozen=True, slots=True)
class Optional:
    """What the optional columns of one row say, where they say something usable."""

    id_valid_until: date | None
    department: str
    joined_on: date | None
    tags: tuple[NewTag, ...]
    answered_on: date | None


def read_optional(sheet: Sheet, row: SheetRow, on: date, found: RowFindings) -> Optional:
    """Read them; what is wrong is said and dropped, and never blocks."""
    return Optional(
        _valid_until(sheet.cell(row, Column.ID_VALID_UNTIL), on, found),
        text_of(sheet.cell(row, Column.DEPARTMENT))[:_TEXT_CHARS],
        _past_day(sheet, row, Column.JOINED_ON, on, found),
        _tags(sheet, row, found),
        _past_day(sheet, row, Column.CONSENT_ON, on, found),
    )


_TEXT_CHARS = 100
_UNION_FOUNDED = date(1921, 1, 1)


def _valid_until(cell: Cell, on: date, found: RowFindings) -> date | None:
    word = word_of(cell)
    if not word or word in NO_EXPIRY:
        return None
    day = date_of(cell)
    if day is None and isinstance(cell, str) and len(parts := _RANGE.split(text_of(cell))) == 2:
        # The document prints `2010.01.01-2030.01.01`, or `2010.01.01-长期`.
        if word_of(parts[1]) in NO_EXPIRY:
            return None
        day = date_of(parts[1])
    if day is None:
        found.add(Column.ID_VALID_UNTIL, FindingCode.DATE_INVALID, _date_words(Column.ID_VALID_UNTIL, cell))
    elif day < on:
        found.add(
            Column.ID_VALID_UNTIL,
            FindingCode.ID_EXPIRED,
            f"证件已于 {day.isoformat()} 过期：可以提交，请提醒本人换证。",
        )
    return day


_RANGE = re.compile(r"(?<=[0-9日])\s*(?:-|—|–|~|～|至|到)+\s*(?=[0-9]{4}[-/.年]|[0-9]{8}|长|永)")


def _past_day(sheet: Sheet, row: SheetRow, column: Column, on: date, found: RowFindings) -> date | None:
    cell = sheet.cell(row, column)
    if not word_of(cell):
        return None
    day = date_of(cell)
    if day is None and column is Column.JOINED_ON:
        # 入会年月 is as old a column as 入会日期; the day of a consent is one day.
        day = month_of(cell)
    if day is not None and _UNION_FOUNDED <= day <= on:
        return day
    found.add(column, FindingCode.DATE_INVALID, _date_words(column, cell))
    return None


def _date_words(column: Column, cell: Cell) -> str:
    return f"{column}“{short(cell)}”不是可用的日期，没有采用：请写成 2018-04-28 这样，或留空。"


def _tags(sheet: Sheet, row: SheetRow, found: RowFindings) -> tuple[NewTag, ...]:
    tags = []
    for column, kind in _TAG_COLUMNS.items():
        cell = sheet.cell(row, column)
        word = word_of(cell)
        if not word or word in NOTHING:
            continue
        said_yes = ANSWERS.get(word) is Answer.GIVEN
        if kind is TagKind.FRONT_LINE and not said_yes:
            found.unknown(column, cell)
            continue
        tags.append(NewTag(kind, "" if said_yes else text_of(cell)[:_TEXT_CHARS]))
    return tuple(tags)


_TAG_COLUMNS = {
    Column.MODEL_WORKER: TagKind.MODEL_WORKER,
    Column.HARDSHIP: TagKind.HARDSHIP,
    Column.FRONT_LINE: TagKind.FRONT_LINE,
    Column.SPECIAL_POST: TagKind.SPECIAL_POST,
}
