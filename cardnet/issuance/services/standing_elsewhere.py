"""What an officer asked to decide, and why some of it does not stand before them: who was first, whose turn it is."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, in_scope
from cardnet.issuance import rules
from cardnet.issuance.rules import ApplicationAction
from cardnet.issuance.services.batches import batch_of
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import CardnetError, Conflict, NotAllowed, NotFound


@dataclass(frozen=True)
class Asked:
    """Rows of one batch (`rows` None: all of it), or applications by id, or everything under a path."""

    batch_id: uuid.UUID | None = None
    rows: tuple[int, ...] | None = None
    ids: tuple[uuid.UUID, ...] | None = None
    under: str | None = None

    @property
    def named(self) -> int:
        """How many were named one by one; 0 is "all"."""
        return len(self.rows or self.ids or ())

    def terms(self, officer: Principal) -> dict[str, object]:
        """The parameters of every statement that selects them. A filter narrows the scope and never widens it."""
        inside = self.under and in_scope(officer.scope_path, self.under)
        return {
            "scope": officer.scope_path,
            "batch": self.batch_id,
            "rows": None if self.rows is None else list(self.rows),
            "ids": None if self.ids is None else list(self.ids),
            "under": self.under if inside else officer.scope_path,
        }


_WHERE_ROWS_STAND = text("""
    select a.id, a.row, a.state, a.review_path, a.path, e.actor_id, e.at, e.action, e.words
      from application a
      left join lateral (
          select actor_id, at, action, words from application_event e
           where e.application_id = a.id and e.review_path = :scope and e.action <> 'escalate'
           order by e.seq desc limit 1) e on true
     where (cast(:batch as uuid) is null or a.batch_id = :batch)
       and (cast(:rows as bigint[]) is null or a.row = any(cast(:rows as bigint[])))
       and (cast(:ids as uuid[]) is null or a.id = any(cast(:ids as uuid[])))
       and (a.review_path is distinct from :scope or a.state not in ('submitted', 'in_review'))
     order by left(a.path, length(:scope)) = :scope desc, e.at desc nulls last, a.row""")


def why_not(session: Session, asked: Asked, officer: Principal) -> CardnetError:
    """Why what was asked for does not stand before this officer, in the order a person would ask.

    Raises NotFound("batch_unknown").
    """
    batch = batch_of(session, asked.batch_id) if asked.batch_id else None
    rows = session.execute(_WHERE_ROWS_STAND, asked.terms(officer)).all() if batch or asked.ids else []
    if missing := _not_in_batch(session, asked):
        listed = "、".join(map(str, missing[:10]))
        return NotFound("row_unknown", f"批次里没有第 {listed} 行的申请。", {"rows": missing})
    outside = [row.row for row in rows if not row.path.startswith(officer.scope_path)]
    if outside and (asked.named or len(outside) == len(rows)):
        return NotAllowed("out_of_scope", f"这些申请不在{officer.display_name}的管理范围内。", {"rows": outside[:100]})
    if rows and rows[0].action is not None:
        return _decided_before(session, rows[0])
    if rows and asked.named:
        named = [row.row for row in rows]
        listed = "、".join(map(str, named[:10]))
        return Conflict("not_at_your_tier", f"第 {listed} 行现在不在您这一级审核。", {"rows": named[:100]})
    what = f"批次“{batch.filename}”" if batch else ""
    return Conflict("nothing_to_review", f"{what}现在没有等您这一级审核的申请。")


def _decided_before(session: Session, row: Row[Any]) -> Conflict:
    # Without an account: the chair by a link, or a stamped summary; the words say which.
    winner = access.display_names(session, [row.actor_id]).get(row.actor_id, "") if row.actor_id else row.words or ""
    when = local(row.at).strftime("%Y-%m-%d %H:%M:%S")
    done = rules.ACTION_WORDS[ApplicationAction(row.action)]
    return Conflict(
        "already_decided",
        f"第 {row.row} 行已由{winner}于 {when} 处理（{done}），请刷新后再看。",
        {"row": row.row, "by": winner, "at": row.at.isoformat(), "action": row.action},
    )


def _not_in_batch(session: Session, asked: Asked) -> list[int]:
    if asked.batch_id is None or asked.rows is None:
        return []
    known = session.scalars(
        text("select row from application where batch_id = :batch and row = any(cast(:rows as bigint[]))"),
        {"batch": asked.batch_id, "rows": list(asked.rows)},
    ).all()
    return sorted(set(asked.rows) - set(known))
