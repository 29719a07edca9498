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
from cardnet.credential.store import trust_pack
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardState, PhoneChoice, Standing
from cardnet.kernel import calendar
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.web import language
from cardnet.web.member_lines import redemption_lines, still_line
from cardnet.web.offline import OfflineApp, help_phone
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
        choice=_choice(body),
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


@blueprint.post("/wallet/api/renew-by-key")
def renew_by_key() -> ResponseReturnValue:
    """A phone whose session is over proves itself by its key: a fresh credential, and signed in again."""
    body = Body()
    command = issuance.RenewByProof(
        body.whole("index", 2**32 - 1), body.whole("at", 2**53), body.bytes("proof"), request.remote_addr or ""
    )
    with transaction() as session:
        renewal = issuance.renew_by_proof(session, current_world(), command)
    if renewal is None:
        # Raised only now: the try that was counted above must stay counted.
        raise NotFound("binding_unknown", _("这部手机没有绑定会员卡。"))
    return _signed_in(answer(_credential(renewal), renewal.now), renewal.member_token)


@blueprint.post("/wallet/api/rebind")
def rebind() -> ResponseReturnValue:
    """A signed-in phone lost its key: bind a new one in one tap; the old one dies at once."""
    body = Body()
    number = body.text("card_number", 40)
    public_key, proof, choice = body.bytes("public_key"), body.bytes("proof"), _choice(body)
    world = current_world()
    with transaction() as session:
        member_session = access.id_of_member_session(session, request.cookies.get(COOKIE, ""))
        command = issuance.RebindCard(member_of(session), number, public_key, proof, member_session, choice)
        result = issuance.rebind_card(session, world, command)
        standing = issuance.standing_of(session, result.index)
    large = standing is not None and _prefers_large_type(standing, world.now())
    return answer({**_credential(result), "large_type": large}, result.now)


@blueprint.post("/wallet/api/binding")
def binding() -> ResponseReturnValue:
    """How the binding stands whose key signs this; no session, because who was unbound has none any more."""
    body = Body()
    command = issuance.AskBinding(
        body.whole("index", 2**32 - 1), body.whole("at", 2**53), body.bytes("proof"), request.remote_addr or ""
    )
    world = current_world()
    with transaction() as session:
        found = issuance.binding_standing(session, world, command)
    if found is None:
        # Raised only now: the try that was counted above must stay counted.
        raise NotFound("binding_unknown", _("这部手机没有绑定会员卡。"))
    return answer({"state": found.state, "why": found.why or ""}, world.now())


@blueprint.get("/wallet/api/card")
def card() -> ResponseReturnValue:
    """How the card stands. With `index`: of the phone's own binding; without: the person's card that may be bound."""
    index = request.args.get("index", type=int)
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        found = _standing(session, person_id, index) if index is not None else _card_to_bind(session, person_id)
        found["still"] = still_line(session, world, person_id)
        found["rotation_seconds"] = trust_pack(session, world.now()).policy.rotation
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
    phone = help_phone()
    return {
        "step_of": _("第 {step} 步，共 3 步"),
        "number_wrong": _("卡号是 13 位数字，请对照卡面再输一次。"),
        "number_length": _("卡号是 13 位数字，您输入了 {n} 位，请对照卡面再输一次。"),
        "number_mistyped": _("卡号有输错的数字，请对照卡面再输一次。"),
        "code_wrong": _("激活码是 8 位字母和数字，请对照领卡单再输一次。"),
        "code_length": _("激活码是 8 位，验证码和重绑码是 6 位数字，您输入了 {n} 位，请再输一次。"),
        "last4_wrong": _("请输入证件号码的最后四位。"),
        "card_in_use": _("这张卡已经绑定了手机，领卡单上的激活码不能再用。"),
        "activating": _("正在激活…"),
        "activate_offline": _("没有连上网络，还没有激活。请连上网络后再点“激活”，不会重复。"),
        "cannot_keep_key": _("这个浏览器不能保存电子卡（无痕模式或锁定模式）。请换一个浏览器打开，或使用实体卡。"),
        "server_trouble": _("服务暂时有问题，请稍后再试。"),
        "rebinding": _("正在绑定…"),
        "phone_of": _("{day}绑定的手机"),
        "phone_here": _("这部手机（{day}绑定）"),
        "instead_of": _("换下{day}绑定的手机"),
        "choose_first": _("请先选一项。"),
        "phone_stopped": _("那部手机上的码已停用，这部手机照常使用。"),
        "still_nothing": _("出示动态码，即可享受工会优惠"),
        "valid_to": _("{year}年{month}月{day}日 {weekday}"),
        "uses": _("共享受 {uses} 次"),
        "loss_done": _("已挂失。这张卡的手机码和实体卡码现在都不能使用，次数和额度不变。"),
        "loss_needs_network": _("现在没有网络，还没有挂失：请马上拨打 %(phone)s 挂失，或连上网络后再试。", phone=phone),
        "print_stopped": _("实体卡上的码已停用，手机码照常使用。以后要实体卡，请到单位工会重新打印。"),
        "replacement_sent": _("补卡申请已提交，先由本单位工会审核。办好后请到单位领激活单。"),
        "choose_why": _("请选择补卡的原因。"),
        "phone_none": _("还没有登记手机号"),
        "phone_wrong": _("手机号码是 11 位数字，请再输一次。"),
        "code_six": _("验证码是 6 位数字，请再输一次。"),
        "code_sent": _("验证码已发到 {phone}，{minutes} 分钟内有效。"),
        "phone_done": _("手机号已验证。换手机时，可以用它收验证码。"),
        "account_since": _("{day}，通知先发到公众号。"),
        "account_minutes": _("{minutes} 分钟内有效，只能用一次。"),
        "account_done": _("公众号已绑定，通知先发到那里。"),
        "account_not_yet": _("还没有收到您发的数字。请在公众号里发送后再点一次。"),
        "account_ended": _("已解除绑定，通知改发短信或纸质通知单。"),
        "sending": _("正在发送…"),
        "checking": _("正在核对…"),
        "working": _("正在办理…"),
        "saved": _("已保存。"),
        "needs_network": _("现在没有网络，没有办成。请连上网络后再试。"),
        "result_used": _("{shop}：{benefit}"),
        "result_refused": _("{shop}：本次不能享受"),
        "result_not_me": _("不是我用的？"),
        "result_why": _("看原因"),
        "offline_in_wechat": _("没有网络，微信里可能打不开"),
        "refresh_failed": _("没有更新成。请过一会儿再点一次；仍不行，请拨打 %(phone)s。", phone=phone),
        "records_offline": _("现在没有网络。联网后可以查看。"),
        "seen_before": _("现在没有网络，这是上次联网时的内容。"),
        "where": _("在 {where} 使用"),
        "whole_district": _("全区"),
        "area_near": _("{area}（我单位所在）"),
        "places_found": _("找到 {n} 家"),
        "feeling_kept": _("谢谢，已经记下，随时可以改。"),
        "denied_done": _("已反映，工会财务会去查，查清后在这里答复您。"),
        "denial_taken_back": _("已收回，这一笔算您用的。"),
        "union_answers": _("工会答复：{answer}"),
        "digits_wrong": _("请输入收银台上的四位数字。"),
        "answers": _("已带上数字 {digits}，请再出示"),
        "agreed_to": _("已确认 {amount} 元，请出示给收银员"),
        "purchase_amount": _("原价 {amount} 元"),
        "camera_aim": _("对准收银台屏幕上的二维码"),
        "camera_other": _("这不是收银台的二维码，请对准收银台屏幕上的那一个。"),
        "camera_none": _("这部手机打不开摄像头。请用手机自带的相机扫收银台的二维码。"),
        "camera_denied": _("没有摄像头权限。请在浏览器设置里允许，或用手机自带的相机扫。"),
        "camera_busy": _("摄像头正被别的应用占用，请关掉后再试。"),
        "ending": _("离线能用到{until}，请在这之前联网打开一次"),
        "seen_change_online": _("现在没有网络，这是上次联网时的内容，联网后可以修改。"),
        "consent_taken_back": _("已撤回同意，会员卡已停用。以后要用：重新同意，再带证件到本单位工会解挂。"),
        "agreed_next": _("已重新同意。卡还停着：请带证件到本单位工会解挂，马上就能用。"),
        "stopped_here": _("{what}。怎么办，请看“会员码”页。"),
        "records_signed_out": _("这部手机的登录已过期，请重新激活后查看记录。"),
    }


# ---- pieces ----


def _choice(body: Body) -> PhoneChoice | None:
    """What the member said when asked `choose_phone`: in the place of which, or beside it."""
    if body.flag("beside"):
        return PhoneChoice(None)
    index = body.perhaps_whole("instead_of", 2**32 - 1)
    return PhoneChoice(index) if index is not None else None


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
        "rotation_seconds": renewal.rotation,
        "renew_after": calendar.local(renewal.renew_after).isoformat(),
        "card": {
            "name": face.name,
            "union_name": face.union_name,
            "number": face.number,
            "state": face.state,
            "valid_to": str(face.valid_to),
            "tier": face.tier,
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
