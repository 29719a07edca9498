"""What somebody wrote in a cell of a merchant's file: an amount, a moment, a text. Pure.

Amounts are read as the text somebody wrote: what is not plainly an amount is refused with a sentence, never guessed.
"""

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from cardnet.kernel.calendar import SHANGHAI
from cardnet.kernel.money import MAX_FEN

Cell = str | int | float | bool | date | datetime | time

_AMOUNT = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d+))?")


def filled(cell: Cell) -> bool:
    """Whether anything stands there."""
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def text_of(cell: Cell) -> str:
    """What a person sees in a cell. Marks a spreadsheet needs to keep a text a text are taken off."""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if not isinstance(cell, str):
        return str(cell)
    text = cell.strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    return text.removeprefix("'").strip()


def amount_of(cell: Cell, *, fen: bool) -> int:
    """Fen from what somebody wrote. Raises ValueError with a sentence."""
    if isinstance(cell, bool | date | datetime | time):
        raise ValueError("这里应是金额，请写成 1234.50 这样。")
    if isinstance(cell, float) and abs(cell) < 1e11:
        # A spreadsheet's 6.1 may be stored as 6.1000000000000005; anything further off was written so.
        rounded = round(cell, 2)
        text = f"{rounded:.2f}" if abs(rounded - cell) < 1e-7 else repr(cell)
    else:
        text = text_of(cell)
    return _amount_of_text(text, fen)


@lru_cache(maxsize=65_536)
def _amount_of_text(text: str, fen: bool) -> int:  # noqa: FBT001 - the cache wants it positional
    """`1,000.00`, `１００`, `¥6`, `(6.00)` are amounts; `1e5` and `100.005` are not."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()
    plain = re.sub(r"^(rmb|cny|[¥$])\s*|\s*(元|分|rmb|cny)$", "", plain, flags=re.IGNORECASE)
    if bracketed := re.fullmatch(r"\(([^()-]+)\)", plain):
        plain = "-" + bracketed[1]
    if not plain:
        raise ValueError("没有写金额，请补上后重新发送。")
    if not plain.isascii() or not (found := _AMOUNT.fullmatch(plain)):
        raise ValueError("不是金额，请写成 1234.50 这样的数字。")
    whole, part = int(found["whole"].replace(",", "")), (found["part"] or "").rstrip("0")
    if len(part) > (0 if fen else 2):
        raise ValueError("分是最小单位，不能再有小数。" if fen else "金额最多两位小数，请核对。")
    value = whole if fen else whole * 100 + int(part.ljust(2, "0") or "0")
    if value > MAX_FEN:
        raise ValueError("金额太大，请核对是否多写了位数。")
    return -value if found["sign"] == "-" else value


_DATE = re.compile(
    r"(?P<y>\d{4})(?:[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?|(?P<m2>\d{2})(?P<d2>\d{2}))"
    r"(?:\s*(?:周|星期)[一二三四五六日天])?(?:[T\s]*(?P<clock>\d{1,2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


@lru_cache(maxsize=65_536)
def moment_of(cell: Cell) -> tuple[date | None, time | None, datetime | None]:
    """The day, the time of day and the moment a cell names, as far as it does. Naive times are Shanghai's.

    Raises ValueError with a sentence.
    """
    if isinstance(cell, datetime):
        local = cell.astimezone(SHANGHAI) if cell.tzinfo else cell.replace(tzinfo=SHANGHAI)
        return local.date(), local.time(), local
    if isinstance(cell, date):
        return cell, None, None
    if isinstance(cell, time):
        return None, cell, None
    text = unicodedata.normalize("NFKC", text_of(cell)).strip()
    try:
        return _moment_of_text(text)
    except (ValueError, OverflowError):
        raise ValueError("认不出日期，请写成 2026-11-24 或 2026-11-24 10:30:00。") from None


def _moment_of_text(text: str) -> tuple[date | None, time | None, datetime | None]:
    if clock := _CLOCK.fullmatch(text):
        return None, time(int(clock[1]), int(clock[2]), int(clock[3] or 0)), None
    if re.fullmatch(r"[34567]\d{4}(\.0)?", text):
        # The day number of a spreadsheet that lost its date format; 1899-12-30 is its day 0.
        return date(1899, 12, 30) + timedelta(days=int(float(text))), None, None
    found = _DATE.fullmatch(text)
    if not found or (not text.isascii() and not re.search("[年月日]", text)):
        raise ValueError(text)
    day = date(int(found["y"]), int(found["m"] or found["m2"]), int(found["d"] or found["d2"]))
    if not found["clock"]:
        return day, None, None
    hour, minute, *second = (int(part) for part in found["clock"].split(":"))
    clock_time = time(hour, minute, second[0] if second else 0)
    if not found["zone"]:
        return day, clock_time, datetime.combine(day, clock_time, SHANGHAI)
    zone = found["zone"].upper().replace("Z", "+00:00")
    moment = datetime.fromisoformat(f"{day}T{clock_time}{zone}").astimezone(SHANGHAI)
    return moment.date(), moment.time(), moment
