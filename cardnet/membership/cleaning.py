"""From what was typed to what was meant: texts, names, phones, dates. Pure; never raises, whatever the cell holds."""

import math
import re
import unicodedata
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from cardnet.membership.table import Cell

_UNSEEN = dict.fromkeys(
    [
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2065),
        0xFEFF,
        0x00AD,
        0x180E,
        *range(8),
        *range(0x0E, 0x20),
        0x7F,
    ],
)
_EDGES = " \t\r\n\f\v\u00a0\u3000\u0085\u2028\u2029'’‘`´"
_SPACES = re.compile(r"\s+")

_CJK = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SPACE_BETWEEN_CJK = re.compile(rf"(?<=[{_CJK}·])\s+(?=[{_CJK}·])")
_DOTS = re.compile(r"(?:\s*[·•‧∙⋅・･●⚫﹒．．᛫•ꞏ]\s*)+")
_DOT_BETWEEN_CJK = re.compile(rf"(?<=[{_CJK}])\s*[.。]\s*(?=[{_CJK}])")
_FULL_WIDTH_LATIN = {code: code - 0xFEE0 for code in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), 0xFF0D, 0xFF07)}
NAME_CHARS = 50
_COMMON_NAME = re.compile("[一-鿿]{1,%d}" % NAME_CHARS)  # noqa: UP031 - braces that count stand beside it
"""Nearly every name, told at a glance."""


def text_of(cell: Cell) -> str:
    """A cell as a trimmed text without what cannot be seen; `` when empty. Width and case stay as they are."""
    if isinstance(cell, str):
        # Letters, digits and Chinese characters alone have nothing in them to leave out.
        plain = cell.isalnum() or (cell.isascii() and cell.isprintable() and "  " not in cell)
        text = cell if plain else _SPACES.sub(" ", cell.translate(_UNSEEN))
        return text.strip(_EDGES)
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, int):
        return _digits(cell)
    if isinstance(cell, float):
        return _number(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    return cell.isoformat()


def word_of(cell: Cell) -> str:
    """A cell as a word to look up: narrow, upper case, without any space."""
    return _word(cell if isinstance(cell, str) else text_of(cell))


# Columns of words repeat a few hundred of them 30,000 times.
@lru_cache(maxsize=4096)
def _word(cell: str) -> str:
    text = text_of(cell)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _SPACES.sub("", text).upper()


def short(cell: Cell) -> str:
    """A cell as a sentence quotes it: at most twenty characters."""
    text = text_of(cell)
    return text if len(text) <= 20 else text[:20] + "…"


_ERROR_CELL = re.compile(
    r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!|FIELD!|BUSY!|GETTING_DATA|#+)", re.I
)


def formula_problem(cell: Cell) -> str | None:
    """What is wrong with a cell that shows a formula's error or a formula without its result; None when neither."""
    if not isinstance(cell, str):
        return None
    text = text_of(cell)
    if _ERROR_CELL.fullmatch(text):
        return f"这一格显示公式错误 {text.upper()}：请改成实际内容，或复制后用“选择性粘贴—数值”。"
    if len(text) > 1 and text[0] == "=":
        return "这一格是没有算出结果的公式：请在 Excel 或 WPS 里打开、保存一次，或改成实际内容。"
    return None


def heading_of(cell: Cell) -> str:
    """A heading to look up: without spaces, stars, colons, or a remark in brackets such as `（必填）`."""
    return _BRACKETS.sub("", word_of(cell)).strip("*:#※•·、.")


_BRACKETS = re.compile(r"[(\[【〔{<].*?[)\]】〕}>]")


def _digits(number: int) -> str:
    return str(number) if abs(number) < 10**40 else "####"


def _number(number: float) -> str:
    if not math.isfinite(number):
        return ""
    return f"{number:.0f}" if number == int(number) and abs(number) < 1e20 else repr(number)


def name_of(cell: Cell) -> str:
    """A name: no space between Chinese characters, one between other words, every middle dot as `·` (U+00B7).

    Composed (NFC) but never NFKC, which would turn one person's character into another's.
    """
    if isinstance(cell, str) and _COMMON_NAME.fullmatch(cell):
        return cell
    name = unicodedata.normalize("NFC", text_of(cell))
    if name.isascii():
        return name
    name = _DOTS.sub("·", name.translate(_FULL_WIDTH_LATIN))
    name = _DOT_BETWEEN_CJK.sub("·", name)
    return _SPACE_BETWEEN_CJK.sub("", name).strip()


def name_problem(name: str) -> str | None:
    """What is wrong with a name that is not empty, as a sentence that says how to mend it; None when nothing is."""
    if _COMMON_NAME.fullmatch(name):
        return None
    if len(name) > NAME_CHARS:
        return f"姓名超过 {NAME_CHARS} 个字：请只填姓名。"
    if any(ord(sign) in range(0xE000, 0xF900) or ord(sign) >= 0xF0000 for sign in name):
        return "姓名里有造字（别的电脑上显示不出来）：请用输入法重新输入这个字。"
    # 〇 is a number to Unicode, and stands in names.
    wrong = [sign for sign in name if not (unicodedata.category(sign)[0] in "LM" or sign in " ·-'’.〇")]
    if wrong:
        return f"姓名里有“{wrong[0]}”：请按证件填写，只留文字和间隔号。"
    if not any(unicodedata.category(sign)[0] == "L" for sign in name) or name[0] in "·-.’" or name[-1] in "·-":
        return "姓名不完整：请按证件填写。"
    return None


_PHONE = re.compile(r"1[3-9][0-9]{9}")
_AS_FLOAT = re.compile(r"(\+?[0-9]+)\.0+")
"""What a program writes that took the number for a fraction."""
_PHONE_SIGNS = re.compile(r"[\s\-‐‑‒–—―()_.]")


def phone_of(cell: Cell) -> str:
    """The 11 digits of a mobile phone without country code and signs; `` when it is none."""
    text = text_of(cell)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if not (len(text) == 11 and text.isdecimal()):
        if as_float := _AS_FLOAT.fullmatch(text):
            text = as_float[1]
        text = _PHONE_SIGNS.sub("", text)
        for code in ("+86", "0086", "86"):
            if text.startswith(code) and len(text) == len(code) + 11:
                text = text[len(code) :]
                break
    return text if _PHONE.fullmatch(text) else ""


_DATE = re.compile(r"([0-9]{4})\s*[-/.年\s]\s*([0-9]{1,2})\s*[-/.月\s]\s*([0-9]{1,2})\s*[日号]?(?:[T\s]\s*[0-9:.]+Z?)?")
_EIGHT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_FIRST_SERIAL, _LAST_SERIAL = 9_133, 73_050
"""Serial days 1925-01-01 and 2099-12-31: outside them a bare number is no date anybody meant."""


def date_of(cell: Cell) -> date | None:
    """A day as offices write it: a date cell, `2018-04-28`, `2018.4.28`, `20180428`, `2018年4月28日`, a serial."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    if isinstance(cell, bool | time):
        return None
    if isinstance(cell, float) and math.isfinite(cell):
        # Behind the point stands the time of day.
        cell = int(cell)
    return _date(cell if isinstance(cell, str) else text_of(cell))


@lru_cache(maxsize=16_384)
def _date(cell: str) -> date | None:
    text = unicodedata.normalize("NFKC", text_of(cell))
    if text.isdecimal() and len(text) in (4, 5) and _FIRST_SERIAL <= int(text) <= _LAST_SERIAL:
        # Day 1 is 1900-01-01 and the spreadsheet counts a 29 February 1900 that never was.
        return date(1899, 12, 30) + timedelta(days=int(text))
    found = _EIGHT.fullmatch(text) or _DATE.fullmatch(text)
    if not found:
        return None
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        return None


_MONTH = re.compile(r"([0-9]{4})(?:\s*[-/年\s]\s*([0-9]{1,2})\s*月?|\s*\.\s*([0-9]{2}|[2-9]))")
"""With a point, one digit 1 is not read: a spreadsheet writes October, 2018.10, as 2018.1."""


def month_of(cell: Cell) -> date | None:
    """The first day of a month as offices write it: `2018-04`, `2018.04`, `2018年4月`."""
    found = _MONTH.fullmatch(unicodedata.normalize("NFKC", text_of(cell)))
    if not found:
        return None
    try:
        return date(int(found[1]), int(found[2] or found[3]), 1)
    except ValueError:
        return None
