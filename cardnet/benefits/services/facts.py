"""What a decision needs from the database, read in one statement."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from psycopg.types.numeric import Int8
from sqlalchemy.orm import Session

from cardnet.benefits.rules import Candidate, counter_key
from cardnet.benefits.services.catalogue import Offer
from cardnet.benefits.services.records import Purchase
from cardnet.benefits.terms import Count, CounterKey, Member, full_years
from cardnet.benefits.words import Scope
from cardnet.credential.verify import Accepted
from cardnet.issuance.rules import Standing
from cardnet.kernel.arrays import array
from cardnet.kernel.statement import Statement
from cardnet.ledger.rules import Account, AccountCode, DayState
from cardnet.merchants.rules import Venue


@dataclass(frozen=True, slots=True)
class Facts:
    """As one snapshot of the database has them. `proof_taken`: consumed, or first shown at another terminal."""

    token: uuid.UUID
    day: DayState
    payable_known: bool
    reference: uuid.UUID | None
    proof_taken: bool
    counts: Mapping[CounterKey, Count]


_HEAD = """
select (select token from rule_generation), (select state from business_day where day = %(today)s),
  exists (select from ledger_account where id = %(payable)s)"""
_REFERENCE = """,
  (select redemption_id from merchant_reference where merchant_id = %(merchant_id)s and merchant_ref = %(merchant_ref)s)"""
_PROOF = """,
  exists (select from proof_used where card_index = %(card_index)s and proof_id = %(proof_id)s
          and (redemption_id is not null or terminal_id <> %(terminal_id)s))"""
_PERSON = """,
  (select json_agg(json_build_array(k.i, u.used_n + u.held_n, u.used_fen + u.held_fen))
   from unnest(%(programs)s::uuid[], %(limits)s::text[], %(periods)s::text[]) with ordinality as k(program_id, limit_code, period, i)
   join usage u on u.person_id = %(person_id)s and u.program_id = k.program_id and u.limit_code = k.limit_code
     and u.period = k.period)"""
_SHARED = """,
  (select json_agg(json_build_array(k.i, u.used_n + u.held_n, u.used_fen + u.held_fen))
   from unnest(%(s_programs)s::uuid[], %(s_limits)s::text[], %(s_periods)s::text[], %(s_scopes)s::text[], %(s_keys)s::text[])
     with ordinality as k(program_id, limit_code, period, scope, scope_key, i)
   join shared_counter u using (program_id, limit_code, period, scope, scope_key))"""


def read_facts(
    session: Session,
    venue: Venue,
    code: Accepted | None,
    merchant_ref: str | None,
    person_id: uuid.UUID | None,
    keys: "Keys",
    today: date,
) -> Facts:
    """One statement: rule generation, business day, fences, and every counter a candidate looks at."""
    asked: dict[str, Any] = {"today": today, "payable": payable_account(venue.merchant_id).id}
    statement = _HEAD
    if merchant_ref is None:
        statement += ", null"
    else:
        statement += _REFERENCE
        asked |= {"merchant_id": venue.merchant_id, "merchant_ref": merchant_ref}
    if code is None or code.proof_id is None:
        statement += ", false"
    else:
        statement += _PROOF
        asked |= {"card_index": Int8(code.index), "proof_id": code.proof_id, "terminal_id": venue.terminal_id}
    if keys.person:
        statement += _PERSON
        asked |= {
            "person_id": person_id,
            "programs": array(program_id for program_id, _ in keys.person),
            "limits": array(key.limit for _, key in keys.person),
            "periods": array(key.period for _, key in keys.person),
        }
    else:
        statement += ", null"
    if keys.shared:
        statement += _SHARED
        asked |= {
            "s_programs": array(program_id for program_id, _ in keys.shared),
            "s_limits": array(key.limit for _, key in keys.shared),
            "s_periods": array(key.period for _, key in keys.shared),
            "s_scopes": array(key.scope.value for _, key in keys.shared),
            "s_keys": array(key.scope_key for _, key in keys.shared),
        }
    else:
        statement += ", null"
    token, state, payable, reference, taken, person, shared = _prepared(statement).one(session, asked)
    counts = {keys.person[i - 1][1]: Count(n, fen) for i, n, fen in person or ()}
    counts |= {keys.shared[i - 1][1]: Count(n, fen) for i, n, fen in shared or ()}
    return Facts(token, DayState(state) if state else DayState.OPEN, payable, reference, taken, counts)


@lru_cache(maxsize=64)
def _prepared(text: str) -> Statement:
    return Statement(text)


def payable_account(merchant_id: uuid.UUID) -> Account:
    """What the union owes this merchant."""
    return Account(AccountCode.MERCHANT_PAYABLE, owner_id=merchant_id)


@dataclass(frozen=True, slots=True)
class Keys:
    """The counters the candidates look at: the person's, and those shared with others; each with its program's id."""

    person: tuple[tuple[uuid.UUID, CounterKey], ...] = ()
    shared: tuple[tuple[uuid.UUID, CounterKey], ...] = ()


def keys_of(candidates: Iterable[Candidate], scope_keys: Mapping[Scope, str], event_on: date, today: date) -> Keys:
    """Every counter a decision on these candidates may ask for."""
    person: list[tuple[uuid.UUID, CounterKey]] = []
    shared: list[tuple[uuid.UUID, CounterKey]] = []
    for candidate in candidates:
        if candidate.terms is None:
            continue
        day = today if candidate.terms.basis == "submission_date" else event_on
        for limit in candidate.terms.limits:
            if key := counter_key(candidate.program, limit, day, scope_keys):
                (person if key.scope is Scope.PERSON else shared).append((candidate.program_id, key))
    return Keys(tuple(person), tuple(shared))


def scope_keys_of(session: Session, offer: Offer, venue: Venue, standing: Standing) -> dict[Scope, str]:
    """Whose counters are meant, for the scopes the candidates use. The person's own needs no name: it is theirs."""
    keys = {Scope.PERSON: "", Scope.PROGRAM: ""}
    if Scope.MERCHANT in offer.scopes:
        keys[Scope.MERCHANT] = str(venue.merchant_id)
    if Scope.ORG_UNIT in offer.scopes:
        keys[Scope.ORG_UNIT] = standing.unit_path or ""
    if Scope.FAMILY in offer.scopes:
        family = (
            session.connection()
            .exec_driver_sql(
                "select family_id from family_member where person_id = %(person_id)s", {"person_id": standing.person_id}
            )
            .scalar()
        )
        keys[Scope.FAMILY] = str(family or standing.person_id)
    return keys


def member_of(standing: Standing, asks: frozenset[str], event_on: date) -> Member:
    """The member as far as the candidates ask: what nobody asks for is not recorded with the decision."""
    born = standing.birth_on if "age" in asks else None
    return Member(
        card_state=standing.card_state.value if "card_state" in asks else None,
        membership_kind=standing.membership_kind if "membership_kind" in asks else None,
        member_since=standing.member_since if "member_since" in asks else None,
        age=full_years(born, event_on) if born else None,
        sex=standing.sex if "sex" in asks else None,
        tags=frozenset(tag for tag in standing.tags if f"tag:{tag}" in asks),
        unit_path=standing.unit_path if "unit_path" in asks else None,
    )


def line_amounts(purchase: Purchase) -> tuple[int, ...]:
    """The lines' amounts, in the order the till sent them."""
    return tuple(line.amount_fen for line in purchase.lines)
