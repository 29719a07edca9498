"""The audit trail: who did what, on whose behalf, before and after, from where; as a list and as a file."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any

import xlsxwriter
from defusedcsv import csv as defused
from flask import render_template, request, send_file
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role, username_of
from cardnet.access.services import TrailLine, TrailQuery
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of, end_of, start_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import FieldError, InvalidInput
from cardnet.web.act_words import NOUNS, act_word, actor_word
from cardnet.web.auth import staff_page
from cardnet.web.changes import Names, Reader
from cardnet.web.console import blueprint
from cardnet.web.console.trail_subjects import names_in_words
from cardnet.web.formats import cn_datetime
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.wiring import current_world

_SHOWN = 100
MOST_EXPORTED = 200_000
"""Acts in one file: two years of a busy district; more is asked for by days."""
_NAMED_AT_ONCE = 2_000


@dataclass(frozen=True)
class _Asked:
    """The filter as it was typed."""

    first: str
    last: str
    user: str
    action: str
    subject: str


@blueprint.get("/audit")
@staff_page(Role.ADMIN, Role.AUDITOR)
def audit_trail(principal: Principal) -> ResponseReturnValue:
    """Newest first. Filters are in the address, so that a finding can be sent on."""
    asked, before = _asked(), request.args.get("before", "")
    wrong: dict[str, str] = {}
    lines: list[TrailLine] = []
    names: Names = {}
    try:
        query = _query(principal, asked)
        with transaction() as session:
            lines = access.trail(session, query, _SHOWN + 1, whole_id(before) if before else None)
            names = names_in_words(session, lines)
    except InvalidInput as error:
        wrong = wrong_of(error)
    reader = Reader()
    page = render_template(
        "console/audit.html",
        asked=asked,
        wrong=wrong,
        lines=lines[:_SHOWN],
        names=names,
        changes={one.id: reader.changes(one.action, one.before, one.after, names) for one in lines},
        more=lines[_SHOWN - 1].id if len(lines) > _SHOWN else None,
        filters={name: text for name, text in vars(asked).items() if text},
        nouns=_nouns(),
    )
    return page, 422 if wrong else 200


@blueprint.get("/audit/export")
@staff_page(Role.ADMIN, Role.AUDITOR)
def export_audit(principal: Principal) -> ResponseReturnValue:
    """The same acts as a file; taking it away is itself an act."""
    kind = request.args.get("format", "csv")
    if kind not in WRITERS:
        raise InvalidInput("format_unknown", gettext("请选择 CSV 或 XLSX。"))
    world = current_world()
    with transaction() as session:
        asked = _asked()
        query = _query(principal, asked)
        filters = {name: text for name, text in vars(asked).items() if text}
        act = audit.Act("audit.export", "audit", kind, principal.account_id, address=request.remote_addr, after=filters)
        content, media_type = WRITERS[kind](session, access.whole_trail(session, query, MOST_EXPORTED))
        audit.record(session, world, act)
    name = f"{gettext('操作记录')}-{day_of(world.now()).isoformat()}.{kind}"
    return send_file(content, mimetype=media_type, as_attachment=True, download_name=name)


def _asked() -> _Asked:
    return _Asked(*(request.args.get(name, "").strip()[:80] for name in ("first", "last", "user", "action", "subject")))


def _query(principal: Principal, asked: _Asked) -> TrailQuery:
    first, last = _day("first", asked.first), _day("last", asked.last)
    return TrailQuery(
        principal.scope_path,
        # What no account did, such as the worker's rounds, concerns the whole district.
        system=principal.scope_path.count("/") == 2,
        from_at=start_of(first) if first else None,
        to_at=end_of(last) if last else None,
        action=asked.action,
        username=username_of(asked.user),
        subject_id=asked.subject,
    )


def _day(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not date(2000, 1, 1) <= day <= date(2999, 12, 31) - timedelta(days=1):
        message = gettext("日期请按 2026-11-21 的样子填写。")
        raise InvalidInput("day_invalid", message, [FieldError(f"/{name}", message)])
    return day


def _nouns() -> list[tuple[str, str]]:
    """What acts can be about, for the filter."""
    return [(f"{noun}.", act_word(f"{noun}.")) for noun in NOUNS]


def _head() -> list[str]:
    return [
        gettext("时间"), gettext("操作"), gettext("代码"), gettext("操作人"), gettext("用户名"), gettext("代谁办理"),
        gettext("对象"), gettext("对象编号"), gettext("来自地址"), gettext("之前"), gettext("之后"), gettext("变化"),
    ]  # fmt: skip


def _rows(session: Session, lines: Iterator[TrailLine]) -> Iterator[list[str]]:
    reader = Reader()
    while portion := list(islice(lines, _NAMED_AT_ONCE)):
        names = names_in_words(session, portion)
        yield from (_cells(line, reader, names) for line in portion)


def _cells(line: TrailLine, reader: Reader, names: Names) -> list[str]:
    actor = line.actor or ("", actor_word(line.action, line.after))
    return [
        cn_datetime(line.at),
        reader.act(line.action),
        line.action,
        actor[1],
        actor[0],
        line.behalf[1] if line.behalf else "",
        line.subject_kind,
        line.subject_id,
        line.address or "",
        _document(line.before),
        _document(line.after),
        reader.in_one_line(reader.changes(line.action, line.before, line.after, names)),
    ]


def _document(value: dict[str, Any] | None) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""


def csv_of(session: Session, lines: Iterator[TrailLine]) -> tuple[io.BytesIO, str]:
    """UTF-8 with BOM, as spreadsheet programs want it, formulas made inert."""
    text = io.StringIO(newline="")
    writer = defused.writer(text, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(_head())
    writer.writerows(_rows(session, lines))
    return io.BytesIO(b"\xef\xbb\xbf" + text.getvalue().encode()), "text/csv; charset=utf-8"


def workbook_of(session: Session, lines: Iterator[TrailLine]) -> tuple[io.BytesIO, str]:
    """The same as a workbook: texts, never formulas."""
    content = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        sheet = book.add_worksheet(gettext("操作记录"))
        bold = book.add_format({"bold": True, "bottom": 1})
        for column, width in enumerate((20, 16, 20, 14, 16, 14, 14, 38, 16, 40, 40, 60)):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, _head(), bold)
        for number, cells in enumerate(_rows(session, lines), start=1):
            sheet.write_row(number, 0, cells)
    content.seek(0)
    return content, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


WRITERS = {"csv": csv_of, "xlsx": workbook_of}
