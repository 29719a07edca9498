"""我的权益: every program in force as it stands for one member, without a purchase."""

import uuid
from collections.abc import Iterable
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.benefits.entitled import Chance, Entitlement, entitlement
from cardnet.benefits.rules import Candidate
from cardnet.benefits.services import catalogue
from cardnet.benefits.services.facts import keys_of
from cardnet.benefits.terms import Count, CounterKey, Member, full_years
from cardnet.benefits.words import ProgramKind, Scope
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import CardState
from cardnet.kernel.calendar import day_of
from cardnet.kernel.world import World
from cardnet.ledger.services import pool_levels
from cardnet.membership import services as membership

_GIVEN = frozenset(ProgramKind) - {ProgramKind.DISCOUNT}
"""What the union gives, rather than what a shop takes off; it comes first."""

_USED = text("""
    select p.code, u.limit_code, u.period, 'person' as scope, '' as scope_key, u.used_n + u.held_n, u.used_fen + u.held_fen
      from usage u join program p on p.id = u.program_id where u.person_id = :person
    union all
    select p.code, u.limit_code, u.period, u.scope, u.scope_key, u.used_n + u.held_n, u.used_fen + u.held_fen
      from shared_counter u join program p on p.id = u.program_id
     where (u.program_id, u.limit_code, u.period, u.scope, u.scope_key)
        in (select * from unnest(cast(:programs as uuid[]), cast(:limits as text[]), cast(:periods as text[]),
                                 cast(:scopes as text[]), cast(:keys as text[])))""")


def benefits_of_person(session: Session, world: World, person_id: uuid.UUID) -> tuple[Entitlement, ...]:
    """Every program in force today: what is open first, what the union gives before what shops take off."""
    day = day_of(world.now())
    known = catalogue.catalogue_of(session)
    if session.scalar(text("select token from rule_generation")) != known.token:
        known = catalogue.reload(session)
    offers = list(known.in_force(day))
    candidates = [candidate for candidate, _ in offers]
    member = _member(session, person_id, day)
    scope_keys = _scope_keys(session, person_id, member)
    counts = _counts(session, person_id, candidates, scope_keys, day)
    pools = {code for candidate in candidates for code in candidate.pools}
    available = {level.pool.code: level.available for level in pool_levels(session, pools)} if pools else {}
    found = [entitlement(candidate, where, member, day, scope_keys, counts, available) for candidate, where in offers]
    return tuple(sorted(found, key=_order))


def _order(one: Entitlement) -> tuple[int, bool, int, str]:
    most = max((tier.fen or 0 for tier in one.tiers), default=0)
    return list(Chance).index(one.chance), one.kind not in _GIVEN, -most, one.program


def _member(session: Session, person_id: uuid.UUID, day: date) -> Member:
    """All that rules may ask of somebody; nothing of it is stored."""
    facts = membership.member_facts(day)
    row = session.execute(select(facts).where(facts.c.person_id == person_id)).one()
    return Member(
        card_state=_card_state(session, person_id, day),
        membership_kind=row.membership_kind,
        member_since=row.member_since,
        age=full_years(row.birth_on, day) if row.birth_on else None,
        sex=row.sex,
        tags=frozenset(row.tags or ()),
        unit_path=row.unit_path,
    )


def _card_state(session: Session, person_id: uuid.UUID, day: date) -> str | None:
    """Of the card that may be used today, else of the newest."""
    cards = issuance.cards_of_person(session, person_id)
    good = [card for card in cards if card.state is CardState.ACTIVE and card.valid_from <= day <= card.valid_to]
    return str((good or cards)[0].state) if cards else None


def _scope_keys(session: Session, person_id: uuid.UUID, member: Member) -> dict[Scope, str]:
    family = session.scalar(text("select family_id from family_member where person_id = :p"), {"p": person_id})
    return {
        Scope.PERSON: "",
        Scope.PROGRAM: "",
        Scope.ORG_UNIT: member.unit_path or "",
        Scope.FAMILY: str(family or person_id),
    }


def _counts(
    session: Session, person_id: uuid.UUID, candidates: Iterable[Candidate], scope_keys: dict[Scope, str], day: date
) -> dict[CounterKey, Count]:
    shared = keys_of(candidates, scope_keys, day, day).shared
    asked = {
        "person": person_id,
        "programs": [program_id for program_id, _ in shared],
        "limits": [key.limit for _, key in shared],
        "periods": [key.period for _, key in shared],
        "scopes": [key.scope.value for _, key in shared],
        "keys": [key.scope_key for _, key in shared],
    }
    return {
        CounterKey(program, limit, period, Scope(scope), key): Count(n, fen)
        for program, limit, period, scope, key, n, fen in session.execute(_USED, asked)
    }
