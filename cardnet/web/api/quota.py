"""Quota: the tree, moving places, the waiting list, the year's end."""

import uuid
from collections.abc import Callable
from typing import Any

from cardnet.access.rules import Role
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import AllocationBasis, QuotaKind
from cardnet.kernel.calendar import day_of
from cardnet.membership import services as membership
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import quota as wire
from cardnet.web.api.schemas.common import Count, Empty, NoBody
from cardnet.web.auth import OFFICERS

PDF = "application/pdf"

_ID = {"id": "uuid"}
_YEAR = {"year": "int(max=2999)"}
READERS = (*OFFICERS, Role.CHAIR, Role.AUDITOR)
_PLANNERS = (Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)
_ONCE = "Each request moves places anew: send an Idempotency-Key, so that a repeat moves none."
_MOVE = {"year": 2026, "giver": "D1", "taker": "B1", "count": 10}


@serves(Call("GET", "/quota", "What every union of the scope received, passed down, holds, used and has left",
             {200: wire.QuotaTree}, query=wire.QuotaQuery, roles=READERS, tag="quota"))  # fmt: skip
def tree(asked: Asked) -> dict[str, Any]:
    """GET /quota."""
    path = asked.path(asked.query["under"])
    return {"items": issuance.quota_tree(asked.session, year_asked(asked), path, QuotaKind(asked.query["kind"]))}


def _moves(path: str, summary: str, body: Any, example: dict[str, Any], answer: Any = wire.QuotaLine) -> Call:
    return Call(
        "POST", path, summary, {200: answer}, body=body, roles=OFFICERS, tag="quota", takes_key=True, notes=_ONCE,
        example=example,
    )  # fmt: skip


@serves(_moves("/quota/grant", "Places for the district, on a decision", wire.GrantRequest,
               {"year": 2026, "count": 30000, "document": "云工〔2026〕1号"}))  # fmt: skip
def grant(asked: Asked) -> issuance.QuotaLine:
    """POST /quota/grant."""
    body = asked.body
    command = issuance.GrantQuota(body["year"], body["count"], body["document"], asked.officer, QuotaKind(body["kind"]))
    return issuance.grant_quota(asked.session, asked.world, command)


@serves(_moves("/quota/allocate", "Hand places down to a union directly below", wire.MoveRequest, _MOVE))
def allocate(asked: Asked) -> issuance.QuotaLine:
    """POST /quota/allocate."""
    return issuance.allocate_quota(asked.session, asked.world, _move(asked))


@serves(_moves("/quota/transfer", "Move places between siblings", wire.MoveRequest, _MOVE | {"giver": "B2"}))
def transfer(asked: Asked) -> issuance.QuotaLine:
    """POST /quota/transfer."""
    return issuance.transfer_quota(asked.session, asked.world, _move(asked))


@serves(_moves("/quota/return", "Give places back to the union above", wire.ReturnRequest,
               {"year": 2026, "giver": "B1", "count": 2}))  # fmt: skip
def give_back(asked: Asked) -> issuance.QuotaLine:
    """POST /quota/return."""
    body = asked.body
    command = issuance.ReturnQuota(body["year"], body["giver"], body["count"], asked.officer, QuotaKind(body["kind"]))
    return issuance.return_quota(asked.session, asked.world, command)


@serves(
    _moves("/quota/spread", "Hand all that is free down by members", wire.SpreadRequest, {"year": 2026}, wire.Spread)
)
def spread(asked: Asked) -> issuance.Spread:
    """POST /quota/spread."""
    body = asked.body
    command = issuance.SpreadQuota(body["year"], body["below"], asked.officer, QuotaKind(body["kind"]))
    return issuance.spread_quota(asked.session, asked.world, command)


@serves(_moves("/quota/use", "Note places used for something that is no card", wire.UseRequest,
               {"year": 2026, "kind": "recuperation", "giver": "B1", "count": 3, "words": "疗休养第二批"}))  # fmt: skip
def use(asked: Asked) -> issuance.QuotaLine:
    """POST /quota/use."""
    body = asked.body
    command = issuance.UseQuota(
        body["year"], body["giver"], body["count"], body["words"], asked.officer, QuotaKind(body["kind"])
    )
    return issuance.use_quota(asked.session, asked.world, command)


@serves(_moves("/quota/recall-date", "Say until when places may be used", wire.RecallDateRequest,
               {"year": 2026, "giver": "D1", "after": "2026-12-01"}, Count))  # fmt: skip
def recall_date(asked: Asked) -> dict[str, Any]:
    """POST /quota/recall-date."""
    body = asked.body
    command = issuance.SetRecallDate(body["year"], body["giver"], body["after"], asked.officer, QuotaKind(body["kind"]))
    return {"count": issuance.set_recall_date(asked.session, asked.world, command)}


@serves(_moves("/quota/recall", "Take back what is free after that date", wire.RecallRequest,
               {"year": 2026, "giver": "D1"}, wire.Recalled))  # fmt: skip
def recall(asked: Asked) -> issuance.Recalled:
    """POST /quota/recall."""
    body = asked.body
    command = issuance.RecallQuota(body["year"], body["giver"], asked.officer, QuotaKind(body["kind"]))
    return issuance.recall_quota(asked.session, asked.world, command)


_PLAN = {"year": 2026, "giver": "D1", "total": 100, "basis": "members"}


@serves(Call("POST", "/quota/plan/preview", "What handing places down to many would give each; changes nothing",
             {200: wire.Plan}, body=wire.PlanRequest, roles=_PLANNERS, tag="quota", example=_PLAN))  # fmt: skip
def preview_plan(asked: Asked) -> issuance.AllocationPlan:
    """POST /quota/plan/preview."""
    return issuance.preview_allocation(asked.session, _plan(asked))


@serves(Call("POST", "/quota/plan", "Hand places down to many at once", {200: wire.Plan}, body=wire.PlanRequest,
             roles=_PLANNERS, tag="quota", takes_key=True, notes=_ONCE, example=_PLAN))  # fmt: skip
def do_plan(asked: Asked) -> issuance.AllocationPlan:
    """POST /quota/plan."""
    return issuance.allocate_many(asked.session, asked.world, _plan(asked))


@serves(Call("GET", "/quota/waiting", "Who has a place to answer for, and who stands in line", {200: wire.WaitingList},
             query=wire.WaitingQuery, roles=READERS, tag="quota"))  # fmt: skip
def waiting(asked: Asked) -> dict[str, Any]:
    """GET /quota/waiting."""
    session, year = asked.session, asked.query["year"] or day_of(asked.world.now()).year

    def read(limit: int, offset: int) -> tuple[Any, int]:
        found = issuance.waiting_list(session, year, asked.officer.scope_path, limit, offset)
        names = membership.names(session, [line.person_id for line in found.lines])
        lines = [
            {**vars(line), "person": {"id": line.person_id, "name": names[line.person_id]}} for line in found.lines
        ]
        return lines, found.total

    return asked.by_position(read)


def _answers(act: str, verb: Callable[..., issuance.Answered], summary: str) -> Callable[[Asked], issuance.Answered]:
    def answer(asked: Asked) -> issuance.Answered:
        chosen = asked.body["applications"]
        command = issuance.AnswerOffers(asked.officer, None if chosen is None else tuple(chosen))
        return verb(asked.session, asked.world, command)

    answer.__name__ = f"{act}_offers"
    call = Call(
        "POST", f"/quota/offers/{act}", summary, {200: wire.Answered}, body=wire.OffersRequest, roles=OFFICERS,
        tag="quota", takes_key=True, example={"applications": ["01a1fbd4-0000-7000-8000-000000000000"]},
    )  # fmt: skip
    return serves(call)(answer)


accept_offers = _answers("accept", issuance.accept_offers, "They take the places offered")
decline_offers = _answers("decline", issuance.decline_offers, "They do not; the places go on to the next")


@serves(Call("POST", "/quota/waiting/{id}/priority", "Move one person in the line", {200: Empty},
             body=wire.PriorityRequest, parameters=_ID, roles=OFFICERS, tag="quota",
             example={"place": "first", "words": "困难职工"}))  # fmt: skip
def set_priority(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /quota/waiting/{id}/priority."""
    priority = -1 if asked.body["place"] == "first" else 0
    command = issuance.SetPriority(id, priority, asked.body["words"], asked.officer)
    issuance.set_priority(asked.session, asked.world, command)
    return {}


@serves(Call("GET", "/quota/years", "Where the years stand", {200: wire.Years}, query=wire.KindQuery, roles=READERS,
             tag="quota"))  # fmt: skip
def years(asked: Asked) -> dict[str, Any]:
    """GET /quota/years."""
    return {"items": issuance.years(asked.session, QuotaKind(asked.query["kind"]))}


@serves(Call("GET", "/quota/years/{year}/end", "What closing the year would do now", {200: wire.YearEnd},
             parameters=_YEAR, roles=READERS, tag="quota"))  # fmt: skip
def preview_end(asked: Asked, year: int) -> issuance.YearEnd:
    """GET /quota/years/{year}/end."""
    return issuance.preview_year_end(asked.session, year, asked.officer.scope_path)


@serves(Call("POST", "/quota/years/{year}/closing", "Begin closing a year", {200: wire.Year}, body=wire.ClosingRequest,
             parameters=_YEAR, roles=(Role.DISTRICT_OFFICER,), tag="quota", example={"until": "2027-01-31"}))  # fmt: skip
def begin_closing(asked: Asked, year: int) -> issuance.YearView:
    """POST /quota/years/{year}/closing."""
    command = issuance.BeginClosing(year, asked.body["until"], asked.officer)
    return issuance.begin_closing(asked.session, asked.world, command)


@serves(Call("POST", "/quota/years/{year}/close", "Close a year; open holds move to the next", {200: wire.YearEnd},
             body=NoBody, parameters=_YEAR, roles=(Role.DISTRICT_OFFICER,), tag="quota", takes_key=True,
             example={}))  # fmt: skip
def close_year(asked: Asked, year: int) -> issuance.YearEnd:
    """POST /quota/years/{year}/close."""
    return issuance.close_year(asked.session, asked.world, issuance.CloseYear(year, asked.officer))


@serves(Call("POST", "/quota/years/{year}/offer-days", "How long an offer is held", {200: Empty},
             body=wire.OfferDaysRequest, parameters=_YEAR, roles=(Role.DISTRICT_OFFICER,), tag="quota",
             example={"days": 7}))  # fmt: skip
def offer_days(asked: Asked, year: int) -> dict[str, Any]:
    """POST /quota/years/{year}/offer-days."""
    issuance.set_offer_days(asked.session, asked.world, year, asked.body["days"], asked.officer)
    return {}


def year_asked(asked: Asked) -> int:
    """The year of the query, this one without."""
    year: int | None = asked.query["year"]
    return year or day_of(asked.world.now()).year


def _move(asked: Asked) -> issuance.MoveQuota:
    body = asked.body
    kind = QuotaKind(body["kind"])
    return issuance.MoveQuota(body["year"], body["giver"], body["taker"], body["count"], asked.officer, kind)


def _plan(asked: Asked) -> issuance.AllocateMany:
    body = asked.body
    shares = None if body["shares"] is None else {share["unit"]: share["count"] for share in body["shares"]}
    return issuance.AllocateMany(
        body["year"],
        body["giver"],
        body["total"],
        AllocationBasis(body["basis"]),
        shares,
        body["recall_after"],
        asked.officer,
        QuotaKind(body["kind"]),
    )
