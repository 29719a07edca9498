"""A member binds the official account by digits she sends to it: agreed to, once, in time, and taken back by herself."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import text

from cardnet.access import services as access
from cardnet.config import Settings
from cardnet.kernel.vault import vault_of
from cardnet.membership.jobs import gateways_of, send_due
from cardnet.membership.notices.account_message import read_message
from cardnet.membership.notices.simulated import messages_on
from cardnet.membership.services import notices
from cardnet.membership.services.notices.sending import ADDRESS
from tests.make.issuance import activate, make_office
from tests.make.membership import id_number
from tests.make.web import enter, submit, words_of

BASE = "/wallet/api"
TOKEN = "a-token-both-sides-know"


@pytest.fixture
def office(app, session, world):
    return make_office(session, world)


@pytest.fixture
def settings(app):
    before = app.extensions["cardnet.settings"]

    def use(**more):
        app.extensions["cardnet.settings"] = Settings(**{**vars(before), **more})

    use(wechat_token=TOKEN)
    yield use
    app.extensions["cardnet.settings"] = before


@pytest.fixture
def phone_of(app, office):
    """A signed-in browser of the member with this serial, and who they are."""

    def make(serial):
        (card,) = office.issue(serial)
        done = activate(office.session, office.world, card, id_number(serial)[-4:])
        client = app.test_client()
        client.set_cookie("cardnet_member", done.member_token, path="/wallet")
        return client, card.person_id

    return make


def ask(client):
    return client.post(f"{BASE}/account/code", json={}).get_json()["code"]


def writes(client, world, sender, words, token=TOKEN, late=0):
    stamp, nonce = str(int(world.now().timestamp()) - late), "n0nce"
    signature = hashlib.sha1("".join(sorted((token, stamp, nonce))).encode()).hexdigest()
    body = (
        f"<xml><ToUserName><![CDATA[gh_union]]></ToUserName><FromUserName><![CDATA[{sender}]]></FromUserName>"
        f"<CreateTime>{stamp}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{words}]]></Content></xml>"
    )
    query = {"signature": signature, "timestamp": stamp, "nonce": nonce}
    return client.post(f"{BASE}/official-account", query_string=query, data=body.encode(), content_type="text/xml")


def bound(session, person_id):
    row = session.execute(
        text("select address from notice_address where person_id = :id and ended_at is null"), {"id": person_id}
    ).one_or_none()
    return row and vault_of(session).open(ADDRESS, row.address)


def test_digits_sent_to_the_account_bind_the_chat_they_came_from_once(app, settings, phone_of, session, world):
    member, person_id = phone_of(0)
    assert member.get(f"{BASE}/me").get_json()["account"] == {"offered": True, "bound": ""}
    assert member.get(f"{BASE}/me").get_json()["consents"]["notices"] is False
    code = ask(member)
    wechat = app.test_client()
    answer = writes(wechat, world, "oABC-1", f"绑定 {code}")
    assert (answer.status_code, answer.mimetype) == (200, "application/xml")
    assert "已绑定" in answer.text
    assert bound(session, person_id) == "oABC-1"
    me = member.get(f"{BASE}/me").get_json()
    assert "绑定" in me["account"]["bound"]
    assert me["consents"]["notices"] is True, "asking for the digits is agreeing"
    assert "不对、已用过或已过期" in writes(wechat, world, "oEVIL", code).text
    assert bound(session, person_id) == "oABC-1"
    after = member.post(f"{BASE}/account/unbind", json={}).get_json()
    assert after["account"]["bound"] == ""
    assert bound(session, person_id) is None
    acts = set(session.scalars(text("select action from audit_event where subject_id = :id"), {"id": str(person_id)}))
    assert {"member.ask_account_code", "contact.bind", "contact.unbind"} <= acts


def test_the_same_message_again_is_answered_as_before(app, settings, phone_of, session, world):
    member, person_id = phone_of(0)
    code = ask(member)
    assert all("已绑定" in writes(app.test_client(), world, "oABC-1", code).text for _ in range(3))
    assert bound(session, person_id) == "oABC-1"


def test_a_chat_may_not_guess_for_ever(app, settings, phone_of, session, world, clock):
    member, _ = phone_of(0)
    ask(member)
    told = [writes(app.test_client(), world, "oEVIL", f"{number:08d}").text for number in range(11)]
    assert [("试得太多了" in one) for one in told] == [False] * 10 + [True]
    assert "请在会员卡" in writes(app.test_client(), world, "oOTHER", "00000000").text, "another chat is not held back"
    assert "请在会员卡" in writes(app.test_client(), world, "oEVIL", "您好").text, "words are no guess"


def test_digits_are_good_for_ten_minutes_and_only_the_newest(app, settings, phone_of, session, world, clock):
    member, person_id = phone_of(0)
    old, new = ask(member), ask(member)
    assert old != new
    assert "不对" in writes(app.test_client(), world, "oABC-1", old).text
    clock.advance(timedelta(minutes=10))
    assert "不对" in writes(app.test_client(), world, "oABC-1", new).text
    assert bound(session, person_id) is None
    assert "已绑定" in writes(app.test_client(), world, "oABC-1", ask(member)).text


def test_a_chat_is_one_members_and_a_member_has_one_chat(app, settings, phone_of, session, world):
    (first, one), (second, two) = phone_of(0), phone_of(1)
    wechat = app.test_client()
    writes(wechat, world, "oSHARED", ask(first))
    writes(wechat, world, "oSHARED", ask(second))
    assert (bound(session, one), bound(session, two)) == (None, "oSHARED")
    writes(wechat, world, "oOTHER", ask(second))
    assert bound(session, two) == "oOTHER"


def test_what_the_account_did_not_sign_changes_nothing(app, settings, phone_of, session, world):
    member, person_id = phone_of(0)
    code, wechat = ask(member), app.test_client()
    assert writes(wechat, world, "oEVIL", code, token="guessed").status_code == 403
    assert writes(wechat, world, "oEVIL", code, late=600).status_code == 403
    assert wechat.post(f"{BASE}/official-account", data=b"<xml/>").status_code == 403
    assert wechat.get(f"{BASE}/official-account?echostr=hello").status_code == 403
    assert bound(session, person_id) is None
    settings(wechat_token="")
    assert writes(wechat, world, "oEVIL", code, token="").status_code == 403
    assert member.post(f"{BASE}/account/code", json={}).get_json()["code"] == "no_account"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"<xml>", b"<xml><MsgType>event</MsgType></xml>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><xml><FromUserName>&a;</FromUserName></xml>", b"<xml>" * 5000,
    ],
)  # fmt: skip
def test_whatever_else_arrives_is_no_message(content):
    assert read_message(content) is None


def test_in_the_demonstration_the_phone_writes_to_the_account_and_hears_from_it(
    app, settings, phone_of, office, session, world
):
    settings(simulated_phone=True, wechat_token="")
    member, person_id = phone_of(0)
    browser = app.test_client()
    browser.get("/phone")
    page = submit(browser, "/phone/account", {"phone": "13800000009", "words": ask(member)})
    assert "已绑定" in words_of(page.text)
    assert bound(session, person_id) == "demo-13800000009"
    recipient = notices.Recipient(person_id, office.unions["B1"].id, None, {"number": "9001", "reason": "遗失"})
    told = notices.tell(session, world, notices.Tell(notices.NoticeKind.CARD_SUSPENDED, [recipient]))
    assert (told.messages, told.slips) == (1, 0)
    with app.app_context():
        send_due(world, gateways_of(app.extensions["cardnet.settings"], world))
    (message,) = messages_on(session, "13800000009")
    assert "公众号" in message.words


def test_an_officer_sees_how_many_are_reached_and_inside_the_unit_who(
    app, settings, phone_of, office, session, world, client
):
    member, _ = phone_of(0)
    phone_of(1)
    writes(app.test_client(), world, "oABC-1", ask(member))
    (line,) = notices.reach_by_union(session, world, office.unions["B1"].path)
    assert (line.members, line.official_account, line.sms, line.no_consent) == (2, 1, 0, 1)
    enter(client, access.open_staff_session(session, world, office["U1"].account_id).token)
    page = words_of(client.get("/console/cards/notices/reach").text)
    assert "发消息能到 50.0% 1 人／会员 2" in page
    assert "周桂林 公众号" in page
    only = words_of(client.get("/console/cards/notices/reach?way=no_consent").text)
    assert "周桂林 没有同意接收" in only
    assert "周桂林 公众号" not in only
    district = app.test_client()
    enter(district, access.open_staff_session(session, world, office["C1"].account_id).token)
    above = words_of(district.get("/console/cards/notices/reach").text)
    assert "合计 2 1 0 1 0 0" in above
    assert "周桂林" not in above
