"""Files that may be one person's: the district compares two at a time, merges them or says they are two people."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cardnet.access.rules import Principal, Role
from cardnet.benefits import services as benefits
from cardnet.issuance import services as issuance
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.membership import services as membership
from cardnet.web.auth import staff_page
from cardnet.web.console import blueprint
from cardnet.web.forms import whole_id
from cardnet.web.language import gettext
from cardnet.wiring import current_world


@blueprint.get("/members/duplicates")
@staff_page(Role.DISTRICT_OFFICER)
def duplicates(principal: Principal) -> ResponseReturnValue:
    """Pairs that share what two people seldom share."""
    return _page(principal, {})


@blueprint.post("/members/duplicates")
@staff_page(Role.DISTRICT_OFFICER)
def decide_duplicate(principal: Principal) -> ResponseReturnValue:
    """Merge `other` into `keep`, or note that they are two people."""
    keep, other = (whole_id(request.form.get(name, "")) for name in ("keep", "other"))
    command = membership.MergePeople(keep, other, principal, request.form.get("words", "").strip()[:200])
    act, world = request.values.get("act", ""), current_world()
    if act not in ("merge", "distinct"):
        raise NotFound("not_found", gettext("没有这项办理，请返回重新选择。"))
    try:
        with transaction() as session:
            if act == "merge":
                benefits.merge_people(session, world, command)
            else:
                membership.declare_distinct(session, world, command)
    except CardnetError as error:
        if isinstance(error, NotFound):
            raise
        return _page(principal, {"": error.message}), error.status
    if act == "merge":
        flash(gettext("两份档案已合并，以后按任何一个证件号码都找到这一份。"), "good")
        return redirect(url_for("console.member", person_id=keep), 303)
    flash(gettext("已记下不是同一人，不再提示。"), "good")
    return redirect(url_for("console.duplicates"), 303)


def _page(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        pairs = membership.suspected_duplicates(session, principal)
        cards = {
            one.id: issuance.cards_of_person(session, one.id) for pair in pairs for one in (pair.first, pair.second)
        }
    return render_template("console/members_duplicates.html", pairs=pairs, cards=cards, wrong=wrong)
