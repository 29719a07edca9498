"""Review: what stands before me, deciding it, standing in for somebody, the clock."""

import uuid
from datetime import datetime
from typing import Any

from cardnet.access.rules import Role
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import Verdict, decided_days
from cardnet.issuance.services import desk
from cardnet.kernel.calendar import day_of, end_of, start_of
from cardnet.membership.rules import Tier
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import review as wire
from cardnet.web.api.schemas.common import Empty, Made, NoBody
from cardnet.web.auth import OFFICERS

_ID = {"id": "uuid"}
_DISTRICT = (Role.DISTRICT_OFFICER,)
_REPEATED = (
    "A verdict counts once: rows that no longer stand before you are not touched, and none left is `nothing_to_review`."
)


@serves(Call("GET", "/review", "What waits for your verdict, of all batches, the most urgent first",
             {200: wire.OpenRowList}, query=wire.OpenRowsQuery, roles=OFFICERS, tag="review"))  # fmt: skip
def list_open(asked: Asked) -> dict[str, Any]:
    """GET /review."""
    officer, _ = asked.acting()
    unit, show, place = asked.unit(asked.query["unit"]), asked.query["show"], asked.place()
    after = (datetime.fromisoformat(place[0]) if place[0] else None, uuid.UUID(place[1])) if place else None
    wanted = desk.OpenFilter(unit.path if unit else None, show == "overdue", show == "again", after)
    listed = desk.open_rows(asked.session, asked.world, officer, wanted, limit=asked.query["limit"] + 1)
    return asked.by_key(
        list(listed.items),
        lambda row: [row.due_at.isoformat() if row.due_at else None, str(row.application_id)],
        listed.total,
    )


@serves(Call("GET", "/review/summary", "How many stand before you, and of which unions", {200: wire.OpenSummary},
             roles=OFFICERS, tag="review"))  # fmt: skip
def summary(asked: Asked) -> dict[str, Any]:
    """GET /review/summary."""
    found = desk.open_summary(asked.session, asked.world, asked.officer)
    return {**vars(found), "units": [{"union": union, "rows": rows} for union, rows in found.units]}


@serves(
    Call(
        "POST", "/review", "Approve, return or reject across batches", {200: wire.Reviewed}, body=wire.ReviewRequest,
        roles=OFFICERS, tag="review", takes_key=True, notes=_REPEATED,
        example={"verdict": "return", "applications": ["01a1fbd4-0000-7000-8000-000000000000"], "reasons": ["R04"],
                 "words": "请更正手机号码"},
    )
)  # fmt: skip
def review_open(asked: Asked) -> issuance.ReviewReceipt:
    """POST /review."""
    body = asked.body
    _, behalf = asked.acting()
    chosen, unit = body["applications"], asked.unit(body["unit"])
    command = issuance.ReviewOpen(
        asked.officer,
        Verdict(body["verdict"]),
        None if chosen is None else dict.fromkeys(chosen),
        unit.path if unit else None,
        tuple(body["reasons"]),
        body["words"],
        behalf,
    )
    return issuance.review_open(asked.session, asked.world, command)


@serves(
    Call(
        "POST", "/batches/{id}/review", "Approve, return or reject rows of one batch", {200: wire.Reviewed},
        body=wire.BatchReviewRequest, parameters=_ID, roles=OFFICERS, tag="review", takes_key=True, notes=_REPEATED,
        example={"verdict": "approve"},
    )
)  # fmt: skip
def review_batch(asked: Asked, id: uuid.UUID) -> issuance.ReviewReceipt:  # noqa: A002 - the contract's own name
    """POST /batches/{id}/review."""
    body = asked.body
    reader, behalf = asked.acting()
    line = desk.batch_of(asked.session, reader, id)
    command = issuance.Review(
        line.batch_id,
        asked.officer,
        Verdict(body["verdict"]),
        None if body["rows"] is None else tuple(body["rows"]),
        tuple(body["reasons"]),
        body["words"],
        behalf,
    )
    return issuance.review(asked.session, asked.world, command)


@serves(Call("GET", "/delegations", "Who stands in for whom", {200: wire.Delegations}, roles=OFFICERS, tag="review"))
def list_delegations(asked: Asked) -> dict[str, Any]:
    """GET /delegations."""
    return {"items": issuance.delegations(asked.session, asked.world, asked.officer)}


@serves(
    Call(
        "POST", "/delegations", "Somebody stands in for some days", {201: Made}, body=wire.DelegationRequest,
        roles=OFFICERS, tag="review", takes_key=True,
        example={"deputy": "d2u", "first_on": "2026-11-24", "last_on": "2026-11-30", "reason": "外出培训"},
    )
)  # fmt: skip
def give_delegation(asked: Asked) -> dict[str, Any]:
    """POST /delegations."""
    body = asked.body
    command = issuance.GiveDelegation(
        body["giver"] or asked.officer.username,
        body["deputy"],
        start_of(body["first_on"]),
        end_of(body["last_on"]),
        body["reason"],
        asked.officer,
    )
    return {"id": issuance.give_delegation(asked.session, asked.world, command)}


@serves(Call("POST", "/delegations/{id}/end", "From this moment on nobody stands in any more", {200: Empty}, body=NoBody,
             parameters=_ID, roles=OFFICERS, tag="review", example={}))  # fmt: skip
def end_delegation(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /delegations/{id}/end."""
    issuance.end_delegation(asked.session, asked.world, issuance.EndDelegation(id, asked.officer))
    return {}


@serves(Call("GET", "/review-settings", "Terms and freezes", {200: wire.ReviewSettings}, roles=OFFICERS, tag="review"))
def review_settings(asked: Asked) -> dict[str, Any]:
    """GET /review-settings."""
    terms = issuance.terms_of(asked.session)
    return {
        "terms": [{"tier": tier, "working_days": terms[tier]} for tier in (Tier.UNIT, Tier.TOWNSHIP, Tier.DISTRICT)],
        "freezes": issuance.freezes(asked.session, asked.world),
    }


@serves(Call("POST", "/review-settings/terms", "So many working days for a tier", {200: Empty}, body=wire.TermRequest,
             roles=_DISTRICT, tag="review", example={"tier": "unit", "working_days": 5}))  # fmt: skip
def set_term(asked: Asked) -> dict[str, Any]:
    """POST /review-settings/terms."""
    command = issuance.SetTerm(Tier(asked.body["tier"]), asked.body["working_days"], asked.officer)
    issuance.set_term(asked.session, asked.world, command)
    return {}


@serves(Call("POST", "/freezes", "Review stands still", {201: Made}, body=wire.FreezeRequest, roles=_DISTRICT,
             tag="review", takes_key=True,
             example={"unit": "C", "first_on": "2027-01-04", "last_on": "2027-01-05", "reason": "盘点"}))  # fmt: skip
def freeze(asked: Asked) -> dict[str, Any]:
    """POST /freezes."""
    body, now = asked.body, asked.world.now()
    command = issuance.FreezeReview(
        body["unit"],
        now if body["first_on"] == day_of(now) else start_of(body["first_on"]),
        end_of(body["last_on"]) if body["last_on"] else None,
        body["reason"],
        asked.officer,
    )
    return {"id": issuance.freeze_review(asked.session, asked.world, command)}


@serves(Call("POST", "/freezes/{id}/lift", "Review goes on now", {200: Empty}, body=NoBody, parameters=_ID,
             roles=_DISTRICT, tag="review", example={}))  # fmt: skip
def lift_freeze(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /freezes/{id}/lift."""
    issuance.lift_freeze(asked.session, asked.world, issuance.LiftFreeze(id, asked.officer))
    return {}


@serves(Call("POST", "/calendar-days", "Days off and days worked as the notice has them", {200: wire.Moved},
             body=wire.DaysRequest, roles=_DISTRICT, tag="review",
             example={"free": ["2027-02-08"], "worked": ["2027-02-06"], "document": "国办发明电〔2026〕9号"}))  # fmt: skip
def record_days(asked: Asked) -> dict[str, Any]:
    """POST /calendar-days."""
    body = asked.body
    days = decided_days(body["free"], body["worked"])
    command = issuance.RecordDays(days, body["document"], asked.officer)
    return {"moved": issuance.record_days(asked.session, asked.world, command)}
