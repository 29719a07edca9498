"""Before whom applications stand now."""

import uuid
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode

_TURNS = """
    select a.review_path, count(*) as rows from application a
     where a.batch_id = :batch and starts_with(a.path, :scope) and a.review_path is not null
     group by a.review_path"""


_ALL_TURNS = """
    select a.review_path, count(*) as rows, min(a.due_at) as due_at from application a
     where starts_with(a.path, :scope) and a.review_path is not null group by a.review_path order by rows desc"""


def turns(session: Session, officer: Principal) -> tuple[tuple[UnionNode, int, datetime | None], ...]:
    """Before whom the applications of the whole scope stand now: how many, and the earliest term; the most first."""
    rows = session.execute(text(_ALL_TURNS), {"scope": officer.scope_path}).all()
    by_code = membership.unions_of_codes(session, [row.review_path.strip("/").split("/")[-1] for row in rows])
    return tuple((by_code[row.review_path.strip("/").split("/")[-1]], row.rows, row.due_at) for row in rows)


def batch_turns(session: Session, officer: Principal, batch_id: uuid.UUID) -> tuple[tuple[UnionNode, int], ...]:
    """Before whom the applications of a batch stand now, and how many: the lowest tier first."""
    rows = session.execute(text(_TURNS), {"batch": batch_id, "scope": officer.scope_path}).all()
    by_code = membership.unions_of_codes(session, [row.review_path.strip("/").split("/")[-1] for row in rows])
    turns = [(by_code[row.review_path.strip("/").split("/")[-1]], row.rows) for row in rows]
    return tuple(sorted(turns, key=lambda turn: (-turn[0].path.count("/"), turn[0].path)))
