"""What a decision needs from the database, read in one statement."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from cardnet.benefits.rules import Candidate, counter_key
from cardnet.benefits.services.catalogue import Offer
from cardnet.benefits.services.records import Purchase
from cardnet.benefits.terms import Count, CounterKey, Member, full_years
from cardnet.benefits.words import Scope
from cardnet.credential.verify import Accepted
from cardnet.issuance.rules import Standing
from cardnet.issuance.services import STANDING, standing_from, standing_parameters
from cardnet.kernel.statement import Question
from cardnet.ledger.rules import Account, AccountCode, DayState
from cardnet.merchants.rules import Venue


@dataclass(frozen=True, slots=True)
class Facts:
    """As one snapshot of the database has them. `proof_taken`: consumed, or first shown at another terminal.

    `standing` is who stands behind the code on the event's day.
    """

    token: uuid.UUID
    day: DayState
    payable_known: bool
    reference: uuid.UUID | None
    proof_taken: bool
    counts: Mapping[CounterKey, Count]
    standing: Standing | None


_HEAD = """
{with_who}select (select token from rule_generation), (select state from business_day where day = %(today)s),
  exists (select from ledger_account where id = %(payable)s)"""
_REFERENCE = """,
  (select redemption_id from merchant_reference where merchant_id = %(merchant_id)s and merchant_ref = %(merchant_ref)s)"""
_PROOF = """,
  exists (select from proof_used where card_index = %(index)s and proof_id = %(proof_id)s
          and (redemption_id is not null or terminal_id <> %(terminal_id)s))"""
_COUNT = ", (select array[u.used_n + u.held_n, u.used_fen + u.held_fen] from {table} u where {key})"
_PERSON_KEY = "u.person_id = (select person_id from who)"
_PERSON = ("program_id", "uuid"), ("limit_code", "text"), ("period", "text")
_SHARED = *_PERSON, ("scope", "text"), ("scope_key", "text")


_WHO, _ITS_ROW = f"with who as materialized ({STANDING})\n", ", who.* from (select) as one left join who on true"


def read_facts(
    session: Session,
    venue: Venue,
    code: Accepted | None,
    merchant_ref: str | None,
    keys: "Keys",
    event_on: date,
    today: date,
) -> Facts:
    """One statement: rule generation, business day, fences, the standing, and every counter a candidate looks at."""
    asked: dict[str, Any] = {"today": today, "payable": payable_account(venue.merchant_id).id}
    if merchant_ref is not None:
        asked |= {"merchant_id": venue.merchant_id, "merchant_ref": merchant_ref}
    if code is not None:
        asked |= standing_parameters(code.index, event_on)
        if code.proof_id is not None:
            asked |= {"proof_id": code.proof_id, "terminal_id": venue.terminal_id}
    looked_at = (*keys.person, *keys.shared)
    for number, (program_id, key) in enumerate(looked_at):
        asked |= {
            f"program_id_{number}": program_id,
            f"limit_code_{number}": key.limit,
            f"period_{number}": key.period,
        }
        if number >= len(keys.person):
            asked |= {f"scope_{number}": key.scope.value, f"scope_key_{number}": key.scope_key}
    shape = (code is not None, merchant_ref is not None, "proof_id" in asked, len(keys.person), len(keys.shared))
    token, state, payable, reference, taken, *rest = _statement(*shape).one(session, asked)
    counts, who = rest[: len(looked_at)], rest[len(looked_at) :]
    return Facts(
        token,
        DayState(state) if state else DayState.OPEN,
        payable,
        reference,
        taken,
        {key: Count(*count) for (_, key), count in zip(looked_at, counts, strict=True) if count is not None},
        standing_from(session, code.index, tuple(who)) if code else None,
    )


@lru_cache(maxsize=256)
def _statement(code: bool, reference: bool, proof: bool, person: int, shared: int) -> Question:  # noqa: FBT001 - a shape
    """One look into an index for each counter: a join would be planned anew for every number of them."""
    text = _HEAD.format(with_who=_WHO if code else "")
    text += (_REFERENCE if reference else ", null") + (_PROOF if proof else ", false")
    for number in range(person):
        text += _COUNT.format(table="usage", key=" and ".join((_PERSON_KEY, *_equal(_PERSON, number))))
    for number in range(person, person + shared):
        text += _COUNT.format(table="shared_counter", key=" and ".join(_equal(_SHARED, number)))
    return Question(text + (_ITS_ROW if code else ""))


def _equal(columns: Iterable[tuple[str, str]], number: int) -> list[str]:
    return [f"u.{name} = %({name}_{number})s::{kind}" for name, kind in columns]


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


def scope_keys_of(session: Session, offer: Offer, venue: Venue, who: Callable[[], Standing | None]) -> dict[Scope, str]:
    """Whose counters are meant, for the scopes the candidates use. The person's own needs no name: it is theirs.

    `who` is asked only where a counter belongs to the unit or the family of whoever stands behind the code.
    """
    keys = {Scope.PERSON: "", Scope.PROGRAM: ""}
    if Scope.MERCHANT in offer.scopes:
        keys[Scope.MERCHANT] = str(venue.merchant_id)
    if not offer.scopes & {Scope.ORG_UNIT, Scope.FAMILY} or (standing := who()) is None:
        return keys
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
