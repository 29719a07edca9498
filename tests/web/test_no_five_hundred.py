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
from tests.web.filled_forms import ACTS, FORMS, NOBODY

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
PAGES = ("home", "auth", "confirm", "phone", "console", "finance", "merchant", "overview", "wallet", "till")
FILES = (
    ("x.csv", b""), ("x.xlsx", b"PK\x03\x04 cut off"), ("x.csv", b"\xff\xfe\x00"), ("x", b"\0" * 1_000),
    ("a\nb.csv", b"a,b\n1,2\n"), ("../../x.csv", b"a\0b,c\n"), ("x.csv", b"\xd5\xc5,\xff"), ("张" * 400 + ".csv", b"\xef\xbb\xbf"),
    ("a\0.csv", "姓名,证件类型,证件号码,手机号码,用工形式,本人同意\n张三\0,,,,,\n".encode()),
    ("r.csv", "商户单号,业务日期,金额（元）\nR\0,2026-11-20,1.00\nR2,2026-02-30,9e99\nR3,9999-12-31,99999999999999999999\n".encode()),
)  # fmt: skip
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
