"""离线记录核定: records of tills held for review, with all that is known of them; and what offline sales left open."""

import uuid
from collections.abc import Callable, Iterable
from typing import TypeVar

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.benefits import services as benefits
from cardnet.benefits.services import Evidence, ReviewView
from cardnet.credential import store
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, NotFound
from cardnet.kernel.world import World
from cardnet.merchant_api.services import offline_evidence
from cardnet.merchants.services import venues_of_terminals
from cardnet.web import advice_words
from cardnet.web.auth import staff_page
from cardnet.web.finance import READERS, blueprint
from cardnet.web.forms import whole_id, wrong_of
from cardnet.web.language import gettext
from cardnet.web.paging import page_of
from cardnet.wiring import current_world

_SHOWN = 30
_Decision = TypeVar(
    "_Decision",
    benefits.ProposeAcceptance,
    benefits.RefuseAdvice,
    benefits.ConfirmAcceptance,
    benefits.DeclineAcceptance,
)


@blueprint.get("/advices")
@staff_page(*READERS)
def advices(principal: Principal) -> ResponseReturnValue:
    """Records that wait for a person, and those decided lately."""
    asked = request.args.get("after", "")
    after = whole_id(asked) if asked else None
    with transaction() as session:
        found = benefits.held_advices(session, limit=_SHOWN + 1, after=after)
        waiting, decided = found[:_SHOWN], [] if after else benefits.held_advices(session, waiting=False, limit=50)
        venues = venues_of_terminals(session, (one.terminal_id for one in [*waiting, *decided]))
        names = _names(session, (one.review for one in [*waiting, *decided] if one.review))
        exceptions = len(benefits.advice_exceptions(session)) + len(benefits.offline_alarms(session))
    return render_template(
        "finance/advices.html",
        waiting=waiting,
        more=waiting[-1].id if len(found) > _SHOWN else None,
        after=after,
        decided=decided,
        venues=venues,
        names=names,
        exceptions=exceptions,
        said=advice_words,
        principal=principal,
    )


@blueprint.get("/advices/<uuid:advice_id>")
@staff_page(*READERS)
def advice(principal: Principal, advice_id: uuid.UUID) -> ResponseReturnValue:
    """One record: what speaks for it and against it, what accepting would bring, and the decision."""
    return _advice(principal, advice_id, {})


@blueprint.get("/advices/<uuid:advice_id>/evidence")
@staff_page(*READERS)
def advice_evidence_file(principal: Principal, advice_id: uuid.UUID) -> ResponseReturnValue:  # noqa: ARG001
    """The record as a file that proves itself."""
    with transaction() as session:
        world = current_world()
        found = benefits.advice_evidence(session, world, advice_id)
        content = offline_evidence(session, world, found.venue.merchant_code, found.advice.merchant_ref)
    answer = Response(content, content_type="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="evidence-{advice_id}.json"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/advices/<uuid:advice_id>/accept")
@staff_page(*benefits.REVIEW_MAKERS)
def accept_advice(principal: Principal, advice_id: uuid.UUID) -> ResponseReturnValue:
    """A maker proposes to accept it."""
    command = benefits.ProposeAcceptance(advice_id, principal, _reason())
    return _decided(command, benefits.propose_acceptance, gettext("已提出接受，等待复核。"))


@blueprint.post("/advices/<uuid:advice_id>/refuse")
@staff_page(*benefits.REVIEW_MAKERS)
def refuse_advice(principal: Principal, advice_id: uuid.UUID) -> ResponseReturnValue:
    """The merchant bears it."""
    command = benefits.RefuseAdvice(advice_id, principal, _reason())
    return _decided(command, benefits.refuse_advice, gettext("已退回，由商户承担。"))


@blueprint.post("/advices/<uuid:advice_id>/confirm")
@staff_page(*benefits.REVIEW_CHECKERS)
def confirm_advice(principal: Principal, advice_id: uuid.UUID) -> ResponseReturnValue:
    """Another person agrees: it is captured."""
    command = benefits.ConfirmAcceptance(advice_id, principal)
    return _decided(command, benefits.confirm_acceptance, gettext("复核通过，已按当时的时间核销。"))


@blueprint.post("/advices/<uuid:advice_id>/decline")
@staff_page(*benefits.REVIEW_CHECKERS)
def decline_advice(principal: Principal, advice_id: uuid.UUID) -> ResponseReturnValue:
    """Another person does not agree."""
    command = benefits.DeclineAcceptance(advice_id, principal, _reason())
    return _decided(command, benefits.decline_acceptance, gettext("已退回经办重新核定。"))


@blueprint.get("/offline-exceptions")
@staff_page(*READERS)
def offline_exceptions(principal: Principal) -> ResponseReturnValue:
    """Gaps and breaks in what tills reported, amounts over the limits, phones that look copied."""
    return _exceptions(principal, {})


@blueprint.post("/offline-exceptions/close")
@staff_page(*benefits.EXCEPTION_CLOSERS)
def close_offline_exception(principal: Principal) -> ResponseReturnValue:
    """Somebody has looked into one of them and says what was found."""
    words = request.form.get("words", "")
    try:
        with transaction() as session:
            asked, world = whole_id(request.form.get("exception", "")), current_world()
            if request.form.get("kind") == "alarm":
                # Those about anything else are looked into by the administrators of keys.
                if asked not in {one.id for one in benefits.offline_alarms(session)}:
                    raise NotFound("alarm_unknown", gettext("没有这条离线异常，请刷新后再看。"))
                told = benefits.reason_of(words)
                command = store.AcknowledgeAlarm(asked, told, principal.account_id)
                store.acknowledge_alarm(session, world, command)
            else:
                closing = benefits.CloseAdviceException(asked, principal, words)
                benefits.close_advice_exception(session, world, closing)
    except CardnetError as error:
        return _exceptions(principal, wrong_of(error, dict.fromkeys(_REASONS, "words"))), error.status
    flash(gettext("已关闭。"), "good")
    return redirect(url_for("finance.offline_exceptions"), 303)


_REASONS = ("reason_missing", "reason_long")


def _reason() -> str:
    return request.form.get("reason", "")


def _decided(
    command: _Decision, decide: Callable[[Session, World, _Decision], object], told: str
) -> ResponseReturnValue:
    try:
        with transaction() as session:
            decide(session, current_world(), command)
    except CardnetError as error:
        if error.code == "advice_unknown":
            raise
        wrong = wrong_of(error, dict.fromkeys(_REASONS, "reason"))
        return _advice(command.officer, command.advice_id, wrong), error.status
    flash(told, "good")
    return redirect(url_for("finance.advice", advice_id=command.advice_id), 303)


def _advice(principal: Principal, advice_id: uuid.UUID, wrong: dict[str, str]) -> str:
    with transaction() as session:
        evidence = benefits.advice_evidence(session, current_world(), advice_id)
        names = _names(session, evidence.reviews)
    return render_template(
        "finance/advice.html",
        one=evidence.advice,
        evidence=evidence,
        names=names,
        said=advice_words,
        wrong=wrong,
        given=_reason(),
        may=_may(principal, evidence),
        principal=principal,
    )


def _may(principal: Principal, evidence: Evidence) -> str:
    """What this person may do now: `make`, `check`, `other` (waits for another person), or nothing."""
    review = evidence.advice.review
    if review is None:
        return "make" if principal.has(*benefits.REVIEW_MAKERS) else ""
    if review.state != "proposed":
        return ""
    if review.maker_id == principal.account_id:
        return "other"
    return "check" if principal.has(*benefits.REVIEW_CHECKERS) else ""


def _exceptions(principal: Principal, wrong: dict[str, str]) -> str:
    with transaction() as session:
        found, alarms = benefits.advice_exceptions(session), benefits.offline_alarms(session)
        closed = benefits.advice_exceptions(session, closed=True, limit=30)
        venues = venues_of_terminals(session, (one.terminal_id for one in [*found, *closed]))
        people = access.display_names(session, [one.closed_by for one in closed if one.closed_by])
    return render_template(
        "finance/offline_exceptions.html",
        page=page_of(found, 30),
        alarms=alarms,
        closed=closed,
        venues=venues,
        names=people,
        said=advice_words,
        wrong=wrong,
        given={name: request.form.get(name, "") for name in ("exception", "words")},
        may=principal.has(*benefits.EXCEPTION_CLOSERS),
    )


def _names(session: Session, reviews: Iterable[ReviewView]) -> dict[uuid.UUID, str]:
    people = {one for review in reviews for one in (review.maker_id, review.checker_id) if one}
    return access.display_names(session, sorted(people))
