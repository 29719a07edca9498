"""Rosters: the list of what was sent in, upload, the findings beside each row, submission."""

import io
from typing import Any

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import RosterMode
from cardnet.issuance.services import desk
from cardnet.kernel import masking
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError
from cardnet.membership import services as membership
from cardnet.membership.result_workbook import result_workbook as roster_workbook
from cardnet.membership.roster import CheckedRow, Column, RosterCheck, Severity
from cardnet.membership.rules import Tier, UnionNode
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.uploads import Upload, Uploads
from cardnet.web.csrf import takes_upload
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page, page_of
from cardnet.wiring import current_settings, current_vault, current_world

MAX_ROSTER_BYTES = 20 << 20
"""A roster of 30,000 people is about 2 MB; photographs pasted into a sheet are what makes one larger."""

_WEIGHT = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
_LISTED = 30
_SHOWN = 100
_SHOW = ("invalid", "warning", "declined", "all")


@blueprint.get("/rosters")
@staff_page(*OFFICERS)
def rosters(principal: Principal) -> ResponseReturnValue:
    """Every roster that touches the officer's scope, newest first; filtered by township and by what waits for me."""
    under = request.args.get("under", "")
    only_mine = request.args.get("show") == "mine"
    number = asked_page()
    with transaction() as session:
        townships = _townships(membership.unions_under(session, principal.scope_path))
        wanted = desk.BatchFilter(path=under or None, only_mine=only_mine)
        listed = desk.batches(session, principal, wanted, limit=_LISTED, offset=(number - 1) * _LISTED)
    page = Page(listed.items, number, _LISTED, listed.total)
    return render_template("console/rosters.html", page=page, townships=townships, under=under, only_mine=only_mine)


@blueprint.get("/rosters/new")
@staff_page(*OFFICERS)
def new_roster(principal: Principal) -> ResponseReturnValue:
    """The form that takes a file."""
    return _upload_form(principal, {}, "")


@blueprint.post("/rosters/check")
@takes_upload(MAX_ROSTER_BYTES)
@staff_page(*OFFICERS)
def check_roster(principal: Principal) -> ResponseReturnValue:
    """Check a file and keep it, sealed, for its submission."""
    given = request.files.get("file")
    unit_code = request.form.get("unit_code", "").strip()
    if given is None or not given.filename:
        return _upload_form(principal, {"file": gettext("请选择采集表文件。")}, unit_code), 422
    content, filename = given.read(), given.filename
    world = current_world()
    try:
        with transaction() as session:
            code = unit_code or membership.union_of_id(session, principal.union_id).code
            checked = issuance.check_roster(session, world, issuance.CheckRoster(content, filename, code, principal))
    except CardnetError as error:
        wrong = wrong_of(error, {error.code: "file", "unit_unknown": "unit_code", "out_of_scope": "unit_code"})
        return _upload_form(principal, wrong, unit_code), error.status
    upload = Upload(world.new_id(), principal.account_id, filename[:200], code, world.now(), _report(checked))
    _uploads().keep(upload, content)
    return redirect(url_for("console.checked_roster", upload_id=upload.id), 303)


@blueprint.get("/rosters/checks/<upload_id>")
@staff_page(*OFFICERS)
def checked_roster(principal: Principal, upload_id: str) -> ResponseReturnValue:
    """What the check found: figures, findings beside each row, and what can be done next."""
    upload = _uploads().find(current_world(), whole_id(upload_id), principal.account_id)
    return _result(upload, {})


@blueprint.get("/rosters/checks/<upload_id>/result.xlsx")
@staff_page(*OFFICERS)
def result_workbook(principal: Principal, upload_id: str) -> ResponseReturnValue:
    """The sheet as it came, with 状态 and 原因 beside each row: to be corrected and uploaded again."""
    world, uploads = current_world(), _uploads()
    upload = uploads.find(world, whole_id(upload_id), principal.account_id)
    command = issuance.CheckRoster(uploads.content(upload), upload.filename, upload.unit_code, principal)
    with transaction() as session:
        workbook = roster_workbook(issuance.check_roster(session, world, command))
    return _workbook(workbook, gettext("检查结果"), upload.filename)


@blueprint.post("/rosters/checks/<upload_id>/submit")
@staff_page(*OFFICERS)
def submit_roster(principal: Principal, upload_id: str) -> ResponseReturnValue:
    """Make applications of the rows that are fit, for review."""
    world, uploads = current_world(), _uploads()
    upload = uploads.find(world, whole_id(upload_id), principal.account_id)
    mode = request.form.get("mode", "")
    if mode not in RosterMode.__members__.values():
        return _result(upload, {"mode": gettext("请选择怎样提交。")}), 422
    try:
        with transaction() as session:
            command = issuance.SubmitRoster(
                uploads.content(upload), upload.filename, upload.unit_code, principal, RosterMode(mode)
            )
            receipt = issuance.submit_roster(session, world, command)
    except CardnetError as error:
        return _result(upload, wrong_of(error)), error.status
    uploads.drop(upload)
    flash(gettext("采集表已提交。下一步由审核人员审核，您可以在这一页看到每个人走到哪一步。"), "good")
    return redirect(url_for("console.batch", batch_id=receipt.batch_id), 303)


def _upload_form(principal: Principal, wrong: dict[str, str], unit_code: str) -> str:
    with transaction() as session:
        own = membership.union_of_id(session, principal.union_id)
        units = [u for u in membership.unions_under(session, principal.scope_path) if u.id != own.id]
    return render_template(
        "console/roster_new.html",
        wrong=wrong,
        own=own,
        units=units,
        unit_code=unit_code,
        limit_mb=MAX_ROSTER_BYTES >> 20,
    )


def _result(upload: Upload, wrong: dict[str, str]) -> str:
    report = upload.report
    # What must be mended comes first; a clean sheet opens on its whole list.
    default = next((show for show in _SHOW if report[show]), "all")
    show = request.args.get("show", default)
    show = show if show in _SHOW else default
    rows = [row for row in report["rows"] if show in ("all", row["status"])]
    mode = request.form.get("mode", RosterMode.VALID_ROWS_ONLY)
    return render_template(
        "console/roster_check.html",
        upload=upload,
        report=report,
        show=show,
        page=page_of(rows, _SHOWN),
        wrong=wrong,
        mode=mode,
    )


def _report(checked: RosterCheck) -> dict[str, Any]:
    """What the result page shows, as plain values; ID numbers are masked before they are kept."""
    rows = [_reported(checked, index, row) for index, row in enumerate(checked.rows)]
    return {
        "all": len(rows),
        "valid": checked.valid,
        "warning": sum(1 for row in rows if row["status"] == "warning"),
        "declined": checked.declined,
        "invalid": checked.invalid,
        "quota_needed": checked.quota_needed,
        "quota_free": checked.quota_free,
        "notices": list(checked.notices),
        "rows": rows,
    }


def _reported(checked: RosterCheck, index: int, row: CheckedRow) -> dict[str, Any]:
    source = checked.sheet.rows[index]
    id_number = str(checked.sheet.cell(source, Column.ID_NUMBER)).strip()
    return {
        "row": row.row,
        "line": row.line,
        "status": str(row.status),
        "name": str(checked.sheet.cell(source, Column.NAME)).strip()[:60],
        "id_number": masking.id_number_for_office(id_number[:30]),
        "findings": [
            {"column": f.column, "code": str(f.code), "severity": str(f.severity), "message": f.message}
            # What must be mended comes first; a note never stands above an error.
            for f in sorted(row.findings, key=lambda f: _WEIGHT[f.severity])
        ],
    }


def _townships(unions: list[UnionNode]) -> list[UnionNode]:
    """What a list can be narrowed to: the townships of a district, the units of a township."""
    for tier in (Tier.TOWNSHIP, Tier.UNIT):
        if len(found := [union for union in unions if union.tier is tier]) > 1:
            return found
    return []


def _uploads() -> Uploads:
    return Uploads(current_settings().data, current_vault())


def _workbook(content: bytes, what: str, filename: str) -> ResponseReturnValue:
    stem = filename.rsplit(".", 1)[0][:80]
    answer = send_file(
        io.BytesIO(content),
        mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        as_attachment=True,
        download_name=f"{stem}-{what}.xlsx",
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
