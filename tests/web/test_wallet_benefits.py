"""权益, 今年工会为我 and “不是我” over HTTP: the member's own, nobody else's, and what finance does with it."""

import re
from functools import partial
from pathlib import Path

import pytest

import cardnet
from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.benefits.entitled import Chance, Entitlement, Left
from cardnet.benefits.words import ProgramKind
from cardnet.credential.device import DeviceKey
from cardnet.finance import services as finance
from cardnet.issuance.services import standing_of
from cardnet.merchants import services as merchants
from cardnet.web import benefit_words, wallet_english
from tests.make.benefits import Member, health_check, make_shop, percent, rule
from tests.make.issuance import activate, make_officer
from tests.make.membership import id_number
from tests.make.web import enter, submit, words_of

BASE = "/wallet/api"
NOBODY = "01a1fbd4-0000-7000-8000-000000000000"


@pytest.fixture
def shop(app, session, world):
    made = make_shop(session, world)
    made.pool("HC2026", 1_000_000)
    made.program("HC2026", health_check("HC2026"), ProgramKind.SUBSIDY, name="健康体检补贴")
    made.program("D-10", rule(percent(1_000), {"op": "merchant_in", "codes": ["M1001"]}), name="会员价")
    return made


@pytest.fixture
def member(shop, client):
    """A member whose browser is signed in."""
    (card,) = shop.office.issue(0)
    done = activate(shop.session, shop.world, card, id_number(0)[-4:])
    client.set_cookie("cardnet_member", done.member_token, path="/wallet")
    return Member(card.person_id, done.index, DeviceKey.make(shop.world))


@pytest.fixture
def used(shop):
    """Somebody else's use."""
    return shop.redeem(shop.member(1), 5_000)


def redeem(shop, member, fen):
    """By the key that is bound, which the test does not hold."""
    standing = standing_of(shop.session, member.index)
    return shop.redeem(member, fen, code=member.code(shop.world, device_key=standing.binding_key))


def test_what_is_open_what_is_owed_and_where(shop, client, member):
    told = client.get(f"{BASE}/benefits").get_json()
    assert [(one["name"], one["what"], one["terms"], one["owed"]) for one in told["open"]] == [
        ("健康体检补贴", "补贴 100 元", "每年限 1 次", True),
        ("会员价", "打 9 折", "", False),
    ]
    assert told["closed"] == []
    (place,) = told["places"]
    assert place["offers"] == ["健康体检补贴：补贴 100 元", "会员价：打 9 折"]
    assert client.get(f"{BASE}/card").get_json()["still"] == "还可享受 健康体检补贴 100 元"


def test_a_program_is_put_into_words_as_often_whatever_the_number_of_shops(shop, client, member, monkeypatch):
    real, said = benefit_words.what, []
    monkeypatch.setattr(benefit_words, "what", lambda one: said.append(one.program) or real(one))
    client.get(f"{BASE}/benefits")
    once = list(said)
    shop.till("M2002")
    said.clear()
    assert len(client.get(f"{BASE}/benefits").get_json()["places"]) == 2
    assert said == once


def test_the_year_counts_and_the_answer_is_kept(shop, client, member):
    redeem(shop, member, 5_000)
    year = client.get(f"{BASE}/year").get_json()
    assert (year["total"], year["times"], year["feeling"]) == ("5 元", 1, "")
    assert year["kinds"] == [{"name": "商户优惠", "sum": "5 元", "parts": "会员价 1 次 5 元"}]
    assert year["months"] == [{"name": "11 月", "sum": "5 元", "share": 1000}]
    assert client.post(f"{BASE}/year/feeling", json={"feeling": "so_so"}).get_json()["feeling"] == "so_so"
    for wrong in ("", "happy", 7, None):
        assert client.post(f"{BASE}/year/feeling", json={"feeling": wrong}).status_code == 422


def test_not_me_goes_to_finance_who_holds_back_and_answers(shop, app, client, member, world):
    mine = redeem(shop, member, 5_000)
    told = client.post(f"{BASE}/redemptions/{mine.id}/deny", json={"words": "那天在上班"}).get_json()
    assert told["lines"][0]["denial"] == "open"
    maker = app.test_client()
    officer = make_officer(shop.session, world, shop.office.unions["C"], "maker", Role.FINANCE_MAKER)
    enter(maker, access.open_staff_session(shop.session, world, officer.account_id).token)
    page = words_of(maker.get("/finance/denials").text)
    assert "那天在上班" in page
    assert "待查" in page
    (denial,) = benefits.denials(shop.session, path="/")
    assert submit(maker, f"/finance/denials/{denial.id}/settle", {"outcome": "confirmed"}).status_code == 422
    # Only the outcome was forgotten: what was written is still there.
    forgotten = submit(maker, f"/finance/denials/{denial.id}/settle", {"answer": "已调监控，不是您。"})
    assert (forgotten.status_code, 'value="已调监控，不是您。"' in forgotten.text) == (422, True)
    done = submit(maker, f"/finance/denials/{denial.id}/settle", {"outcome": "confirmed", "answer": "不是您，已追回。"})
    assert done.status_code == 303
    line = client.get(f"{BASE}/redemptions").get_json()["lines"][0]
    assert (line["denial"], line["denial_answer"]) == ("confirmed", "不是您，已追回。")


@pytest.mark.parametrize(
    ("ends", "held", "too_late"), [("explained", 0, 409), ("confirmed", 1, 409), ("taken back", 0, 404)]
)
def test_what_was_held_back_for_a_denial_is_let_go_unless_it_was_right(
    shop, app, client, member, world, ends, held, too_late
):
    """Nothing else ever let it go: the merchant was not paid for a sale that nobody disputed any more."""
    mine = redeem(shop, member, 5_000)
    client.post(f"{BASE}/redemptions/{mine.id}/deny", json={"words": ""})
    maker = app.test_client()
    officer = make_officer(shop.session, world, shop.office.unions["C"], "maker", Role.FINANCE_MAKER)
    enter(maker, access.open_staff_session(shop.session, world, officer.account_id).token)
    (denial,) = benefits.denials(shop.session, path="/")
    address = f"/finance/denials/{denial.id}"
    assert submit(maker, f"{address}/hold").status_code == 303
    assert len(finance.held_of_merchant(shop.session, denial.merchant_id)) == 1
    if ends == "taken back":
        assert client.post(f"{BASE}/redemptions/{mine.id}/take-back", json={}).status_code == 200
    else:
        assert submit(maker, f"{address}/settle", {"outcome": ends, "answer": "查过了"}).status_code == 303
    # The page drawn before still has its button: nobody would ever let go of what it kept back now.
    assert submit(maker, f"{address}/hold").status_code == too_late
    assert len(finance.held_of_merchant(shop.session, denial.merchant_id)) == held


@pytest.mark.parametrize("what", ["deny", "take-back"])
def test_nobody_touches_what_is_anothers(client, member, used, what):
    for which in (used.id, NOBODY, "x", "%00"):
        answer = client.post(f"{BASE}/redemptions/{which}/{what}", json={})
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "call"),
    [("GET", "benefits"), ("GET", "year"), ("POST", "year/feeling"), ("POST", f"redemptions/{NOBODY}/deny")],
)
def test_who_is_not_signed_in_hears_so(client, shop, method, call):
    answer = client.open(f"{BASE}/{call}", method=method, json={"feeling": "satisfied"})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "member_session_ended")


def test_shops_in_the_members_own_town_come_first_and_say_where_they_are(shop, client, member):
    """By the union tree, not by a name that happens to stand in an address."""
    far, near = shop.till("M2002"), shop.till("M3003")
    place = partial(merchants.place_store, shop.session, shop.world)
    place(merchants.PlaceStore(far.store_id, "D2"))
    place(merchants.PlaceStore(near.store_id, "D1"))
    told = client.get(f"{BASE}/benefits").get_json()["places"]
    assert [(one["area"], one["near"]) for one in told] == [("永泽街道", True), ("", False), ("方塔街道", False)]


def test_rules_that_became_stricter_leave_nothing_and_never_less(app):
    limit = Left("calendar_year", 3, 2, 0, None)
    one = Entitlement(
        "P", "体检", ProgramKind.SUBSIDY, Chance.USED_UP, (), (), None, (limit,), None, None, None, (), None
    )
    with app.test_request_context():
        assert benefit_words.left(one) == "今年还可用 0 次"


def test_every_code_the_wallets_services_raise_is_said_in_english():
    sources = [
        path
        for place, names in (
            ("issuance/services", ("activation", "rebinding", "losing", "applying")),
            ("membership/services", ("phone_codes", "phones")),
            ("benefits/services", ("voices",)),
            ("web", ("wallet", "wallet_me", "wallet_calls", "wallet_year")),
        )
        for name in names
        for path in [Path(cardnet.__file__).parent / place / f"{name}.py"]
    ]
    raised = {
        code
        for path in sources
        for code in re.findall(
            r'(?:Conflict|NotFound|InvalidInput|NotAllowed|Refused|NotSignedIn)\(\s*"(\w+)"', path.read_text()
        )
    }
    assert raised - set(wallet_english.WORDS) == set()
    assert not re.search(r"[\u4e00-\u9fff]", "".join(wallet_english.WORDS.values()))


def test_a_member_who_reads_english_is_refused_in_english(client, shop, member):
    with client.session_transaction() as browser:
        browser["language"] = "en"
    answer = client.post(f"{BASE}/redemptions/{NOBODY}/deny", json={})
    assert (answer.get_json()["title"], answer.headers["Content-Language"]) == (wallet_english.WORDS["not_found"], "en")
    redeem(shop, member, 5_000)
    told = client.get(f"{BASE}/benefits").get_json()
    assert told["open"][0]["what"] == "¥100 from the union"
    assert "会员价: 10% off" in [offer for place in told["places"] for offer in place["offers"]]
