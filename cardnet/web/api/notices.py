"""Notices to members: what was sent, slips to print and hand out, phones that were checked."""

from typing import Any

from cardnet.http.calls import Call
from cardnet.membership import services as membership
from cardnet.membership.notices.slips import slip_sheets
from cardnet.membership.services import notices
from cardnet.web.api.edge import Asked, File, serves
from cardnet.web.api.quota import PDF
from cardnet.web.api.schemas import members as wire
from cardnet.web.api.schemas.common import Count, Empty
from cardnet.web.api.schemas.quota import UnderQuery
from cardnet.web.auth import OFFICERS


@serves(Call("GET", "/notices", "Notices to members of your scope, newest first", {200: wire.Notices},
             query=wire.NoticesQuery, roles=OFFICERS, tag="notices"))  # fmt: skip
def list_notices(asked: Asked) -> dict[str, Any]:
    """GET /notices."""
    session, path = asked.session, asked.path(asked.query["unit"])

    def read(limit: int, offset: int) -> tuple[Any, int]:
        lines = notices.notice_lines(session, path, asked.query["show"], limit=limit, offset=offset)
        names = membership.names(session, {line.person_id for line in lines})
        told = [{**vars(line), "person": {"id": line.person_id, "name": names[line.person_id]}} for line in lines]
        return told, lines[0].total if lines else 0

    return asked.by_position(read)


@serves(Call("GET", "/notices/reach", "How many members hear of things by which way", {200: wire.Reach},
             query=UnderQuery, roles=OFFICERS, tag="notices"))  # fmt: skip
def reach(asked: Asked) -> dict[str, Any]:
    """GET /notices/reach."""
    return {"items": notices.reach_by_union(asked.session, asked.world, asked.path(asked.query["under"]))}


@serves(Call("GET", "/notices/reach/people", "Who of your unit hears of things by which way", {200: wire.ReachedPeople},
             query=wire.ReachQuery, roles=OFFICERS, tag="notices",
             notes="Names inside the unit only; above it there are counts."))  # fmt: skip
def reached_people(asked: Asked) -> dict[str, Any]:
    """GET /notices/reach/people."""
    way = notices.Reached(asked.query["way"]) if asked.query["way"] else None
    return asked.by_position(
        lambda limit, offset: notices.reach_lines(asked.session, asked.world, asked.officer, way, limit, offset)
    )


@serves(
    Call(
        "POST", "/notices/slips", "Slips for who gets no message, as PDF", {200: PDF}, body=wire.SlipsRequest,
        roles=OFFICERS, tag="notices", example={"unit": "B1"},
        notes="Slips that were printed are not printed again unless `again` says so.",
    )
)  # fmt: skip
def print_slips(asked: Asked) -> File:
    """POST /notices/slips."""
    command = notices.Slips(asked.officer, asked.path(asked.body["unit"]), asked.body["again"])
    return File(slip_sheets(notices.print_slips(asked.session, asked.world, command)), PDF, "slips.pdf")


@serves(Call("POST", "/notices/slips/hand-out", "These slips were given to their people", {200: Count},
             body=wire.HandOutSlipsRequest, roles=OFFICERS, tag="notices", example={"unit": "B1"}))  # fmt: skip
def hand_out_slips(asked: Asked) -> dict[str, Any]:
    """POST /notices/slips/hand-out."""
    chosen = asked.body["notices"]
    command = notices.HandOutSlips(
        asked.officer, asked.path(asked.body["unit"]), None if chosen is None else tuple(chosen)
    )
    return {"count": notices.hand_out_slips(asked.session, asked.world, command)}


@serves(Call("POST", "/notices/phones/confirm", "These people's numbers were checked with them", {200: Count},
             body=wire.ConfirmPhonesRequest, roles=OFFICERS, tag="notices",
             example={"people": ["01a1fbd4-0000-7000-8000-000000000000"]}))  # fmt: skip
def confirm_phones(asked: Asked) -> dict[str, Any]:
    """POST /notices/phones/confirm."""
    command = notices.ConfirmPhones(asked.officer, tuple(asked.body["people"]))
    return {"count": notices.confirm_phones(asked.session, asked.world, command)}


@serves(Call("POST", "/notices/union-phone", "The number members of your union may ask at", {200: Empty},
             body=wire.UnionPhoneRequest, roles=OFFICERS, tag="notices", example={"phone": "0571-88880000"}))  # fmt: skip
def set_union_phone(asked: Asked) -> dict[str, Any]:
    """POST /notices/union-phone."""
    command = notices.SetUnionPhone(asked.officer, asked.officer.union_id, asked.body["phone"])
    notices.set_union_phone(asked.session, asked.world, command)
    return {}
