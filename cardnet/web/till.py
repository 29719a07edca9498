"""`/till`: the cashier's page. It speaks the merchant API like any other till; here are only its page and its worker."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from cardnet.web import language
from cardnet.web.offline import OfflineApp

blueprint = Blueprint("till", __name__)

_APP = OfflineApp(
    "till",
    "/till",
    ("css/base.css", "css/till.css", "img/till.svg", "img/till-192.png", "img/till-180.png"),
    "#0b6b64",
)


@blueprint.get("/till")
def page() -> ResponseReturnValue:
    """The till; it pairs itself once with a terminal of a merchant."""
    return _APP.render(words=words(), services=services())


@blueprint.get("/till/sw.js")
def worker() -> ResponseReturnValue:
    """What holds the page for the next visit without a network."""
    return _APP.worker(words=words(), services=services())


@blueprint.get("/till/manifest.webmanifest")
def web_manifest() -> ResponseReturnValue:
    """How the till appears on a home screen."""
    lang = language.HTML_LANG[language.chosen()]
    return _APP.web_manifest(name=_("工会优惠收银台"), short_name=_("收银台"), language=lang)


def services() -> list[tuple[str, str]]:
    """What a cashier may say is bought: `purchase.service_code` and its word; the first stands for ordinary goods."""
    return [
        ("", _("普通消费")),
        ("health_check", _("健康体检")),
    ]


def words() -> dict[str, str]:
    """The sentences the scripts need, in the visitor's language; keys are those of `say()` in frontend/src/till."""
    return {
        "default_name": _("收银台"),
        "pairing_code_wrong": _("配对码是 10 位字母和数字，请核对后再输一次。"),
        "pair_offline": _("没有连上网络，还没有配对。请检查网络后再点“开始使用”。"),
        "amount_wrong": _("请输入原价，例如 380 或 12.50。"),
        "not_a_code": _("这不是会员码。请会员打开“会员服务卡”，出示动态码。"),
        "seconds_left": _("还有 {seconds} 秒，请输入原价"),
        "charge": _("收"),
        "yuan": _("元"),
        "was": _("原价 {amount} 元"),
        "by_union": _("{name}，工会补贴 {amount} 元"),
        "by_merchant": _("{name}，商户让利 {amount} 元"),
        "member": _("会员 {name}"),
        "last4_wrong": _("请输入证件号码的最后四位，例如 1234 或 123X。"),
        "check_person": _("实体卡：请核对持卡人"),
        "receipt": _("小票号 {number}"),
        "refused": _("本次不能享受"),
        "not_done": _("没有核销"),
        "full_price": _("按原价收 {amount} 元"),
        "undone": _("已撤销"),
        "not_undone": _("没有撤销"),
        "undone_why": _("这笔优惠已退回，会员下次还能用。"),
        "undone_nothing": _("这笔没有核销过，不需要退。"),
        "undo_question": _("原价 {amount} 元的这一笔会整笔撤销，请按原价重新收款。只有当天能撤销。"),
        "unknown_verb": _("还不知道结果"),
        "unknown_why": _("网络没有回应。请再问一次，不会重复核销；不想等就取消这笔，按原价收款。"),
        "offline_verb": _("没有网络"),
        "offline_why": _("这一笔没有发出。网络恢复后请会员出示新的动态码再扫。"),
        "server_trouble": _("服务暂时有问题，请稍后再试。"),
        "camera_aim": _("把会员码放进画面里"),
        "camera_other": _("这不是会员码，请会员打开动态码"),
        "camera_none": _("没有找到摄像头。可以用扫码枪，或粘贴动态码。"),
        "camera_denied": _("没有摄像头权限。请在浏览器设置里允许本页使用摄像头。"),
        "camera_busy": _("摄像头被别的程序占用，请关掉它再试。"),
        "row_amounts": _("原价 {amount}，优惠 {off}"),
        "row_charge": _("收 {amount}"),
        "today_none": _("今天还没有核销。扫第一个会员码，就会记在这里。"),
        "today_offline": _("没有网络，暂时看不到今天的记录。"),
    }
