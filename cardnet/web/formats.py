"""How pages write money, days, counts and rates. Templates use them as filters, Python as functions."""

import hashlib
from datetime import date, datetime
from functools import cache
from pathlib import Path

from flask import Flask, url_for
from flask_babel import get_locale

from cardnet.kernel import calendar, masking
from cardnet.kernel.grouping import in_groups
from cardnet.kernel.money import yuan

_STATIC = Path(__file__).parent / "static"


def install(app: Flask) -> None:
    """Give templates the filters of this module, and `static_url`."""
    app.jinja_env.filters.update(
        money=money,
        cn_date=cn_date,
        cn_month=cn_month,
        cn_day=cn_day,
        iso_day=iso_day,
        cn_datetime=cn_datetime,
        clock=clock,
        number=number,
        rate=rate,
        groups=in_groups,
        mask_id=masking.id_number_for_office,
        mask_phone=masking.phone_for_office,
    )
    app.jinja_env.globals.update(static_url=static_url)


def money(fen: int | None) -> str:
    """`¥1,234.50`; `-¥5.00`; nothing is a dash."""
    if fen is None:
        return "—"
    return ("-" if fen < 0 else "") + "¥" + yuan(abs(fen))


def cn_date(day: date | datetime | None) -> str:
    """`2026年11月24日 周二`, in English `Tue 24 Nov 2026`. A moment is read on the Shanghai calendar."""
    if day is None:
        return "—"
    if isinstance(day, datetime):
        day = calendar.day_of(day)
    if _english():
        return f"{_EN_DAYS[day.weekday()]} {day.day} {_EN_MONTHS[day.month - 1]} {day.year}"
    return f"{day.year}年{day.month}月{day.day}日 周{'一二三四五六日'[day.weekday()]}"


def cn_day(day: date | None) -> str:
    """`1968年3月12日`: of what lies half a life back nobody asks which day of the week it was."""
    if day is None:
        return "—"
    return (
        f"{day.day} {_EN_MONTHS[day.month - 1]} {day.year}" if _english() else f"{day.year}年{day.month}月{day.day}日"
    )


def iso_day(text: str) -> str:
    """The same of `1968-03-12`, as documents keep days; what is no day stays as it is."""
    try:
        return cn_day(date.fromisoformat(text))
    except ValueError:
        return text


def cn_month(month: str) -> str:
    """`2026年11月` of `2026-11`; what is no month stays as it is."""
    year, _, number_ = month.partition("-")
    if not (year.isdecimal() and number_.isdecimal() and 1 <= int(number_) <= 12):
        return month
    return f"{_EN_MONTHS[int(number_) - 1]} {year}" if _english() else f"{year}年{int(number_)}月"


def cn_datetime(at: datetime | None) -> str:
    """`2026年11月24日 周二 09:00`, on a Shanghai clock."""
    return "—" if at is None else f"{cn_date(at)} {clock(at)}"


def clock(at: datetime) -> str:
    """`09:00`, on a Shanghai clock."""
    return f"{calendar.local(at):%H:%M}"


def number(value: int | None) -> str:
    """`12,345`; nothing is a dash."""
    return "—" if value is None else f"{value:,}"


def rate(part: int, whole: int) -> str:
    """`63.0%` with one decimal, half up; of nothing there is no rate."""
    if whole <= 0:
        return "—"
    tenths = (part * 2000 + whole) // (whole * 2)
    return f"{tenths // 10}.{tenths % 10}%"


def static_url(filename: str) -> str:
    """The address of a static file with the fingerprint of its content, so that caches never serve an old one."""
    return url_for("static", filename=filename, v=_fingerprint(filename, (_STATIC / filename).stat().st_mtime_ns))


@cache
def _fingerprint(filename: str, changed_at: int) -> str:  # noqa: ARG001 - part of the cache's key
    return hashlib.sha256((_STATIC / filename).read_bytes()).hexdigest()[:10]


def _english() -> bool:
    locale = get_locale()
    return locale is not None and str(locale.language) == "en"


_EN_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EN_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
