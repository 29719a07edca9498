"""Quota: the tree with bars, one level at a time or found by name; grant, hand down, across and back, recall."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import QuotaKind, review_route
from cardnet.issuance.services import QuotaLine
from cardnet.kernel.calendar import EARLIEST, LATEST, day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, InvalidInput
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.units import code_typed
from cardnet.web.forms import whole_number, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import page_of
from cardnet.wiring import current_world

_SHOWN = 100


@dataclass(frozen=True)
class _Asked:
    """What a form of this page gave, as typed."""

    year: int
    kind: QuotaKind
    count: int
    giver: str
    taker: str
    document: str
    words: str
    after: date | None


@dataclass(frozen=True)
class Line:
    """One union with what it received, and how that stands in the union and all below it together."""

    union: UnionNode
    received: int
    passed_down: int
    used: int
    held: int
    free: int
    own_free: int
    waiting: int
    offered: int
    recall_after: date | None


def lines_of(tree: Sequence[QuotaLine]) -> list[Line]:
    """The whole tree with each union's figures added up over everything below it."""
    sums: dict[str, list[int]] = {line.union.path: [0, 0, 0, 0, 0] for line in tree}
    for line in tree:
        for path in review_route(line.union.path):
            if path in sums:
                for place, value in enumerate((line.used, line.held, line.free, line.waiting, line.offered)):
                    sums[path][place] += value
    return [
        Line(
            line.union,
            line.received,
            line.passed_down,
            used,
            held,
            free,
            line.free,
            waiting,
            offered,
            line.recall_after,
        )
        for line in tree
        for used, held, free, waiting, offered in (sums[line.union.path],)
    ]


@blueprint.get("/quota")
@staff_page(*OFFICERS, Role.CHAIR, Role.AUDITOR)
def quota(principal: Principal) -> ResponseReturnValue:
    """What every union of the scope received, passed down, holds, used and has left."""
    return _page(principal, {}, "")


@blueprint.post("/quota/<act>")
@staff_page(*OFFICERS)
def change_quota(principal: Principal, act: str) -> ResponseReturnValue:
    """Grant, allocate, transfer, return or spread; the service decides whether this officer may."""
    if act not in _ACTS:
        raise InvalidInput("act_unknown", gettext("请从名额页面选择要办理的事项。"))
    wrong = _incomplete(act)
    if wrong:
        return _page(principal, wrong, act), 422
    form = request.form
    asked = _Asked(
        asked_year(),
        asked_kind(),
        whole_number(form.get("count", "")) or 0,
        form.get("giver", "").strip()[:80],
        form.get("taker", "").strip()[:80],
        form.get("document", "").strip()[:100],
        form.get("words", "").strip()[:200],
        day_typed(form.get("after", "")),
    )
    try:
        with transaction() as session:
            asked = replace(
                asked,
                giver=code_typed(session, principal, asked.giver, "giver"),
                taker=code_typed(session, principal, asked.taker, "taker"),
            )
            said = _ACTS[act](session, current_world(), principal, asked)
    except CardnetError as error:
        return _page(principal, wrong_of(error, _FIELDS), act), error.status
    flash(said, "good")
    return redirect(url_for("console.quota", year=asked.year, kind=str(asked.kind)), 303)


def _grant(session: Session, world: World, officer: Principal, asked: _Asked) -> str:
    issuance.grant_quota(
        session, world, issuance.GrantQuota(asked.year, asked.count, asked.document, officer, asked.kind)
    )
    return gettext(
        "已核定 %(year)d 年名额 %(count)d 个，依据 %(document)s。",
        year=asked.year,
        count=asked.count,
        document=asked.document,
    )


def _cut(session: Session, world: World, officer: Principal, asked: _Asked) -> str:
    issuance.grant_quota(
        session, world, issuance.GrantQuota(asked.year, -asked.count, asked.document, officer, asked.kind)
    )
    return gettext(
        "已核减 %(year)d 年名额 %(count)d 个，依据 %(document)s。",
        year=asked.year,
        count=asked.count,
        document=asked.document,
    )


def _allocate(session: Session, world: World, officer: Principal, asked: _Asked) -> str:
    line = issuance.allocate_quota(
        session, world, issuance.MoveQuota(asked.year, asked.giver, asked.taker, asked.count, officer, asked.kind)
    )
    return gettext("已下达%(name)s %(count)d 个名额。", name=line.union.name, count=asked.count)


def _transfer(session: Session, world: World, officer: Principal, asked: _Asked) -> str:
    line = issuance.transfer_quota(
        session, world, issuance.MoveQuota(asked.year, asked.giver, asked.taker, asked.count, officer, asked.kind)
    )
    return gettext("已调剂 %(count)d 个名额给%(name)s。", name=line.union.name, count=asked.count)


def _return(session: Session, world: World, officer: Principal, asked: _Asked) -> str:
    command = issuance.ReturnQuota(asked.year, asked.giver, asked.count, officer, asked.kind)
    line = issuance.return_quota(session, world, command)
    return gettext("%(name)s已交回 %(count)d 个名额。", name=line.union.name, count=asked.count)


def _spread(session: Session, world: World, officer: Principal, asked: _Asked) -> str:
    command = issuance.SpreadQuota(asked.year, asked.giver or None, officer, asked.kind)
    done = issuance.spread_quota(session, world, command)
    if done.evenly:
        return gettext("还没有会员名册，已按单位数平均下达 %(count)d 个名额。", count=done.places)
    return gettext("已按会员人数下达 %(count)d 个名额。", count=done.places)


def _recall_date(session: Session, world: World, officer: Principal, asked: _Asked) -> str:
    command = issuance.SetRecallDate(asked.year, asked.giver, asked.after, officer, asked.kind)
    unions = issuance.set_recall_date(session, world, command)
    if asked.after is None:
        return gettext("已取消 %(n)d 个工会的收回日期。", n=unions)
    return gettext("%(n)d 个工会的名额用到 %(day)s，之后可以收回。", n=unions, day=asked.after.isoformat())


def _recall(session: Session, world: World, officer: Principal, asked: _Asked) -> str:
    command = issuance.RecallQuota(asked.year, asked.giver, officer, asked.kind)
    done = issuance.recall_quota(session, world, command)
    return gettext("已从 %(n)d 个工会收回 %(count)d 个名额。", n=done.unions, count=done.places)


def _use(session: Session, world: World, officer: Principal, asked: _Asked) -> str:
    command = issuance.UseQuota(asked.year, asked.giver, asked.count, asked.words, officer, asked.kind)
    line = issuance.use_quota(session, world, command)
    return gettext("%(name)s已登记使用 %(count)d 个名额。", name=line.union.name, count=asked.count)


_ACTS: dict[str, Callable[[Session, World, Principal, _Asked], str]] = {
    "grant": _grant,
    "cut": _cut,
    "allocate": _allocate,
    "transfer": _transfer,
    "return": _return,
    "spread": _spread,
    "recall_date": _recall_date,
    "recall": _recall,
    "use": _use,
}
_NEEDS = {
    "grant": ("count", "document"),
    "cut": ("count", "document"),
    "allocate": ("giver", "taker", "count"),
    "transfer": ("giver", "taker", "count"),
    "return": ("giver", "count"),
    "spread": (),
    "recall_date": ("giver",),
    "recall": ("giver",),
    "use": ("giver", "count", "words"),
}
_FIELDS = {
    "count_invalid": "count",
    "quota_short": "count",
    "quota_not_returnable": "count",
    "quota_not_child": "taker",
    "quota_not_siblings": "taker",
    "unit_unknown": "giver",
    "out_of_scope": "giver",
    "document_missing": "document",
    "words_missing": "words",
    "recall_date_past": "after",
    "recall_not_due": "giver",
    "kind_has_applications": "giver",
}


def _incomplete(act: str) -> dict[str, str]:
    words = {
        "giver": gettext("请选择从哪个工会出。"),
        "taker": gettext("请选择给哪个工会。"),
        "count": gettext("请输入名额数：大于 0 的整数。"),
        "document": gettext("请写明决策依据的文号。"),
        "words": gettext("请写明用于哪一批、哪些人的活动。"),
    }
    missing = {name: words[name] for name in _NEEDS[act] if not request.form.get(name, "").strip()}
    if "count" in _NEEDS[act] and "count" not in missing and not whole_number(request.form["count"]):
        missing["count"] = words["count"]
    return missing


def _page(principal: Principal, wrong: dict[str, str], act: str) -> str:
    this_year = day_of(current_world().now()).year
    year, kind = asked_year(), asked_kind()
    with transaction() as session:
        lines = lines_of(issuance.quota_tree(session, year, principal.scope_path, kind))
        own = membership.union_of_id(session, principal.union_id)
        unions = membership.unions_under(session, principal.scope_path)
        known = {one.year: one for one in issuance.years(session, kind)}
    under = request.args.get("under", "")
    find, show = request.args.get("find", "").strip()[:50], request.args.get("show", "")
    top = next((line for line in lines if line.union.id == own.id), None)
    if find or show in _SHOWS:
        shown = [line for line in lines if _found(line, find) and _SHOWS.get(show, _any)(line)]
    else:
        shown = [line for line in lines if _belongs(line.union.path, own.path, under)]
    return render_template(
        "console/quota.html",
        own=own,
        top=top,
        page=page_of(shown, _SHOWN),
        under=under,
        find=find,
        show=show if show in _SHOWS else "",
        parents={union.parent_id for union in unions},
        unions=unions,
        year=year,
        state=known.get(year),
        kind=kind,
        kinds=tuple(QuotaKind),
        years=range(this_year - 1, this_year + 2),
        wrong=wrong,
        act=act,
        form=request.form,
        may_change=principal.has(*OFFICERS),
        may_plan=may_plan(principal),
    )


def _any(line: Line) -> bool:  # noqa: ARG001
    return True


_SHOWS: dict[str, Callable[[Line], bool]] = {
    "waiting": lambda line: line.waiting + line.offered > 0,
    "full": lambda line: line.received > 0 and line.free == 0,
    "free": lambda line: line.own_free > 0,
}
"""Which unions of the whole tree a filter shows."""


def _found(line: Line, find: str) -> bool:
    wanted = find.casefold()
    return wanted in line.union.name.casefold() or line.union.code.casefold().startswith(wanted)


def _belongs(path: str, own: str, under: str) -> bool:
    """The union that is looked at and the ones directly below it: one level of the tree at a time."""
    top = under if under.startswith(own) else own
    return path == top or (path.startswith(top) and path[len(top) :].count("/") == 1)


def asked_year() -> int:
    """The year of the address or the form, this one when it makes no sense."""
    text = request.values.get("year", "")
    if text.isascii() and text.isdecimal() and len(text) == 4 and 2000 <= int(text) <= 2100:
        return int(text)
    return day_of(current_world().now()).year


def asked_kind() -> QuotaKind:
    """The kind of the address or the form, new cards when it makes no sense."""
    text = request.values.get("kind", "")
    return QuotaKind(text) if text in set(QuotaKind) else QuotaKind.NEW_CARD


def may_plan(principal: Principal) -> bool:
    """Whether this officer has unions below to hand places to."""
    return principal.has(Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)


def day_typed(text: str) -> date | None:
    """A day as a date field sends it, None when it is empty or makes no sense."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if EARLIEST <= day <= LATEST else None
