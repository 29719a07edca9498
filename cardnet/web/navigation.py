"""The row of words below the masthead: what this person may open, and where they are."""

from dataclasses import dataclass
from datetime import datetime

from flask import Flask, current_app, g, request
from flask_babel import lazy_gettext

from cardnet.benefits import services as benefits
from cardnet.wiring import current_settings, current_world


@dataclass(frozen=True)
class Entry:
    """One word of the navigation: shown to holders of one of `roles` once `blueprint` is registered."""

    path: str
    label: str
    blueprint: str
    roles: frozenset[str]
    also: str = ""
    """Another part of the site that belongs under this word."""


_OFFICERS = frozenset({"unit_officer", "township_officer", "district_officer"})
_FINANCE = frozenset({"finance_maker", "finance_checker", "finance_approver", "cashier", "auditor"})

_MANAGERS = frozenset({"merchant_manager"})

ENTRIES = (
    Entry("/console", lazy_gettext("待办"), "console", _OFFICERS),
    Entry("/console/review", lazy_gettext("审核"), "console", _OFFICERS),
    Entry("/console/rosters", lazy_gettext("采集表"), "console", _OFFICERS, "/console/batches"),
    Entry("/console/register", lazy_gettext("名册"), "console", _OFFICERS),
    Entry("/console/members", lazy_gettext("会员"), "console", _OFFICERS),
    Entry("/console/cards", lazy_gettext("会员卡"), "console", _OFFICERS),
    Entry("/console/quota", lazy_gettext("名额"), "console", _OFFICERS | {"chair", "auditor"}),
    Entry("/console/bulletin", lazy_gettext("通报"), "console", _OFFICERS | {"chair", "auditor"}),
    Entry("/finance", lazy_gettext("财务"), "finance", _FINANCE),
    Entry("/console/merchants", lazy_gettext("商户"), "console", frozenset({"district_officer"}) | _FINANCE),
    Entry(
        "/console/authorities",
        lazy_gettext("决策依据"),
        "console",
        frozenset(benefits.DECISION_READERS),
        "/console/rules",
    ),
    Entry("/console/unions", lazy_gettext("工会"), "console", frozenset({"district_officer"})),
    Entry("/console/webhooks", lazy_gettext("商户推送"), "console", frozenset({"district_officer"})),
    Entry("/merchant", lazy_gettext("今天"), "merchant", _MANAGERS | {"merchant_cashier"}),
    Entry("/merchant/redemptions", lazy_gettext("核销记录"), "merchant", _MANAGERS | {"merchant_cashier"}),
    Entry("/merchant/settlements", lazy_gettext("结算单"), "merchant", _MANAGERS),
    Entry("/merchant/terminals", lazy_gettext("终端"), "merchant", _MANAGERS),
    Entry("/merchant/people", lazy_gettext("人员"), "merchant", _MANAGERS),
    Entry("/merchant/webhooks", lazy_gettext("消息推送"), "merchant", _MANAGERS),
    Entry("/merchant/profile", lazy_gettext("本店资料"), "merchant", _MANAGERS),
    Entry("/overview", lazy_gettext("概览"), "overview", frozenset({"chair", "district_officer", "auditor"})),
    Entry("/console/accounts", lazy_gettext("账号"), "console", frozenset({"admin"})),
    Entry("/console/keys", lazy_gettext("密钥"), "console", frozenset({"admin", "auditor"})),
    Entry("/console/audit", lazy_gettext("操作记录"), "console", frozenset({"admin", "auditor"})),
)


def install(app: Flask) -> None:
    """Give templates `navigation`, `principal` and, under CARDNET_CLOCK, `demonstration_now`."""

    @app.context_processor
    def _context() -> dict[str, object]:
        principal = g.get("principal")
        return {
            "principal": principal,
            "navigation": shown_to(frozenset(principal.roles)) if principal else (),
            "current_entry": _current_path(),
            "demonstration_now": _demonstration_now(),
        }


def shown_to(roles: frozenset[str]) -> tuple[Entry, ...]:
    """The entries a holder of `roles` sees."""
    return tuple(e for e in ENTRIES if e.blueprint in current_app.blueprints and e.roles & roles)


def _current_path() -> str:
    here = request.path if request else ""
    inside = (
        (len(part), e.path) for e in ENTRIES for part in (e.path, e.also) if part and f"{here}/".startswith(f"{part}/")
    )
    return max(inside, default=(0, ""))[1]


def _demonstration_now() -> datetime | None:
    return current_world().now() if current_settings().clock else None
