"""Whatever a form says, whoever sends it, every page answers with something better than "a fault of ours"."""

import io

import pytest

from tests.make.web import form_token
from tests.web.filled_forms import ACTS, FORMS
from tests.web.no_five_hundred.routes import SEGMENTS, address, forms_of

FILES = (
    ("x.csv", b""), ("x.xlsx", b"PK\x03\x04 cut off"), ("x.csv", b"\xff\xfe\x00"), ("x", b"\0" * 1_000),
    ("a\nb.csv", b"a,b\n1,2\n"), ("../../x.csv", b"a\0b,c\n"), ("x.csv", b"\xd5\xc5,\xff"), ("张" * 400 + ".csv", b"\xef\xbb\xbf"),
    ("a\0.csv", "姓名,证件类型,证件号码,手机号码,用工形式,本人同意\n张三\0,,,,,\n".encode()),
    ("r.csv", "商户单号,业务日期,金额（元）\nR\0,2026-11-20,1.00\nR2,2026-02-30,9e99\nR3,9999-12-31,99999999999999999999\n".encode()),
)  # fmt: skip
HARD = ("", "a\0b", "9" * 30, "2026-02-30", "0001-01-01", "9999-12-31")


def reads(act, acts, name) -> bool:
    """Whether an act reads a field: where fields begin with the name of an act, only that one does."""
    whose = max((one for one in acts if one and name.startswith(f"{one}_")), key=len, default=act)
    return whose == act


def test_no_form_breaks_a_page(app, browsers, things):
    broken = []
    tokens = {name: form_token(browser) for name, browser in browsers.items()}
    for rule in forms_of(app):
        who = {"finance": "finance", "merchant": "manager"}.get(rule.endpoint.split(".")[0], "district")
        if rule.endpoint == "finance.clear_difference":
            who = "checker"  # the maker has proposed, and another must answer
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
