"""What a person applied for, for their file."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.issuance.models import Application
from cardnet.issuance.rules import ApplicationKind, ApplicationState
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode


@dataclass(frozen=True)
class ApplicationOfPerson:
    """One application and where it stands; not every one came in a batch."""

    id: uuid.UUID
    kind: ApplicationKind
    state: ApplicationState
    union: UnionNode
    batch_id: uuid.UUID | None
    row: int | None
    submitted_at: datetime


def applications_of_people(session: Session, ids: Collection[uuid.UUID]) -> tuple[ApplicationOfPerson, ...]:
    """Every application under these ids, the newest first."""
    rows = session.scalars(
        select(Application)
        .where(Application.person_id.in_(ids))
        .order_by(Application.submitted_at.desc(), Application.id.desc())
    ).all()
    unions = membership.unions_of_ids(session, {row.union_id for row in rows})
    return tuple(
        ApplicationOfPerson(
            row.id, ApplicationKind(row.kind), ApplicationState(row.state), unions[row.union_id], row.batch_id, row.row,
            row.submitted_at,
        )
        for row in rows
    )  # fmt: skip
