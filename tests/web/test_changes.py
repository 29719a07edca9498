"""What the audit trail says was changed is read in words: no key and no code of the source without one."""

import dataclasses
import re
import uuid

import pytest
from flask_babel import force_locale

from cardnet.access import services as access
from cardnet.access.rules import AccountState, Role
from cardnet.benefits.words import DenialOutcome
from cardnet.credential.keys import KeyUse
from cardnet.credential.store import OfflineLimits
from cardnet.finance.rules import HoldReason
from cardnet.issuance.rules import AllocationBasis, BatchOrigin, CardEnd, ReplacementReason, YearState
from cardnet.issuance.rules.unit_approval import ApprovalKind
from cardnet.issuance.services.year_end import YearEnd
from cardnet.kernel import audit
from cardnet.membership.rules import Purpose
from cardnet.web import change_words
from cardnet.web.act_words import act_word
from cardnet.web.change_words import DAYS, FIELDS, VALUES, names_of
from cardnet.web.changes import Change, Reader
from tests.make.issuance import make_office, make_officer
from tests.make.merchants import make_manager, make_partner
from tests.make.recorded import recorded
from tests.make.web import enter, words_of

NOT_READ = {
    "offline_limits.ask": [field.name for field in dataclasses.fields(OfflineLimits)],
    "offline_limits.{}": [field.name for field in dataclasses.fields(OfflineLimits)],
    "alarm.{}": ["redemption", "advice"],
    "quota_year.closed": [field.name for field in dataclasses.fields(YearEnd)],
    "member.answer_own": [str(purpose) for purpose in Purpose],
    "agreement.sign": ["number", "signed_on", "from_on", "until_on"],
    "audit.export": ["first", "last", "user", "action", "subject", "first_on", "last_on", "username"],
}
"""Keys that the source makes while it runs."""

SETTINGS = {
    "transfer_term.set": ["working_days", "reason"],
    "loss_policy.set": ["honour_holds_on_loss", "reason"],
    "card_life.set": ["years", "ends", "reason"],
    "phone_policy.set": ["phones", "stopped", "reason"],
}
"""What a decision of the district records: `membership.decide` takes the act from its setting."""


def test_every_key_the_source_records_has_a_word(app):
    acts = recorded()
    assert len({act.action for act in acts}) > 150
    assert sorted({act.action for act in acts if act.unread} - set(NOT_READ)) == []
    keys = {(act.action, key) for act in acts for key in [*act.keys, *NOT_READ.get(act.action, [])]}
    keys |= {(action, key) for action, given in SETTINGS.items() for key in given}
    assert sorted(pair for pair in keys if not any(name in FIELDS for name in names_of(*pair))) == []


def test_every_day_the_source_records_stands_under_a_key_of_days():
    days = {key for act in recorded() for key in act.days}
    assert {"on", "from", "to", "valid_to"} <= days
    assert sorted(key for key in days if key not in DAYS and not key.endswith(("_on", "_at"))) == []


def test_every_act_the_source_records_has_a_word(app):
    with app.test_request_context():
        told = {act.action for act in recorded() if "{}" not in act.action} | set(SETTINGS)
        assert sorted(action for action in told if act_word(action) == action) == []


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (change_words.ACCOUNT_STATES, AccountState),
        (change_words.BATCH_ORIGINS, BatchOrigin),
        (change_words.REPLACEMENT_REASONS, ReplacementReason),
        (change_words.ALLOCATION_BASES, AllocationBasis),
        (change_words.CARD_ENDS, CardEnd),
        (change_words.YEAR_STATES, YearState),
        (change_words.KEY_USES, KeyUse),
        (change_words.DENIAL_OUTCOMES, DenialOutcome),
        (change_words.APPROVAL_KINDS, ApprovalKind),
    ],
)
def test_every_code_has_a_word(table, codes):
    assert {str(code) for code in codes} - set(table) == set()


def test_the_reasons_of_holding_back_have_words():
    assert {str(reason) for reason in HoldReason} - set(VALUES["reason"]) == set()


def told(app, action, before, after, names=None, language="zh_Hans"):
    with app.test_request_context(), force_locale(language):
        reader = Reader()
        return reader.in_one_line(reader.changes(action, before, after, names or {}))


def test_before_and_after_stand_side_by_side_and_what_stayed_is_left_out(app):
    before = {"name": "百禾超市", "category": "supermarket", "credit_code": "91310000"}
    after = {"name": "百禾超市", "category": "pharmacy", "credit_code": "91310000"}
    assert told(app, "merchant.change", before, after) == "类别：超市便利 → 药房"
    assert told(app, "merchant.state", {"state": "draft"}, {"state": "active", "reason": "资料齐全"}) == (
        "状态：筹备中 → 合作中；原因：资料齐全"
    )
    assert told(app, "card_life.set", {"years": 5}, {"years": 5}) == "有效几年：5 → 5"
    assert told(app, "union.dissolve", {"name": "某某工会"}, {"on": "2026-11-24"}) == (
        "名称：原为 某某工会；生效日期：2026年11月24日 周二"
    )


def test_money_is_yuan_moments_are_of_shanghai_and_days_are_days(app):
    assert told(app, "settlement.sealed", None, {"net_fen": 1_234_500, "state": "sealed"}) == (
        "状态：待商户确认；净额：¥12,345.00"
    )
    given = {"from": "2026-11-24T01:30:00+00:00", "to": None}
    assert told(app, "review.freeze", None, given) == "开始：2026年11月24日 周二 09:30；结束：—"
    assert told(app, "card.issue", None, {"valid_to": "2031-12-31"}) == "有效期至：2031年12月31日 周三"


@pytest.mark.parametrize("language", ["zh_Hans", "en"])
@pytest.mark.parametrize(
    "typed",
    ["9999-12-31T23:59Z", "0001-01-01T00:00+08:00", "2026-11-22 10:00", "2026-11-22T10:00+08:00", "2026-11-22"],
)
def test_what_somebody_typed_is_shown_as_it_was_typed(app, typed, language):
    for key in ("reason", "words", "message", "why", "name", "document", "number", "evidence", "tail"):
        assert told(app, "comet.pass", None, {key: typed}, language=language).endswith(typed)


@pytest.mark.parametrize(
    "edge", ["9999-12-31T23:59Z", "0001-01-01T00:00+08:00", "2026-11-22 10:00", "2026-11-22T25:00Z"]
)
def test_a_moment_beyond_the_calendar_or_without_its_offset_stands_for_itself(app, edge):
    for key in ("on", "seen_at"):
        assert told(app, "comet.pass", {key: edge}, None).endswith(f"原为 {edge}")


def test_what_is_nested_is_told_field_by_field(app):
    counts = {"counts": {"E01": 1, "E06": 2}}
    assert told(app, "reconciliation.run", None, counts) == "差异 · 我方有、商户没有：1；差异 · 金额不一致：2"
    days = {"days": {"2026-10-10": True, "2026-10-08": False}}
    assert told(app, "review.calendar", None, days) == (
        "工作日安排 · 2026年10月8日 周四：放假；工作日安排 · 2026年10月10日 周六：上班"
    )
    sums = {"totals": {"net_fen": 1_234_500, "given_fen": [500, 0], "lines": 3}}
    assert told(app, "settlement.sealed", None, sums) == (
        "totals · 每台终端两次同步之间优惠合计：¥5.00、¥0.00；totals · 行数：3；totals · 净额：¥12,345.00"
    )
    hours = {"hours": {"1": ["09:00", "21:00"], "2": ["09:00", "21:00"]}}
    assert told(app, "store.change", {"hours": {}}, hours) == "营业时间：— → 周一至周二 09:00–21:00"


def test_a_key_or_a_code_nobody_knows_is_shown_as_it_is(app):
    assert told(app, "comet.pass", {"tail": "blue"}, {"tail": "green", "state": "gone"}) == (
        "状态：gone；tail：blue → green"
    )
    assert told(app, "settlement.sealed", None, {"state": "vanished", "deep": {"more": [1, {"x": 2}]}}) == (
        "状态：vanished；deep · more：1、{'x': 2}"
    )
    assert told(app, "quota.grant", None, {"to": "2026-99-99", "on": "2026-02-30T99:99"}) == (
        "给哪个工会：2026-99-99；生效日期：2026-02-30T99:99"
    )


def test_english_readers_read_english(app):
    line = told(app, "merchant.state", {"state": "draft"}, {"state": "active", "reason": "blacklist"}, language="en")
    assert not re.search(r"[\u4e00-\u9fff]", line)
    assert told(app, "settlement.sealed", None, {"net_fen": 5}, language="en") == "Net: ¥0.05"


def test_what_is_named_by_its_id_is_told_by_its_name(app):
    union, path = str(uuid.UUID(int=7)), "/YJ/YJ-01/"
    names = {("union", union): "第一工会", ("union", path): "云间镇总工会"}
    assert told(
        app, "account.create", None, {"union_id": union, "scope_path": path, "roles": ["auditor", "admin"]}, names
    ) == ("角色：经审、系统管理员；所属工会：第一工会；管理范围：云间镇总工会")


def test_the_page_says_what_changed_in_words(app, session, world):
    office = make_office(session, world)
    officer = make_officer(session, world, office.unions["C"], "shenji", Role.AUDITOR)
    audit.record(
        session, world,
        audit.Act("account.change", "account", str(officer.account_id), officer.account_id,
                  before={"roles": ["auditor"], "scope_path": office.unions["C"].path},
                  after={"roles": ["chair"], "scope_path": office.unions["B1"].path}),
        audit.Act("statement.import", "statement_file", "x", officer.account_id, after={"sha256": "ab" * 32, "lines": 47}),
        audit.Act("card.issue", "batch", "y", officer.account_id,
                  after={"cards": 3, "skipped": 0, "valid_to": "2031-12-31", "kind": "file", "strange_key": 7}),
    )  # fmt: skip
    make_manager(session, world, make_partner(session, world, name="云间药房"))
    browser = app.test_client()
    enter(browser, access.open_staff_session(session, world, officer.account_id).token)
    page = browser.get("/console/audit")
    words = words_of(page.text)
    assert page.status_code == 200
    for line in (
        "角色 经审 → 主席",
        f"管理范围 {office.unions['C'].name} → {office.unions['B1'].name}",
        "角色 商户管理员",
        "管理范围 云间药房",
        "文件指纹 abababababab…",
        "strange_key 7",
    ):
        assert line in words
    assert "scope_path" not in words and f'title="{"ab" * 32}"' in page.text
    whole = browser.get("/console/audit/export?format=csv").get_data(as_text=True)
    assert "角色：经审 → 主席" in whole and '""roles"": [""chair""]' in whole and "ab" * 32 in whole
    assert f"管理范围：{office.unions['C'].name} → {office.unions['B1'].name}" in whole


def test_a_trail_with_a_moment_at_the_calendars_edge_is_read_and_taken_away(app, session, world):
    office = make_office(session, world)
    officer = make_officer(session, world, office.unions["C"], "shenji", Role.AUDITOR)
    typed = {"reason": "9999-12-31T23:59Z", "on": "0001-01-01T00:00+08:00"}
    audit.record(session, world, audit.Act("merchant.state", "merchant", "x", officer.account_id, after=typed))
    browser = app.test_client()
    enter(browser, access.open_staff_session(session, world, officer.account_id).token)
    page, whole = browser.get("/console/audit"), browser.get("/console/audit/export?format=csv")
    assert (page.status_code, whole.status_code) == (200, 200)
    for text in (words_of(page.text), whole.get_data(as_text=True)):
        assert typed["reason"] in text and typed["on"] in text


def test_every_portion_of_an_export_is_told_by_names(app, session, world, monkeypatch):
    monkeypatch.setattr("cardnet.web.console.audit_trail._NAMED_AT_ONCE", 2)
    office = make_office(session, world)
    officer = make_officer(session, world, office.unions["C"], "shenji", Role.AUDITOR)
    about = [office.unions[code] for code in ("B1", "C", "B1", "B9", "C")]
    acts = [audit.Act("card.move", "card", "x", officer.account_id, after={"union": str(one.id)}) for one in about]
    audit.record(session, world, *acts)
    browser = app.test_client()
    enter(browser, access.open_staff_session(session, world, officer.account_id).token)
    whole = browser.get("/console/audit/export?format=csv&action=card.move").get_data(as_text=True)
    assert re.findall("工会：(.+)", whole.replace("\r", "")) == [one.name for one in reversed(about)]


def test_a_change_that_only_was_is_told_as_such(app):
    with app.test_request_context():
        assert Reader().in_one_line((Change("名称", "甲", None),)) == "名称：原为 甲"
