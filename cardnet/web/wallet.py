"""`/wallet`: the member's card on a phone. The page works without a network; these calls are for when there is one.

Every answer carries `now` in milliseconds: the phone keeps the difference to its own clock. A phone is known by the
member session that activation opened, a cookie no script can read.
"""

import base64
import binascii
import uuid
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardState, Standing
from cardnet.kernel import calendar
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict, FieldError, InvalidInput, NotFound, NotSignedIn
from cardnet.web import language
from cardnet.web.member_lines import redemption_lines, still_line
from cardnet.web.offline import OfflineApp
from cardnet.wiring import current_settings, current_world

blueprint = Blueprint("wallet", __name__)

COOKIE = "cardnet_member"
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
    return _answer({}, current_world().now())


@blueprint.post("/wallet/api/activate")
def activate() -> ResponseReturnValue:
    """Bind this phone's key to a card by number, code and the last four of the ID; sign the phone in."""
    body = _Body()
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
    answer = _answer({**_credential(result), "large_type": large}, result.now)
    return _signed_in(answer, result.member_token)


@blueprint.post("/wallet/api/renew")
def renew() -> ResponseReturnValue:
    """A fresh credential for the key this phone already bound; the session starts its 400 days anew."""
    public_key = _Body().bytes("public_key")
    world = current_world()
    with transaction() as session:
        person_id = _member(session)
        renewal = issuance.renew_credential(session, world, issuance.RenewCredential(person_id, public_key))
        access.prolong_member_session(session, world, request.cookies[COOKIE])
    return _signed_in(_answer(_credential(renewal), renewal.now), request.cookies[COOKIE])


@blueprint.post("/wallet/api/rebind")
def rebind() -> ResponseReturnValue:
    """A signed-in phone lost its key: bind a new one by the last four of the ID; the old one dies at once."""
    body = _Body()
    number, last4 = body.text("card_number", 40), body.text("id_last4", 8)
    public_key, proof = body.bytes("public_key"), body.bytes("proof")
    world = current_world()
    with transaction() as session:
        command = issuance.RebindCard(_member(session), number, last4, public_key, proof)
        result = issuance.rebind_card(session, world, command)
    if isinstance(result, issuance.ActivationRefused):
        raise result.error()
    return _answer(_credential(result), result.now)


@blueprint.get("/wallet/api/card")
def card() -> ResponseReturnValue:
    """How the card stands. With `index`: of the phone's own binding; without: the person's card that may be bound."""
    index = request.args.get("index", type=int)
    world = current_world()
    with transaction() as session:
        person_id = _member(session)
        found = _standing(session, person_id, index) if index is not None else _card_to_bind(session, person_id)
        found["still"] = still_line(session, person_id, world.now())
    return _answer(found, world.now())


@blueprint.get("/wallet/api/redemptions")
def redemptions() -> ResponseReturnValue:
    """What the member's card was used for this year, the newest first."""
    world = current_world()
    with transaction() as session:
        found = redemption_lines(session, _member(session), world.now())
    return _answer(found, world.now())


@blueprint.post("/wallet/api/sign-out")
def sign_out() -> ResponseReturnValue:
    """End this phone's session. No sign-in is needed: signing out twice is no error."""
    world = current_world()
    with transaction() as session:
        access.end_member_session(session, world, request.cookies.get(COOKIE, ""))
    answer = _answer({}, world.now())
    answer.delete_cookie(COOKIE, path="/wallet")
    return answer


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
        "records_none": _("今年还没有使用记录。到合作商户出示动态码，就会记在这里。"),
        "records_offline": _("现在没有网络。联网后可以查看使用记录。"),
        "records_signed_out": _("这部手机的登录已过期，请重新激活后查看记录。"),
    }


# ---- pieces ----


class _Body:
    """The JSON object of a request, its fields read one by one with a finding for each that is wrong."""

    def __init__(self) -> None:
        body = request.get_json()
        if not isinstance(body, dict):
            raise InvalidInput("invalid_fields", _("请求正文应为一个 JSON 对象。"))
        self._body: dict[str, Any] = body

    def text(self, name: str, longest: int) -> str:
        value = self._body.get(name)
        # Unprintable also means half of a surrogate pair, which no database and no hash would take.
        if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
            raise self._invalid(name, _("应为 1–%(longest)d 个字符。", longest=longest))
        return value

    def bytes(self, name: str) -> bytes:
        text = self.text(name, 200)
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise self._invalid(name, _("应为 base64url。")) from None

    @staticmethod
    def _invalid(name: str, message: str) -> InvalidInput:
        return InvalidInput(
            "invalid_fields", _("有字段不符合要求，请检查后再发送。"), [FieldError(f"/{name}", message)]
        )


def _member(session: Session) -> uuid.UUID:
    person_id = access.person_of_member_session(session, current_world(), request.cookies.get(COOKIE, ""))
    if person_id is None:
        raise NotSignedIn("member_session_ended", _("这部手机的登录已过期，请重新激活会员卡。"))
    return person_id


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


def _answer(body: dict[str, Any], now: datetime) -> Response:
    answer = jsonify({**body, "now": int(now.timestamp() * 1000)})
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _signed_in(answer: Response, token: str) -> Response:
    answer.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_SECONDS,
        path="/wallet",
        httponly=True,
        samesite="Lax",
        secure=current_settings().secure_cookies or request.is_secure,
    )
    return answer
