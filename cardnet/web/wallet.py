"""`/wallet`: the member's card on a phone. The page works without a network; these calls are for when there is one.

Every answer carries `now` in milliseconds: the phone keeps the difference to its own clock. A phone is known by the
member session that activation opened, a cookie no script can read.
"""

import base64
import uuid
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardState, Standing
from cardnet.kernel import calendar
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.web import language
from cardnet.web.member_lines import redemption_lines, still_line
from cardnet.web.offline import OfflineApp
from cardnet.web.wallet_calls import COOKIE, Body, answer, member_of
from cardnet.wiring import current_settings, current_world

blueprint = Blueprint("wallet", __name__)

COOKIE_SECONDS = 400 * 86_400
LARGE_TYPE_FROM_AGE = 50

_APP = OfflineApp(
    "wallet",
    "/wallet",
    ("css/base.css", "css/wallet.css", "img/wallet.svg", "img/wallet-192.png", "img/wallet-180.png"),
    "#b3262e",
)


@blueprint.get("/wallet")
def page() -> ResponseReturnValue:
    """The card, or the three steps to it."""
    return _APP.render(words=words())


@blueprint.get("/wallet/sw.js")
def worker() -> ResponseReturnValue:
    """What holds the page for the next visit without a network."""
    return _APP.worker(words=words())


@blueprint.get("/wallet/manifest.webmanifest")
def web_manifest() -> ResponseReturnValue:
    """How the card appears on a home screen."""
    lang = language.HTML_LANG[language.chosen()]
    return _APP.web_manifest(name=_("工会会员服务卡"), short_name=_("会员卡"), language=lang)


@blueprint.get("/wallet/api/time")
def time() -> ResponseReturnValue:
    """The server's clock, asked three times by every phone that comes online."""
    return answer({}, current_world().now())


@blueprint.post("/wallet/api/activate")
def activate() -> ResponseReturnValue:
    """Bind this phone's key to a card by number, code and the last four of the ID; sign the phone in."""
    body = Body()
    command = issuance.ActivateCard(
        card_number=body.text("card_number", 40),
        activation_code=body.text("activation_code", 40),
        id_last4=body.text("id_last4", 8),
        public_key=body.bytes("public_key"),
        proof=body.bytes("proof"),
    )
    world = current_world()
    with transaction() as session:
        result = issuance.activate_card(session, world, command)
        standing = issuance.standing_of(session, result.index) if isinstance(result, issuance.Activation) else None
    if isinstance(result, issuance.ActivationRefused):
        # Raised only now: the try that was counted above must stay counted.
        raise result.error()
    large = standing is not None and _prefers_large_type(standing, world.now())
    done = answer({**_credential(result), "large_type": large}, result.now)
    return _signed_in(done, result.member_token)


@blueprint.post("/wallet/api/renew")
def renew() -> ResponseReturnValue:
    """A fresh credential for the key this phone already bound; the session starts its 400 days anew."""
    public_key = Body().bytes("public_key")
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        renewal = issuance.renew_credential(session, world, issuance.RenewCredential(person_id, public_key))
        access.prolong_member_session(session, world, request.cookies[COOKIE])
    return _signed_in(answer(_credential(renewal), renewal.now), request.cookies[COOKIE])


@blueprint.post("/wallet/api/rebind")
def rebind() -> ResponseReturnValue:
    """A signed-in phone lost its key: bind a new one by the last four of the ID; the old one dies at once."""
    body = Body()
    number, last4 = body.text("card_number", 40), body.text("id_last4", 8)
    public_key, proof = body.bytes("public_key"), body.bytes("proof")
    world = current_world()
    with transaction() as session:
        member_session = access.id_of_member_session(session, request.cookies.get(COOKIE, ""))
        command = issuance.RebindCard(member_of(session), number, last4, public_key, proof, member_session)
        result = issuance.rebind_card(session, world, command)
    if isinstance(result, issuance.ActivationRefused):
        raise result.error()
    return answer(_credential(result), result.now)


@blueprint.get("/wallet/api/card")
def card() -> ResponseReturnValue:
    """How the card stands. With `index`: of the phone's own binding; without: the person's card that may be bound."""
    index = request.args.get("index", type=int)
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        found = _standing(session, person_id, index) if index is not None else _card_to_bind(session, person_id)
        found["still"] = still_line(session, person_id, world.now())
    return answer(found, world.now())


@blueprint.get("/wallet/api/redemptions")
def redemptions() -> ResponseReturnValue:
    """What the member's card was used for this year, the newest first."""
    world = current_world()
    with transaction() as session:
        found = redemption_lines(session, member_of(session), world.now())
    return answer(found, world.now())


@blueprint.post("/wallet/api/sign-out")
def sign_out() -> ResponseReturnValue:
    """End this phone's session. No sign-in is needed: signing out twice is no error."""
    world = current_world()
    with transaction() as session:
        access.end_member_session(session, world, request.cookies.get(COOKIE, ""))
    done = answer({}, world.now())
    done.delete_cookie(COOKIE, path="/wallet")
    return done


def words() -> dict[str, str]:
    """The sentences the scripts need, in the visitor's language; keys are those of `say()` in frontend/src/wallet."""
    return {
        "step_of": _("第 {step} 步，共 3 步"),
        "number_wrong": _("卡号是 13 位数字，请对照卡面再输一次。"),
        "code_wrong": _("激活码应是字母和数字，请对照领卡单再输一次。"),
        "last4_wrong": _("请输入证件号码的最后四位。"),
        "activating": _("正在激活…"),
        "activate_offline": _("没有连上网络，还没有激活。请连上网络后再点“激活”，不会重复。"),
        "cannot_keep_key": _("这个浏览器不能保存电子卡（无痕模式或锁定模式）。请换一个浏览器打开，或使用实体卡。"),
        "server_trouble": _("服务暂时有问题，请稍后再试。"),
        "rebinding": _("正在绑定…"),
        "still_nothing": _("出示动态码，即可享受工会优惠"),
        "valid_to": _("{year}年{month}月{day}日"),
        "uses": _("共享受 {uses} 次"),
        "loss_done": _("已挂失。这张卡的手机码和实体卡码现在都不能使用，次数和额度不变。"),
        "replacement_sent": _("补卡申请已提交，先由本单位工会审核。办好后请到单位领激活单。"),
        "choose_why": _("请选择补卡的原因。"),
        "phone_none": _("还没有登记手机号"),
        "phone_wrong": _("手机号码是 11 位数字，请再输一次。"),
        "code_six": _("验证码是 6 位数字，请再输一次。"),
        "code_sent": _("验证码已发到 {phone}，{minutes} 分钟内有效。"),
        "phone_done": _("手机号已验证。换手机时，可以用它收验证码。"),
        "sending": _("正在发送…"),
        "checking": _("正在核对…"),
        "working": _("正在办理…"),
        "saved": _("已保存。"),
        "needs_network": _("现在没有网络，没有办成。请连上网络后再试。"),
        "records_none": _("今年还没有使用记录。到合作商户出示动态码，就会记在这里。"),
        "records_offline": _("现在没有网络。联网后可以查看使用记录。"),
        "records_signed_out": _("这部手机的登录已过期，请重新激活后查看记录。"),
    }


# ---- pieces ----


def _standing(session: Session, person_id: uuid.UUID, index: int) -> dict[str, Any]:
    standing = issuance.standing_of(session, index) if 0 <= index < 2**32 else None
    if standing is None or standing.person_id != person_id:
        raise NotFound("card_not_bound", _("这部手机没有绑定这张会员卡。"))
    return {
        "card": {"state": standing.card_state, "number": standing.card_number, "valid_to": str(standing.valid_to)},
        "bound": standing.binding_state != "revoked",
    }


def _card_to_bind(session: Session, person_id: uuid.UUID) -> dict[str, Any]:
    for found in issuance.cards_of_person(session, person_id):
        if found.state is CardState.ACTIVE:
            return {
                "card": {"state": found.state, "number": found.number, "valid_to": str(found.valid_to)},
                "bound": False,
            }
    raise Conflict("no_card", _("名下没有使用中的会员卡，请联系所在工会。"))


def _credential(renewal: issuance.Renewal) -> dict[str, Any]:
    face = renewal.card
    return {
        "credential": base64.urlsafe_b64encode(renewal.credential).decode().rstrip("="),
        "index": renewal.index,
        "expires_at": calendar.local(renewal.expires_at).isoformat(),
        "renew_after": calendar.local(renewal.renew_after).isoformat(),
        "card": {
            "name": face.name,
            "union_name": face.union_name,
            "number": face.number,
            "state": face.state,
            "valid_to": str(face.valid_to),
        },
    }


def _prefers_large_type(standing: Standing, now: datetime) -> bool:
    born, today = standing.birth_on, calendar.day_of(now)
    if born is None:
        return False
    had_birthday = (today.month, today.day) >= (born.month, born.day)
    return today.year - born.year - (0 if had_birthday else 1) >= LARGE_TYPE_FROM_AGE


def _signed_in(done: Response, token: str) -> Response:
    done.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_SECONDS,
        path="/wallet",
        httponly=True,
        samesite="Lax",
        secure=current_settings().secure_cookies or request.is_secure,
    )
    return done
