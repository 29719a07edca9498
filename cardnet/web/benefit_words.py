"""A program in words a member understands: what it gives, how often, when, and what is left of it."""

from collections.abc import Mapping

from flask_babel import gettext as _

from cardnet.benefits.entitled import Entitlement, Left
from cardnet.benefits.reasons import Reason
from cardnet.benefits.terms import Tier
from cardnet.benefits.words import ProgramKind
from cardnet.kernel.money import yuan
from cardnet.merchants.partnership import hours_lines
from cardnet.web import language
from cardnet.web.formats import cn_date

GIVEN_BY_UNION = frozenset(ProgramKind) - {ProgramKind.DISCOUNT}


def what(one: Entitlement) -> str:
    """`满 100 元减 20 元`, `打 9 折，最多减 50 元`, `补贴 100 元`; the steps of a ladder one after the other."""
    return "；".join(_step(one, tier) for tier in one.tiers)


def terms(one: Entitlement) -> str:
    """How often, and when in the week or until what day, in one line; empty when there is no bound."""
    parts = [_often(limit) for limit in one.limits]
    if one.weekdays:
        parts.append(_("限%(days)s", days=weekdays(one.weekdays)))
    if one.hours:
        parts.append(_("限 %(first)s–%(last)s", first=one.hours[0], last=one.hours[1]))
    if one.last_on:
        parts.append(_("到%(day)s为止", day=cn_date(one.last_on)))
    return "，".join(part for part in parts if part)


def left(one: Entitlement) -> str:
    """What is left of it where something was used already: `本月还可用 1 次`; empty while nothing was used."""
    said = [_left(limit) for limit in one.limits if limit.used_n or limit.used_fen]
    return "，".join(part for part in said if part)


def why_not(one: Entitlement) -> str:
    """Every reason, one sentence each."""
    return "".join(map(sentence, one.reasons))


def sentence(reason: Reason) -> str:
    """A reason in the reader's language."""
    return f"{reason.english} " if language.chosen() == "en" else reason.message


def short(one: Entitlement) -> str:
    """Name and worth for the one line under the code: `健康体检补贴 100 元`, else the name alone."""
    worth = max((tier.fen or 0 for tier in one.tiers), default=0)
    if one.kind in GIVEN_BY_UNION and worth:
        return str(_("%(name)s %(yuan)s 元", name=one.name, yuan=plain_yuan(worth)))
    return one.name


def hours(given: Mapping[str, tuple[str, str]]) -> str:
    """`周一至周五 08:30–17:00，周六 09:00–12:00`; empty when nobody said."""
    names = _weekday_names()
    return "，".join(
        (names[int(line.first) - 1] + (_("至") + names[int(line.last) - 1] if line.last != line.first else ""))
        + f" {line.opens}–{line.closes}"
        for line in hours_lines(given)
    )


def plain_yuan(fen: int) -> str:
    """Yuan without decimals where there are none: `100`, `32.50`."""
    return yuan(fen).removesuffix(".00")


def _step(one: Entitlement, tier: Tier) -> str:
    above = max(tier.from_fen, one.min_spend_fen or 0)
    if tier.bp is not None:
        said = taken_off(tier.bp) if tier.bp < 10_000 else _("免费")
        if one.kind in GIVEN_BY_UNION:
            said = _("补贴 %(percent)s", percent=f"{tier.bp / 100:g}%")
    elif one.kind in GIVEN_BY_UNION:
        said = _("补贴 %(yuan)s 元", yuan=plain_yuan(tier.fen or 0))
    else:
        said = _("减 %(yuan)s 元", yuan=plain_yuan(tier.fen or 0))
    if tier.max_fen is not None:
        said = _("%(benefit)s，最多 %(yuan)s 元", benefit=said, yuan=plain_yuan(tier.max_fen))
    return str(_("满 %(yuan)s 元，%(benefit)s", yuan=plain_yuan(above), benefit=said) if above else said)


def taken_off(bp: int) -> str:
    """1,000 basis points are 打 9 折: Chinese says what is paid of ten, English the percentage that is taken off."""
    paid_of_ten, percent = f"{(10_000 - bp) / 1_000:g}", f"{bp / 100:g}%"
    return str(_("打 %(fold)s 折", fold=percent if language.chosen() == "en" else paid_of_ten))


def _often(limit: Left) -> str:
    words = {"n": limit.max_n, "yuan": plain_yuan(limit.max_fen or 0)}
    if limit.max_n is not None:
        by_times = {
            "day": _("每天限 %(n)s 次", **words),
            "month": _("每月限 %(n)s 次", **words),
            "calendar_year": _("每年限 %(n)s 次", **words),
            "lifetime": _("限 %(n)s 次", **words),
        }
        return str(by_times.get(limit.window, ""))
    by_money = {
        "day": _("每天最多 %(yuan)s 元", **words),
        "month": _("每月最多 %(yuan)s 元", **words),
        "calendar_year": _("每年最多 %(yuan)s 元", **words),
        "lifetime": _("最多 %(yuan)s 元", **words),
    }
    return str(by_money.get(limit.window, ""))


def _left(limit: Left) -> str:
    if limit.max_n is not None:
        # Rules may have become stricter than what was used by then.
        words = {"n": max(limit.max_n - limit.used_n, 0)}
        by_times = {
            "day": _("今天还可用 %(n)s 次", **words),
            "month": _("本月还可用 %(n)s 次", **words),
            "calendar_year": _("今年还可用 %(n)s 次", **words),
            "lifetime": _("还可用 %(n)s 次", **words),
        }
        return str(by_times.get(limit.window, ""))
    if limit.max_fen is None:
        return ""
    money = {"yuan": plain_yuan(max(limit.max_fen - limit.used_fen, 0))}
    by_money = {
        "day": _("今天还可享受 %(yuan)s 元", **money),
        "month": _("本月还可享受 %(yuan)s 元", **money),
        "calendar_year": _("今年还可享受 %(yuan)s 元", **money),
        "lifetime": _("还可享受 %(yuan)s 元", **money),
    }
    return str(by_money.get(limit.window, ""))


def weekdays(days: tuple[int, ...]) -> str:
    """`周一、周三`; 1 is Monday."""
    names = _weekday_names()
    return "、".join(names[day - 1] for day in sorted(days))


def _weekday_names() -> tuple[str, ...]:
    return (_("周一"), _("周二"), _("周三"), _("周四"), _("周五"), _("周六"), _("周日"))
