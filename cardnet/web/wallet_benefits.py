"""权益: what a member may still use and why not the rest, what they are owed, and where to go with it."""

import re
import uuid
from collections.abc import Sequence
from typing import Any

from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cardnet.benefits import services as benefits
from cardnet.benefits.entitled import Chance, Entitlement
from cardnet.kernel.calendar import day_of
from cardnet.kernel.db import transaction
from cardnet.membership import services as membership
from cardnet.merchants import services as merchants
from cardnet.merchants.services import Place
from cardnet.web import benefit_words as words
from cardnet.web.member_lines import owed
from cardnet.web.wallet import blueprint
from cardnet.web.wallet_calls import answer, member_of
from cardnet.wiring import current_world

_MOST_PLACES = 1_000
_NAME_ENDS = re.compile(r"(总工会|联合工会|工会联合会|工会委员会|工会)$")
_AREA_ENDS = re.compile(r"(街道|镇|乡|开发区|工业区)$")


@blueprint.get("/wallet/api/benefits")
def own_benefits() -> ResponseReturnValue:
    """Every program as it stands for this member, and every place they may go to, the near ones first."""
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        found = benefits.benefits_of_person(session, world, person_id)
        places = merchants.places(session, day_of(world.now()))
        areas = _areas(session, person_id)
    shops = {place.merchant: place.merchant_name for place in places}
    body = {
        "open": [_line(one, shops) for one in found if one.chance is Chance.OPEN],
        "closed": [_line(one, shops) for one in found if one.chance is not Chance.OPEN],
        "places": _places(places, [one for one in found if one.chance is not Chance.NOT_ELIGIBLE], areas),
    }
    return answer(body, world.now())


def _line(one: Entitlement, shops: dict[str, str]) -> dict[str, Any]:
    return {
        "program": one.program,
        "name": one.name,
        "what": words.what(one),
        "terms": words.terms(one),
        "left": words.left(one),
        "where": "、".join(shops[code] for code in sorted(one.merchants or ()) if code in shops),
        "owed": bool(owed([one])),
        "why": words.why_not(one),
    }


def _places(places: Sequence[Place], usable: Sequence[Entitlement], areas: list[str]) -> list[dict[str, Any]]:
    """Only where something is to be had; the near ones first, then as they come."""
    # A thousand shops, a dozen programs: each program is put into words once.
    said = {one.program: f"{one.name}：{words.what(one)}" for one in usable}
    told = [
        {
            "merchant": place.merchant_name,
            "store": place.store_name,
            "address": place.address,
            "phone": place.phone,
            "hours": words.hours(place.hours),
            "offers": [said[one.program] for one in usable if one.usable_at(place.merchant, place.category)],
            "near": next((area for area in areas if area in place.address or area in place.store_name), ""),
        }
        for place in places
    ]
    told = [one for one in told if one["offers"]]
    return sorted(told, key=lambda one: areas.index(str(one["near"])) if one["near"] else len(areas))[:_MOST_PLACES]


def _areas(session: Session, person_id: uuid.UUID) -> list[str]:
    """What the member's own surroundings are called, the nearest first: 永泽街道总工会 stands for 永泽街道 and 永泽."""
    unit = membership.person_of_id(session, person_id).unit
    codes = unit.path.strip("/").split("/") if unit else []
    named = membership.unions_of_codes(session, codes)
    # The top of the tree is everybody's, so it says nothing about who is near.
    return [area for code in reversed(codes[1:]) if code in named for area in areas_of(named[code].name)]


def areas_of(union_name: str) -> list[str]:
    """The place a union is named after, with and without its 街道 or 镇; nothing of one syllable."""
    area = _NAME_ENDS.sub("", union_name)
    return [name for name in dict.fromkeys((area, _AREA_ENDS.sub("", area))) if len(name) >= 2]
