"""The words of pages for codes: role, state, severity. Each state has a kind (good, wait, bad, calm) that picks its colour and icon."""

from collections.abc import Iterable

from flask import Flask
from flask_babel import lazy_gettext

from cardnet.web.language import gettext

ROLE_WORDS = {
    "unit_officer": lazy_gettext("基层工会干部"),
    "township_officer": lazy_gettext("镇、街道、委局工会干部"),
    "district_officer": lazy_gettext("区总工会干部"),
    "finance_maker": lazy_gettext("财务经办"),
    "finance_checker": lazy_gettext("财务复核"),
    "finance_approver": lazy_gettext("财务审批"),
    "cashier": lazy_gettext("出纳"),
    "auditor": lazy_gettext("经审"),
    "chair": lazy_gettext("主席"),
    "admin": lazy_gettext("系统管理员"),
}


def install(app: Flask) -> None:
    """Give templates the filter `role_words`."""
    app.jinja_env.filters.update(role_words=role_words)


def role_words(roles: Iterable[str]) -> str:
    """What a person is, in the order of the table: 财务经办、出纳."""
    held = set(roles)
    return gettext("、").join(str(word) for role, word in ROLE_WORDS.items() if role in held)
