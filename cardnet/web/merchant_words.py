"""Words of the pages about merchants: states, categories, contacts, accounts, gaps, hours."""

from flask_babel import lazy_gettext

from cardnet.merchants.partnership import Hours, hours_lines
from cardnet.web.language import gettext

STATES = {
    "draft": ("calm", lazy_gettext("筹备中")),
    "active": ("good", lazy_gettext("合作中")),
    "suspended": ("wait", lazy_gettext("已暂停")),
    "ended": ("calm", lazy_gettext("已终止")),
}

TERMINAL_STATES = {
    "active": ("good", lazy_gettext("使用中")),
    "suspended": ("wait", lazy_gettext("已停用")),
    "retired": ("calm", lazy_gettext("已报废")),
}

ACCOUNT_STATES = {
    "proposed": ("wait", lazy_gettext("等待复核")),
    "approved": ("good", lazy_gettext("已通过")),
    "rejected": ("bad", lazy_gettext("不予通过")),
    "withdrawn": ("calm", lazy_gettext("已撤回")),
}

AGREEMENT_STATES = {
    "upcoming": ("wait", lazy_gettext("尚未开始")),
    "in_force": ("good", lazy_gettext("有效")),
    "over": ("calm", lazy_gettext("已到期")),
}

OUTCOMES = {
    "captured": ("good", lazy_gettext("已核销")),
    "held": ("wait", lazy_gettext("已预留")),
    "refused": ("bad", lazy_gettext("未享受")),
    "reversed": ("calm", lazy_gettext("已撤销")),
    "partly_refunded": ("calm", lazy_gettext("部分退款")),
    "refunded": ("calm", lazy_gettext("已退款")),
    "expired": ("calm", lazy_gettext("预留已过期")),
}

STANDINGS = {
    "working": lazy_gettext("正常使用"),
    "unpaired": lazy_gettext("还没配对"),
    "stale": lazy_gettext("很久没同步"),
    "suspended": lazy_gettext("已停用"),
    "retired": lazy_gettext("已报废"),
}

CYCLES = {
    "monthly": lazy_gettext("每月结算"),
    "weekly": lazy_gettext("每周结算"),
    "daily": lazy_gettext("次日结算（T+1）"),
}

CATEGORIES = {
    "health": lazy_gettext("医疗体检"),
    "pharmacy": lazy_gettext("药房"),
    "supermarket": lazy_gettext("超市便利"),
    "restaurant": lazy_gettext("餐饮"),
    "cinema": lazy_gettext("影院演出"),
    "fitness": lazy_gettext("健身运动"),
    "bookshop": lazy_gettext("图书文具"),
    "hotel": lazy_gettext("住宿疗休养"),
    "travel": lazy_gettext("旅游景区"),
    "education": lazy_gettext("教育培训"),
    "transport": lazy_gettext("交通出行"),
    "household": lazy_gettext("家政维修"),
    "other": lazy_gettext("其他"),
}

CONTACTS = {
    "owner": lazy_gettext("负责人"),
    "daily": lazy_gettext("日常联系人"),
    "settlement": lazy_gettext("结算联系人"),
}

GAPS = {
    "credit_code": lazy_gettext("填写统一社会信用代码"),
    "agreement": lazy_gettext("登记今天有效的合作协议"),
    "signed_copy": lazy_gettext("上传协议的签字盖章件"),
    "store": lazy_gettext("登记门店和地址"),
    "contact": lazy_gettext("登记联系人"),
}

_DAYS = {
    "1": lazy_gettext("周一"),
    "2": lazy_gettext("周二"),
    "3": lazy_gettext("周三"),
    "4": lazy_gettext("周四"),
    "5": lazy_gettext("周五"),
    "6": lazy_gettext("周六"),
    "7": lazy_gettext("周日"),
}


def days() -> list[tuple[str, str]]:
    """The weekdays of a form of hours, Monday first."""
    return [(day, str(word)) for day, word in _DAYS.items()]


def hours(given: Hours) -> list[str]:
    """The hours as they stand on a door, a line a stretch of days."""
    lines = []
    for line in hours_lines(given):
        span = str(_DAYS[line.first])
        if line.last != line.first:
            span = gettext("%(first)s至%(last)s", first=span, last=str(_DAYS[line.last]))
        lines.append(f"{span} {line.opens}–{line.closes}")
    return lines


def category(code: str) -> str:
    """The word of a category; one nobody knows stands for itself."""
    return str(CATEGORIES.get(code, code))


def category_options(current: str = "") -> list[tuple[str, str]]:
    """What a form offers; a category of another make stays as it is."""
    known = [(code, str(word)) for code, word in CATEGORIES.items()]
    return [("", gettext("请选择")), *known, *([(current, current)] if current and current not in CATEGORIES else [])]
