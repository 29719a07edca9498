"""What the chair reads: where the year stands, what its end finds, what goes on the wall, who had nothing at all."""

from typing import Any

from cardnet.access.rules import Role
from cardnet.benefits import services as benefits
from cardnet.http.calls import Call
from cardnet.issuance import services as issuance
from cardnet.kernel.calendar import day_of
from cardnet.membership import services as membership
from cardnet.web.api.bulletin import unknown_year
from cardnet.web.api.edge import Asked, serves
from cardnet.web.api.schemas import office as wire
from cardnet.web.auth import OFFICERS
from cardnet.web.overview import FEW, Span, span_of, untouched_of

_CHAIRS = (Role.CHAIR, Role.DISTRICT_OFFICER, Role.AUDITOR)


@serves(Call("GET", "/overview", "Where the year stands for your union and all below it", {200: wire.Overview},
             query=wire.OfYear, roles=_CHAIRS, tag="overview"))  # fmt: skip
def overview(asked: Asked) -> dict[str, Any]:
    """GET /overview."""
    usage, span, path = _usage(asked), _span(asked), asked.officer.scope_path
    return {
        **_year(asked),
        "used": benefits.holders_who_used(asked.session, asked.world, path, span.first, span.last),
        "union_fen": sum(one.union_fen for one in usage),
        "programs": [one for one in usage if one.uses or one.imported_uses],
    }


@serves(Call("GET", "/overview/notice-board", "What the union did for its members, for the wall",
             {200: wire.NoticeBoard}, query=wire.OfYear, roles=(Role.CHAIR, *OFFICERS, Role.AUDITOR), tag="overview",
             notes=f"Fewer than {FEW} people are not counted out (null): in a small unit a number is a name."))  # fmt: skip
def notice_board(asked: Asked) -> dict[str, Any]:
    """GET /overview/notice-board."""
    year, live = _year(asked), [one for one in _usage(asked) if one.uses]
    told = not 0 < year["used"] < FEW
    return {
        **year,
        "used": year["used"] if told else None,
        "union_fen": sum(one.union_fen for one in live) if told else None,
        "programs": [
            {
                "program": one.program, "name": one.name,
                "people": one.people if one.people >= FEW else None, "uses": one.uses if one.people >= FEW else None,
            }
            for one in sorted(live, key=lambda one: (-one.people, one.name))
        ],
    }  # fmt: skip


@serves(Call("GET", "/overview/untouched", "Units with members of whom nobody used anything this year",
             {200: wire.Untouched}, query=wire.UntouchedQuery, roles=(*_CHAIRS, Role.TOWNSHIP_OFFICER), tag="overview"))  # fmt: skip
def untouched(asked: Asked) -> dict[str, Any]:
    """GET /overview/untouched."""
    path, span = asked.officer.scope_path, _span(asked)
    figures = issuance.card_counts(asked.session, asked.world, path, span.year)
    lines = untouched_of(asked.session, figures, path, span)
    return asked.by_position(lambda limit, offset: (lines[offset : offset + limit], len(lines)))


def _span(asked: Asked) -> Span:
    wanted = asked.query["year"]
    span = span_of(asked.session, day_of(asked.world.now()), wanted)
    if wanted is not None and wanted != span.year:
        raise unknown_year(wanted, span.years)
    return span


def _year(asked: Asked) -> dict[str, Any]:
    session, path, at, span = asked.session, asked.officer.scope_path, asked.world.now(), _span(asked)
    return {
        "year": span.year,
        "years": span.years,
        "at": at,
        "union": membership.union_of_id(session, asked.officer.union_id),
        "counts": issuance.card_counts(session, asked.world, path, span.year)[0].total,
        "used": benefits.people_served(session, path, span.first, span.last),
    }


def _usage(asked: Asked) -> Any:
    span = _span(asked)
    return benefits.usage_report(asked.session, first=span.first, last=span.last, path=asked.officer.scope_path)
