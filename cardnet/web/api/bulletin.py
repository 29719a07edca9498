"""The bulletin (通报): the figures of now, issues sent round, each exactly as it was sent."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cardnet.benefits import services as benefits
from cardnet.benefits.bulletin import Issue
from cardnet.benefits.bulletin_files import bulletin_pdf, bulletin_workbook
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import NotFound
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.quota import PDF, READERS
from cardnet.web.api.rosters import XLSX
from cardnet.web.api.schemas import bulletin as wire

_ID = {"id": "uuid"}


@serves(Call("GET", "/bulletin", "The bulletin (通报): how far each union is", {200: wire.Bulletin},
             query=wire.BulletinQuery, roles=READERS, tag="bulletin"))  # fmt: skip
def bulletin(asked: Asked) -> dict[str, Any]:
    """GET /bulletin."""
    issue = _issue(asked, every_level=False)
    first = issue.first
    return {
        "year": issue.year,
        "number": issue.number,
        "at": issue.at,
        "years": issuance.years_shown(asked.session, day_of(issue.at)).choices,
        "union": first.union,
        "total": first.total.counts,
        "answers": first.total.answers,
        "used": first.total.used,
        "lines": first.lines,
    }


@serves(Call("GET", "/bulletin.xlsx", "The bulletin as a workbook", {200: XLSX}, query=wire.BulletinQuery,
             roles=READERS, tag="bulletin"))  # fmt: skip
def bulletin_sheet(asked: Asked) -> File:
    """GET /bulletin.xlsx."""
    return File(bulletin_workbook(_issue(asked, every_level=True)), XLSX, "bulletin.xlsx")


@serves(Call("GET", "/bulletin.pdf", "The bulletin on paper", {200: PDF}, query=wire.BulletinQuery, roles=READERS,
             tag="bulletin"))  # fmt: skip
def bulletin_paper(asked: Asked) -> File:
    """GET /bulletin.pdf."""
    return File(bulletin_pdf(_issue(asked, every_level=True)), PDF, "bulletin.pdf")


@serves(Call("GET", "/bulletin/issues", "Issues your unions sent or were sent, the newest first", {200: wire.IssueList},
             query=wire.IssuesQuery, roles=READERS, tag="bulletin"))  # fmt: skip
def list_issues(asked: Asked) -> dict[str, Any]:
    """GET /bulletin/issues."""
    year = asked.query["year"]
    return asked.by_position(
        lambda limit, offset: benefits.bulletin_issues(asked.session, asked.officer, year, limit, offset)
    )


@serves(Call("GET", "/bulletin/issues/{id}", "An issue exactly as it was sent", {200: wire.KeptIssue}, parameters=_ID,
             roles=READERS, tag="bulletin"))  # fmt: skip
def show_issue(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002 - the contract's own name
    """GET /bulletin/issues/{id}."""
    return _told(benefits.kept_issue(asked.session, asked.officer, id))


@serves(Call("GET", "/bulletin/issues/{id}/bulletin.xlsx", "A sent issue as a workbook", {200: XLSX}, parameters=_ID,
             roles=READERS, tag="bulletin"))  # fmt: skip
def sent_sheet(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002 - the contract's own name
    """GET /bulletin/issues/{id}/bulletin.xlsx."""
    return File(bulletin_workbook(benefits.kept_issue(asked.session, asked.officer, id).issue), XLSX, "bulletin.xlsx")


@serves(Call("GET", "/bulletin/issues/{id}/bulletin.pdf", "A sent issue on paper", {200: PDF}, parameters=_ID,
             roles=READERS, tag="bulletin"))  # fmt: skip
def sent_paper(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002 - the contract's own name
    """GET /bulletin/issues/{id}/bulletin.pdf."""
    return File(bulletin_pdf(benefits.kept_issue(asked.session, asked.officer, id).issue), PDF, "bulletin.pdf")


@serves(Call("POST", "/bulletin/issues", "Send the issue of this half of the month round, or a correction of one",
             {201: wire.KeptIssue}, body=wire.PublishRequest, roles=benefits.PUBLISHERS, tag="bulletin", takes_key=True,
             example={"year": 2026, "to": ["D1"], "words": "请各单位月底前发完卡。"},
             notes="Its figures stay as they are now. One issue a union and half of a month; a mistake is mended by an "
             "issue that names the one before in `corrects`, with a `reason`. A correction that changes no number is `nothing_corrected`, unless "
             "`unchanged_too` says so."))  # fmt: skip
def publish_issue(asked: Asked) -> dict[str, Any]:
    """POST /bulletin/issues."""
    body = asked.body
    command = benefits.PublishBulletin(
        asked.officer,
        body["year"],
        tuple(body["to"]),
        body["copies"],
        body["words"],
        body["corrects"],
        body["reason"],
        body["unchanged_too"],
    )
    return _told(benefits.publish_bulletin(asked.session, asked.world, command))


def _told(kept: benefits.KeptIssue) -> dict[str, Any]:
    assert kept.issue.sent is not None
    sent = asdict(kept.issue.sent)
    return {
        **vars(kept.line),
        **{name: sent[name] for name in ("copies", "words", "reason")},
        "addressees": [{"code": code, "name": name} for code, name in sent["addressees"]],
        "levels": kept.issue.levels,
        "mondays": kept.issue.mondays,
        "changes": kept.issue.changes or (),
        "activations": [{"path": path, "weeks": weeks} for path, weeks in kept.issue.weeks.items()],
    }


def unknown_year(wanted: int, choices: Sequence[int]) -> NotFound:
    """Figures of no year there is: said, rather than those of another one given."""
    return NotFound("quota_year_unknown", f"{wanted} 年没有数字，可以看的是 {'、'.join(map(str, choices))} 年。")


def _issue(asked: Asked, *, every_level: bool) -> Issue:
    wanted, years = asked.query["year"], issuance.years_shown(asked.session, day_of(asked.world.now()))
    if wanted is not None and wanted not in years.choices:
        raise unknown_year(wanted, years.choices)
    year = years.asked(wanted)
    return benefits.issue_of(
        asked.session, asked.world, asked.path(asked.query["under"]), year, every_level=every_level
    )
