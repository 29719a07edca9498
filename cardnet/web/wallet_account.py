"""The official account in the wallet: digits to send to it, taking it back; and what the account's server tells us."""

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict, NotAllowed, TooManyRequests
from cardnet.membership.notices.account_message import MOST_BYTES, is_signed, read_message, reply_to
from cardnet.membership.services import notices
from cardnet.web.wallet import blueprint
from cardnet.web.wallet_calls import answer, member_of
from cardnet.web.wallet_me import me_of, offers_account
from cardnet.wiring import current_settings, current_world


@blueprint.post("/wallet/api/account/code")
def ask_account_code() -> ResponseReturnValue:
    """Eight digits for the account; asking for them is agreeing to notices."""
    if not offers_account():
        raise Conflict("no_account", _("这里还没有开通公众号通知。"))
    world = current_world()
    with transaction() as session:
        asked = notices.ask_account_code(session, world, member_of(session))
    return answer({"code": asked.code, "minutes": notices.CODE_MINUTES}, world.now())


@blueprint.post("/wallet/api/account/unbind")
def unbind_account() -> ResponseReturnValue:
    """The account hears no more of this member."""
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        notices.unbind_account(session, world, person_id)
        found = me_of(session, person_id, world.now())
    return answer(found, world.now())


@blueprint.get("/wallet/api/official-account")
def account_is_ours() -> ResponseReturnValue:
    """WeChat asks once whether this address is ours."""
    _must_be_signed()
    return Response(request.args.get("echostr", "")[:200], content_type="text/plain; charset=utf-8")


@blueprint.post("/wallet/api/official-account")
def account_message() -> ResponseReturnValue:
    """Somebody wrote to the account: digits bind the chat, other words are answered with what to do."""
    request.max_content_length = MOST_BYTES
    _must_be_signed()
    world = current_world()
    message = read_message(request.get_data(cache=False))
    if message is None:
        return Response("success", content_type="text/plain")
    said = heard(message.sender, message.words)
    return Response(reply_to(message, said, world.now()), content_type="application/xml; charset=utf-8")


def heard(sender: str, words: str) -> str:
    """What the account says to what somebody wrote to it."""
    try:
        with transaction() as session:
            bound = notices.bind_by_code(session, current_world(), notices.BindByCode(sender, words))
    except TooManyRequests as error:
        return error.message
    return BOUND if bound else NOT_BOUND


BOUND = "已绑定：工会的通知以后先发到这里。不想再收，请在会员卡的“我的卡”里解除绑定。"
"""What the account says to who has bound it; the chat is the member's, so nobody else's name is in it."""
NOT_BOUND = "绑定码不对、已用过或已过期，请在会员卡的“我的卡”里重新获取。"


def _must_be_signed() -> None:
    signature, timestamp, nonce = (request.args.get(name, "")[:100] for name in ("signature", "timestamp", "nonce"))
    if not is_signed(current_settings().wechat_token, signature, timestamp, nonce, current_world().now()):
        raise NotAllowed("signature_invalid", "不是公众号发来的消息。")
