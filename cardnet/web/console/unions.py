"""The unions of the district, and what becomes of them: another name, another place, a merger, an end."""

from collections.abc import Callable, Mapping

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role
from cardnet.benefits import services as benefits
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, FieldError, InvalidInput, NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import HEIGHT, UnionNode
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.members import typed_day
from cardnet.web.console.units import code_typed
from cardnet.web.forms import wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import page_of
from cardnet.wiring import current_world

_SHOWN = 100


@blueprint.get("/unions")
@staff_page(Role.DISTRICT_OFFICER)
def unions(principal: Principal) -> ResponseReturnValue:
    """Every union of the district, in the order of the tree, to look for by code or name."""
    words = request.args.get("words", "").strip()[:60]
    state = request.args.get("state", "")
    with transaction() as session:
        tree = membership.unions_under(session, principal.scope_path)
        members = membership.member_counts(session, principal.scope_path)
    found = [
        union for union in tree
        if words.casefold() in f"{union.code} {union.name}".casefold()
        and (state != "closed" or union.closed_on) and (state != "open" or not union.closed_on)
    ]  # fmt: skip
    below: dict[str, int] = {}
    for union in tree:
        for path in (union.path, *_above(union.path)):
            below[path] = below.get(path, 0) + (members[union.id].members if union.id in members else 0)
    return render_template(
        "console/unions.html", page=page_of(found, _SHOWN), words=words, state=state, members=below,
        by_id={union.id: union for union in tree}, top=len(_above(principal.scope_path)),
    )  # fmt: skip


@blueprint.get("/unions/<union_code>")
@staff_page(Role.DISTRICT_OFFICER)
def union(principal: Principal, union_code: str) -> ResponseReturnValue:
    """One union: what it has in hand, what became of it, and what may be done with it."""
    return _page(principal, union_code, "", {})


@blueprint.post("/unions/<union_code>")
@staff_page(Role.DISTRICT_OFFICER)
def change_union(principal: Principal, union_code: str) -> ResponseReturnValue:
    """Rename, move, merge or close it; each act's fields are named after it."""
    act = request.values.get("act", "")
    if act not in _ACTS:
        raise NotFound("not_found", gettext("没有这项办理，请返回重新选择。"))
    typed = {name: request.form.get(f"{act}_{name}", "").strip()[:240] for name in _TYPED}
    try:
        with transaction() as session:
            membership.union_of_code(session, union_code)
            said, shown = _ACTS[act](session, principal, union_code, typed)
    except CardnetError as error:
        if isinstance(error, NotFound):
            raise
        wrong = wrong_of(error, _FIELDS)
        placed = {_PLACES.get((act, name), name): told for name, told in wrong.items()}
        return _page(
            principal, union_code, act, {f"{act}_{n}" if n else "": s for n, s in placed.items()}
        ), error.status
    flash(said, "good")
    return redirect(url_for("console.union", union_code=shown), 303)


def _chosen(session: Session, principal: Principal, typed: Mapping[str, str], field: str) -> str:
    if not typed[field]:
        message = gettext("请选择一个工会。")
        raise InvalidInput("unit_unknown", message, [FieldError(f"/{field}", message)])
    return code_typed(session, principal, typed[field], field)


def _chosen_and_decided(session: Session, principal: Principal, typed: Mapping[str, str], field: str) -> str:
    """The union chosen; that it and the document are missing is told together."""
    mistakes, code = membership.Mistakes(), ""
    with mistakes.about(field):
        code = _chosen(session, principal, typed, field)
    with mistakes.about("document"):
        membership.document_of(typed["document"])
    mistakes.tell()
    return code


def _rename(session: Session, principal: Principal, code: str, typed: Mapping[str, str]) -> tuple[str, str]:
    mistakes, on = membership.Mistakes(), None
    with mistakes.about("on"):
        on = typed_day(typed["on"])
    # Renamed or not, what was wrong with the day undoes it: the transaction is over when it is told.
    with mistakes.about(_FIELDS):
        command = membership.RenameUnion(code, typed["name"], typed["document"], principal, on)
        done = membership.rename_union(session, current_world(), command)
    mistakes.tell()
    return gettext("已更名为%(name)s，以前的文件仍显示当时的名称。", name=done.name), code


def _move(session: Session, principal: Principal, code: str, typed: Mapping[str, str]) -> tuple[str, str]:
    parent = _chosen_and_decided(session, principal, typed, "parent")
    done = benefits.move_union(
        session, current_world(), membership.MoveUnion(code, parent, typed["document"], principal)
    )
    said = gettext(
        "已划转：%(applications)s 份在办申请、%(places)s 个名额一起划转，其中 %(desk)s 份改由新上级审核。",
        applications=done.applications, places=done.places, desk=done.changed_desk,
    )  # fmt: skip
    return said, code


def _merge(session: Session, principal: Principal, code: str, typed: Mapping[str, str]) -> tuple[str, str]:
    into = _chosen_and_decided(session, principal, typed, "into")
    done = issuance.merge_union(session, current_world(), issuance.MergeUnion(code, into, typed["document"], principal))
    said = gettext(
        "已并入%(name)s：会员 %(members)s 人、卡 %(cards)s 张、在办申请 %(applications)s 份、名额 %(places)s 个；停用账号 %(accounts)s 个。",
        name=done.into.name, members=done.members, cards=done.cards, applications=done.applications,
        places=done.places, accounts=done.accounts,
    )  # fmt: skip
    return said, done.into.code


def _close(session: Session, principal: Principal, code: str, typed: Mapping[str, str]) -> tuple[str, str]:
    command = membership.CloseUnion(code, typed["document"], principal)
    accounts = issuance.close_union(session, current_world(), command)
    return gettext("已撤销，停用账号 %(n)s 个。", n=accounts), code


_ACTS: Mapping[str, Callable[[Session, Principal, str, Mapping[str, str]], tuple[str, str]]] = {
    "rename": _rename, "move": _move, "merge": _merge, "close": _close,
}  # fmt: skip

_TYPED = ("name", "on", "parent", "into", "document")
_PLACES = {("merge", "parent"): "into", ("move", "into"): "parent", ("rename", "parent"): "", ("close", "into"): ""}
"""Where a sentence stands that two acts share: the union chosen."""

_FIELDS = {
    "name_invalid": "name", "name_unchanged": "name", "name_taken": "name", "date": "on", "effective_in_future": "on",
    "effective_before_change": "on", "document_missing": "document", "document_too_long": "document", "below_itself": "parent", "already_there": "parent",
    "same_union": "into", "root_stays": "into", "tier_wrong": "parent",
}  # fmt: skip


def _page(principal: Principal, code: str, act: str, wrong: dict[str, str]) -> str:
    with transaction() as session:
        found = membership.union_of_code(session, code)
        tree = membership.unions_under(session, principal.scope_path)
        facts = issuance.facts_of_union(session, found)
        changes = membership.changes_of(session, found.id)
    above = {union.path: union for union in tree}
    return render_template(
        "console/union.html", union=found, facts=facts, changes=changes, wrong=wrong, act=act,
        route=[above[path] for path in reversed(_above(found.path)) if path in above],
        below=[one for one in tree if one.parent_id == found.id and one.closed_on is None],
        places=[one for one in tree if _may_stand_below(found, one)], today=day_of(current_world().now()).isoformat(),
        others=[one for one in tree if _may_take_over(found, one)],
    )  # fmt: skip


def _may_stand_below(union: UnionNode, one: UnionNode) -> bool:
    fits = HEIGHT[one.tier] >= HEIGHT[union.tier] and not one.path.startswith(union.path)
    return fits and one.closed_on is None and one.id != union.parent_id


def _may_take_over(union: UnionNode, one: UnionNode) -> bool:
    fits = HEIGHT[one.tier] >= HEIGHT[union.tier] and not one.path.startswith(union.path)
    return fits and one.closed_on is None and one.parent_id is not None


def _above(path: str) -> list[str]:
    """The paths above one, the nearest first."""
    codes = [part for part in path.split("/") if part]
    return [f"/{'/'.join(codes[:depth])}/" for depth in range(len(codes) - 1, 0, -1)]
