"""One question group a page: a merchant's agreement and its signed copy, stores and hours, contacts, people."""

import io
import uuid
from datetime import date

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import MERCHANT_ROLES, Principal, Role
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, FieldError, InvalidInput
from cardnet.kernel.scans import EXTENSION, SCAN_BYTES
from cardnet.merchants import services as merchants
from cardnet.merchants.partnership import ContactKind, Gap
from cardnet.web import merchant_words as words
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.merchants import VIEWERS
from cardnet.web.csrf import takes_upload
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.web.squares import qr_svg
from cardnet.wiring import current_world

_NEXT = {
    Gap.CREDIT_CODE: "console.merchant_change",
    Gap.AGREEMENT: "console.merchant_agreement",
    Gap.STORE: "console.merchant_store",
    Gap.CONTACT: "console.merchant_contact",
}
_ONCE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


# ---- agreement ----


@blueprint.get("/merchants/<uuid:merchant_id>/agreement")
@staff_page(Role.DISTRICT_OFFICER)
def merchant_agreement(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001
    """What was signed."""
    return _agreement(merchant_id, {})


@blueprint.post("/merchants/<uuid:merchant_id>/agreement")
@takes_upload(SCAN_BYTES + (1 << 20))
@staff_page(Role.DISTRICT_OFFICER)
def sign_agreement(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """Keep it, and its signed copy when one comes along."""
    file = request.files.get("file")
    try:
        with transaction() as session:
            command = merchants.SignAgreement(
                merchant_id,
                request.form.get("number", ""),
                _day("signed_on"),
                _day("from_on"),
                _day("until_on") if request.form.get("until_on", "").strip() else None,
                principal.account_id,
            )
            signed = merchants.sign_agreement(session, current_world(), command)
            if file and file.filename:
                copy = merchants.UploadSignedCopy(signed.id, file.read(), principal.account_id)
                merchants.upload_signed_copy(session, current_world(), copy)
    except CardnetError as error:
        fields = {
            "contract_number_missing": "number", "contract_number_taken": "number", "contract_dates_invalid": "until_on",
            "contract_overlaps": "from_on", "signed_in_future": "signed_on", "file_type": "file",
            "file_too_large": "file",
        }  # fmt: skip
        return _agreement(merchant_id, wrong_of(error, fields)), error.status
    flash(gettext("合作协议已登记。"), "good")
    return _onwards(merchant_id)


@blueprint.post("/merchants/<uuid:merchant_id>/agreement/<uuid:agreement_id>/file")
@takes_upload(SCAN_BYTES + (1 << 20))
@staff_page(Role.DISTRICT_OFFICER)
def upload_signed_copy(principal: Principal, merchant_id: uuid.UUID, agreement_id: uuid.UUID) -> ResponseReturnValue:
    """The signed copy of an agreement that was entered before."""
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise InvalidInput("file_type", gettext("请选择协议签字盖章件的扫描件或照片。"))
        with transaction() as session:
            copy = merchants.UploadSignedCopy(agreement_id, file.read(), principal.account_id)
            merchants.upload_signed_copy(session, current_world(), copy)
    except InvalidInput as error:
        flash(error.message, "bad")
        return redirect(url_for("console.merchant", merchant_id=merchant_id), 303)
    flash(gettext("签字盖章件已上传。"), "good")
    return _onwards(merchant_id)


@blueprint.get("/merchants/<uuid:merchant_id>/agreement/<uuid:agreement_id>/file")
@staff_page(*VIEWERS)
def signed_copy(principal: Principal, merchant_id: uuid.UUID, agreement_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001
    """The signed copy as it was uploaded."""
    with transaction() as session:
        number, kind, content = merchants.signed_copy(session, agreement_id)
    answer = send_file(
        io.BytesIO(content), mimetype=kind, as_attachment=True, download_name=f"{number}.{EXTENSION[kind]}"
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _agreement(merchant_id: uuid.UUID, wrong: dict[str, str]) -> str:
    with transaction() as session:
        one = merchants.merchant_of_id(session, merchant_id)
        known = merchants.agreements_of(session, current_world(), merchant_id)
    names = ("number", "signed_on", "from_on", "until_on")
    given = {name: request.form.get(name, "") for name in names}
    return render_template("console/merchant_agreement.html", one=one, known=known, given=given, wrong=wrong)


def _day(name: str) -> date:
    text = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(text)
    except ValueError:
        said = gettext("请填写日期，例如 2026-11-24。")
        raise InvalidInput("date_invalid", said, [FieldError(f"/{name}", said)]) from None


# ---- stores ----


@blueprint.get("/merchants/<uuid:merchant_id>/store")
@staff_page(Role.DISTRICT_OFFICER)
def merchant_store(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001
    """A new store."""
    return _store(merchant_id, None, {})


@blueprint.post("/merchants/<uuid:merchant_id>/store")
@staff_page(Role.DISTRICT_OFFICER)
def make_store(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """Keep it."""
    form = request.form
    try:
        with transaction() as session:
            if not form.get("address", "").strip():
                raise InvalidInput("address_invalid", gettext("请填写门店地址，会员要照着找过去。"))
            command = merchants.MakeStore(
                merchant_id, form.get("code", "").strip(), form.get("name", ""), form.get("address", ""),
                principal.account_id, form.get("phone", "").strip() or None, _hours(), _township(session),
            )  # fmt: skip
            merchants.make_store(session, current_world(), command)
    except CardnetError as error:
        return _store(merchant_id, None, wrong_of(error, _STORE_FIELDS)), error.status
    flash(gettext("门店已登记。"), "good")
    return _onwards(merchant_id)


@blueprint.get("/merchants/<uuid:merchant_id>/store/<uuid:store_id>")
@staff_page(Role.DISTRICT_OFFICER)
def merchant_one_store(principal: Principal, merchant_id: uuid.UUID, store_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001
    """A store, to be changed."""
    return _store(merchant_id, store_id, {})


@blueprint.post("/merchants/<uuid:merchant_id>/store/<uuid:store_id>")
@staff_page(Role.DISTRICT_OFFICER)
def change_store(principal: Principal, merchant_id: uuid.UUID, store_id: uuid.UUID) -> ResponseReturnValue:
    """Keep what has changed."""
    form = request.form
    try:
        with transaction() as session:
            merchants.store_of_id(session, store_id, merchant_id)
            command = merchants.ChangeStore(
                store_id, form.get("name", ""), form.get("address", ""), form.get("phone", ""), _hours(),
                "closed" in form.getlist("closed"), principal.account_id, _township(session),
            )  # fmt: skip
            merchants.change_store(session, current_world(), command)
    except CardnetError as error:
        return _store(merchant_id, store_id, wrong_of(error, _STORE_FIELDS)), error.status
    flash(gettext("门店资料已保存。"), "good")
    return redirect(url_for("console.merchant", merchant_id=merchant_id), 303)


_STORE_FIELDS = {
    "code_invalid": "code", "store_code_taken": "code", "name_invalid": "name", "address_invalid": "address",
    "phone_format": "phone", "township_missing": "township", "township_invalid": "township",
    "unit_unknown": "township", "union_closed": "township",
}  # fmt: skip


def _township(session: Session) -> str:
    chosen = request.form.get("township", "").strip()
    # A district whose unions are no towns has nothing to choose from.
    if not chosen and merchants.townships(session):
        raise InvalidInput("township_missing", gettext("请选择门店在哪个镇、街道：会员先看到离单位近的门店。"))
    return chosen


def _hours() -> dict[str, tuple[str, str]]:
    form = request.form
    return {day: (form.get(f"opens-{day}", ""), form.get(f"closes-{day}", "")) for day, _ in words.days()}


def _store(merchant_id: uuid.UUID, store_id: uuid.UUID | None, wrong: dict[str, str]) -> str:
    with transaction() as session:
        one = merchants.merchant_of_id(session, merchant_id)
        store = merchants.store_of_id(session, store_id, merchant_id) if store_id else None
        count = len(merchants.stores_of(session, merchant_id))
        townships = [(one.code, one.name) for one in merchants.townships(session)]
    if request.method == "POST":
        given = {name: request.form.get(name, "") for name in ("code", "name", "township", "address", "phone")}
        times, closed = _hours(), request.form.getlist("closed")
    elif store:
        given = {"code": store.code, "name": store.name, "address": store.address or "", "phone": store.phone or ""}
        given["township"] = store.township.code if store.township else ""
        times, closed = dict(store.hours), ["closed"] if store.closed_on else []
    else:
        given, times, closed = {"code": f"S{count + 1:02d}"}, {}, []
    return render_template(
        "console/merchant_store.html",
        one=one, store=store, given=given, times=times, closed=closed, days=words.days(), wrong=wrong,
        townships=townships,
    )  # fmt: skip


# ---- contacts ----


@blueprint.get("/merchants/<uuid:merchant_id>/contact")
@staff_page(Role.DISTRICT_OFFICER)
def merchant_contact(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001
    """Whom to ask."""
    return _contact(merchant_id, {})


@blueprint.post("/merchants/<uuid:merchant_id>/contact")
@staff_page(Role.DISTRICT_OFFICER)
def set_contact(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """From now on this one."""
    form = request.form
    kind = form.get("kind", "")
    try:
        with transaction() as session:
            if kind not in set(ContactKind):
                raise InvalidInput("kind_invalid", gettext("请选择是哪一位联系人。"))
            command = merchants.SetContact(
                merchant_id, ContactKind(kind), form.get("name", ""), form.get("phone", ""), principal.account_id
            )
            merchants.set_contact(session, current_world(), command)
    except CardnetError as error:
        fields = {"kind_invalid": "kind", "name_invalid": "name", "phone_format": "phone"}
        return _contact(merchant_id, wrong_of(error, fields)), error.status
    flash(gettext("联系人已登记。"), "good")
    return _onwards(merchant_id)


def _contact(merchant_id: uuid.UUID, wrong: dict[str, str]) -> str:
    with transaction() as session:
        one = merchants.merchant_of_id(session, merchant_id)
    given = {name: request.form.get(name, "") for name in ("name", "phone")}
    given["kind"] = request.form.get("kind") or request.args.get("kind", "") or ContactKind.DAILY
    return render_template("console/merchant_contact.html", one=one, given=given, wrong=wrong)


# ---- people ----


@blueprint.get("/merchants/<uuid:merchant_id>/people")
@staff_page(Role.DISTRICT_OFFICER)
def merchant_people(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001
    """Who is to sign in for the merchant."""
    return _people(merchant_id, {})


@blueprint.post("/merchants/<uuid:merchant_id>/people")
@staff_page(Role.DISTRICT_OFFICER)
def invite_merchant_staff(principal: Principal, merchant_id: uuid.UUID) -> ResponseReturnValue:
    """Make the account and show its link, once."""
    try:
        with transaction() as session:
            invitation = invite(session, principal, merchant_id)
    except CardnetError as error:
        return _people(merchant_id, wrong_of(error, INVITE_FIELDS)), error.status
    return invitation_page(invitation, url_for("console.merchant", merchant_id=merchant_id))


INVITE_FIELDS = {
    "username_invalid": "username", "username_taken": "username", "role_invalid": "role", "name_missing": "name",
}  # fmt: skip


def invite(session: Session, principal: Principal, merchant_id: uuid.UUID) -> access.Invitation:
    """Invite whom the form names."""
    role = request.form.get("role", "")
    if role not in MERCHANT_ROLES:
        raise InvalidInput("role_invalid", gettext("请选择商户管理员或收银员。"))
    command = merchants.InviteStaff(
        merchant_id, request.form.get("username", ""), request.form.get("name", ""), Role(role), principal
    )
    return merchants.invite_staff(session, current_world(), command)


def invitation_page(invitation: access.Invitation, back: str) -> ResponseReturnValue:
    """The link, shown this once."""
    address = url_for("invite.form", token=invitation.token, _external=True)
    page = render_template(
        "merchant/invitation.html",
        invitation=invitation,
        name=request.form.get("name", "").strip() or invitation.username,
        address=address,
        square=qr_svg(address, gettext("邀请二维码")),
        back=back,
    )
    return page, 200, _ONCE


def _people(merchant_id: uuid.UUID, wrong: dict[str, str]) -> str:
    with transaction() as session:
        one = merchants.merchant_of_id(session, merchant_id)
    given = {name: request.form.get(name, "") for name in ("name", "username", "role")}
    return render_template("console/merchant_people.html", one=one, given=given, wrong=wrong)


def _onwards(merchant_id: uuid.UUID) -> ResponseReturnValue:
    """A draft leads to its next question, everything else back to the file."""
    with transaction() as session:
        missing = merchants.missing_for(session, current_world(), merchant_id)
        draft = merchants.merchant_of_id(session, merchant_id).state == "draft"
    following = next((_NEXT[gap] for gap in missing if gap in _NEXT), "console.merchant")
    return redirect(url_for(following if draft else "console.merchant", merchant_id=merchant_id), 303)
