"""What was done with batches and applications, oldest first; rows decided by one act are one line."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal


@dataclass(frozen=True)
class HistoryLine:
    """One act on many rows at once: who (for whom), what, how many, with which reasons."""

    at: datetime
    action: str
    to_state: str
    review_path: str | None
    actor: str
    on_behalf_of: str
    reasons: tuple[str, ...]
    words: str
    count: int


_HISTORY = """
    select e.at, e.action, e.to_state, e.review_path, e.actor_id, e.on_behalf_of, e.reasons, e.words, count(*) as count
      from application_event e join application a on a.id = e.application_id
     where starts_with(a.path, :scope) and {which}
     group by e.at, e.action, e.to_state, e.review_path, e.actor_id, e.on_behalf_of, e.reasons, e.words
     order by e.at, min(e.seq), e.action <> 'submit', e.action"""


def batch_history(session: Session, officer: Principal, batch_id: uuid.UUID) -> tuple[HistoryLine, ...]:
    """What was done with a batch, oldest first; rows decided by one act are one line."""
    return _history(session, "a.batch_id = :subject", officer, batch_id)


def application_history(session: Session, officer: Principal, application_id: uuid.UUID) -> tuple[HistoryLine, ...]:
    """What was done with one application, oldest first."""
    return _history(session, "a.id = :subject", officer, application_id)


def _history(session: Session, which: str, officer: Principal, subject: uuid.UUID) -> tuple[HistoryLine, ...]:
    given = {"subject": subject, "scope": officer.scope_path}
    rows = session.execute(text(_HISTORY.format(which=which)), given).mappings().all()
    names = access.display_names(
        session, [row[key] for row in rows for key in ("actor_id", "on_behalf_of") if row[key]]
    )
    return tuple(
        HistoryLine(
            row["at"],
            row["action"],
            row["to_state"],
            row["review_path"],
            names.get(row["actor_id"], ""),
            names.get(row["on_behalf_of"], ""),
            tuple(row["reasons"] or ()),
            row["words"] or "",
            row["count"],
        )
        for row in rows
    )
