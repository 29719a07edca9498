"""Storing uses from before: rows, entries and counters, set-based and under the guard of a redemption."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.benefits.services.past_use_judge import Fit, Where, counter_of
from cardnet.benefits.terms import LimitTerms
from cardnet.benefits.words import Scope
from cardnet.issuance.services.bulk import copy_rows
from cardnet.kernel.errors import Conflict


def write(session: Session, import_id: uuid.UUID, fits: Sequence[Fit]) -> None:
    """The uses, their entries, and what they take from counters. Raises Conflict("used_meanwhile")."""
    copy_rows(
        session,
        "past_use",
        _USE_COLUMNS,
        (
            (
                fit.id, import_id, fit.line.line, fit.person_id, fit.program_id, fit.line.used_on, fit.line.times,
                fit.fen, fit.line.place or None, fit.unit_path,
            )
            for fit in fits
        ),
    )  # fmt: skip
    copy_rows(session, "usage_entry", _ENTRY_COLUMNS, _entries(fits))
    for shared, statement in ((False, _COUNT_PERSON), (True, _COUNT_SHARED)):
        asked = _asked(fits, shared=shared)
        if asked and len(session.execute(statement, _columns(asked)).all()) != len(asked):
            raise Conflict("used_meanwhile", "刚刚有人使用了名单里的项目，限额有变化，请重新导入一次。")


def _entries(fits: Sequence[Fit]) -> Iterator[tuple[object, ...]]:
    for fit in fits:
        for key, _ in fit.takes:
            yield (
                fit.id, 0, fit.program_id, key.limit, fit.person_id, str(key.scope), key.scope_key, key.period,
                fit.line.times, 0, fit.fen, 0,
            )  # fmt: skip


def _asked(fits: Sequence[Fit], *, shared: bool) -> dict[Where, tuple[int, int, LimitTerms]]:
    """How much each counter is to take, in the order every redemption locks them in."""
    asked: dict[Where, tuple[int, int, LimitTerms]] = {}
    for fit in fits:
        for key, limit in fit.takes:
            if (key.scope is not Scope.PERSON) is shared:
                at = counter_of(fit.person_id, fit.program_id, key)
                n, fen, _ = asked.get(at, (0, 0, limit))
                asked[at] = (n + fit.line.times, fen + fit.fen, limit)
    return asked


def _columns(asked: Mapping[Where, tuple[int, int, LimitTerms]]) -> dict[str, Any]:
    wheres, takes = list(asked), list(asked.values())
    return {
        "people": [person_id for person_id, _, _ in wheres],
        "programs": [program_id for _, program_id, _ in wheres],
        "limits": [key.limit for _, _, key in wheres],
        "periods": [key.period for _, _, key in wheres],
        "scopes": [str(key.scope) for _, _, key in wheres],
        "scope_keys": [key.scope_key for _, _, key in wheres],
        "counts": [n for n, _, _ in takes],
        "fens": [fen for _, fen, _ in takes],
        "max_n": [limit.max_n for _, _, limit in takes],
        "max_fen": [limit.max_fen for _, _, limit in takes],
    }


_USE_COLUMNS = {
    "id": "uuid", "import_id": "uuid", "line": "int8", "person_id": "uuid", "program_id": "uuid", "used_on": "date",
    "times": "int8", "fen": "int8", "place": "text", "unit_path": "text",
}  # fmt: skip
_ENTRY_COLUMNS = {
    "redemption_id": "uuid", "act": "int2", "program_id": "uuid", "limit_code": "text", "person_id": "uuid",
    "scope": "text", "scope_key": "text", "period": "text", "used_n": "int8", "held_n": "int8", "used_fen": "int8",
    "held_fen": "int8",
}  # fmt: skip

# The guard of a redemption, for many at once: a use in the same moment loses, or we do.
_GUARD = """
    on conflict ({key}) do update
       set used_n = u.used_n + excluded.used_n, used_fen = u.used_fen + excluded.used_fen, max_n = excluded.max_n,
           max_fen = excluded.max_fen
     where (excluded.max_n is null or u.used_n + u.held_n + excluded.used_n <= excluded.max_n)
       and (excluded.max_fen is null or u.used_fen + u.held_fen + excluded.used_fen <= excluded.max_fen)
    returning 1"""
_ASKED = """unnest(cast(:people as uuid[]), cast(:programs as uuid[]), cast(:limits as text[]), cast(:periods as text[]),
             cast(:scopes as text[]), cast(:scope_keys as text[]), cast(:counts as bigint[]), cast(:fens as bigint[]),
             cast(:max_n as bigint[]), cast(:max_fen as bigint[]))
      as t(person_id, program_id, limit_code, period, scope, scope_key, n, fen, max_n, max_fen)"""
_COUNT_PERSON = text(f"""
    insert into usage as u
        (person_id, program_id, limit_code, period, used_n, held_n, used_fen, held_fen, max_n, max_fen)
    select person_id, program_id, limit_code, period, n, 0, fen, 0, max_n, max_fen from {_ASKED}
     order by person_id, program_id, limit_code, period
    {_GUARD.format(key="person_id, program_id, limit_code, period")}""")  # noqa: S608 - the pieces put in are ours
_COUNT_SHARED = text(f"""
    insert into shared_counter as u (program_id, limit_code, period, scope, scope_key, used_n, held_n, used_fen, held_fen,
        max_n, max_fen)
    select program_id, limit_code, period, scope, scope_key, n, 0, fen, 0, max_n, max_fen from {_ASKED}
     order by program_id, limit_code, period, scope, scope_key
    {_GUARD.format(key="program_id, limit_code, period, scope, scope_key")}""")  # noqa: S608
