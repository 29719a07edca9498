"""Pages of quota and the bulletin: what an officer sees before it is done, and that all figures agree."""

import io
import re
from datetime import datetime, timedelta

import pytest

from cardnet.access import services as access
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import SHANGHAI
from cardnet.membership import services as membership
from tests.make import membership as make_membership
from tests.make.issuance import make_office
from tests.make.web import enter, submit, words_of


@pytest.fixture
def office(session, world):
    return make_office(session, world)


@pytest.fixture
def browser_of(app, session, world):
    def browser(principal):
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, principal.account_id).token)
        return client

    return browser


# ---- handing down to many ----


def test_an_allocation_is_seen_before_it_is_done_and_done_as_it_was_seen(office, browser_of, session, world):
    make_membership.people(session, world, 2, "B1")
    membership.save_people(session, world, [make_membership.person_row(100, "B9")])
    office.grant(1_000)
    client = browser_of(office["C1"])
    page = client.get("/console/quota/plan?from_code=C&total=1000&basis=members").text
    shares = dict(re.findall(r'name="share-(\w+)" value="(\d+)"', page))
    assert shares == {"D1": "667", "D2": "333"}
    assert office.quota("C").free == 1_000
    form = {"year": str(office.year), "from_code": "C", "basis": "hand", "total": "1000"}
    wrong = submit(client, "/console/quota/plan", {**form, "share-D1": "667", "share-D2": "433"})
    assert wrong.status_code == 422
    assert "各单位合计 1,100，比下达总数 1,000 多 100" in words_of(wrong.text)
    # What was typed is still there to be mended.
    assert dict(re.findall(r'name="share-(\w+)" value="(\d+)"', wrong.text)) == {"D1": "667", "D2": "433"}
    looked = submit(client, "/console/quota/plan", {**form, "share-D1": "600", "share-D2": "400", "look": "1"})
    assert (looked.status_code, office.quota("C").free) == (200, 1_000)
    done = submit(client, "/console/quota/plan", {**form, **{f"share-{code}": n for code, n in shares.items()}})
    assert done.status_code == 303
    assert (office.quota("D1").received, office.quota("D2").received) == (667, 333)


def test_by_hand_every_union_starts_empty(office, browser_of):
    office.grant(10)
    page = browser_of(office["C1"]).get("/console/quota/plan?from_code=C&total=10&basis=hand").text
    assert re.findall(r'name="share-(\w+)" value="(\d+)"', page) == [("D1", "0"), ("D2", "0")]


@pytest.mark.parametrize(
    "query", ["total=99999999999", "total=x", "from_code=ZZ&total=5", "total=5&basis=luck", "total=5&recall_after=x", "total=5&share-D1=-"]
)  # fmt: skip
def test_a_plan_nobody_can_make_is_answered_in_words(office, browser_of, query):
    office.grant(10)
    assert browser_of(office["C1"]).get(f"/console/quota/plan?{query}").status_code == 200


def test_units_have_nobody_to_hand_down_to(office, browser_of):
    assert browser_of(office["U1"]).get("/console/quota/plan").status_code == 403


# ---- waiting ----


def test_offers_are_answered_on_the_waiting_page(office, browser_of, session, world):
    office.submit(office.roster(0, 1, 2))
    office.give_unit("B1", 2)
    client = browser_of(office["U1"])
    page = client.get("/console/quota/waiting").text
    first, second = re.findall(r'class="tick" type="checkbox" name="application" value="([^"]+)"', page)
    assert "保留到" in page
    assert (
        submit(client, "/console/quota/waiting/accept", {"choose": "selected", "application": first}).status_code == 303
    )
    assert (
        submit(client, "/console/quota/waiting/decline", {"choose": "selected", "application": second}).status_code
        == 303
    )
    assert office.quota("B1").offered == 1
    assert submit(client, "/console/quota/waiting/decline", {"choose": "all"}).status_code == 303
    gone = submit(client, "/console/quota/waiting/accept", {"choose": "all"})
    assert gone.status_code == 409
    assert "没有待确认的名额" in gone.text
    assert office.breaches() == {}


def test_a_batch_tells_who_has_an_offer_and_drops_what_was_said_before_it_was_sent(office, browser_of):
    office.give_unit("B1", 1)
    receipt = office.submit(office.roster(0, 1, 2))
    office.give_unit("B1", 1)
    client = browser_of(office["U1"])
    page = words_of(client.get(f"/console/batches/{receipt.batch_id}?show=all").text)
    assert "其中 1 人有名额，待答复" in page
    assert "本年名额还剩" not in page
    assert page.count("过期轮到下一个人") == 1
    told = page[page.index("经过") :]
    assert told.index("提交") < told.index("候补"), "who was sent in comes before who waits"


@pytest.mark.parametrize("giver", ["D1", "d1", "{name}", "D1 {name}"])
def test_a_union_is_named_by_code_or_by_name(office, browser_of, giver):
    office.grant(5)
    office.allocate("C", "D1", 5)
    names = {code: one.name for code, one in office.unions.items()}
    client = browser_of(office["D1u"])
    form = {"act": "allocate", "year": str(office.year), "count": "2", "giver": giver.format(name=names["D1"])}
    done = submit(client, "/console/quota/allocate", {**form, "taker": names["B1"]})
    assert (done.status_code, office.quota("B1").received) == (303, 2)
    wrong = submit(client, "/console/quota/allocate", {**form, "taker": "没有的工会"})
    assert wrong.status_code == 422
    assert 'id="taker-error"' in wrong.text
    assert "没有找到“没有的工会”" in wrong.text


def test_the_district_cuts_what_nobody_uses_on_a_document(office, browser_of):
    office.give_unit("B1", 3)
    office.grant(4)
    client, before = browser_of(office["C1"]), office.quota("C").received
    form = {"act": "cut", "year": str(office.year), "count": "5", "document": "云工〔2026〕9号"}
    too_many = submit(client, "/console/quota/cut", form)
    assert too_many.status_code == 409
    assert "要核减的名额超过尚未使用的名额" in too_many.text
    assert 'id="count-error"' in too_many.text
    assert submit(client, "/console/quota/cut", {**form, "count": "0"}).status_code == 422
    assert submit(client, "/console/quota/cut", {**form, "document": ""}).status_code == 422
    assert submit(client, "/console/quota/cut", {**form, "count": "4"}).status_code == 303
    assert "已核减" in client.get("/console/quota").text
    assert (office.quota("C").received, office.quota("C").free) == (before - 4, 0)
    assert "核减" in client.get("/console/quota").text
    township = browser_of(office["D1u"])
    assert submit(township, "/console/quota/cut", {**form, "count": "1"}).status_code == 403
    assert "核减" not in township.get("/console/quota").text
    assert office.breaches() == {}


def test_somebody_is_moved_to_the_front_with_a_reason(office, browser_of, session):
    office.submit(office.roster(0, 1))
    client = browser_of(office["D1u"])
    last = issuance.waiting_list(session, office.year, "/C/").lines[1]
    form = {"application": str(last.application_id), "words": ""}
    assert submit(client, "/console/quota/waiting/first", form).status_code == 422
    assert submit(client, "/console/quota/waiting/first", {**form, "words": "困难职工"}).status_code == 303
    assert issuance.waiting_list(session, office.year, "/C/").lines[0].application_id == last.application_id
    assert "优先" in client.get("/console/quota/waiting").text


def test_a_unit_does_not_see_who_waits_elsewhere(office, browser_of):
    office.submit(office.roster(0))
    assert "周桂林" in browser_of(office["U1"]).get("/console/quota/waiting").text
    assert "周桂林" not in browser_of(office["U9"]).get("/console/quota/waiting").text


# ---- raises ----


def test_the_district_raises_with_its_decision_and_another_approves(office, browser_of, session, world):
    office.grant(10)
    client, other = browser_of(office["C1"]), browser_of(office["C2"])
    incomplete = submit(client, "/console/quota/raises", {"count": "5", "reason": "新建单位"})
    assert incomplete.status_code == 422
    assert "预算科目" in incomplete.text
    form = {
        "count": "5", "reason": "新建单位", "document": "云工〔2026〕18号", "meeting": "常委会", "decided_on": "2026-11-02",
        "budget_item": "2290201", "original": (io.BytesIO(b"%PDF-1.7 decision"), "18.pdf"),
    }  # fmt: skip
    assert submit(client, "/console/quota/raises", form, content_type="multipart/form-data").status_code == 303
    page = other.get("/console/quota/raises").text
    action = re.search(r'action="(/console/quota/raises/[^"]+/approve)', page)[1]
    original = re.search(r'href="(/console/quota/authority/[^"]+)"', page)[1]
    assert other.get(original).data == b"%PDF-1.7 decision"
    assert browser_of(office["U1"]).get(original).status_code == 404
    assert submit(client, action, {}).status_code == 403
    assert submit(other, action, {}).status_code == 303
    assert office.quota("C").received == 15


def test_a_unit_asks_and_may_take_it_back(office, browser_of):
    office.grant(10)
    client = browser_of(office["U1"])
    assert submit(client, "/console/quota/raises", {"count": "x", "reason": ""}).status_code == 422
    assert submit(client, "/console/quota/raises", {"count": "3", "reason": "新入职"}).status_code == 303
    page = client.get("/console/quota/raises").text
    withdraw = re.search(r'action="(/console/quota/raises/[^"]+/withdraw)', page)[1]
    assert submit(client, withdraw, {}).status_code == 303
    assert "已撤回" in client.get("/console/quota/raises").text


# ---- year end and recall ----


def test_the_year_is_closed_on_its_page(office, browser_of, clock, session):
    clock.set(datetime(2026, 12, 20, 9, tzinfo=SHANGHAI))
    office.give_unit("B1", 2)
    office.submit(office.roster(0))
    client = browser_of(office["C1"])
    assert "排候补最前" in client.get("/console/quota/year-end?year=2026").text
    assert submit(client, "/console/quota/year-end/closing?year=2026", {"until": "x"}).status_code == 422
    assert submit(client, "/console/quota/year-end/closing?year=2026", {"until": "2027-01-31"}).status_code == 303
    assert submit(client, "/console/quota/year-end/close?year=2026", {}).status_code == 409
    assert submit(client, "/console/quota/year-end/offer_days?year=2026", {"days": "10"}).status_code == 303
    clock.set(datetime(2027, 2, 1, 9, tzinfo=SHANGHAI))
    client = browser_of(office["C1"])
    assert submit(client, "/console/quota/year-end/close?year=2026", {}).status_code == 303
    (carried,) = issuance.waiting_list(session, 2027, "/C/").lines
    page = "/console/quota/waiting?year=2027"
    assert "上年转入" in client.get(page).text
    assert "列为优先" in client.get(page).text
    form = {"application": str(carried.application_id), "words": "困难职工"}
    for act, priority, next_act in (("first", -101, "取消优先"), ("back", -100, "列为优先")):
        assert submit(client, f"/console/quota/waiting/{act}?year=2027", form).status_code == 303
        assert [one.priority for one in issuance.waiting_list(session, 2027, "/C/").lines] == [priority]
        assert "上年转入" in client.get(page).text
        assert next_act in client.get(page).text
    assert submit(browser_of(office["D1u"]), "/console/quota/year-end/close?year=2026", {}).status_code == 403
    assert office.breaches() == {}


def test_a_recall_date_is_set_and_places_come_back(office, browser_of, clock):
    office.give_unit("B1", 5)
    client = browser_of(office["D1u"])
    form = {"year": str(office.year), "giver": "D1", "after": "2026-11-25"}
    assert submit(client, "/console/quota/recall_date", {**form, "act": "recall_date"}).status_code == 303
    assert "2026-11-25 后可收回" in words_of(client.get("/console/quota").text)
    assert submit(client, "/console/quota/recall", {**form, "act": "recall"}).status_code == 409
    clock.advance(timedelta(days=5))
    client = browser_of(office["D1u"])
    assert submit(client, "/console/quota/recall", {**form, "act": "recall"}).status_code == 303
    assert office.quota("D1").free == 5


def test_the_tree_is_found_by_name_and_other_kinds_have_pages_of_their_own(office, browser_of):
    office.give_unit("B1", 5)
    client = browser_of(office["C1"])
    found = words_of(client.get("/console/quota?find=精密").text)
    assert "恒启精密机械" in found
    assert "没有符合的工会" in client.get("/console/quota?find=不存在").text
    assert "恒启精密机械" in client.get("/console/quota?show=free").text
    kind = {"year": str(office.year), "kind": "recuperation"}
    assert (
        submit(
            client, "/console/quota/grant", {**kind, "act": "grant", "count": "20", "document": "云工〔2026〕7号"}
        ).status_code
        == 303
    )
    assert (
        submit(
            client, "/console/quota/use", {**kind, "act": "use", "giver": "C", "count": "4", "words": "第一批"}
        ).status_code
        == 303
    )
    assert "疗休养" in client.get("/console/quota?kind=recuperation").text
    assert office.quota("C").received == 5
