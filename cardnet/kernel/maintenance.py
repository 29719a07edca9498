"""A switch for the hours in which nothing may be written: an upgrade, a restore, a move to another machine.

It stands in the database, so that every web process of every machine sees it within seconds.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, SmallInteger, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, mapped_column

from cardnet.kernel import audit
from cardnet.kernel.db import Base
from cardnet.kernel.world import World

LONGEST_MESSAGE = 200


class Maintenance(Base):
    """One row while it is on."""

    __tablename__ = "maintenance"
    __table_args__ = (CheckConstraint("one = 1", name="one"),)

    one: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    since: Mapped[datetime]
    message: Mapped[str]


@dataclass(frozen=True)
class Closed:
    """Since when nothing is written, and what people are told about it (may be empty)."""

    since: datetime
    message: str


def closed(session: Session) -> Closed | None:
    """Whether maintenance is on."""
    row = session.execute(select(Maintenance.since, Maintenance.message)).one_or_none()
    return Closed(row.since, row.message) if row else None


def close(session: Session, world: World, message: str = "") -> Closed:
    """Turn it on; again, only the message changes."""
    said = " ".join(message.split())[:LONGEST_MESSAGE]
    row = upsert(Maintenance).values(one=1, since=world.now(), message=said)
    session.execute(row.on_conflict_do_update(index_elements=["one"], set_={"message": said}))
    audit.record(session, world, audit.Act("maintenance.on", "system", "maintenance", after={"message": said}))
    found = closed(session)
    assert found is not None
    return found


def open_again(session: Session, world: World) -> bool:
    """Turn it off; False when it was not on."""
    was_on = session.execute(delete(Maintenance).returning(Maintenance.one)).one_or_none() is not None
    if was_on:
        audit.record(session, world, audit.Act("maintenance.off", "system", "maintenance"))
    return was_on
