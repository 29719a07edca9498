"""Judging a roster against what is known: people, cards, open applications, quota. Reads only."""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance import rules
from cardnet.issuance.rules import ApplicationState
from cardnet.issuance.services.year_end import quota_year_of
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import NotAllowed
from cardnet.kernel.progress import Progress
from cardnet.kernel.world import World
from cardnet.membership import roster
from cardnet.membership import services as membership
from cardnet.membership.roster import KnownPerson, RosterCheck, RosterContext, Sheet
from cardnet.membership.rules import ConsentMethod, KnownMember, Tier, UnionNode


def must_cover(officer: Principal, unit: UnionNode) -> None:
    """Raises NotAllowed("role_missing") or ("out_of_scope") unless the officer may send in for it, Conflict("union_closed")."""
    if not officer.has(Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER):
        raise NotAllowed("role_missing", f"{officer.display_name}不是工会经办人员，不能报送办卡名单。")
    if not in_scope(officer.scope_path, unit.path):
        raise NotAllowed("out_of_scope", f"{unit.name}不在{officer.display_name}的管理范围内。")
    membership.must_be_open_union(unit)


def judged(
    session: Session,
    world: World,
    sheet: Sheet,
    unit: UnionNode,
    progress: Progress,
    method: ConsentMethod = ConsentMethod.SIGNED_FORM,
    *,
    own_people: bool = False,
) -> RosterCheck:
    """Every finding of every row of a sheet sent in for `unit`; `method` is how its answers were given.

    A row that names no union is the unit's own; above other unions that would be a guess, unless all are `own_people`.
    """
    at = day_of(world.now())
    key = membership.key_of(session)
    identified = roster.identify(sheet, at, key)
    units, unit_names = membership.unit_codes(session)
    below = any(path != unit.path and path.startswith(unit.path) for path in units.values())
    context = RosterContext(
        units=units,
        unit_names=unit_names,
        default_unit=unit.code if own_people or unit.tier is Tier.UNIT or not below else None,
        scope_path=unit.path,
        on=at,
        known=_known(session, membership.known_in_sheet(session, world, identified), at),
        quota_free=_quota_free(session, unit, quota_year_of(session, at)),
        key_of=key,
        method=method,
    )
    return roster.check(identified, context, progress)


def _known(session: Session, members: Mapping[bytes, KnownMember], on: date) -> dict[bytes, KnownPerson]:
    ids = [member.person_id for member in members.values()]
    holders = set(
        session.scalars(
            text("select person_id from card where person_id = any(:ids) and state = any(:usable) and valid_to >= :on"),
            {"ids": ids, "usable": list(map(str, rules.USABLE_CARD)), "on": on},
        )
    )
    # A returned application waits for exactly this: the corrected row, sent again.
    applicants = {
        row.person_id: row.path
        for row in session.execute(
            text(
                "select person_id, path from application "
                "where person_id = any(:ids) and kind = 'new' and state = any(:open)"
            ),
            {"ids": ids, "open": list(map(str, rules.OPEN_APPLICATION - {ApplicationState.RETURNED}))},
        )
    }
    return {
        key: KnownPerson(
            has_card=member.person_id in holders,
            application_open=member.person_id in applicants,
            application_path=applicants.get(member.person_id, ""),
            deceased=member.deceased,
            unit_path=member.unit_path,
            unit_name=member.unit_name,
        )
        for key, member in members.items()
    }


def _quota_free(session: Session, unit: UnionNode, year: int) -> dict[str, int]:
    """Places left where the rows will be held, by code; a union none were handed down to is left out: nobody is warned."""
    rows = session.execute(
        text(
            "select u.code, q.received - q.passed_down - q.held - q.used as free "
            "from quota_node q join union_node u on u.id = q.union_id "
            "where starts_with(u.path, :path) and q.year = :year and q.kind = 'new_card'"
        ),
        {"path": unit.path, "year": year},
    )
    return {row.code: row.free for row in rows}
