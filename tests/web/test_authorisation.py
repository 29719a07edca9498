"""Every route × every role × nobody: exactly the table below says who may enter (programme T15).

The routes are read off the app. A new one must fall under a line of the table and declare the same roles, or be said
to be open and why; else this test fails. `test_foreign_units` asks the same routes about units that are not one's own.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.web import auth
from tests.conftest import make_app
from tests.make.api import make_program
from tests.make.issuance import make_office, make_officer
from tests.make.web import enter, form_token

NOBODY = "01a1fbd4-0000-7000-8000-000000000000"
GUARD = "您的账号没有办理这项事务的权限"
"""What the two guards say; a service that turns somebody away has words of its own."""

OFFICERS = {Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER}
PLANNERS = {Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER}
DISTRICT = {Role.DISTRICT_OFFICER}
FILLED_IN = {Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER}
"""Officers of unions that have people of their own."""
READERS = OFFICERS | {Role.CHAIR, Role.AUDITOR}
LEADERS = {Role.CHAIR, Role.DISTRICT_OFFICER, Role.AUDITOR}
MAKER = {Role.FINANCE_MAKER}
CHECKERS = {Role.FINANCE_CHECKER, Role.FINANCE_APPROVER}
CLOSERS = {Role.FINANCE_MAKER, Role.FINANCE_CHECKER, Role.DISTRICT_OFFICER}
MONEY = set(auth.FINANCE) | {Role.CHAIR, Role.DISTRICT_OFFICER}
DECIDED = MONEY | {Role.TOWNSHIP_OFFICER}
"""Who reads what programs and pools rest on."""
ADMIN = {Role.ADMIN}
AUTHORS = PLANNERS | ADMIN
APPROVERS = DISTRICT | ADMIN | {Role.FINANCE_APPROVER, Role.CHAIR}
"""Who drafts a rule, and who decides about one."""
TRAIL = {Role.ADMIN, Role.AUDITOR}
PARTNERS = DISTRICT | set(auth.FINANCE)
"""Who reads a merchant's file."""
PAYEES = DISTRICT | MAKER
CHECKERS = {Role.FINANCE_CHECKER, Role.FINANCE_APPROVER}
MANAGER = {Role.MERCHANT_MANAGER}
SHOP = MANAGER | {Role.MERCHANT_CASHIER}
STAFF: set[Role] = set()
"""Whoever is signed in."""

TABLE: tuple[tuple[str, str, set[Role]], ...] = (
    # Method (* any), beginning of the address, who. The longest beginning counts.
    ("*", "/account", STAFF),
    ("*", "/console", OFFICERS),
    ("*", "/console/accounts", ADMIN),
    ("*", "/console/audit", TRAIL),
    ("GET", "/console/authorities", DECIDED),
    ("POST", "/console/authorities", PLANNERS),
    ("GET", "/console/rules", DECIDED | ADMIN),
    ("POST", "/console/rules", PLANNERS | {Role.ADMIN, Role.FINANCE_APPROVER, Role.CHAIR}),
    ("GET", "/console/keys", TRAIL),
    ("POST", "/console/keys", ADMIN),
    ("POST", "/console/batches/<batch_id>/issue", DISTRICT),
    ("GET", "/console/bulletin", READERS),
    ("*", "/console/bulletin/publish", PLANNERS),
    ("*", "/console/members/duplicates", DISTRICT),
    ("*", "/console/cards/past-uses", PLANNERS),
    ("GET", "/console/merchants", PARTNERS),
    ("POST", "/console/merchants", DISTRICT),
    ("*", "/console/merchants/new", DISTRICT),
    ("*", "/console/merchants/<uuid:merchant_id>/change", DISTRICT),
    ("*", "/console/merchants/<uuid:merchant_id>/contact", DISTRICT),
    ("*", "/console/merchants/<uuid:merchant_id>/people", DISTRICT),
    ("*", "/console/merchants/<uuid:merchant_id>/store", DISTRICT),
    ("*", "/console/merchants/<uuid:merchant_id>/agreement", DISTRICT),
    ("GET", "/console/merchants/<uuid:merchant_id>/agreement/<uuid:agreement_id>/file", PARTNERS),
    ("*", "/console/merchants/<uuid:merchant_id>/account", PAYEES),
    ("POST", "/console/merchants/<uuid:merchant_id>/account/<uuid:account_id>/decide", CHECKERS),
    ("GET", "/console/quota", READERS),
    ("GET", "/console/quota/authority", DECIDED | OFFICERS),
    ("POST", "/console/quota", OFFICERS),
    ("*", "/console/quota/plan", PLANNERS),
    ("POST", "/console/quota/raises/<uuid:raise_id>", OFFICERS | {Role.CHAIR}),
    ("POST", "/console/quota/year-end", DISTRICT),
    ("*", "/console/register/self-fill", FILLED_IN),
    ("*", "/console/unions", DISTRICT),
    ("POST", "/console/review-settings", DISTRICT),
    ("POST", "/console/cards/settings", DISTRICT),
    ("*", "/console/webhooks", DISTRICT),
    ("GET", "/finance", MONEY),
    ("POST", "/finance", MAKER),
    ("POST", "/finance/offline-limits/<uuid:limits_id>", MAKER | CHECKERS),
    ("GET", "/finance/reconciliation/new", MAKER),
    ("POST", "/finance/reconciliation/differences", MAKER | {Role.FINANCE_CHECKER}),
    ("POST", "/finance/advices/<uuid:advice_id>/confirm", CHECKERS),
    ("POST", "/finance/advices/<uuid:advice_id>/decline", CHECKERS),
    ("POST", "/finance/offline-exceptions", CLOSERS),
    ("GET", "/merchant", SHOP),
    ("*", "/merchant/people", MANAGER),
    ("*", "/merchant/profile", MANAGER),
    ("GET", "/merchant/plaque.pdf", MANAGER),
    ("GET", "/merchant/redemptions.csv", MANAGER),
    ("GET", "/merchant/settlements", MANAGER),
    ("POST", "/merchant/settlements", MANAGER),
    ("*", "/merchant/terminals", MANAGER),
    ("*", "/merchant/webhooks", MANAGER),
    ("GET", "/overview", LEADERS),
    ("GET", "/overview/notice-board", READERS),
    ("GET", "/overview/untouched", LEADERS | {Role.TOWNSHIP_OFFICER}),
    ("*", "/api/v1", OFFICERS),
    ("*", "/api/v1/accounts", ADMIN),
    ("GET", "/api/v1/advices", MONEY),
    ("GET", "/api/v1/offline-evidence", MONEY),
    ("POST", "/api/v1/advices", MAKER),
    ("POST", "/api/v1/advices/<uuid:id>/confirm", CHECKERS),
    ("POST", "/api/v1/advices/<uuid:id>/decline", CHECKERS),
    ("GET", "/api/v1/offline-exceptions", MONEY),
    ("POST", "/api/v1/offline-exceptions", CLOSERS),
    ("*", "/api/v1/audit", TRAIL),
    ("POST", "/api/v1/batches/<uuid:id>/issue", DISTRICT),
    ("GET", "/api/v1/bulletin", READERS),
    ("POST", "/api/v1/bulletin/issues", PLANNERS),
    ("POST", "/api/v1/calendar-days", DISTRICT),
    ("GET", "/api/v1/days", MONEY),
    ("POST", "/api/v1/days", MAKER),
    ("GET", "/api/v1/denials", MONEY),
    ("POST", "/api/v1/denials", DISTRICT),
    ("POST", "/api/v1/denials/<uuid:id>/hold", MAKER),
    ("POST", "/api/v1/denials/<uuid:id>/settle", MAKER),
    ("GET", "/api/v1/held", MONEY),
    ("POST", "/api/v1/held", MAKER),
    ("POST", "/api/v1/held/<uuid:id>/release", MAKER),
    ("*", "/api/v1/duplicates", DISTRICT),
    ("POST", "/api/v1/authorities", PLANNERS),
    ("GET", "/api/v1/authorities", DECIDED),
    ("GET", "/api/v1/authorities/<uuid:id>/original", DECIDED | OFFICERS),
    ("POST", "/api/v1/imports/past-uses", PLANNERS),
    ("GET", "/api/v1/keys", TRAIL),
    ("POST", "/api/v1/keys", ADMIN),
    ("GET", "/api/v1/late-transfers", MONEY),
    ("GET", "/api/v1/overview/notice-board", READERS),
    ("GET", "/api/v1/overview/untouched", LEADERS | {Role.TOWNSHIP_OFFICER}),
    ("*", "/api/v1/past-uses", PLANNERS),
    ("POST", "/api/v1/webhook-deliveries", DISTRICT),
    ("*", "/api/v1/webhooks", DISTRICT),
    ("POST", "/api/v1/freezes", DISTRICT),
    ("POST", "/api/v1/agreements", DISTRICT),
    ("GET", "/api/v1/agreements", PARTNERS),
    ("GET", "/api/v1/merchant-blacklist", PARTNERS),
    ("POST", "/api/v1/merchant-blacklist", DISTRICT),
    ("GET", "/api/v1/merchants", PARTNERS),
    ("POST", "/api/v1/merchants", DISTRICT),
    ("GET", "/api/v1/merchants/<uuid:id>/people", DISTRICT),
    ("POST", "/api/v1/merchants/<uuid:id>/payee-accounts", PAYEES),
    ("GET", "/api/v1/offline-limits", MONEY),
    ("POST", "/api/v1/offline-limits", MAKER),
    ("POST", "/api/v1/offline-limits/<uuid:id>/decide", CHECKERS),
    ("GET", "/api/v1/payee-accounts", PARTNERS),
    ("POST", "/api/v1/payee-accounts", PAYEES),
    ("POST", "/api/v1/payee-accounts/<uuid:id>/decide", CHECKERS),
    ("POST", "/api/v1/stores", DISTRICT),
    ("GET", "/api/v1/terminals", PARTNERS),
    ("POST", "/api/v1/terminals", DISTRICT),
    ("GET", "/api/v1/me", STAFF),
    ("GET", "/api/v1/overview", LEADERS),
    ("GET", "/api/v1/programs", MONEY),
    ("POST", "/api/v1/programs/<string:code>/authorities", PLANNERS),
    ("POST", "/api/v1/programs/<string:code>/rules", AUTHORS),
    ("POST", "/api/v1/rule-parameters", APPROVERS),
    ("GET", "/api/v1/rules", DECIDED | ADMIN),
    ("POST", "/api/v1/rules", APPROVERS),
    ("POST", "/api/v1/rules/<uuid:id>/submit", AUTHORS),
    ("POST", "/api/v1/pools/<string:code>/authorities", PLANNERS),
    ("GET", "/api/v1/quota", READERS),
    ("POST", "/api/v1/quota", OFFICERS),
    ("*", "/api/v1/quota/plan", PLANNERS),
    ("POST", "/api/v1/quota/raises/<uuid:id>", OFFICERS | {Role.CHAIR}),
    ("POST", "/api/v1/quota/years", DISTRICT),
    ("GET", "/api/v1/reconciliations", MONEY),
    ("POST", "/api/v1/reconciliations", MAKER),
    ("POST", "/api/v1/differences/<uuid:id>/steps", MAKER | {Role.FINANCE_CHECKER}),
    ("GET", "/api/v1/redemptions", MONEY),
    ("POST", "/api/v1/review-settings", DISTRICT),
    ("POST", "/api/v1/phone-policy", DISTRICT),
    ("POST", "/api/v1/loss-policy", DISTRICT),
    ("POST", "/api/v1/card-lives", DISTRICT),
    ("POST", "/api/v1/transfer-term", DISTRICT),
    ("*", "/api/v1/self-fill", FILLED_IN),
    ("POST", "/api/v1/unions", DISTRICT),
    ("GET", "/api/v1/unions/<string:code>/history", OFFICERS),
    ("*", "/api/v1/sessions", STAFF),
    ("GET", "/api/v1/settlements", MONEY),
    ("GET", "/api/v1/unions", STAFF),
)
OPEN: dict[str, str] = {
    "static": "files of the pages",
    "healthz": "asked by machines", "readyz": "asked by machines", "metrics": "asked by machines, ids and counts only",
    "home": "the front page and the choice of language",
    "auth.sign_in": "the way in", "auth.enter": "the way in", "auth.leave": "ends whatever session there is",
    "confirm": "whoever holds the one-time link", "invite": "whoever holds the one-time link",
    "fill": "whoever stands before the poster",
    "lost": "whoever knows name and document; limited by address",
    "phone": "the demonstration's simulated phone, 404 everywhere else",
    "wallet": "members: the member session of the phone, asked by each call (tests/web/test_wallet.py)",
    "till": "the page; its calls are the merchant API's",
    "merchant_api": "terminals: their token, asked by each call (tests/merchant_api/test_bad_input.py)",
    "api.describe": "the description of the API",
    "api.rule_schema": "the shape of a rule, no rule",
    "documents": "the descriptions of the APIs",
}  # fmt: skip
"""What has no role of staff, by endpoint or blueprint, and what lets people in instead."""


def routes(app: Flask) -> list[tuple[str, Rule]]:
    """Every method of every route of the app."""
    return [
        (method, rule) for rule in app.url_map.iter_rules() for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
    ]


def said_by_table(method: str, address: str) -> set[Role] | None:
    """Who may enter, None when no line is about it."""
    lines = [(start, roles) for verb, start, roles in TABLE if verb in ("*", method) and is_below(address, start)]
    return max(lines, key=lambda line: len(line[0]))[1] if lines else None


def is_below(address: str, start: str) -> bool:
    return address == start or address.startswith((f"{start}/", f"{start}."))


def is_open(endpoint: str) -> bool:
    return endpoint in OPEN or endpoint.split(".", maxsplit=1)[0] in OPEN


def undeclared(app: Flask) -> list[str]:
    """Routes that neither declare roles as the table has them nor are said to be open."""
    wrong = []
    for method, rule in routes(app):
        declared = getattr(app.view_functions[rule.endpoint], "roles", None)
        expected = None if is_open(rule.endpoint) else said_by_table(method, rule.rule)
        if declared != expected:
            wrong.append(f"{method} {rule.rule}: declares {declared}, the table says {expected}")
    return wrong


def address_of(rule: Rule) -> str:
    """The route's address with ids that name nothing."""
    path = re.sub(r"<int[^>]*>", "1", rule.rule)
    path = re.sub(r"<any\((\w+)[^>]*>", r"\1", path)
    return re.sub(r"<(?:[^<>]+:)?\w+>", NOBODY, path)


@pytest.fixture
def doors(app, session, world) -> dict[Role | None, Callable[[str, Rule], Any]]:
    """Knock at a route as each role, and as nobody (None)."""
    office = make_office(session, world)
    found: dict[Role | None, Callable[[str, Rule], Any]] = {None: knocking(app, None, None)}
    for role in Role:
        officer = make_officer(session, world, office.unions["C"], f"r-{role}", role)
        browser = app.test_client()
        enter(browser, access.open_staff_session(session, world, officer.account_id).token)
        found[role] = knocking(app, browser, make_program(app.test_client(), session, world, officer))
    return found


def knocking(app: Flask, browser: Any, program: Any) -> Callable[[str, Rule], Any]:
    browser = browser or app.test_client()
    token = form_token(browser)

    def knock(method: str, rule: Rule) -> Any:
        if rule.endpoint.startswith("api."):
            headers = program.headers if program else {}
            return app.test_client().open(address_of(rule), method=method, headers=headers)
        return browser.open(address_of(rule), method=method, data={"_token": token} if method == "POST" else None)

    return knock


def entered(answer: Any) -> bool:
    """Whether the guard let the caller in, whatever came of it then."""
    to_sign_in = answer.status_code == 303 and answer.location.startswith("/sign-in")
    return not (to_sign_in or answer.status_code == 401 or (answer.status_code == 403 and GUARD in answer.text))


def wrong_doors(app: Flask, doors: dict[Role | None, Callable[[str, Rule], Any]], some: Any = None) -> list[str]:
    """Where the guard and the table do not agree; also where anything breaks.

    Whoever may not enter is tried at every door; of those who may, the first: their pages take long to draw.
    """
    wrong = []
    for method, rule in routes(app):
        if is_open(rule.endpoint) or (some and rule.endpoint not in some):
            continue
        expected = said_by_table(method, rule.rule)
        able = [role for role in Role if expected == STAFF or role in (expected or ())]
        for role, knock in doors.items():
            if role in able[1:]:
                continue
            answer = knock(method, rule)
            may = role in able
            if entered(answer) != may or answer.status_code >= 500:
                wrong.append(f"{method} {rule.rule} as {role}: {answer.status_code}")
    return wrong


def test_every_route_declares_what_the_table_says(app):
    assert undeclared(app) == []


def test_every_line_of_the_table_is_about_a_route(app):
    addresses = [(method, rule.rule) for method, rule in routes(app)]
    idle = [
        (verb, start)
        for verb, start, _ in TABLE
        if not any(verb in ("*", method) and is_below(address, start) for method, address in addresses)
    ]
    assert idle == []


def test_every_role_enters_where_the_table_says_and_nowhere_else(app, doors):
    assert wrong_doors(app, doors) == []


def test_a_route_that_lost_its_guard_is_found(app, doors):
    """The planted bugs: a view without its guard, one that only pretends to have it, a new page nobody thought of."""
    guarded = app.view_functions["console.accounts"]
    wrong_before = undeclared(app)
    app.view_functions["console.accounts"] = guarded.__wrapped__
    assert [line.split(":")[0] for line in undeclared(app) if line not in wrong_before] == ["GET /console/accounts"]

    def pretending() -> Any:
        return guarded.__wrapped__(auth.signed_in())

    pretending.roles = frozenset(ADMIN)
    app.view_functions["console.accounts"] = pretending
    assert undeclared(app) == wrong_before
    # Each of the nine other roles, and nobody, for whom the page breaks.
    assert len(wrong_doors(app, doors, some={"console.accounts"})) == len(Role)
    app.view_functions["console.accounts"] = guarded
    assert wrong_doors(app, doors, some={"console.accounts"}) == []


def test_a_new_route_without_a_rule_is_found(suite_database, data_folder, world):
    app = make_app(suite_database, data_folder, world)
    wrong_before = undeclared(app)
    app.url_map.add(Rule("/console/new-page", endpoint="console.new_page", methods=["GET"]))
    app.view_functions["console.new_page"] = lambda: "everybody"
    app.url_map.add(Rule("/brand-new", endpoint="brand.new", methods=["GET"]))
    app.view_functions["brand.new"] = auth.staff_page(Role.ADMIN)(lambda _principal: "")
    found = [line.split(":")[0] for line in undeclared(app) if line not in wrong_before]
    assert found == ["GET /console/new-page", "GET /brand-new"]
