"""Hand-outs against signatures: opened with a list, signed by an officer's phone, by hand, or "all except"."""

from dataclasses import asdict

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance import sign_lists
from cardnet.issuance.rules import HandoutKind, ScanOutcome
from cardnet.issuance.services import desk
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.membership.rules import TagKind
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.card_acts import pdf_answer
from cardnet.web.console.units import unit_typed
from cardnet.web.formats import clock
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.offline import script_of
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 100
_FIELDS = {
    "title_missing": "title", "document_missing": "document", "unit_unknown": "unit", "nobody_to_hand_out": "kind",
}  # fmt: skip


@blueprint.get("/cards/handouts")
@staff_page(*OFFICERS)
def handouts(principal: Principal) -> ResponseReturnValue:
    """What is being handed out now, and what was."""
    with transaction() as session:
        found = issuance.handouts(session, principal)
    return render_template("console/handouts.html", handouts=found)


@blueprint.get("/cards/handouts/new")
@staff_page(*OFFICERS)
def new_handout(principal: Principal) -> ResponseReturnValue:
    """What, for whom, by whose decision."""
    return _form(principal, {})


@blueprint.post("/cards/handouts/new")
@staff_page(*OFFICERS)
def open_handout(principal: Principal) -> ResponseReturnValue:
    """Write the list down and go to it."""
    given = {name: request.form.get(name, "").strip()[:120] for name in ("title", "document", "unit", "kind", "batch")}
    if given["kind"] not in HandoutKind.__members__.values():
        return _form(principal, {"kind": gettext("请选择发放什么。")}), 422
    tags = frozenset(request.form.getlist("tag")) & frozenset(map(str, TagKind))
    try:
        with transaction() as session:
            command = issuance.OpenHandout(
                principal,
                HandoutKind(given["kind"]),
                given["title"],
                _path(session, principal, given["unit"]),
                given["document"],
                whole_id(given["batch"]) if given["batch"] else None,
                tags,
            )
            opened = issuance.open_handout(session, current_world(), command)
    except CardnetError as error:
        return _form(principal, wrong_of(error, _FIELDS)), error.status
    flash(gettext("名单共 %(n)d 人，可以开始签领。", n=opened.people), "good")
    return redirect(url_for("console.handout", handout_id=opened.id), 303)


@blueprint.get("/cards/handouts/<handout_id>")
@staff_page(*OFFICERS)
def handout(principal: Principal, handout_id: str) -> ResponseReturnValue:
    """The list: who has signed, who has not."""
    return _list(principal, handout_id, {})


@blueprint.post("/cards/handouts/<handout_id>/sign")
@staff_page(*OFFICERS)
def sign(principal: Principal, handout_id: str) -> ResponseReturnValue:
    """The ticked have signed, or all but the ticked."""
    people = [whole_id(person) for person in request.form.getlist("person")]
    everybody = request.form.get("choose") == "except"
    if not people and not everybody:
        return _list(principal, handout_id, {"person": gettext("请先勾选已经签领的人。")}), 422
    try:
        with transaction() as session:
            world, one = current_world(), whole_id(handout_id)
            if everybody:
                command = issuance.SignAllExcept(principal, one, frozenset(people))
                count = issuance.sign_all_except(session, world, command)
            else:
                signs = [issuance.OnePerson(principal, one, person) for person in sorted(people)[:_SHOWN]]
                count = sum(issuance.sign_by_hand(session, world, command) for command in signs)
    except CardnetError as error:
        return _list(principal, handout_id, wrong_of(error)), error.status
    flash(
        gettext("已登记 %(n)d 人签领。", n=count) if count else gettext("这些人此前都已签领，没有变化。"),
        "good" if count else "calm",
    )
    return redirect(url_for("console.handout", handout_id=handout_id, show="unsigned"), 303)


@blueprint.post("/cards/handouts/<handout_id>/take-back")
@staff_page(*OFFICERS)
def take_back(principal: Principal, handout_id: str) -> ResponseReturnValue:
    """One receipt of goods was a mistake."""
    person, reason = request.form.get("person", ""), request.form.get("reason", "").strip()[:200]
    try:
        with transaction() as session:
            command = issuance.OnePerson(principal, whole_id(handout_id), whole_id(person), reason)
            issuance.take_back(session, current_world(), command)
    except CardnetError as error:
        return _list(principal, handout_id, wrong_of(error, {"reason_missing": "reason"})), error.status
    flash(gettext("已撤回这次签领，原因已记入审计记录。"), "good")
    return redirect(url_for("console.handout", handout_id=handout_id, show="signed"), 303)


@blueprint.post("/cards/handouts/<handout_id>/close")
@staff_page(*OFFICERS)
def close_handout(principal: Principal, handout_id: str) -> ResponseReturnValue:
    """The hand-out is over; the list stands as it is."""
    try:
        with transaction() as session:
            closed = issuance.close_handout(session, current_world(), principal, whole_id(handout_id))
    except CardnetError as error:
        return _list(principal, handout_id, wrong_of(error)), error.status
    flash(gettext("发放已结束：%(n)d 人签领，%(m)d 人未签。", n=closed.signed, m=closed.people - closed.signed), "good")
    return redirect(url_for("console.handout", handout_id=handout_id), 303)


@blueprint.get("/cards/handouts/<handout_id>/list.pdf")
@staff_page(*OFFICERS)
def sign_list(principal: Principal, handout_id: str) -> ResponseReturnValue:
    """发放签领表 to print: who signed by phone stands in it as signed."""
    with transaction() as session:
        content = sign_lists.of_handout(session, principal, whole_id(handout_id), day_of(current_world().now()))
    return pdf_answer(content, gettext("发放签领表"))


@blueprint.get("/batches/<batch_id>/sign-list.pdf")
@staff_page(*OFFICERS)
def batch_sign_list(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """发放签领表 of a batch's cards."""
    with transaction() as session:
        content = sign_lists.of_batch(session, principal, whole_id(batch_id), day_of(current_world().now()))
    return pdf_answer(content, gettext("发放签领表"))


@blueprint.get("/cards/handouts/<handout_id>/scan")
@staff_page(*OFFICERS)
def scan_page(principal: Principal, handout_id: str) -> ResponseReturnValue:
    """The officer's phone: camera above, the list growing below."""
    with transaction() as session:
        found = issuance.handout_of(session, principal, whole_id(handout_id))
        newest = desk.newest_receipts(session, found)
    return render_template("console/scan.html", handout=found, newest=newest, script=script_of("scan"), words=words())


@blueprint.post("/cards/handouts/<handout_id>/scan")
@staff_page(*OFFICERS)
def scan(principal: Principal, handout_id: str) -> ResponseReturnValue:
    """One scan. The page's script asks for JSON; without scripts the form comes back with a sentence."""
    read = request.form.get("read", "")[:1_000]
    with transaction() as session:
        command = issuance.Scan(principal, whole_id(handout_id), read)
        came = issuance.sign_by_scan(session, current_world(), command)
    if request.accept_mimetypes.best == "application/json":
        answer = {**asdict(came), "words": _words(came), "signed_at": clock(came.signed_at) if came.signed_at else ""}
        return jsonify(answer), 200, {"Cache-Control": "no-store"}
    said = gettext("%(name)s：%(words)s", name=came.name, words=_words(came)) if came.name else _words(came)
    flash(said, "good" if came.outcome is ScanOutcome.SIGNED else "bad")
    return redirect(url_for("console.scan_page", handout_id=handout_id), 303)


def words() -> dict[str, str]:
    """The sentences the script needs; keys are those of `say()` in frontend/src/scan."""
    return {
        "aim": gettext("把会员码、实体卡或激活单放进画面"),
        "sending": gettext("正在登记…"),
        "no_network": gettext("没有连上网络，这一位还没有登记。网络恢复后请再扫一次，不会重复。"),
        "camera_none": gettext("没有找到摄像头。可以用扫码枪，或在下面输入卡号。"),
        "camera_denied": gettext("没有摄像头权限。请在浏览器设置里允许本页使用摄像头。"),
        "camera_busy": gettext("摄像头被别的程序占用，请关掉它再试。"),
        "count": gettext("已签 {signed}／{people}"),
    }


def _words(came: issuance.Scanned) -> str:
    """What a scan came to, in the visitor's language."""
    said = {
        ScanOutcome.SIGNED: gettext("已签领"),
        ScanOutcome.SIGNED_BEFORE: gettext("此前已经签领，没有重复登记"),
        ScanOutcome.NOT_LISTED: gettext("不在这次发放的名单里"),
        ScanOutcome.NOT_A_CODE: gettext("这不是会员码、实体卡码或激活单上的码"),
        ScanOutcome.STALE: gettext("码已过时，请会员亮出正在跳动的码再扫"),
        ScanOutcome.NOT_VALID: gettext("这张卡已挂失、注销、补换或过期，不能凭它签领"),
    }
    return said[came.outcome]


def _path(session: Session, principal: Principal, typed: str) -> str | None:
    unit = unit_typed(session, principal, typed)
    return unit.path if unit else None


def _form(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        units = membership.open_unions_under(session, principal.scope_path)
    return render_template(
        "console/handout_new.html",
        units=units,
        given=request.form or {"kind": request.args.get("kind", "gift"), "batch": request.args.get("batch", "")},
        chosen_tags=request.form.getlist("tag"),
        wrong=wrong,
    )


def _list(principal: Principal, handout_id: str, wrong: dict[str, str]) -> str:
    show = request.values.get("show", "all")
    show = show if show in desk.SHOWN else "all"
    number = asked_page()
    with transaction() as session:
        found = issuance.handout_of(session, principal, whole_id(handout_id))
        lines = desk.receipt_lines(session, found, show, limit=_SHOWN, offset=(number - 1) * _SHOWN)
    return render_template(
        "console/handout.html",
        handout=found,
        show=show,
        page=Page(lines.items, number, _SHOWN, lines.total),
        chosen=set(request.form.getlist("person")),
        choose=request.form.get("choose", "selected"),
        wrong=wrong,
        reason=request.form.get("reason", ""),
    )
