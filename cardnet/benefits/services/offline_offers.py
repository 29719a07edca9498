"""What tills of one merchant may give, today: without asking, and on which purchases."""

from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.benefits.bought import Bought, bought
from cardnet.benefits.document import parameters_of, resolved
from cardnet.benefits.models_program import RuleVersion
from cardnet.benefits.offline import offer_of
from cardnet.benefits.services import catalogue
from cardnet.kernel.calendar import day_of
from cardnet.kernel.world import World
from cardnet.merchants.rules import Venue


def offline_offers(session: Session, world: World, venue: Venue) -> list[dict[str, Any]]:
    """Offers as `offline.offer_of` has them, with program, name, kind and rule version, by program.

    `shares` is how union and merchant bear it, in whatever unit: `Terms.split`.
    """
    today = day_of(world.now())
    offer = catalogue.catalogue_of(session).offer(venue.merchant_code, venue.merchant_category, today, today)
    ids = [one.version_id for one in offer.candidates if one.version_id]
    bodies = {row.id: row.body for row in session.scalars(select(RuleVersion).where(RuleVersion.id.in_(ids)))}
    found = []
    for one in sorted(offer.candidates, key=lambda candidate: candidate.program):
        body = bodies.get(one.version_id) if one.version_id else None
        if body is None or one.terms is None:
            continue
        needed = {code: offer.parameters[code] for code in parameters_of(body)}
        if said := offer_of(resolved(body, needed)):
            head = {"program": one.program, "name": one.name, "kind": one.kind.value, "rule_version": one.version_no}
            found.append({**head, "shares": list(one.terms.shares), **said})
    return found


def bought_at(session: Session, world: World, venue: Venue) -> tuple[Bought, ...]:
    """What may be bought at this merchant for which a program in force today gives something."""
    today = day_of(world.now())
    known = catalogue.catalogue_of(session)
    if session.scalar(text("select token from rule_generation")) != known.token:
        known = catalogue.reload(session)
    offer = known.offer(venue.merchant_code, venue.merchant_category, today, today)
    programs = [(one.name, one.terms) for one in offer.candidates if one.terms is not None]
    return bought(programs, venue.merchant_code, venue.merchant_category)
