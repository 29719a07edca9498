"""暂缓结算: finance keeps a sale out of settlement by its receipt's number and lets it go with a word of what was found."""

import uuid

import pytest
from flask import g

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.benefits.services import DenyRedemption, SettleDenial
from cardnet.benefits.words import DenialOutcome
from cardnet.finance import services as finance
from cardnet.kernel.db import transaction
from cardnet.membership import services as membership
from tests.make.issuance import make_officer
from tests.make.web import enter, submit, words_of

RELEASE = "/finance/held/release"


@pytest.fixture
def maker(shop_app, world):
    return signed_in(shop_app, world, Role.FINANCE_MAKER)


def signed_in(app, world, role, username="somebody"):
    client = app.test_client()
    with transaction() as session:
        district = membership.union_of_code(session, "C")
        officer = make_officer(session, world, district, username, role)
        enter(client, access.open_staff_session(session, world, officer.account_id).token)
    return client


def form(**other):
    return {"merchant": "M1001", "ref": "R-0001", "reason": "fraud_flag", "words": "闭店后九笔，请提供小票。", **other}


def test_a_sale_is_kept_back_by_its_number_and_let_go_with_a_word(shop, maker):
    shop.redeem(0, ref="R-0001")
    assert submit(maker, "/finance/held", form()).status_code == 303
    page = words_of(maker.get("/finance/held").text)
    assert "闭店后九笔，请提供小票。" in page
    assert "R-0001" in page
    assert "疑似套取" in page
    with transaction() as session:
        ((one,), total) = finance.held_page(session, 30, 0)
    assert (total, one.line.net_fen) == (1, 10_000)
    assert "请先勾选" in submit(maker, RELEASE, {"found": "小票齐全"}).text
    wordless = submit(maker, RELEASE, {"held": str(one.id), "found": " "})
    assert (wordless.status_code, "请写明查清了什么" in wordless.text) == (422, True)
    assert submit(maker, RELEASE, {"held": str(one.id), "found": "小票齐全"}).status_code == 303
    assert "没有暂缓的核销" in maker.get("/finance/held").text
    assert submit(maker, RELEASE, {"held": str(one.id), "found": "小票齐全"}).status_code == 404


def test_several_go_with_one_word_and_none_where_one_may_not(shop, maker):
    for number in range(3):
        shop.redeem(number, ref=f"R-{number}")
        assert submit(maker, "/finance/held", form(ref=f"R-{number}")).status_code == 303
    with transaction() as session:
        found, _ = finance.held_page(session, 30, 0)
    every = [str(one.id) for one in found]
    nobody = submit(maker, RELEASE, {"held": [every[0], str(uuid.uuid4())], "found": "小票齐全"})
    assert nobody.status_code == 404
    with transaction() as session:
        assert finance.held_page(session, 30, 0)[1] == 3
    assert submit(maker, RELEASE, {"held": every, "found": "小票齐全"}).status_code == 303
    with transaction() as session:
        assert finance.held_page(session, 30, 0) == ([], 0)


@pytest.mark.parametrize(
    ("wrong", "status", "told"),
    [
        ({"merchant": ""}, 422, "请选择商户"),
        ({"merchant": "M9999"}, 404, "M9999"),
        ({"ref": ""}, 422, "请填写小票上的商户单号"),
        ({"ref": "没有这个号"}, 404, "没有找到"),
        ({"reason": "member_denies"}, 422, "请选择原因"),
        ({"words": ""}, 422, "请写明为什么暂缓"),
        ({"words": "长" * 201}, 422, "最多 200 个字"),
    ],
)
def test_what_cannot_be_kept_back_is_said_beside_its_field_and_nothing_typed_is_lost(shop, maker, wrong, status, told):
    shop.redeem(0, ref="R-0001")
    answer = submit(maker, "/finance/held", form(**wrong))
    assert (answer.status_code, told in answer.text) == (status, True), answer.text
    if "words" not in wrong:
        assert "闭店后九笔，请提供小票。" in answer.text


def test_a_sale_is_kept_back_once_and_what_is_settled_not_at_all(shop, maker):
    shop.redeem(0, ref="R-0001")
    assert submit(maker, "/finance/held", form()).status_code == 303
    assert "已经暂缓" in submit(maker, "/finance/held", form()).text


def chairs_sheet(app, world):
    """The chair's page, asked for by its own browser."""
    g.pop("principal", None)
    sheet = signed_in(app, world, Role.CHAIR, "chair").get("/overview").text
    g.pop("principal", None)
    return sheet


def test_what_a_member_denies_waits_for_the_answer_and_what_was_found_not_theirs_is_never_paid(
    shop_app, shop, maker, world
):
    sold = shop.redeem(0, ref="R-0001")
    assert submit(maker, "/finance/held", form()).status_code == 303
    with transaction() as session:
        person = benefits.redemption(session, sold.id, None).person_id
        benefits.deny_redemption(session, world, DenyRedemption(person, sold.id, "那天在上班", None))
        ((one,), _) = finance.held_page(session, 30, 0)
    assert "先答复会员" in maker.get("/finance/held").text
    sheet = chairs_sheet(shop_app, world)
    for told in ('<a href="/finance/denials">会员反映“不是我”</a>', '<a href="/finance/held">暂缓结算的核销</a>'):
        assert told in sheet
    waits = submit(maker, RELEASE, {"held": str(one.id), "found": "小票齐全"})
    assert (waits.status_code, "还没有答复" in waits.text) == (409, True)
    with transaction() as session:
        assert finance.held_page(session, 30, 0)[1] == 1
        (denial,) = benefits.denials(session, path="/")
        settled = SettleDenial(denial.id, DenialOutcome.CONFIRMED, "已核实不是您本人。", shop.actor_id)
        benefits.settle_denial(session, world, settled)
    page = maker.get("/finance/held").text
    assert ("查实：不是本人" in page, str(one.id) in page) == (True, False)
    fraud = submit(maker, RELEASE, {"held": str(one.id), "found": "小票齐全"})
    assert (fraud.status_code, "请商户退款" in fraud.text) == (409, True)
    with transaction() as session:
        assert finance.held_page(session, 30, 0)[1] == 1


def test_who_only_reads_sees_no_form(shop, shop_app, world):
    page = signed_in(shop_app, world, Role.AUDITOR).get("/finance/held").text
    assert "没有暂缓的核销" in page
    assert "暂缓一笔" not in page
