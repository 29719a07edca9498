"""待办: everything that waits for an officer in the own tier and scope, each with its page; the API says the same."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.issuance import services
from cardnet.issuance.rules import HandoutKind
from cardnet.issuance.rules.unit_approval import ApprovalKind
from cardnet.issuance.services import self_filled
from cardnet.membership import services as membership
from cardnet.membership.rules import TransferOrigin
from cardnet.web.task_lines import everything_waiting, href_of
from tests.make import membership as make_membership
from tests.make.issuance import Office, make_office, make_officer
from tests.make.web import enter, words_of


@pytest.fixture
def office(session, world) -> Office:
    return make_office(session, world)


def waiting(office: Office, name: str) -> dict[str, int]:
    tasks = everything_waiting(office.session, office.world, office[name])
    return {task.kind: task.count for task in tasks}


def person_of(office: Office, number: str):
    return services.card_of_number(office.session, number).person_id


def test_every_kind_of_work_waits_with_whom_it_is_for_and_with_nobody_else(app, office, session, world):
    first, second, third = office.issue(1, 2, 3)
    # Another unit names a member of B1 as its own.
    proposal = membership.ProposeTransfers(
        [(person_of(office, first.number), office.unions["B2"].id)], TransferOrigin.ROSTER
    )
    membership.propose_transfers(session, world, proposal)
    # B1 and its township ask for more places; the district for more of its own.
    for code, who in (("B1", "U1"), ("D1", "D1u")):
        services.ask_for_more(session, world, services.AskForMore(office.year, code, 5, "新入职", office[who]))
    poster = self_filled.open_poster(session, world, self_filled.OpenPoster(office["U1"], "B1", date(2026, 12, 20)))
    fields = {
        "name": "周桂林", "id_type": "居民身份证", "id_number": make_membership.id_number(9), "phone": "19900000009",
        "employment": "合同", "consent": "是",
    }  # fmt: skip
    self_filled.fill_in(session, world, self_filled.FillIn(poster.token, fields, "10.0.0.1"))
    services.open_handout(
        session, world,
        services.OpenHandout(office["U1"], HandoutKind.GIFT, "春节慰问品", office.unions["B1"].path, "云工〔2026〕9号"),
    )  # fmt: skip
    session.execute(text("update card set valid_to = :on where number = :n"), {"on": date(2026, 12, 31), "n": second.number})  # fmt: skip
    seen = {name: waiting(office, name) for name in ("U1", "U2", "D1u", "D9u", "C1")}
    assert {kind: seen["U1"].get(kind) for kind in ("transfer", "self_filled", "sign", "renew", "confirm")} == {
        "transfer": 1, "self_filled": 1, "sign": 3, "renew": 1, "confirm": 3,
    }  # fmt: skip
    assert "raise" not in seen["U1"]
    assert seen["U2"] == {}
    assert (seen["D1u"]["raise"], seen["D1u"]["renew"], seen["D1u"]["confirm_below"]) == (1, 1, 1)
    assert seen["D9u"] == {}
    assert seen["C1"]["raise"] == 1
    assert "transfer" not in seen["D1u"] | seen["C1"]
    with app.test_request_context():
        pages = {t.kind: href_of(t) for t in everything_waiting(session, world, office["C1"])}
    assert pages["raise"].endswith(f"/console/quota/raises?year={office.year}&kind=new_card")
    # Done is done.
    (line,) = membership.transfers_of(session, office.unions["B1"].id)
    services.accept_transfer(session, world, membership.AnswerTransfer(line.id, office["U1"]))
    membership.confirm_the_rest(session, world, office.unions["B1"].id, office["U1"])
    assert not {"transfer", "confirm"} & waiting(office, "U1").keys()
    assert waiting(office, "U2")["confirm"] == 1
    assert third


def test_a_unit_with_one_officer_is_told_to_ask_its_chair_and_then_until_when_the_chair_has(office, session, world):
    office.give_unit("B9", 2)
    batch = office.submit(office.roster(4, 5, unit="B9"), "B9", "U9").batch_id
    assert waiting(office, "U9") == {"chair": 2, "confirm": 2}
    ask = services.AskApproval(batch, "B9", ApprovalKind.LINK, "陈主席", office["U9"])
    services.ask_approval(session, world, ask)
    task, _ = everything_waiting(session, world, office["U9"])
    assert (task.kind, task.count, task.due_at) == ("chair_asked", 2, world.now() + timedelta(days=7))
    # With a second officer the colleague reviews, and nothing waits for who sent it in.
    office.officers["V9"] = make_officer(session, world, office.unions["B9"], "V9")
    assert (waiting(office, "U9"), waiting(office, "V9")) == ({"confirm": 2}, {"review": 2, "confirm": 2})


def test_the_page_and_the_api_show_one_list(app, office, session, world, client):
    office.issue(1, 2)
    officer: Principal = make_officer(session, world, office.unions["C"], "C7", Role.DISTRICT_OFFICER)
    enter(client, access.open_staff_session(session, world, officer.account_id).token)
    page = words_of(client.get("/console").text)
    assert "有 1 件事等您办理" in page
    assert "1 家工会的年度会籍确认还没有做完" in page
    assert "2026 年度，2026年12月31日前完成" in page
    token = access.issue_token(session, world, officer)
    answer = app.test_client().get("/api/v1/tasks", headers={"Authorization": f"Bearer {token}"})
    (task,) = answer.get_json()["items"]
    assert (task["kind"], task["batch_id"], task["count"]) == ("confirm_below", None, 1)
    assert client.get(task["href"]).status_code == 200
