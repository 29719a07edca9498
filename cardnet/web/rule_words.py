"""A rule document in sentences: who gets how much, how often, whose money. What is approved is read, not decoded.

Every condition, step and bound of `cardnet.rule/1` has its words; a number that the document leaves to a parameter is
told by the parameter's name.
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from cardnet.benefits.words import ProgramKind
from cardnet.web.benefit_words import GIVEN_BY_UNION, plain_yuan, taken_off, weekdays
from cardnet.web.formats import cn_date
from cardnet.web.language import gettext as _
from cardnet.web.merchant_words import category
from cardnet.web.words import CARD_STATES, word

Names = Mapping[str, str]
"""Code of a merchant, a union, a program or a pool → its name."""


def told(body: Mapping[str, Any], kind: ProgramKind, names: Names) -> list[tuple[str, list[str]]]:
    """Heading → sentences, in the order in which an approver asks."""
    asked = [
        (_("给谁"), _who(body["when"], names)),
        (_("给多少"), [_step(step, kind) for step in _steps(body["calc"])]),
        (_("限多少"), [_bound(limit, names) for limit in body.get("limits", ())]),
        (_("谁出钱"), [_shares(body["funding"])]),
        (_("另外"), _besides(body, names)),
    ]
    return [(heading, said) for heading, said in asked if said]


# ---- who ----


def _who(node: Mapping[str, Any], names: Names) -> list[str]:
    """The parts of an outermost `all` one by one: each is a thing to check."""
    parts = node["of"] if node["op"] == "all" else [node]
    return [_condition(part, names) for part in parts]


def _condition(node: Mapping[str, Any], names: Names) -> str:
    op = node["op"]
    if op in ("all", "any"):
        between = _("，并且") if op == "all" else _("，或者")
        inner = between.join(_condition(part, names) for part in node["of"])
        return str(_("（%(conditions)s）", conditions=inner))
    if op == "not":
        return str(_("不是：%(condition)s", condition=_condition(node["of"], names)))
    return str(_LEAVES[op](node, names))


def _age(node: Mapping[str, Any], _names: Names) -> str:
    low, high = node.get("from"), node.get("to")
    if low is not None and high is not None:
        return _("%(low)s 至 %(high)s 周岁", low=_count(low), high=_count(high))
    if low is not None:
        return _("%(low)s 周岁及以上", low=_count(low))
    return _("%(high)s 周岁及以下", high=_count(high)) if high is not None else _("不限年龄")


def _tagged(node: Mapping[str, Any], _names: Names) -> str:
    return _("登记为%(tags)s", tags=_any_of(word(value, "tag") for value in node["values"]))


def _dates(node: Mapping[str, Any], _names: Names) -> str:
    first, last = (cn_date(date.fromisoformat(node[end])) for end in ("from", "to"))
    return _("%(first)s至%(last)s使用", first=first, last=last)


_LEAVES = {
    "card_state_in": lambda node, _n: _("会员卡%(states)s", states=_any_of(map(_card_state, node["values"]))),
    "membership_kind_in": lambda node, _n: _(
        "会籍%(kinds)s", kinds=_any_of(word(value, "membership") for value in node["values"])
    ),
    "member_since_at_least": lambda node, _n: _("入会满 %(n)s 个月", n=_count(node["months"])),
    "age_between": _age,
    "sex_is": lambda node, _n: _("女职工") if node["value"] == "female" else _("男职工"),
    "tag_any": _tagged,
    "org_under": lambda node, names: _("属于%(unions)s", unions=_named(node["codes"], names)),
    "merchant_in": lambda node, names: _("在%(merchants)s使用", merchants=_named(node["codes"], names)),
    "provider_in": lambda node, names: _("在%(merchants)s使用", merchants=_named(node["codes"], names)),
    "merchant_category_in": lambda node, _n: _(
        "在%(categories)s类商户使用", categories=_any_of(category(code) for code in node["codes"])
    ),
    "service_code_in": lambda node, _n: _("买的是%(services)s", services=_any_of(map(_service, node["codes"]))),
    "min_spend": lambda node, _n: _("消费满 %(yuan)s 元", yuan=_yuan(node["fen"])),
    "weekday_in": lambda node, _n: _("限%(days)s", days=weekdays(tuple(node["days"]))),
    "local_time_between": lambda node, _n: _("限 %(first)s–%(last)s", first=node["from"], last=node["to"]),
    "date_between": _dates,
}


def _card_state(value: str) -> str:
    return str(CARD_STATES[value][1]) if value in CARD_STATES else value


def _service(code: str) -> str:
    known = {"health_check": _("健康体检"), "movie_ticket": _("电影票")}
    return str(known.get(code, code))


# ---- how much ----


def _steps(calc: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return calc["tiers"] if calc["op"] == "tiers" else [{"from_fen": 0, **calc}]


def _step(step: Mapping[str, Any], kind: ProgramKind) -> str:
    given = kind in GIVEN_BY_UNION
    if "bp" in step:
        said = _("补贴 %(percent)s", percent=_percent(step["bp"])) if given else _off(step["bp"])
    else:
        yuan = _yuan(step["fen"])
        said = _("补贴 %(yuan)s 元", yuan=yuan) if given else _("减 %(yuan)s 元", yuan=yuan)
    if "max_fen" in step:
        said = _("%(benefit)s，最多 %(yuan)s 元", benefit=said, yuan=_yuan(step["max_fen"]))
    return str(
        _("满 %(yuan)s 元，%(benefit)s", yuan=_yuan(step["from_fen"]), benefit=said) if step["from_fen"] else said
    )


def _off(bp: Any) -> str:
    if not isinstance(bp, int):
        return _("减价款的 %(percent)s", percent=_percent(bp))
    return taken_off(bp) if bp < 10_000 else _("免费")


# ---- bounds, money, the rest ----


def _bound(limit: Mapping[str, Any], names: Names) -> str:
    exceeded = _("超出部分不给") if limit["on_exceed"] == "trim" else _("超出就不能享受")
    if "pool" in limit:
        return str(
            _("从资金池“%(pool)s”列支，%(exceeded)s", pool=names.get(limit["pool"], limit["pool"]), exceeded=exceeded)
        )
    most = []
    if "max_n" in limit:
        most.append(_("%(n)s 次", n=_count(limit["max_n"])))
    if "max_fen" in limit:
        most.append(_("%(yuan)s 元", yuan=_yuan(limit["max_fen"])))
    return str(
        _(
            "%(whom)s%(window)s最多 %(most)s，%(exceeded)s",
            whom=_whom()[limit["scope"]], window=_windows()[limit["window"]], most="、".join(most), exceeded=exceeded,
        )
    )  # fmt: skip


def _whom() -> Mapping[str, str]:
    return {
        "person": _("每人"), "family": _("每户家庭"), "org_unit": _("每个单位"), "merchant": _("每家商户"),
        "program": _("整个项目"),
    }  # fmt: skip


def _windows() -> Mapping[str, str]:
    return {
        "per_use": _("每次"), "day": _("每天"), "month": _("每月"), "calendar_year": _("每年"),
        "lifetime": _("总共"),
    }  # fmt: skip


def _shares(funding: Collection[Mapping[str, Any]]) -> str:
    payers = {"union": _("工会"), "merchant": _("商户")}
    parts = []
    for payer in funding:
        share = _percent(payer["bp"]) if "bp" in payer else _("%(yuan)s 元", yuan=_yuan(payer["fen"]))
        parts.append(_("%(payer)s承担 %(share)s", payer=payers[payer["from"]], share=share))
    return "，".join(parts)


def _besides(body: Mapping[str, Any], names: Names) -> list[str]:
    said = []
    if others := body["stack"].get("not_with"):
        said.append(_("不与%(programs)s同时享受", programs=_named(others, names)))
    if body.get("threshold_basis") == "remaining":
        said.append(_("“满”按其他优惠减过以后的金额算"))
    if "offline" in body:
        said.append(_("断网时原价 %(yuan)s 元以内可以核销", yuan=_yuan(body["offline"]["floor_fen"])))
    if body.get("late_submission_days"):
        said.append(_("事后 %(n)s 天内可以补报", n=_count(body["late_submission_days"])))
    return [str(one) for one in said]


def _named(codes: Collection[str], names: Names) -> str:
    return _any_of(names.get(code, code) for code in codes)


def _any_of(words: Any) -> str:
    return str(_("或")).join(words)


def _yuan(fen: Any) -> str:
    return plain_yuan(fen) if isinstance(fen, int) else _parameter(fen)


def _count(number: Any) -> str:
    return str(number) if isinstance(number, int) else _parameter(number)


def _percent(bp: Any) -> str:
    return f"{bp / 100:g}%" if isinstance(bp, int) else _parameter(bp)


def _parameter(value: Mapping[str, str]) -> str:
    return str(_("（参数 %(name)s）", name=value["param"]))
