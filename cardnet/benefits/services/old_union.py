"""What was granted by the union somebody had left already, because the change of employer was entered late (S19).

Nothing is reversed: each grant is decided again from what is stored, with the union the member truly was in on that
day. What would have been refused for its scope is listed with its amounts, for the two unions to settle.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.benefits.services.lookups import decision_of
from cardnet.benefits.services.records import DecisionView
from cardnet.benefits.services.replay import decide_again
from cardnet.membership import services as membership
from cardnet.membership.services import LateTransfer

_SCOPE = "org_scope"


@dataclass(frozen=True)
class GrantOfOldUnion:
    """One benefit of one redemption, as far as it was not given back; amounts in fen, who bore them."""

    redemption_id: uuid.UUID
    transfer: LateTransfer
    person_id: uuid.UUID
    event_at: datetime
    service_on: date
    merchant_code: str
    program: str
    program_name: str
    benefit_fen: int
    union_fen: int
    merchant_fen: int


_GRANTS = text("""
    select r.id, r.person_id, r.event_at, r.service_on, r.merchant_code, r.unit_path, late.n as late,
           p.code, p.name, b.benefit_fen - b.refunded_fen as benefit_fen,
           b.union_fen - b.refunded_union_fen as union_fen
      from unnest(cast(:people as uuid[]), cast(:since as date[]), cast(:until as timestamptz[]), cast(:codes as text[]))
           with ordinality late(person_id, since, until, code, n)
      join redemption r on r.person_id = late.person_id and r.service_on >= late.since and r.accepted_at < late.until
                       and r.captured_fen > r.refunded_fen and split_part(r.unit_path, '/', -2) = late.code
      join redemption_benefit b on b.redemption_id = r.id and b.benefit_fen > b.refunded_fen
      join program p on p.id = b.program_id
     order by r.event_at, r.id, p.code""")


def grants_of_old_union(
    session: Session, *, path: str | None = None, person_ids: Collection[uuid.UUID] | None = None
) -> tuple[GrantOfOldUnion, ...]:
    """Of these people, or of all who left or joined a union under `path`; the oldest first."""
    late = membership.late_transfers(session, path=path, person_ids=person_ids)
    if not late:
        return ()
    rows = session.execute(
        _GRANTS,
        {
            "people": [one.person_id for one in late],
            "since": [one.effective_on for one in late],
            "until": [one.entered_at for one in late],
            "codes": [one.from_union.code for one in late],
        },
    ).all()
    truly = membership.unit_paths_on(session, {(row.person_id, row.service_on) for row in rows})
    refused = {row.id: None for row in rows}
    outside: dict[uuid.UUID, frozenset[str]] = {
        redemption_id: _outside(session, redemption_id, [row for row in rows if row.id == redemption_id], truly)
        for redemption_id in refused
    }
    return tuple(
        GrantOfOldUnion(
            row.id, late[row.late - 1], row.person_id, row.event_at, row.service_on, row.merchant_code, row.code,
            row.name, row.benefit_fen, row.union_fen, row.benefit_fen - row.union_fen,
        )
        for row in rows
        if row.code in outside[row.id]
    )  # fmt: skip


def _outside(
    session: Session, redemption_id: uuid.UUID, rows: Sequence[Row[Any]], truly: Mapping[tuple[uuid.UUID, date], str]
) -> frozenset[str]:
    """Which of the programs that granted would refuse for their scope, had the true union been known."""
    stored = decision_of(session, redemption_id)
    if "unit_path" not in stored.inputs.get("member", {}):
        return frozenset()
    granted = {row.code for row in rows}
    path = truly.get((rows[0].person_id, rows[0].service_on))
    decided, _ = decide_again(session, _as_if(stored, granted, path))
    return frozenset(
        one.candidate.program for one in decided.judged if any(fault.code == _SCOPE for fault in one.faults)
    )


def _as_if(stored: DecisionView, granted: Collection[str], path: str | None) -> DecisionView:
    """The stored decision about what was granted, with another union of the member in it."""
    inputs = {**stored.inputs, "member": {**stored.inputs["member"], "unit_path": path}}
    return replace(stored, inputs=inputs, candidates=tuple(c for c in stored.candidates if c["program"] in granted))
