"""The demonstration union, built once on a database of its own: the numbers a visitor is promised."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pypdfium2
import pytest
import zxingcpp
from flask import Flask
from sqlalchemy import text

from cardnet import create_app
from cardnet.access import services as access
from cardnet.benefits import services as benefits
from cardnet.config import Settings
from cardnet.demo import running, story
from cardnet.finance import services as finance
from cardnet.issuance import services as issuance
from cardnet.issuance.services import desk
from cardnet.kernel.calendar import local
from cardnet.kernel.db import libpq_url, transaction
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World
from cardnet.ledger import services as ledger
from cardnet.merchants import services as merchants
from cardnet.web.act_words import act_word
from cardnet.web.changes import Reader
from tests.conftest import MovableWorld

YEAR = 2026
UNITS = {"YJ-01-101": 38, "YJ-01-102": 86, "YJ-10-101": 22, "YJ-19-101": 64}


@dataclass
class Built:
    """The story as it was loaded."""

    url: str
    settings: Settings
    prepared: story.Prepared
    app: Flask
    world: World

    def rows(self, query: str) -> list[Any]:
        with psycopg.connect(libpq_url(self.url)) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def built(server, run_name, tmp_path_factory):
    name = f"cardnet_story_{run_name}"
    url = server.make_database(name)
    settings = Settings(data=tmp_path_factory.mktemp("story"), database_url=url)
    prepared = story.load(url, settings)
    world = MovableWorld().world()
    app = create_app(settings, world)
    yield Built(url, settings, prepared, app, world)
    with app.app_context():
        app.extensions["cardnet.sessions"].bind.dispose()
    server.drop_database(name)


@pytest.fixture
def session(built):
    with built.app.app_context(), transaction() as session:
        yield session


@pytest.fixture
def counts(session, built):
    return {line.union.code: line for line in issuance.card_counts(session, built.world, "/", YEAR)}


# ---- lines 1 and 2: members and cards ----


def test_210_members_of_four_unions_in_three_townships(counts):
    assert {code: counts[code].own.members for code in UNITS} == UNITS
    whole = counts["YJ"].total
    assert (whole.members, whole.consent, whole.declined, whole.no_answer) == (210, 198, 7, 5)


def test_everybody_who_has_not_answered_drives_a_lorry(counts):
    assert {code: counts[code].own.no_answer for code in UNITS if counts[code].own.no_answer} == {"YJ-10-101": 5}


def test_of_a_quota_of_200_195_cards_were_approved_and_issued_and_3_applications_returned(counts):
    whole = counts["YJ"].total
    assert (whole.quota, whole.approved, whole.issued, whole.returned) == (200, 195, 195, 3)


def test_192_were_handed_out_121_activated_and_84_people_used_theirs(counts, session):
    whole = counts["YJ"].total
    assert (whole.handed_out, whole.activated) == (192, 121)
    users = benefits.people_served(session, "/YJ/")
    assert users == 84
    assert (round(whole.activated / whole.handed_out * 100, 1), round(users / whole.handed_out * 100, 1)) == (
        63.0,
        43.8,
    )


def test_one_worn_card_waits_to_be_replaced_and_takes_no_place(built):
    assert built.rows("select kind, state, count(*) from application where kind <> 'new' group by 1, 2") == [
        ("replacement", "submitted", 1)
    ]


def test_a_visitor_finds_cards_to_activate(built):
    free = [card for card in built.prepared.document["cards"] if card["state"] == "delivered"]
    assert len(free) >= 6
    in_database = dict(built.rows("select number, state from card"))
    assert {card["number"]: card["state"] for card in built.prepared.document["cards"]} == in_database


# ---- lines 3, 6 and 7: benefits ----


def test_63_people_had_6_300_of_the_20_000_yuan_for_health_checks(session):
    (usage,) = benefits.usage_report(session, ["HC2026"])
    assert (usage.people, usage.uses, usage.union_fen) == (63, 63, 630_000)
    (level,) = ledger.pool_levels(session, ["HC2026"])
    assert (level.granted, level.used, level.held) == (2_000_000, 630_000, 0)


def test_five_partners_share_what_they_give_as_agreed(session):
    assert {m.name for m in merchants.merchants(session)} == {
        "云间工人疗养院体检中心", "百禾超市", "醉白面馆", "康宁药房", "云影影城",
    }  # fmt: skip
    usage = {one.program: one for one in benefits.usage_report(session)}
    shares = {code: (one.benefit_fen // one.uses, one.union_fen // one.uses) for code, one in usage.items() if one.uses}
    assert (shares["BH-100-20"], shares["YY-10"]) == ((2_000, 600), (3_500, 1_500))
    assert (usage["ZB-90"].union_fen, usage["KN-95"].union_fen) == (0, 0)
    assert usage["ZB-90"].benefit_fen > 0 < usage["KN-95"].benefit_fen


def zhou(session, built):
    number = next(card["number"] for card in built.prepared.document["cards"] if card["union"] == "YJ-01-101")
    card = issuance.card_of_number(session, number)
    return card, benefits.redemptions_of_person(session, card.person_id)


def test_zhou_guilin_pays_280_for_her_health_check_with_a_printed_card(built, session):
    card, redemptions = zhou(session, built)
    check = next(one for one in redemptions if one.service_code == "health_check")
    assert (check.assurance, check.amount_fen, check.subsidy_fen, check.payable_fen) == (
        "printed",
        38_000,
        10_000,
        28_000,
    )
    assert check.member_display == "周*"
    first_use = built.rows(f"select channel, at from card_event where card_id = '{card.id}' and action = 'activate'")
    assert [(channel, at.date()) for channel, at in first_use] == [("printed_first_use", date(2026, 11, 17))]


def test_her_printed_card_lies_in_the_samples_and_can_be_scanned(built, session):
    card, _ = zhou(session, built)
    with pypdfium2.PdfDocument(built.settings.data / "samples" / "周桂林的实体卡.pdf") as document:
        (code,) = zxingcpp.read_barcodes(document[0].render(scale=300 / 72).to_pil())
    (used,) = {text for (text,) in built.rows("select distinct code_text from redemption where assurance = 'printed'")}
    assert code.text == used
    assert card.number


def test_a_forwarded_screenshot_is_refused_after_forty_seconds(built):
    refused = built.rows("select merchant_ref, reasons->0->>'code' from redemption where state = 'refused'")
    assert refused == [("TJ-0099", "stale_proof")]


# ---- lines 8 and 9: money ----


def test_baihes_october_differs_by_five_yuan_in_two_lines(session):
    (run,) = finance.runs(session)
    assert (run.first_on, run.last_on) == (date(2026, 10, 1), date(2026, 10, 31))
    ours, theirs = run.summary["ours"], run.summary["theirs"]
    assert ((ours["lines"], ours["amount_fen"]), (theirs["lines"], theirs["amount_fen"])) == (
        (48, 28_800),
        (47, 28_300),
    )
    found = finance.exceptions_of_run(session, run.id)
    assert sorted((one.code.value, one.our_fen, one.their_fen) for one in found) == [
        ("E01", 600, 0),
        ("E06", 600, 700),
    ]
    assert {(one.code.value, one.state.value, one.resolution) for one in found} == {
        ("E01", "open", None), ("E06", "proposed", "merchant_corrects"),
    }  # fmt: skip


def test_nine_sales_of_exactly_100_yuan_after_closing_time_are_held_back(built):
    held = built.rows(
        "select r.merchant_ref, r.amount_fen, r.event_at, h.net_fen, h.reason, a.username, h.released_at "
        "from held_back h join redemption r on r.id = h.redemption_id join account a on a.id = h.held_by"
    )
    assert len(held) == 9
    assert sum(row[3] for row in held) == 5_400
    assert {row[1] for row in held} == {10_000}
    moments = sorted(local(row[2]).strftime("%m-%d %H:%M") for row in held)
    assert "11-18 21:40" <= moments[0] <= moments[-1] <= "11-18 22:20"
    assert Counter(row[4] for row in held) == {"fraud_flag": 8, "member_denies": 1}
    denied = next(row for row in held if row[4] == "member_denies")
    assert local(denied[2]).strftime("%H:%M") == "22:14"
    assert {(row[5], row[6]) for row in held} == {("fuhe", None)}


def test_zhou_guilin_says_she_was_not_there_and_57_say_how_content_they_are(built, session):
    (said,) = benefits.denials(session, path="/")
    assert (said.merchant_ref, said.amount_fen, said.outcome) == ("BH-2009", 10_000, None)
    assert said.noted_by is not None, "she has no smartphone: the service centre wrote it down"
    content = benefits.contentment(session, "/YJ/", 2026)
    assert (content.answers, content.percent) == (57, 82)


def test_everything_that_must_hold_holds(built, session):
    assert finance.audit.run(session, built.world) == []


# ---- loading ----


def test_38_gifts_against_the_heat_were_handed_out_by_scanning(session):
    officer = access.principal_of_username(session, "songjia")
    (handout,) = issuance.handouts(session, officer)
    assert (handout.document, handout.people, handout.signed) == ("云工〔2026〕21号", 38, 38)
    signed_by = Counter(str(line.channel) for line in desk.receipt_lines(session, handout).items)
    assert signed_by == {"scan": 38}


def test_every_act_of_the_story_has_a_word_in_the_audit_trail(built, session):
    with built.app.test_request_context():
        for action in session.scalars(text("select distinct action from audit_event")):
            assert act_word(action) != action


def test_every_change_of_the_story_is_told_in_words(built, session):
    """No English key as a name, and no code where a word should be."""
    acts = session.execute(text("select action, before, after from audit_event")).all()
    with built.app.test_request_context():
        read = Reader().changes
        told = {(act.action, line) for act in acts for line in read(act.action, act.before, act.after, {})}
    assert len({action for action, _ in told}) > 30
    codes = re.compile(r"[a-z_]+")
    assert sorted({(action, line.what) for action, line in told if codes.fullmatch(line.what)}) == []
    values = {(action, line.what, value) for action, line in told for value in (line.was, line.now) if value}
    assert sorted(one for one in values if codes.fullmatch(one[-1])) == []


def test_loading_again_changes_nothing(built):
    tables = [name for (name,) in built.rows("select tablename from pg_tables where schemaname = 'public'")]
    count = " union all ".join(f"select '{name}', count(*) from {name}" for name in tables) + " order by 1"
    before, saved = built.rows(count), (built.settings.data / running.DEMO_DATA).read_bytes()
    again = story.load(built.url, built.settings)
    assert built.rows(count) == before
    assert again.document == built.prepared.document == json.loads(saved)
    assert (built.settings.data / running.DEMO_DATA).read_bytes() == saved


def test_a_database_that_holds_something_else_is_left_alone(built, tmp_path: Path):
    with pytest.raises(Conflict) as refused:
        story.load(built.url, Settings(data=tmp_path, database_url=built.url))
    assert refused.value.code == "not_a_demo"


# ---- notices ----


def test_twelve_phones_rang_in_june_and_the_others_have_a_slip(built):
    ways = built.rows("select way, state, count(*) from notice where kind = 'activation_reminder' group by 1, 2")
    assert sorted(ways) == [("paper", "waiting", 23), ("sms", "sent", 12)]
    assert built.rows("select count(*) from simulated_message") == [(12,)]


def test_the_demonstrations_phone_is_nowhere_else(built):
    assert "/phone" in built.prepared.welcome("http://127.0.0.1:8000")
    assert built.app.test_client().get("/phone").status_code == 404


def test_most_programs_and_pools_rest_on_a_decision_and_the_cinemas_are_seen_to_be_missing(session):
    found = benefits.all_founded(session, access.principal_of_username(session, "zhongxin"))
    assert len(found) == 8
    assert {one.code for one in found if not one.decisions} == {"YY-10"}
    assert {one.code for one in found if one.decisions and not one.originals} == {"ZB-90"}
    assert all(one.doc_ref == decision.authority.document for one in found for decision in one.decisions)


# ---- line 6 again: what is on file of each partner ----


def test_each_partner_has_its_papers_its_hours_an_account_and_a_manager_who_signs_in(built, session):
    accounts = {one["username"]: one for one in built.prepared.document["accounts"]}
    managed = set()
    for listed in built.prepared.document["merchants"]:
        one = merchants.merchant_of_code(session, listed["code"])
        (agreement,) = merchants.agreements_of(session, built.world, one.id)
        assert (one.state, agreement.state, agreement.file_type) == ("active", "in_force", "application/pdf")
        # 影城's contract was signed a day late.
        assert agreement.signed_late == (listed["name"] == "云影影城")
        assert all(store.address and store.hours for store in merchants.stores_of(session, one.id))
        assert len(merchants.contacts_of(session, one.id)) == 2
        (account,) = merchants.accounts_of(session, one.id)
        assert (account.state, account.proposed_by == account.decided_by) == ("approved", False)
        manager = accounts[listed["manager"]]
        assert (manager["merchant"], manager["roles"]) == (listed["code"], ["merchant_manager"])
        principal = access.principal_of_username(session, manager["username"])
        managed.add(merchants.merchant_of(session, principal).code)
    assert len(managed) == 5
