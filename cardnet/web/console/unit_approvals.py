"""The unit's own approval where it has one officer: a link for the chair, or the summary to be stamped and uploaded."""

import io

from flask import flash, make_response, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.names_to_sign import names_to_sign
from cardnet.issuance.names_to_sign import title_of as names_title
from cardnet.issuance.rules.unit_approval import LINK_DAYS, ApprovalKind
from cardnet.issuance.services import desk
from cardnet.issuance.summary_sheet import summary_sheet
from cardnet.issuance.summary_sheet import title_of as summary_title
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.kernel.scans import SCAN_BYTES
from cardnet.membership import services as membership
from cardnet.membership.jobs import gateways_of
from cardnet.membership.notices.rules import Way
from cardnet.membership.services import notices
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.csrf import takes_upload
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_settings, current_world

SEEN_LINK = "cardnet_saw_link"
"""The cookie of a browser in which a chair's link was shown to an officer."""


def may_send() -> bool:
    """Whether a link can go to the chair by a message."""
    return Way.SMS in gateways_of(current_settings(), current_world())


_EXTENSION = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}


@blueprint.get("/batches/<batch_id>/unit-approval")
@staff_page(*OFFICERS)
def unit_approval(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """What was asked for, and the two ways."""
    return _page(principal, batch_id, {})


@blueprint.post("/batches/<batch_id>/unit-approval")
@staff_page(*OFFICERS)
def ask_approval(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """Make a link, shown this once, or a sheet to print."""
    kind = request.form.get("kind", "")
    if kind not in ApprovalKind.__members__.values():
        return _page(principal, batch_id, {"kind": gettext("请选择用链接还是用盖章的审核表。")}), 422
    try:
        with transaction() as session:
            line = desk.batch_of(session, principal, whole_id(batch_id))
            unit = request.form.get("unit_code", "").strip() or line.union.code
            command = issuance.AskApproval(
                line.batch_id, unit, ApprovalKind(kind), request.form.get("signer", ""), principal,
                request.form.get("phone", "").strip()[:40] if may_send() else "",
                url_for("confirm.asked", token="", _external=True),
            )  # fmt: skip
            asked = issuance.ask_approval(session, current_world(), command)
    except CardnetError as error:
        fields = {"signer_missing": "signer", "unit_unknown": "unit_code", "phone_format": "phone"}
        return _page(principal, batch_id, wrong_of(error, fields)), error.status
    if asked.sent:
        flash(gettext("链接正在用短信发到主席的手机，七天内有效，只能用一次。"), "good")
        return redirect(url_for("console.unit_approval", batch_id=batch_id), 303)
    if asked.token is None:
        flash(gettext("审核表 %(number)s 已生成，请打印、签字盖章后上传。", number=asked.number), "good")
        return redirect(url_for("console.unit_approval", batch_id=batch_id), 303)
    address = url_for("confirm.asked", token=asked.token, _external=True)
    page = make_response(_page(principal, batch_id, {}, address))
    page.headers["Cache-Control"] = "no-store"
    # This browser saw the link: it is not the chair's, whoever is signed in or out later.
    page.set_cookie(
        SEEN_LINK, "1", max_age=LINK_DAYS, path="/confirm", httponly=True, samesite="Lax", secure=request.is_secure
    )
    return page


@blueprint.post("/batches/<batch_id>/unit-approval/<approval_id>/withdraw")
@staff_page(*OFFICERS)
def withdraw_approval(principal: Principal, batch_id: str, approval_id: str) -> ResponseReturnValue:
    """A link or a sheet nobody answered is taken back."""
    which = whole_id(approval_id)
    try:
        with transaction() as session:
            command = issuance.WithdrawApproval(which, request.form.get("words", ""), principal)
            issuance.withdraw_approval(session, current_world(), command)
    except CardnetError as error:
        return _page(principal, batch_id, wrong_of(error, {"words_missing": f"words-{which}"})), error.status
    flash(gettext("已撤回，原来的链接或审核表不能再用；名单还在本单位，可以重新发起。"), "good")
    return redirect(url_for("console.unit_approval", batch_id=batch_id), 303)


@blueprint.get("/unit-approvals/<approval_id>/summary.pdf")
@staff_page(*OFFICERS)
def approval_sheet(principal: Principal, approval_id: str) -> ResponseReturnValue:
    """《办卡汇总审核表》, to be signed and stamped."""
    with transaction() as session:
        listed = issuance.approval_list(session, current_world(), principal, whole_id(approval_id))
    return _file(summary_sheet(listed), "application/pdf", f"{summary_title(listed)}-{listed.line.number}.pdf")


@blueprint.get("/unit-approvals/<approval_id>/names.pdf")
@staff_page(*OFFICERS)
def names_of_approval(principal: Principal, approval_id: str) -> ResponseReturnValue:
    """《办卡确认签名表》: the people of the list, each to tick and sign before the chair does."""
    with transaction() as session:
        listed = issuance.list_to_sign(session, current_world(), principal, whole_id(approval_id))
    return _file(names_to_sign(listed), "application/pdf", f"{names_title(listed)}-{listed.line.number}.pdf")


@blueprint.get("/unit-approvals/<approval_id>/stamped")
@staff_page(*OFFICERS)
def stamped_sheet(principal: Principal, approval_id: str) -> ResponseReturnValue:
    """The sheet as it was uploaded, for the tiers above."""
    with transaction() as session:
        number, kind, content = issuance.stamped_file(session, current_world(), principal, whole_id(approval_id))
    return _file(content, kind, f"{number}.{_EXTENSION[kind]}")


@blueprint.post("/batches/<batch_id>/unit-approval/upload")
@takes_upload(SCAN_BYTES + (1 << 20))
@staff_page(*OFFICERS)
def upload_stamped(principal: Principal, batch_id: str) -> ResponseReturnValue:
    """The stamped sheet comes back."""
    given = request.files.get("file")
    if given is None or not given.filename:
        return _page(principal, batch_id, {"file": gettext("请选择盖章审核表的扫描件或照片。")}), 422
    try:
        with transaction() as session:
            desk.batch_of(session, principal, whole_id(batch_id))
            command = issuance.UploadStamped(
                request.form.get("number", ""),
                request.form.get("code", ""),
                given.read(),
                principal,
                request.remote_addr,
            )
            done = issuance.upload_stamped(session, current_world(), command)
    except CardnetError as error:
        fields = {
            "approval_unknown": "number", "check_code_wrong": "code", "file_type": "file", "file_too_large": "file",
        }  # fmt: skip
        return _page(principal, batch_id, wrong_of(error, fields)), error.status
    flash(gettext("已上传，%(count)d 人转由上级工会审核。", count=done.rows), "good")
    return redirect(url_for("console.unit_approval", batch_id=batch_id), 303)


def _page(principal: Principal, batch_id: str, wrong: dict[str, str], address: str = "") -> str:
    world = current_world()
    with transaction() as session:
        line, _ = desk.batch_and_places(session, principal, whole_id(batch_id))
        approvals = issuance.approvals_of_batch(session, world, principal, line.batch_id)
        own = membership.union_of_id(session, principal.union_id)
        at_unit = issuance.awaiting_unit_approval(session, line.batch_id, principal.scope_path)
        sent = {one.id: tuple(notices.direct_messages_of(session, one.id))[:1] for one in approvals}
    return render_template(
        "console/unit_approval.html",
        batch=line,
        approvals=approvals,
        units=[(union.code, f"{union.name}（{count}）") for union, count, officers in at_unit if officers < 2],
        manned=[union for union, _, officers in at_unit if officers > 1],
        sheets=[
            (one.number, one.number) for one in approvals if one.kind is ApprovalKind.SUMMARY and one.state == "open"
        ],
        own=own,
        link=address,
        may_send=may_send(),
        sent=sent,
        given={name: request.form.get(name, "") for name in ("kind", "signer", "unit_code", "number", "code", "phone")},
        wrong=wrong,
    )


def _file(content: bytes, kind: str, name: str) -> ResponseReturnValue:
    answer = send_file(io.BytesIO(content), mimetype=kind, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer
