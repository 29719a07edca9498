"""Whatever an address or a form says, whoever sends it, every page answers with something better than "a fault of ours".

The routes are read off the app, so that a new page is attacked without anybody thinking of it.
"""

import io
import re
from datetime import date

import pytest

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.finance import services as finance
from cardnet.finance.services import Reconcile
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import HandoutKind
from cardnet.issuance.services import desk
from cardnet.merchant_api import services as hooks
from cardnet.merchants import services as merchants
from cardnet.web.paging import page_url
from tests.make.finance import statement_csv
from tests.make.issuance import make_officer
from tests.make.merchants import PDF, make_manager
from tests.make.redemptions import make_shop
from tests.make.web import enter, form_token

NOBODY = "01a1fbd4-0000-7000-8000-000000000000"
SEGMENTS = (NOBODY, "none", "a\0b", "'; --", "../../etc/passwd", "张" * 300, "0", "-1", "9" * 30, "%ff", "\ud7ff")
VALUES = (
    "", "-1", "abc", "999999", "9" * 30, "9" * 5_000, "²", "2026-02-30", "a\0b", "/C/\0", "/C/", "%", "<b>", "张" * 2_000,
)  # fmt: skip
PARAMETERS = (
    "behalf",
    "page",
    "under",
    "show",
    "group",
    "merchant",
    "number",
    "unit",
    "state",
    "list",
    "kind",
    "batch",
    "year",
    "words",
    "role",
    "first",
    "last",
    "user",
    "action",
    "subject",
    "before",
    "format",
    "return_to",
    "index",
    "act",
    "month",
    "standing",
    "store",
    "size",
)
FRAMEWORK_WORDS = ("endpoint", "batch_id", "run_id", "settlement_id", "_external", "_scheme", "_anchor", "_method", "values", "self")  # fmt: skip
FORMS = {
    "finance.hold_denied": {},
    "console.publish_bulletin": {"year": "2026", "to": "D1", "copies": "区人社局", "words": "月底前发完", "reason": ""},
    "finance.settle_denial": {"outcome": "confirmed", "answer": "查清了"},
    "console.handle_notices": {
        "unit": "B1",
        "list": "unreachable",
        "notice": NOBODY,
        "person": NOBODY,
        "phone": "12351",
    },
    "phone.messages": {"phone": "13800000001"},
    "phone.write_to_account": {"phone": "13800000001", "words": "12345678"},
    "finance.accept_advice": {"reason": "凭据齐全"},
    "finance.refuse_advice": {"reason": "会员没有来过"},
    "finance.confirm_advice": {},
    "finance.decline_advice": {"reason": "请先问会员"},
    "finance.close_offline_exception": {"exception": NOBODY, "kind": "exception", "words": "查明"},
    "console.make_merchant": {
        "code": "M5",
        "name": "百禾",
        "credit_code": "91350100M000100Y43",
        "category": "supermarket",
        "cycle": "weekly",
    },
    "console.change_merchant": {"name": "百禾", "cycle": "monthly"},
    "console.set_merchant_state": {"state": "suspended", "reason": "投诉"},
    "console.sign_agreement": {
        "number": "云工合〔2026〕9号",
        "signed_on": "2026-11-01",
        "from_on": "2026-11-02",
        "until_on": "2027-11-01",
    },
    "console.upload_signed_copy": {},
    "console.make_store": {
        "code": "S09",
        "name": "二店",
        "township": "D1",
        "address": "方塔路 1 号",
        "phone": "021-67801102",
        "opens-1": "8:30",
        "closes-1": "17:00",
    },
    "console.change_store": {
        "township": "D2",
        "opens-7": "9:00",
        "closes-7": "2:00",
        "closed": "closed",
    },
    "console.set_contact": {"kind": "daily", "name": "李会计", "phone": "13800000000"},
    "console.invite_merchant_staff": {"role": "merchant_manager", "name": "王店长", "username": "wang"},
    "console.propose_account": {
        "holder": "百禾",
        "number": "6222000012345678",
        "bank": "农商银行",
        "branch_code": "",
        "evidence": "开户许可证",
    },
    "console.decide_account": {"answer": "approve", "words": "一致"},
    "console.withdraw_account": {},
    "console.blacklist_merchant": {
        "credit_code": "91350100M000100Y43",
        "name": "百禾",
        "reason": "骗补贴",
        "document": "云工〔2026〕40号",
    },
    "console.lift_blacklist": {f"words-{NOBODY}": "整改合格"},
    "console.add_terminal": {"store": NOBODY, "code": "T09", "name": "二楼"},
    "console.act_on_terminal": {"reason": "丢了"},
    # The portal's forms are read by the same functions as the console's: one field each.
    "merchant.propose_account": {"number": "6222000012345678"},
    "merchant.add_terminal": {"store": NOBODY},
    "merchant.act_on_terminal": {"token": NOBODY},
    "merchant.invite_person": {"role": "merchant_cashier"},
    "merchant.act_on_person": {},
    "merchant.make_webhook": {"url": "https://hooks.example.com/a", "kinds": "redemption.captured"},
    "merchant.switch_webhook": {},
    "merchant.replay_webhook": {},
    "console.make_webhook": {"merchant": "M1001", "url": "https://hooks.example.com/a", "kinds": "redemption.captured"},
    "console.disable_webhook": {},
    "console.enable_webhook": {},
    "console.replay_webhook": {},
    "home.choose_language": {"language": "en", "return_to": "/"},
    "auth.enter": {"username": "u1", "password": "x", "code": "000000", "return_to": "/"},
    "auth.change_password": {"old": "x", "new": "y", "again": "y"},
    "auth.end_session": {"session": NOBODY},
    "console.attach_authority": {
        "document": "云工〔2026〕18号",
        "meeting": "常委会",
        "decided_on": "2026-03-02",
        "budget_item": "职工服务",
        "authority": "",
    },
    "console.check_roster": {"unit_code": "B1"},
    "console.submit_roster": {"mode": "all_or_nothing"},
    "console.cancel_roster": {},
    "console.import_cards": {"issuer": "市总工会"},
    "console.import_register": {"unit_code": "B1"},
    "console.import_past_uses": {},
    "console.take_back_past_uses": {"import": NOBODY, "reason": "名单错了"},
    "console.cancel_import": {},
    "console.close_alarm": {f"words-{NOBODY}": "查清了"},
    "console.find_member": {"asked": "周桂林"},
    "console.change_member": {
        "transfer_to_code": "B9",
        "transfer_on": "2026-11-01",
        "standing_kind": "retired",
        "standing_on": "2026-11-01",
        "end_ending": "left",
        "end_on": "2026-11-01",
        "phone_phone": "13800000001",
        "phone_verified": "yes",
        "tag_kind": "hardship",
        "tag_grade": "市级",
        "tag_document": "云工〔2026〕9号",
        "tag_from_on": "2026-11-01",
        "tag_to_on": "2026-12-01",
        "tag_original_which": NOBODY,
        "end_tag_which": NOBODY,
        "kin_relation": "spouse",
        "kin_name": "李秀英",
        "kin_phone": "13800000002",
        "end_kin_which": NOBODY,
        "consent_purpose": "notices",
        "consent_answer": "given",
        "consent_method": "signed_form",
        "consent_evidence": "同意书 1 号",
        "consent_on": "2026-11-01",
        "withdraw_consent_which": "notices",
        "document_id_type": "resident_id",
        "document_id_number": "E12345678",
        "document_evidence": "原件已核对",
        "tie_number": "622200123456",
        "tie_issuer": "市总工会",
        "tie_valid_to": "2030-12-31",
    },
    "console.ask_transfer": {
        "name": "周桂林",
        "id_number": "E12345678",
        "unit": "B9",
        "on": "2026-11-01",
        "words": "已到岗",
    },
    "console.answer_transfer": {"words": "仍在职"},
    "console.change_union": {
        "rename_name": "新桥港工会联合会",
        "rename_on": "2026-11-01",
        "rename_document": "云工〔2026〕18号",
        "move_parent": "D1",
        "move_document": "云工〔2026〕18号",
        "merge_into": "B1",
        "merge_document": "云工〔2026〕18号",
        "close_document": "云工〔2026〕18号",
    },
    "console.confirm": {"person": NOBODY, "answer": "left", "on": "2026-11-01"},
    "console.decide_duplicate": {"keep": NOBODY, "other": NOBODY, "words": ""},
    "console.open_poster": {"last_day": "2026-12-01"},
    "console.close_poster": {"poster": NOBODY},
    "console.decide_entries": {"entry": NOBODY, "act": "take"},
    "fill.send": {
        "name": "张三",
        "id_type": "护照",
        "id_number": "E1234567",
        "phone": "13800000000",
        "employment": "合同",
        "consent": "是",
        "website": "",
    },
    "console.review": {
        "verdict": "return",
        "choose": "selected",
        "row": "1",
        "reason": "R02",
        "words": "x",
        "under": "",
    },
    "console.review_many": {
        "verdict": "return",
        "choose": "selected",
        "row": f"{NOBODY}:1",
        "reason": "R02",
        "words": "x",
        "under": "",
        "behalf": "",
    },
    "console.correct_row": {
        "name": "周桂林",
        "id_type": "护照",
        "id_number": "E12345678",
        "phone": "",
        "employment": "合同",
    },
    "console.withdraw_row": {"words": "不办了"},
    "console.apply_for_replacement": {"why": "lost", "reason": "地铁上丢失"},
    "console.apply_for_renewal": {"unit": "B1"},
    "console.resubmit_in_place": {"answer": "已补照片"},
    "console.give_delegation": {
        "giver": "",
        "deputy": "d1u",
        "first_on": "2026-11-22",
        "last_on": "2026-11-30",
        "reason": "外出培训",
    },
    "console.end_delegation": {},
    "console.set_term": {"tier": "unit", "working_days": "3"},
    "console.freeze_review": {"union_code": "B1", "first_on": "2027-01-04", "last_on": "2027-01-05", "reason": "盘点"},
    "console.lift_freeze": {},
    "console.record_days": {"free": "2027-02-08", "worked": "2027-02-06", "document": "国办发明电〔2026〕9号"},
    "console.ask_approval": {"kind": "link", "signer": "王建国", "unit_code": "B1"},
    "console.upload_stamped": {"number": "HZ20261121-0001", "code": "0000-0000-0000-0000"},
    "console.invite_account": {"username": "li", "name": "李秀英", "unit": "", "role": "auditor"},
    "console.change_account": {"name": "李秀英", "unit": "", "role": "auditor"},
    "console.switch_account": {},
    "invite.accept": {"password": "x", "again": "x", "code": "000000"},
    "confirm.decide": {"answer": "confirm", "signer": "王建国", "reason": "R07", "words": "x"},
    "console.issue": {"as": "page", "download": "1", "valid_to": "2029-12-31"},
    "console.hand_out": {"choose": "selected", "number": "8800000000000"},
    "console.suspend": {"reason": "丢失", "lost": "card"},
    "merchant.confirm_settlement": {},
    "console.decide_rule": {"words": "金额有误", "on": "2027-01-01"},
    "console.require_signatures": {"signatures": "required"},
    "merchant.dispute_settlement": {"words": "R-0001 应为 90 元"},
    "console.resume": {"reason": "找到"},
    "console.cancel": {"reason": "退会"},
    "console.replace": {"reason": "遗失"},
    "console.renew": {},
    "console.start_renewed": {"reason": "遗失"},
    "console.reprint_slip": {},
    "console.give_rebind_code": {"seen": "yes"},
    "console.withdraw_approval": {"words": "发错了人"},
    "console.set_card_life": {"kind": "own", "years": "3", "ends": "year_end", "life_reason": "试点"},
    "console.set_transfer_term": {"transfer_days": "7", "transfer_reason": "试点"},
    "console.stop_phone": {"phone": "1", "reason": "送人"},
    "console.void_print": {"reason": "卡纸"},
    "console.print_card": {"layout": "single"},
    "console.hand_out_card": {},
    "console.find": {"asked": "周桂林", "unit": "B1", "state": "active", "list": "unsigned"},
    "console.hand_out_many": {"choose": "selected", "number": "8800000000000", "unit": "B1", "state": "", "list": ""},
    "console.print_many": {"path": "/C/D1/B1/", "which": "new", "layout": "sheets"},
    "console.void_run": {"reason": "卡纸"},
    "console.chase": {"act": "call", "choose": "selected", "number": "8800000000000", "unit": "B1"},
    "console.open_handout": {
        "kind": "gift",
        "title": "慰问品",
        "document": "云工〔2026〕21号",
        "unit": "B1",
        "batch": NOBODY,
        "tag": "front_line",
    },
    "console.sign": {"person": NOBODY, "choose": "selected", "show": "all"},
    "console.take_back": {"person": NOBODY, "reason": "扫错人"},
    "console.close_handout": {},
    "console.scan": {"read": "8800000000000"},
    "console.change_quota": {
        "year": "2026",
        "count": "1",
        "giver": "C",
        "taker": "D1",
        "document": "云工〔2026〕1号",
        "after": "2026-12-01",
    },
    "console.do_allocation": {
        "year": "2026",
        "kind": "new_card",
        "from_code": "C",
        "total": "1",
        "basis": "hand",
        "share-D1": "1",
        "recall_after": "2026-12-01",
    },
    "console.answer_offers": {"choose": "selected", "application": NOBODY, "words": "困难职工", "year": "2026"},
    "console.ask_for_more": {
        "count": "3",
        "reason": "新入职",
        "document": "云工〔2026〕18号",
        "meeting": "常委会",
        "decided_on": "2026-11-02",
        "budget_item": "2290201",
    },
    "console.decide_raise": {"words": "同意"},
    "console.change_year": {"until": "2027-01-31", "days": "7", "year": "2026"},
    "finance.propose_limits": {
        "floor_fen": "30",
        "card_uses": "2",
        "uses": "40",
        "given_fen": "1000",
        "sync_hours": "72",
        "printed_floor_fen": "10",
        "printed_card_uses": "1",
        "document": "云工〔2026〕30号",
    },
    "finance.decide_limits": {"answer": "approve", "words": "同意"},
    "finance.close_day": {"day": "2026-11-21", "scope": "everyone"},
    "finance.reconcile": {"merchant": "M1001", "first_on": "2026-11-01", "last_on": "2026-11-20"},
    "finance.reconcile_again": {},
    "finance.set_aside": {"reason": "传错了月份"},
}
"""What each form carries when it is filled in; a new form must be added here. Each field in turn is then spoilt."""
PAGES = ("home", "auth", "confirm", "phone", "console", "finance", "merchant", "overview", "wallet", "till")
FILES = (
    ("x.csv", b""), ("x.xlsx", b"PK\x03\x04 cut off"), ("x.csv", b"\xff\xfe\x00"), ("x", b"\0" * 1_000),
    ("a\nb.csv", b"a,b\n1,2\n"), ("../../x.csv", b"a\0b,c\n"), ("x.csv", b"\xd5\xc5,\xff"), ("张" * 400 + ".csv", b"\xef\xbb\xbf"),
    ("a\0.csv", "姓名,证件类型,证件号码,手机号码,用工形式,本人同意\n张三\0,,,,,\n".encode()),
    ("r.csv", "商户单号,业务日期,金额（元）\nR\0,2026-11-20,1.00\nR2,2026-02-30,9e99\nR3,9999-12-31,99999999999999999999\n".encode()),
)  # fmt: skip
ACTS = {
    "console.change_member": (
        "transfer", "standing", "phone", "tag", "tag_original", "end_tag", "kin", "end_kin", "consent",
        "withdraw_consent", "document", "tie", "end", "none",
    ),
    "console.answer_transfer": ("accept", "object", "withdraw", "none"),
    "console.confirm": ("chosen", "rest", "none"),
    "console.change_union": ("rename", "move", "merge", "close", "none"),
    "console.decide_duplicate": ("merge", "distinct", "none"),
    "console.change_quota": (
        "grant", "allocate", "transfer", "return", "spread", "recall_date", "recall", "use", "none",
    ),
    "console.handle_notices": ("print", "again", "hand_out", "confirm", "phone", "none"),
    "console.answer_offers": ("accept", "decline", "first", "none"),
    "console.change_year": ("closing", "close", "offer_days", "none"),
    "console.decide_raise": ("approve", "refuse", "withdraw", "none"),
    "console.act_on_terminal": ("pair", "suspend", "resume", "revoke", "none"),
    "merchant.act_on_terminal": ("pair", "token", "revoke-token", "revoke-key", "suspend", "resume", "none"),
    "merchant.act_on_person": ("invite", "remove", "restore", "none"),
}  # fmt: skip
"""What can be done at an address with an act in it."""

HARD = ("", "a\0b", "9" * 30, "2026-02-30", "0001-01-01", "9999-12-31")


@pytest.fixture
def things(session, world, clock):
    """One of everything pages have an address for: by the name of the route's variable."""
    shop = make_shop(session, world, people=2)
    yesterday = date(2026, 11, 20)
    (line,) = desk.batches(session, shop.office["C1"]).items
    card = desk.find_cards(session, shop.office["C1"], desk.CardFilter()).items[0]
    merchant = merchants.merchant_of_code(session, "M1001")
    maker = make_officer(session, world, shop.office.unions["C"], "maker", Role.FINANCE_MAKER)
    file = statement_csv([("R-1", yesterday, "6.00")])
    run, _ = finance.reconcile(
        session, world, Reconcile(merchant.id, file, "a.csv", yesterday, yesterday, maker.account_id)
    )
    return {
        "office": shop.office,
        "maker": maker,
        "manager": make_manager(session, world, merchant),
        "ids": {
            "person_id": card.person.id,
            "transfer_id": NOBODY,
            "batch_id": line.batch_id,
            "card_id": card.card_id,
            "run_id": run.id,
            "row": 1,
            "upload_id": NOBODY,
            "authority_id": NOBODY,
            "advice_id": NOBODY,
            "denial_id": NOBODY,
            "settlement_id": NOBODY,
            "kind": "json",
            "subject": "program",
            "code": "HC2026",
            "union_code": "B9",
        }
        | _of_cards(session, world, shop.office, card)
        | _of_partners(session, world, merchant, maker)
        | _of_webhooks(session, world, merchant.id),
    }


def _of_cards(session, world, office, card):
    """A hand-out that is open, and a printing."""
    opened = issuance.OpenHandout(office["C1"], HandoutKind.GIFT, "慰问品", document="云工〔2026〕21号")
    handout = issuance.open_handout(session, world, opened)
    issuance.print_cards(session, world, issuance.PrintCards(office["C1"], numbers=(card.number,)))
    (run, *_) = issuance.print_runs(session, office["C1"])
    return {"handout_id": handout.id, "print_run_id": run.id}


def _of_partners(session, world, merchant, maker):
    """What a merchant's file is made of, and a line of the blacklist."""
    signed = merchants.SignAgreement(merchant.id, "云工合〔2026〕1号", date(2026, 4, 1), date(2026, 4, 1))
    agreement = merchants.sign_agreement(session, world, signed)
    merchants.upload_signed_copy(session, world, merchants.UploadSignedCopy(agreement.id, PDF))
    proposed = merchants.ProposeAccount(
        merchant.id, "疗养院", "6222000012345678", "农商银行", "开户许可证", maker.account_id
    )
    merchants.blacklist(session, world, merchants.Blacklist("91310117MA1J2X3Y4T", "某店", "骗补贴", "云工〔2026〕4号"))
    return {
        "merchant_id": merchant.id,
        "agreement_id": agreement.id,
        "store_id": merchants.stores_of(session, merchant.id)[0].id,
        "account_id": merchants.propose_account(session, world, proposed).id,
        "terminal_id": merchants.terminals_of(session, merchant.id)[0].id,
        "entry_id": merchants.blacklist_lines(session)[0].id,
        "limits_id": NOBODY,
    }


def _of_webhooks(session, world, merchant_id):
    """An address a merchant listens at; nothing has been sent there."""
    made = hooks.make_endpoint(session, world, hooks.MakeEndpoint(merchant_id, "https://hooks.example.com/a"))
    return {"endpoint_id": made.endpoint_id, "delivery_id": NOBODY}


@pytest.fixture
def browsers(app, session, world, things):
    """Somebody of each side who has signed in, and a stranger."""
    found = {"stranger": app.test_client()}
    for name, principal in (
        ("district", things["office"]["C1"]),
        ("unit", things["office"]["U1"]),
        ("finance", things["maker"]),
        ("manager", things["manager"]),
    ):
        found[name] = app.test_client()
        enter(found[name], access.open_staff_session(session, world, principal.account_id).token)
    return found


def pages_of(app, method):
    """Rules of our own pages that take `method`."""
    return [
        rule for rule in app.url_map.iter_rules() if method in rule.methods and rule.endpoint.split(".")[0] in PAGES
    ]


def forms_of(app):
    """Forms of pages. Signing out would end the reading; phones and tills send JSON and have tests of their own."""
    for rule in pages_of(app, "POST"):
        if rule.endpoint != "auth.leave" and not rule.rule.startswith(("/wallet/api", "/till/api")):
            yield rule


def address(rule, values):
    """The rule's address with `values` in it; what the rule's own type would refuse is put in as it is."""
    path = rule.rule
    for name in rule.arguments:
        path = re.sub(rf"<(?:[^<>]+:)?{name}>", lambda _, name=name: str(values.get(name, "x")), path)
    return path


def reads(act, acts, name) -> bool:
    """Whether an act reads a field: where fields begin with the name of an act, only that one does."""
    whose = max((one for one in acts if one and name.startswith(f"{one}_")), key=len, default=act)
    return whose == act


def test_no_address_and_no_parameter_breaks_a_page(app, browsers, things):
    broken = []
    for rule in pages_of(app, "GET"):
        good = address(rule, things["ids"])
        reader = next((one for one in browsers.values() if one.get(good).status_code == 200), browsers["stranger"])
        bad = [address(rule, things["ids"] | {name: segment}) for name in rule.arguments for segment in SEGMENTS]
        asked = [(path, {}) for path in bad]
        asked += [(good, dict.fromkeys(PARAMETERS, value)) for value in VALUES]
        # All at once: what one of them does to the addresses on a page is asked below, of the function that makes them.
        asked += [(good, dict.fromkeys(FRAMEWORK_WORDS, value)) for value in ("1", "a")]
        for path, query in asked:
            answer = reader.get(path, query_string=query)
            if answer.status_code >= 500:
                broken.append((path, list(query.items())[:1]))
    assert broken == []


def test_nobody_who_has_not_signed_in_sees_a_page_of_staff(app, browsers, things):
    open_to_all = {"home", "wallet", "till", "confirm", "lost", "phone"}
    staff = [rule for rule in pages_of(app, "GET") if rule.endpoint.split(".")[0] not in open_to_all]
    for rule in staff:
        answer = browsers["stranger"].get(address(rule, things["ids"]))
        assert answer.status_code == (200 if rule.endpoint == "auth.sign_in" else 303), rule.rule


def test_no_form_breaks_a_page(app, browsers, things):
    broken = []
    tokens = {name: form_token(browser) for name, browser in browsers.items()}
    for rule in forms_of(app):
        who = {"finance": "finance", "merchant": "manager"}.get(rule.endpoint.split(".")[0], "district")
        filled = FORMS[rule.endpoint]
        acts = ACTS.get(rule.endpoint, ("",))
        asked = []
        for act in acts:
            forms = [{}, *(filled | {name: value} for name in filled if reads(act, acts, name) for value in HARD)]
            asked += [(address(rule, things["ids"] | {"act": act}), form) for form in forms]
        asked += [(address(rule, dict.fromkeys(rule.arguments, segment)), filled) for segment in SEGMENTS[:3]]
        for path, form in asked:
            files = (
                {"file": (io.BytesIO(b"a,b"), "x.csv")}
                if "upload" in path
                or path.endswith(("check", "reconciliation", "register", "cards/import", "past-uses", "file"))
                else {}
            )
            answer = browsers[who].post(path, data=form | files | {"_token": tokens[who]})
            if answer.status_code >= 500:
                broken.append((path, {name: form[name][:12] for name in form if form[name] != filled[name]}))
    assert broken == []


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("district", "/console/rosters/check"),
        ("district", "/console/register"),
        ("district", "/console/cards/import"),
        ("district", "/console/cards/past-uses"),
        ("finance", "/finance/reconciliation"),
    ],
)
def test_no_file_breaks_a_page(browsers, who, path):
    broken = []
    token = form_token(browsers[who])
    for name, content in FILES:
        form = {
            "_token": token,
            "merchant": "M1001",
            "first_on": "2026-11-01",
            "last_on": "2026-11-20",
            "unit_code": "B1",
        }
        form["file"] = (io.BytesIO(content), name)
        answer = browsers[who].post(path, data=form, content_type="multipart/form-data")
        if answer.status_code == 303 and path.startswith("/console"):
            answer = browsers[who].get(answer.location + "/result.xlsx")
        if answer.status_code >= 500:
            broken.append((name[:20], content[:20]))
    assert broken == []


def test_wrong_methods_huge_forms_and_forms_that_are_none_are_told_so(app, browsers, things):
    token = form_token(browsers["district"])
    for rule in forms_of(app):
        path = address(rule, things["ids"])
        for answer in (
            browsers["district"].open(path, method="DELETE"),
            browsers["district"].post(path, json={"a": 1}, headers={"X-CSRF-Token": token}),
            browsers["district"].post(path, data=b"\xff\xfe=%ff%00&" * 9, headers={"X-CSRF-Token": token}),
            browsers["district"].post(path, data=b"--x\r\n\r\n", content_type="multipart/form-data; boundary=x"),
            browsers["district"].post(path, data={"words": "x" * (2 << 20), "_token": token}),
        ):
            assert answer.status_code < 500, (path, answer.status_code)


@pytest.mark.parametrize("word", FRAMEWORK_WORDS)
def test_a_word_of_the_framework_in_an_address_is_a_word_like_any_other(app, word):
    with app.test_request_context(f"/console/rosters?{word}=a&under=%2FC%2F&page=2"):
        assert page_url(3) == f"/console/rosters?{word}=a&under=%2FC%2F&page=3"
