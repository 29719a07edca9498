"""Approved rule versions in the process: loaded once, compiled once, and known to be old at once.

Every redemption reads the generation token in the statement that reads its usage. When it is not the token the
catalogue was loaded with, somebody approved or retired a version, and the catalogue is read anew before deciding.
"""

import uuid
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from cardnet.benefits import document
from cardnet.benefits.rules import Candidate
from cardnet.benefits.terms import LimitTerms, Terms, compile_terms, scope_of
from cardnet.benefits.words import ProgramKind, Scope
from cardnet.kernel.db import database_of
from cardnet.ledger.rules import PoolUnit
from cardnet.ledger.services import PoolView, pools_of_codes


@dataclass(frozen=True, slots=True)
class Offer:
    """What one merchant may have to give on one day, with what must be known to decide it."""

    candidates: tuple[Candidate, ...]
    parameters: Mapping[str, int]
    asks: frozenset[str]
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class _Version:
    id: uuid.UUID
    no: int
    first: date
    end: date | None
    body: Mapping[str, Any]
    content_hash: str
    parameters: frozenset[str]
    merchants: frozenset[str] | None
    categories: frozenset[str] | None

    def covers(self, day: date) -> bool:
        return self.first <= day and (self.end is None or day < self.end)

    def may_concern(self, merchant: str, category: str) -> bool:
        return (self.merchants is None or merchant in self.merchants) and (
            self.categories is None or category in self.categories
        )


@dataclass(slots=True)
class _Program:
    id: uuid.UUID
    code: str
    name: str
    kind: ProgramKind
    by_submission: bool
    versions: list[_Version] = field(default_factory=list)

    def version_on(self, day: date) -> _Version | None:
        return next((version for version in self.versions if version.covers(day)), None)


class Catalogue:
    """All approved versions as of one generation."""

    def __init__(
        self,
        token: uuid.UUID,
        programs: Mapping[str, _Program],
        parameters: Mapping[str, list[tuple[date, int]]],
        pools: Mapping[str, PoolView],
    ) -> None:
        self.token, self.pools = token, pools
        self._programs, self._parameters = programs, parameters
        self._offers: dict[tuple[str, str, date, date], Offer] = {}
        self._by_merchant: dict[str, list[_Program]] = {}
        self._elsewhere: list[_Program] = []
        for program in programs.values():
            named = [version.merchants for version in program.versions]
            if any(codes is None for codes in named):
                self._elsewhere.append(program)
            else:
                for code in frozenset().union(*(codes for codes in named if codes)):
                    self._by_merchant.setdefault(code, []).append(program)

    def offer(self, merchant: str, category: str, event_on: date, accepted_on: date) -> Offer:
        """What `merchant` may have to give for an event of that day submitted on this one."""
        key = (merchant, category, event_on, accepted_on)
        if (known := self._offers.get(key)) is not None:
            return known
        if len(self._offers) > 8192:
            self._offers.clear()
        found = self._offers[key] = self._make_offer(*key)
        return found

    def in_force(self, day: date) -> Iterator[tuple[Candidate, tuple[frozenset[str] | None, frozenset[str] | None]]]:
        """Every program with the rules of a day, and the merchants and categories it is confined to."""
        for program in self._programs.values():
            version = program.version_on(day)
            values = self.parameters_on(version.parameters, day) if version else {}
            if version is None or len(values) < len(version.parameters):
                continue
            terms = compile_terms(version.body, version.content_hash, values)
            yield self._candidate(program, version, terms), (version.merchants, version.categories)

    def limits_counting(self, code: str, day: date) -> tuple[LimitTerms, ...] | None:
        """The limits a use of that day counts for: of the version of the day, or of the first that came later.

        A use from before the first rules still belongs to the period they count. None where there are none, or where
        a parameter of theirs has no value.
        """
        program = self._programs.get(code)
        if program is None:
            return None
        later = (version for version in program.versions if version.first > day)
        version = program.version_on(day) or min(later, key=lambda version: version.first, default=None)
        if version is None:
            return None
        values = self.parameters_on(version.parameters, max(day, version.first))
        if len(values) < len(version.parameters):
            return None
        return compile_terms(version.body, version.content_hash, values).limits

    def parameters_on(self, codes: frozenset[str], day: date) -> dict[str, int]:
        """The values of parameters in force on a day; those without one are left out."""
        found = {}
        for code in codes:
            values = [value for first, value in self._parameters.get(code, ()) if first <= day]
            if values:
                found[code] = values[-1]
        return found

    def _make_offer(self, merchant: str, category: str, event_on: date, accepted_on: date) -> Offer:
        candidates, used, asks, scopes = [], dict[str, int](), set[str](), set[Scope]()
        for program in (*self._by_merchant.get(merchant, ()), *self._elsewhere):
            if not any(version.may_concern(merchant, category) for version in program.versions):
                continue
            day = accepted_on if program.by_submission else event_on
            version = program.version_on(day)
            values = self.parameters_on(version.parameters, day) if version else {}
            if version is None or len(values) < len(version.parameters):
                candidates.append(Candidate(program.code, program.id, program.name, program.kind))
                continue
            terms = compile_terms(version.body, version.content_hash, values)
            used |= values
            asks |= terms.asks
            scopes |= {limit.scope for limit in terms.limits if limit.pool is None}
            candidates.append(self._candidate(program, version, terms))
        candidates.sort(key=lambda candidate: candidate.program)
        return Offer(tuple(candidates), used, frozenset(asks), frozenset(scopes))

    def _candidate(self, program: _Program, version: _Version, terms: Terms) -> Candidate:
        return Candidate(
            program.code,
            program.id,
            program.name,
            program.kind,
            version.id,
            version.no,
            version.content_hash,
            terms,
            _units(terms, self.pools),
        )


def _units(terms: Terms, pools: Mapping[str, PoolView]) -> dict[str, PoolUnit]:
    return {limit.pool: pools[limit.pool].unit for limit in terms.limits if limit.pool is not None}


_CATALOGUES: "weakref.WeakKeyDictionary[Engine | Connection, Catalogue]" = weakref.WeakKeyDictionary()
"""One for each database this process talks to."""

_LOAD = """
select g.token, p.id, p.code, p.name, p.kind, p.version_basis, v.id, v.no, v.effective_from, v.effective_to, v.body,
       v.content_hash
from rule_generation g left join (rule_version v join program p on p.id = v.program_id) on v.status = 'approved'
union all
select null, null, code, null, null, null, null, value, effective_from, null, null, null from rule_parameter
order by 3 nulls first, 9"""


def catalogue_of(session: Session) -> Catalogue:
    """The catalogue of this session's database as the process last read it; it may be old by now."""
    found = _CATALOGUES.get(database_of(session))
    return found if found is not None else reload(session)


def reload(session: Session) -> Catalogue:
    """Read all approved versions and parameters in one statement, so that token and content belong together."""
    programs: dict[str, _Program] = {}
    parameters: dict[str, list[tuple[date, int]]] = {}
    token = None
    rows = session.connection().exec_driver_sql(_LOAD)
    for generation, program_id, code, name, kind, basis, version_id, no, first, end, body, content_hash in rows:
        if generation is None:
            parameters.setdefault(code, []).append((first, no))
            continue
        token = generation
        if version_id is None:
            continue
        program = programs.setdefault(
            code, _Program(program_id, code, name, ProgramKind(kind), basis == "submission_date")
        )
        merchants, categories = scope_of(body)
        needed = document.parameters_of(body)
        program.versions.append(_Version(version_id, no, first, end, body, content_hash, needed, merchants, categories))
    assert token is not None
    named = {
        limit["pool"]
        for program in programs.values()
        for version in program.versions
        for limit in version.body.get("limits", ())
        if "pool" in limit
    }
    fresh = Catalogue(token, programs, parameters, pools_of_codes(session, named) if named else {})
    _CATALOGUES[database_of(session)] = fresh
    return fresh
