"""What a merchant's lines that we do not have may be: sales made offline that were not captured, or never reported."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class UnknownLine:
    """A line of the merchant's record without one of ours. `at` in seconds since 1970; terminal and moment may be missing."""

    no: int
    merchant_ref: str | None
    terminal: str | None
    at: int | None


@dataclass(frozen=True)
class OfflineTrace:
    """Why a line is not ours. E11: reported and not captured, `why` says for what; E12: among numbers that are missing."""

    no: int
    code: str
    why: str
    terminal: str
    first_seq: int
    last_seq: int


_REPORTED = """
select distinct on (l.no) l.no, a.outcome, coalesce(a.code, '') as code, t.code as terminal, a.terminal_seq
  from unnest(%(nos)s::bigint[], %(refs)s::text[]) as l (no, ref)
  join advice a on a.merchant_id = %(merchant)s and a.merchant_ref = l.ref and a.outcome <> 'duplicate'
  join terminal t on t.id = a.terminal_id
 where a.outcome in ('refused_advice', 'replayed', 'held_for_review')
   and not exists (select from advice b where b.merchant_id = a.merchant_id and b.merchant_ref = a.merchant_ref
                   and b.outcome in ('captured', 'captured_with_exception'))
   and not exists (select from advice_review v where v.advice_id = a.id and v.redemption_id is not null)
 order by l.no, a.id"""

# Between the record before the gap and the one after it, by the terminal's own times.
_MISSING = """
select distinct on (l.no) l.no, t.code as terminal, x.first_seq, x.last_seq
  from unnest(%(nos)s::bigint[], %(terminals)s::text[], %(ats)s::bigint[]) as l (no, terminal, at)
  join terminal t on t.code = l.terminal
  join advice_exception x on x.terminal_id = t.id and x.merchant_id = %(merchant)s and x.why = 'gap' and x.closed_at is null
  join advice before on before.terminal_id = x.terminal_id and before.terminal_seq = x.first_seq - 1
  join advice after on after.terminal_id = x.terminal_id and after.terminal_seq = x.last_seq + 1
 where to_timestamp(l.at) between before.occurred_at - interval '2 minutes' and after.occurred_at + interval '2 minutes'
 order by l.no, x.first_seq"""


def offline_traces(session: Session, merchant_id: uuid.UUID, lines: Sequence[UnknownLine]) -> list[OfflineTrace]:
    """What is known of these lines from the merchant's advices; at most one trace a line, its own record first."""
    connection = session.connection()
    named = [line for line in lines if line.merchant_ref]
    given = {"merchant": merchant_id, "nos": [line.no for line in named], "refs": [line.merchant_ref for line in named]}
    found = {
        row.no: OfflineTrace(row.no, "E11", row.code or row.outcome, row.terminal, row.terminal_seq, row.terminal_seq)
        for row in connection.exec_driver_sql(_REPORTED, given)
    }
    timed = [line for line in lines if line.no not in found and line.terminal and line.at is not None]
    given = {
        "merchant": merchant_id,
        "nos": [line.no for line in timed],
        "terminals": [line.terminal for line in timed],
        "ats": [line.at for line in timed],
    }
    for row in connection.exec_driver_sql(_MISSING, given):
        found[row.no] = OfflineTrace(row.no, "E12", "gap", row.terminal, row.first_seq, row.last_seq)
    return [found[no] for no in sorted(found)]
