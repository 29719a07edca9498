"""Cards: one box finds them by number, name or document; a page for each, and what can be done to many at once."""

import uuid
from datetime import timedelta
from urllib.parse import urlencode

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import RENEWAL_WINDOW_DAYS, CardState, may_renew, typed_number
from cardnet.issuance.services import desk
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.membership import services as membership
from cardnet.web.auth import OFFICERS, staff_page
from cardnet.web.console import blueprint
from cardnet.web.console.units import unit_typed
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import Page, asked_page
from cardnet.wiring import current_world

_SHOWN = 50
_NAMESAKES = 200
_WHOLE = 13
LISTS = ("", "unsigned", "ending")
"""What besides a state a list can be narrowed to: not signed for, ending soon."""


@blueprint.get("/cards")
@staff_page(*OFFICERS)
def cards(principal: Principal) -> ResponseReturnValue:
    """Search by whole number or last digits; narrow by unit, state and what is to be done."""
    return list_page(principal, {})


@blueprint.post("/cards/find")
@staff_page(*OFFICERS)
def find(principal: Principal) -> ResponseReturnValue:
    """One box: digits go on to the list by their address; a name or a document's number never stands in one."""
    asked = request.form.get("asked", "").strip()[:60]
    words = {name: request.form.get(name, "").strip()[:80] for name in ("unit", "state", "list")}
    digits = typed_number(asked)
    if not asked or (digits.isascii() and digits.isdigit() and len(digits) <= _WHOLE):
        return redirect(_list_address({"number": digits, **words}), 303)
    with transaction() as session:
        people = membership.people_of_document(session, digits.upper()) or membership.people_named(session, asked)
    return list_page(principal, words, asked, frozenset(people))


@blueprint.post("/cards/hand-out")
@staff_page(*OFFICERS)
def hand_out_many(principal: Principal) -> ResponseReturnValue:
    """Receipts for the chosen cards, for all under the filter, or for all but the chosen."""
    choose, chosen = request.form.get("choose", "selected"), tuple(request.form.getlist("number"))
    words = {name: request.form.get(name, "").strip()[:80] for name in ("unit", "state", "list")}
    if choose == "selected" and not chosen:
        return list_page(principal, words, wrong={"number": gettext("请先勾选已经签领的人。")})
    try:
        with transaction() as session:
            wanted, wrong = _filter(session, principal, words)
            if wrong:
                raise NotFound("unit_unknown", wrong["unit"])
            numbers = chosen if choose == "selected" else desk.card_numbers(session, principal, wanted)
            but = chosen if choose == "except" else ()
            command = issuance.HandOutCards(principal, numbers=numbers, except_numbers=but)
            count = issuance.hand_out_cards(session, current_world(), command)
    except CardnetError as error:
        return list_page(principal, words, wrong=wrong_of(error, {"unit_unknown": "unit"}), status=error.status)
    said = gettext("已登记 %(count)d 张签领。", count=count) if count else gettext("这些卡此前都已签领，没有变化。")
    flash(said, "good" if count else "calm")
    return redirect(_list_address(words), 303)


@blueprint.get("/cards/<card_id>")
@staff_page(*OFFICERS)
def card(principal: Principal, card_id: str) -> ResponseReturnValue:
    """One card: whose, in what state, what can be done with what consequence, and everything that happened to it."""
    return card_page(principal, card_id, {})


def card_page(principal: Principal, card_id: str, wrong: dict[str, str], act: str = "") -> str:
    """The page of one card; `act` is the form that was just refused, which stays open with what was typed."""
    today = day_of(current_world().now())
    with transaction() as session:
        line = desk.card_of_id(session, principal, whole_id(card_id))
        more = desk.card_more(session, line.card_id)
        applied = issuance.open_application_of(session, line.card_id)
        desk_above = issuance.is_desk_above(session, principal)
        history = desk.card_history(session, line.card_id)
    return render_template(
        "console/card.html",
        card=line,
        more=more,
        history=history,
        applied=applied,
        desk_above=desk_above,
        why=request.form.get("why", "lost"),
        wrong=wrong,
        act_name=act,
        reason=request.form.get("reason", ""),
        expired=line.valid_to < today,
        early=line.valid_from > today,
        may_renew=may_renew(line.valid_to, today) and more.after is None,
        renewed_ahead=more.after is not None and more.after[2] not in (CardState.REPLACED, CardState.CANCELLED)
        and line.state not in (CardState.REPLACED, CardState.CANCELLED),
    )  # fmt: skip


def _list_address(words: dict[str, str]) -> str:
    given = {name: word for name, word in words.items() if word}
    return url_for("console.cards") + (f"?{urlencode(given)}" if given else "")


def list_page(
    principal: Principal,
    words: dict[str, str],
    named: str = "",
    people: frozenset[uuid.UUID] | None = None,
    wrong: dict[str, str] | None = None,
    status: int = 422,
) -> ResponseReturnValue:
    """The list under its filter, or what is wrong with it."""
    number = asked_page()
    if not words:
        words = {name: request.args.get(name, "").strip()[:80] for name in ("unit", "state", "list")}
    asked = named or request.args.get("number", "").strip()[:60]
    size = _NAMESAKES if people is not None else _SHOWN
    with transaction() as session:
        units = membership.unions_under(session, principal.scope_path)
        own = membership.union_of_id(session, principal.union_id)
        wanted, found_wrong = _filter(session, principal, words, "" if named else asked, people)
        wrong = {**(wrong or {}), **found_wrong}
        listed = (
            desk.Listed((), 0)
            if found_wrong
            else desk.find_cards(
                session, principal, wanted, limit=size, offset=0 if people is not None else (number - 1) * size
            )
        )
        renewable = 0
        if words["list"] == "ending" and not found_wrong:
            renewable = issuance.cards_to_renew(session, current_world(), principal, wanted.path)
    page = render_template(
        "console/cards.html",
        own=own,
        renewable=renewable,
        page=Page(listed.items, 1 if people is not None else number, size, listed.total),
        asked=asked,
        by_person=people is not None,
        unit_code=words["unit"],
        state=words["state"],
        which=words["list"],
        states=list(CardState),
        units=units,
        chosen=set(request.form.getlist("number")),
        wrong=wrong,
    )
    return page, status if wrong else 200


def _filter(
    session: Session,
    principal: Principal,
    words: dict[str, str],
    asked: str = "",
    people: frozenset[uuid.UUID] | None = None,
) -> tuple[desk.CardFilter, dict[str, str]]:
    """The filter of an address or a form, and what is wrong with it."""
    wrong: dict[str, str] = {}
    digits = typed_number(asked)
    if digits and not (digits.isascii() and digits.isdigit() and len(digits) <= _WHOLE):
        wrong["asked"] = gettext("卡号是 13 位数字；只记得后几位，就输入后几位。按姓名查请在框里输入全名再点“查找”。")
        digits = ""
    unit = None
    try:
        unit = unit_typed(session, principal, words["unit"])
    except NotFound as error:
        wrong["unit"] = error.message
    state = words["state"]
    soon = day_of(current_world().now()) + timedelta(days=RENEWAL_WINDOW_DAYS)
    return (
        desk.CardFilter(
            number=digits if len(digits) == _WHOLE else "",
            ending=digits if len(digits) < _WHOLE else "",
            path=unit.path if unit else None,
            states=frozenset({CardState(state)}) if state in CardState.__members__.values() else frozenset(),
            person_ids=people,
            unsigned=words["list"] == "unsigned",
            ends_by=soon if words["list"] == "ending" else None,
        ),
        wrong,
    )
