"""权益: what a member may still use and why not the rest, what they are owed, and where to go with it."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
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


@blueprint.get("/wallet/api/benefits")
def own_benefits() -> ResponseReturnValue:
    """Every program as it stands for this member, and every place they may go to, the near ones first."""
    world = current_world()
    with transaction() as session:
        person_id = member_of(session)
        found = benefits.benefits_of_person(session, world, person_id)
        places = merchants.places(session, day_of(world.now()))
        above = _unions_above(session, person_id)
    shops = {place.merchant: place.merchant_name for place in places}
    body = {
        "open": [_line(one, shops) for one in found if one.chance is Chance.OPEN],
        "closed": [_line(one, shops) for one in found if one.chance is not Chance.OPEN],
        "places": _places(places, [one for one in found if one.chance is not Chance.NOT_ELIGIBLE], above),
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


def _places(places: Sequence[Place], usable: Sequence[Entitlement], above: Collection[str]) -> list[dict[str, Any]]:
    """Only where something is to be had; the near ones first, then as they come.

    Near is what stands in the town or street whose union the member's own belongs to.
    """
    # A thousand shops, a dozen programs: each program is put into words once.
    said = {one.program: _("%(name)s：%(words)s", name=one.name, words=words.what(one)) for one in usable}
    told = [
        {
            "merchant": place.merchant_name,
            "store": place.store_name,
            "address": place.address,
            "phone": place.phone,
            "hours": words.hours(place.hours),
            "offers": [said[one.program] for one in usable if one.usable_at(place.merchant, place.category)],
            "area": place.township.name if place.township else "",
            "near": place.township is not None and place.township.code in above,
        }
        for place in places
    ]
    told = [one for one in told if one["offers"]]
    return sorted(told, key=lambda one: not one["near"])[:_MOST_PLACES]


def _unions_above(session: Session, person_id: uuid.UUID) -> frozenset[str]:
    """The codes of the member's own union and all above it."""
    unit = membership.person_of_id(session, person_id).unit
    return frozenset(unit.path.strip("/").split("/")) if unit else frozenset()
