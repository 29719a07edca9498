"""The other half of the authorisation matrix (T15): every route asked about a unit, person or card that is not one's own.

Two officers of another part of the tree (`U9` of unit B9, `D9u` of its township D2) open every page and call and send
every form with the ids, codes and numbers of unit B1. Nothing of B1 may show in any answer, and nothing of B1 may
change. The officer of B1 opens the same addresses and does see them: the ids are good.
"""

import io
import itertools
import json
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.routing import Rule

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import HandoutKind
from cardnet.issuance.rules.unit_approval import ApprovalKind
from cardnet.issuance.services import desk, roster_jobs
from cardnet.membership import services as membership
from cardnet.membership.member_rules import Relation
from cardnet.membership.rules import TagKind
from cardnet.web.api import API
from cardnet.web.api import cards as api_cards
from tests.make.api import Program, make_program
from tests.make.issuance import Office, make_office, make_officer
from tests.make.web import enter, form_token
from tests.web.filled_forms import ACTS, FORMS

SECRET = "东方既白"
OWN = ("U1", "D1u")
FOREIGN = ("U9", "D9u")

# What belongs to B1, to the people in it, or to its township: none of it may change under a stranger's hands. The one
# thing a unit may do with somebody else's member is to ask for them: that proposal is B1's to answer.
_BELONGINGS = """
    select 'application', md5(string_agg(t::text, ' ' order by t.id)) from application t where t.path like '/C/D1/%'
    union all select 'card', md5(string_agg(t::text, ' ' order by t.id)) from card t
    union all select 'binding', md5(string_agg(t::text, ' ' order by t.id)) from binding t
    union all select 'quota', md5(string_agg(t::text, ' ' order by t.id)) from quota_node t
    union all select 'activation', md5(string_agg(t::text, ' ' order by t.card_id)) from activation_code t
    union all select 'membership', md5(string_agg(t::text, ' ' order by t.id)) from membership t
    union all select 'person', md5(string_agg(t::text, ' ' order by t.id)) from person t
    union all select 'tag', md5(string_agg(t::text, ' ' order by t.id)) from tag t
    union all select 'tag_original', md5(string_agg(t::text, ' ' order by t.id)) from tag_original t
    union all select 'kin', md5(string_agg(t::text, ' ' order by t.id)) from kin t
    union all select 'consent', md5(string_agg(t::text, ' ' order by t.id)) from consent t
    union all select 'transfer', md5(string_agg(t::text, ' ' order by t.id)) from transfer_proposal t where t.state <> 'proposed'
    union all select 'notice', md5(string_agg(t::text, ' ' order by t.id)) from notice t
    union all select 'handout', md5(string_agg(t::text, ' ' order by t.id)) from handout t where t.id = :handout
    union all select 'receipt', md5(string_agg(t::text, ' ' order by t.person_id)) from handout_line t
    union all select 'approval', md5(string_agg(t::text, ' ' order by t.id)) from unit_approval t
    union all select 'account', md5(string_agg(t::text, ' ' order by t.id)) from account t
    union all select 'confirmation', md5(string_agg(t::text, ' ')) from confirmation t"""


class Place:
    """What B1 has: ids by the names routes give them, and words that are its secrets."""

    def __init__(self, office: Office) -> None:
        self.office = office
        session, world, officer = office.session, office.world, office["U1"]
        office.issue(1, 2)
        office.give_unit("B1", 2)
        self.batch = office.submit(office.roster(11, 12))
        card = desk.find_cards(session, officer, desk.CardFilter()).items[0]
        person = card.person
        tag = membership.GiveTag(
            person.id, TagKind.HARDSHIP, officer, "市级", "云工〔2026〕9号", original=b"%PDF-1.7 " + SECRET.encode()
        )
        kin = membership.AddKin(person.id, Relation.SPOUSE, officer, SECRET, "13911112222")
        opened = issuance.OpenHandout(officer, HandoutKind.GIFT, "慰问品", document="云工〔2026〕21号")
        handout = issuance.open_handout(session, world, opened)
        issuance.print_cards(session, world, issuance.PrintCards(officer, numbers=(card.number,)))
        asked = issuance.AskApproval(self.batch.batch_id, "B1", ApprovalKind.SUMMARY, "王建国", officer)
        job = roster_jobs.OpenRosterJob(office.roster(31), "名单.csv", "B1", officer)
        (run, *_) = issuance.print_runs(session, officer)
        (row, *_) = desk.open_rows(session, world, office["A1"]).items
        # With a second officer the unit decides in the system and asks for no stamp.
        boss = make_officer(session, world, office.unions["C"], "boss", Role.ADMIN)
        access.close_account(session, world, access.SwitchAccount(office["A1"].account_id, boss))
        self.ids = {
            "person_id": person.id, "batch_id": self.batch.batch_id, "card_id": card.card_id,
            "handout_id": handout.id, "print_run_id": run.id, "row": 1, "tag_id": membership.give_tag(session, world, tag).id,
            "kin_id": membership.add_kin(session, world, kin), "application_id": row.application_id,
            "approval_id": issuance.ask_approval(session, world, asked).approval_id,
            "upload_id": roster_jobs.open_roster_job(session, world, job), "number": card.number, "act": "none",
        }  # fmt: skip
        people = membership.people(
            session, [one.person.id for one in desk.find_cards(session, officer, desk.CardFilter()).items]
        )
        self.secrets = {str(self.ids["batch_id"]), str(card.card_id), card.number, SECRET} | {
            str(person.id) for person in people.values()
        } | {person.name for person in people.values()}  # fmt: skip

    def belongings(self) -> dict[str, str]:
        """A print of everything that must stay as it is."""
        self.office.session.flush()
        rows = self.office.session.execute(text(_BELONGINGS), {"handout": self.ids["handout_id"]}).all()
        return {row[0]: row[1] for row in rows}

    def shown_in(self, answer: Any, sent: str = "") -> list[str]:
        """Secrets of B1 in an answer; what the asker wrote themselves is no secret."""
        told = "".join(word for word in [answer.get_data().decode(errors="replace")])
        return [secret for secret in self.secrets if secret in told and secret not in sent]


@pytest.fixture
def place(session, world) -> Place:
    return Place(make_office(session, world))


def staff_routes(app: Flask, method: str) -> list[Rule]:
    """Routes for officers of units and townships: whose answers depend on whose unit it is."""
    found = []
    for rule in app.url_map.iter_rules():
        roles = getattr(app.view_functions[rule.endpoint], "roles", ())
        if method in rule.methods and {"unit_officer", "township_officer"} & set(roles):
            found.append(rule)
    return found


def filled(rule: Rule, place: Place) -> str:
    """The address with B1's ids; the API calls every id `id`, so what stands before it says whose it is."""

    def value(match: re.Match[str]) -> str:
        name = match[1].rsplit(":", 1)[-1]
        if choice := re.match(r"any\((\w+)", match[1]):
            return choice[1]
        if name in ("id", "code"):
            before = rule.rule[: match.start()].rstrip("/").rsplit("/", 1)[-1]
            return str(_OF_COLLECTION(place).get(before, "01a1fbd4-0000-7000-8000-000000000000"))
        return str(place.ids.get(name, "01a1fbd4-0000-7000-8000-000000000000"))

    return re.sub(r"<([^<>]+)>", value, rule.rule)


def _OF_COLLECTION(place: Place) -> dict[str, Any]:  # noqa: N802 - a table
    ids = place.ids
    return {
        "batches": ids["batch_id"], "cards": ids["card_id"], "members": ids["person_id"], "handouts": ids["handout_id"],
        "print-runs": ids["print_run_id"], "tags": ids["tag_id"], "kin": ids["kin_id"], "rosters": ids["upload_id"],
        "waiting": ids["application_id"], "unions": "B1", "unit-approvals": ids["approval_id"],
    }  # fmt: skip


def browser_of(app: Flask, office: Office, officer: Principal) -> Any:
    browser = app.test_client()
    enter(browser, access.open_staff_session(office.session, office.world, officer.account_id).token)
    return browser


def programs_and_browsers(app: Flask, place: Place, names: tuple[str, ...]) -> dict[str, tuple[Any, Program]]:
    office = place.office
    return {
        name: (
            browser_of(app, office, office[name]),
            make_program(app.test_client(), office.session, office.world, office[name]),
        )
        for name in names
    }


def opened(app: Flask, rule: Rule, browser: Any, program: Program, place: Place) -> Any:
    query = {"unit": "B1", "under": "B1"} if rule.endpoint.startswith("api.") else {"unit": "B1", "under": "/C/D1/B1/"}
    if rule.endpoint.startswith("api."):
        call = next(call for call in API.calls if f"/api/v1{call.rule}" == rule.rule and call.method == "GET")
        names = call.query().fields if call.query else {}
        query = {name: value for name, value in query.items() if name in names}
        return program.client.get(filled(rule, place), query_string=query, headers=program.headers)
    return browser.get(filled(rule, place), query_string=query)


def leaks(app: Flask, place: Place) -> list[str]:
    """Pages and calls that show a stranger anything of B1, or answer a stranger about its ids."""
    found = []
    for name, (browser, program) in programs_and_browsers(app, place, FOREIGN).items():
        for rule in staff_routes(app, "GET"):
            answer = opened(app, rule, browser, program, place)
            shown = place.shown_in(answer, filled(rule, place)) if answer.status_code < 400 else []
            about = rule.arguments - {"act"} and answer.status_code == 200
            if shown or about or answer.status_code >= 500:
                found.append(f"{rule.rule} to {name}: {answer.status_code} {shown[:3]}")
    return found


def test_no_page_and_no_call_tells_a_stranger_anything_of_the_unit(app, place):
    assert leaks(app, place) == []


def test_who_belongs_to_the_unit_sees_it_at_the_same_addresses(app, place):
    (browser, program), = programs_and_browsers(app, place, ("U1",)).values()  # fmt: skip
    told = set()
    for rule in staff_routes(app, "GET"):
        answer = opened(app, rule, browser, program, place)
        told |= set(place.shown_in(answer, filled(rule, place)))
        unknown = "01a1fbd4-0000-7000-8000-000000000000" in filled(rule, place)
        # The stamped sheet is there once somebody has uploaded it.
        if rule.arguments and not unknown and not rule.endpoint.endswith("stamped_sheet"):
            assert answer.status_code in (200, 204, 303), (rule.rule, answer.status_code)
    assert told >= {secret for secret in place.secrets if "-" not in secret}


def changes(app: Flask, place: Place) -> list[str]:
    """Calls and forms by which a stranger changed anything of B1."""
    found, before = [], place.belongings()
    for name, (browser, program) in programs_and_browsers(app, place, FOREIGN).items():
        token = form_token(browser)
        for rule, answer in itertools.chain(
            posted_calls(app, place, program), posted_forms(app, place, browser, token)
        ):
            after = place.belongings()
            if after != before or answer.status_code >= 500:
                different = [table for table in before if before[table] != after[table]]
                found.append(f"{rule} by {name}: {answer.status_code} {different}")
                before = after
    return found


def posted_calls(app: Flask, place: Place, program: Program) -> Any:
    """Every call that changes something, with its example about B1."""
    for call in API.calls:
        if call.method != "POST" or not {"unit_officer", "township_officer"} & set(call.roles):
            continue
        rule = next(
            rule for rule in app.url_map.iter_rules() if rule.rule == f"/api/v1{call.rule}" and "POST" in rule.methods
        )
        address = filled(rule, place)
        if call.takes_file:
            paper = "application/pdf" in call.takes_file
            content, kind = (b"%PDF-1.7 x", "application/pdf") if paper else (place.office.roster(41), "text/csv")
            query = {} if paper else {"unit": "B1"}
            yield call.path, program.send_file(address.removeprefix("/api/v1"), content, kind, **query)
            continue
        for body in bodies_about(call, place):
            yield call.path, program.client.post(address, json=body, headers=program.headers)


def bodies_about(call: Any, place: Place) -> list[dict[str, Any]]:
    """The call's example with each of B1's things in the place of its own."""
    ids = place.ids
    ours = {
        "unit": "B1", "giver": "B1", "taker": "B1", "below": "B1", "to_unit": "B1", "numbers": [ids["number"]],
        "read": ids["number"], "people": [str(ids["person_id"])], "person_id": str(ids["person_id"]),
        "applications": [str(ids["application_id"])], "batch_id": str(ids["batch_id"]), "rows": [1],
        "keep": str(ids["person_id"]), "other": str(ids["person_id"]), "except_people": [], "except_numbers": [],
    }  # fmt: skip
    example, fields = dict(call.example or {}), call.body().fields
    about = {name: value for name, value in ours.items() if name in fields}
    some = [{name: value} for name, value in about.items()]
    return [example, *({**example, **one} for one in some), {**example, **about}]


def posted_forms(app: Flask, place: Place, browser: Any, token: str) -> Any:
    """Every form of the console, filled in about B1."""
    ids = {name: str(value) for name, value in place.ids.items()}
    ours = {
        "unit": "B1", "unit_code": "B1", "union_code": "B1", "giver": "B1", "taker": "B1", "from_code": "B1",
        "transfer_to_code": "B9", "number": ids["number"], "read": ids["number"], "person": ids["person_id"],
        "application": ids["application_id"], "batch": ids["batch_id"], "end_tag_which": ids["tag_id"],
        "tag_original_which": ids["tag_id"],
        "end_kin_which": ids["kin_id"], "row": "1", "path": "/C/D1/B1/", "under": "/C/D1/B1/",
        "keep": ids["person_id"], "other": ids["person_id"],
    }  # fmt: skip
    for rule in staff_routes(app, "POST"):
        if rule.endpoint.startswith("api.") or rule.endpoint not in FORMS:
            continue
        form = FORMS[rule.endpoint]
        about = form | {name: value for name, value in ours.items() if name in form}
        for act in ACTS.get(rule.endpoint, ("",)):
            address = filled(rule, place).replace("/none", f"/{act}") if act else filled(rule, place)
            files = {"file": (io.BytesIO(b"a,b"), "x.csv")} if "check" in address or "import" in address else {}
            if act == "tag_original":
                files = {"tag_original_file": (io.BytesIO(b"%PDF-1.7 x"), "x.pdf")}
            query = {"act": act} if act else {}
            yield rule.rule, browser.post(address, data=about | files | {"_token": token}, query_string=query)


def test_no_form_and_no_call_of_a_stranger_changes_anything_of_the_unit(app, place):
    assert changes(app, place) == []


def test_a_forgotten_scope_is_found(app, place, monkeypatch):
    """The planted bug: a look-up of cards that takes whoever asks for the district."""
    real, all_seeing = api_cards.desk.card_of_id, place.office["C1"]

    def careless(session: Any, _officer: Principal, card_id: Any) -> Any:
        return real(session, all_seeing, card_id)

    monkeypatch.setattr("cardnet.web.api.cards.desk.card_of_id", careless)
    assert any("/cards/" in line for line in leaks(app, place))
    assert json.dumps(sorted(place.secrets))
