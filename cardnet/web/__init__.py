"""Pages for people: wallet, till, console, finance, overview. Each calls the same services as the API."""

from flask import Blueprint, Flask

from cardnet.web import (
    api,
    auth,
    changes,
    confirm,
    console,
    csrf,
    fill,
    finance,
    finance_advices,
    finance_denials,
    finance_differences,
    finance_held,
    finance_limits,
    finance_transfers,
    finding_words,
    formats,
    forms,
    home,
    invite,
    language,
    lost,
    merchant,
    navigation,
    overview,
    paging,
    phone,
    till,
    wallet,
    wallet_account,
    wallet_benefits,
    wallet_english,
    wallet_me,
    wallet_result,
    wallet_year,
    words,
)

__all__ = [
    "PAGES",
    "finance_advices",
    "finance_denials",
    "finance_differences",
    "finance_held",
    "finance_limits",
    "finance_transfers",
    "install",
    "wallet_account",
    "wallet_benefits",
    "wallet_english",
    "wallet_me",
    "wallet_result",
    "wallet_year",
]

PAGES: tuple[Blueprint, ...] = (
    # One line a page module.
    home.blueprint,
    auth.blueprint,
    console.blueprint,
    confirm.blueprint,
    fill.blueprint,
    invite.blueprint,
    lost.blueprint,
    wallet.blueprint,
    till.blueprint,
    finance.blueprint,
    merchant.blueprint,
    phone.blueprint,
    overview.blueprint,
    api.blueprint,
    api.documents.pages,
)


def install(app: Flask) -> None:
    """Register every page, the languages, the formats of templates and the protection of forms."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    language.install(app)
    formats.install(app)
    csrf.install(app)
    forms.install(app)
    words.install(app)
    changes.install(app)
    finding_words.install(app)
    navigation.install(app)
    paging.install(app)
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
