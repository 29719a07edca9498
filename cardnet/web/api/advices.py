"""Offline records held for review, and what offline sales left open: what the pages of finance decide."""

import uuid
from typing import Any

from cardnet.benefits import services as benefits
from cardnet.http.calls import Call
from cardnet.merchant_api import services as api_services
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.schemas import advices as wire
from cardnet.web.api.schemas.common import NoBody
from cardnet.web.finance import READERS

_ID = {"id": "uuid"}
_WHY = {"reason": "Clock set wrong after a power cut; the member confirmed the visit."}


@serves(Call("GET", "/advices", "Offline records held for review", {200: wire.HeldAdvices}, query=wire.HeldQuery,
             roles=READERS, tag="advices"))  # fmt: skip
def list_advices(asked: Asked) -> dict[str, Any]:
    """GET /advices."""
    waiting = asked.query["state"] == "waiting"
    found = benefits.held_advices(
        asked.session, waiting=waiting, limit=asked.query["limit"] + 1, after=asked.place_of_id()
    )
    total = benefits.count_held_advices(asked.session, waiting=waiting)
    return asked.by_key(found, lambda one: str(one.id if waiting else one.review.id), total)


@serves(Call("GET", "/advices/{id}", "One of them, with all that is known of it", {200: wire.Evidence},
             parameters=_ID, roles=READERS, tag="advices"))  # fmt: skip
def show_advice(asked: Asked, id: uuid.UUID) -> benefits.Evidence:  # noqa: A002 - the contract's own name
    """GET /advices/{id}."""
    return benefits.advice_evidence(asked.session, asked.world, id)


@serves(Call("GET", "/offline-evidence", "An offline record as a file that proves itself", {200: "application/json"},
             query=wire.EvidenceQuery, roles=READERS, tag="advices",
             notes="The record as its terminal signed it, the terminal's certificate and the trust packs of then and now; nobody's name. "
             "`cardnet evidence check` checks it by the pinned roots alone."))  # fmt: skip
def offline_evidence(asked: Asked) -> File:
    """GET /offline-evidence."""
    merchant, ref = asked.query["merchant"], asked.query["merchant_ref"]
    content = api_services.offline_evidence(asked.session, asked.world, merchant, ref)
    return File(content.encode(), "application/json", f"evidence-{merchant}.json")


@serves(Call("POST", "/advices/{id}/accept", "Propose to accept it; another person has to agree", {201: wire.Review},
             body=wire.Reason, parameters=_ID, roles=benefits.REVIEW_MAKERS, tag="advices", takes_key=True,
             example=_WHY))  # fmt: skip
def accept_advice(asked: Asked, id: uuid.UUID) -> benefits.ReviewView:  # noqa: A002
    """POST /advices/{id}/accept."""
    command = benefits.ProposeAcceptance(id, asked.officer, asked.body["reason"])
    return benefits.propose_acceptance(asked.session, asked.world, command)


@serves(Call("POST", "/advices/{id}/refuse", "Refuse it: the merchant bears it", {201: wire.Review}, body=wire.Reason,
             parameters=_ID, roles=benefits.REVIEW_MAKERS, tag="advices", takes_key=True, example=_WHY))  # fmt: skip
def refuse_advice(asked: Asked, id: uuid.UUID) -> benefits.ReviewView:  # noqa: A002
    """POST /advices/{id}/refuse."""
    command = benefits.RefuseAdvice(id, asked.officer, asked.body["reason"])
    return benefits.refuse_advice(asked.session, asked.world, command)


@serves(Call("POST", "/advices/{id}/confirm", "Agree: it is captured as of when it happened", {200: wire.Review},
             body=NoBody, parameters=_ID, roles=benefits.REVIEW_CHECKERS, tag="advices", takes_key=True, example={},
             problems=("day_closing",)))  # fmt: skip
def confirm_advice(asked: Asked, id: uuid.UUID) -> benefits.ReviewView:  # noqa: A002
    """POST /advices/{id}/confirm."""
    return benefits.confirm_acceptance(asked.session, asked.world, benefits.ConfirmAcceptance(id, asked.officer))


@serves(Call("POST", "/advices/{id}/decline", "Do not agree: it waits again", {200: wire.Review}, body=wire.Reason,
             parameters=_ID, roles=benefits.REVIEW_CHECKERS, tag="advices", takes_key=True, example=_WHY))  # fmt: skip
def decline_advice(asked: Asked, id: uuid.UUID) -> benefits.ReviewView:  # noqa: A002
    """POST /advices/{id}/decline."""
    command = benefits.DeclineAcceptance(id, asked.officer, asked.body["reason"])
    return benefits.decline_acceptance(asked.session, asked.world, command)


@serves(Call("GET", "/offline-exceptions", "Gaps, breaks and amounts over the limits that are open",
             {200: wire.OfflineExceptions}, query=wire.ExceptionsQuery, roles=READERS, tag="advices"))  # fmt: skip
def list_exceptions(asked: Asked) -> dict[str, Any]:
    """GET /offline-exceptions."""
    closed = asked.query["state"] == "closed"
    found = benefits.advice_exceptions(
        asked.session, closed=closed, limit=asked.query["limit"] + 1, after=asked.place_of_id()
    )
    total = benefits.count_advice_exceptions(asked.session, closed=closed)
    return asked.by_key(found, lambda one: str(one.id), total)


@serves(Call("POST", "/offline-exceptions/{id}/close", "Close one: say what was found", {200: wire.OfflineException},
             body=wire.Reason, parameters=_ID, roles=benefits.EXCEPTION_CLOSERS, tag="advices", takes_key=True,
             example=_WHY))  # fmt: skip
def close_exception(asked: Asked, id: uuid.UUID) -> benefits.AdviceExceptionView:  # noqa: A002
    """POST /offline-exceptions/{id}/close."""
    command = benefits.CloseAdviceException(id, asked.officer, asked.body["reason"])
    return benefits.close_advice_exception(asked.session, asked.world, command)
