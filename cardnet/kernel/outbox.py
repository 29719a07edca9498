"""The outbox: what the world outside shall hear of, written in the transaction that makes it true."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, FetchedValue, Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class OutboxEvent(Base):
    """One event. `xact` is the writing transaction's id, so that a sequencer can read in commit order."""

    __tablename__ = "outbox_event"
    __table_args__ = (Index(None, "xact", "id"), Index(None, "subject_id"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    merchant_id: Mapped[uuid.UUID | None]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    xact: Mapped[int] = mapped_column(server_default=FetchedValue())


class EventSequence(Base):
    """The place of one event in the order in which transactions committed: gapless, given once, never changed."""

    __tablename__ = "event_sequence"
    __table_args__ = (Index(None, "merchant_id", "seq"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    merchant_id: Mapped[uuid.UUID | None]


class Sequencer(Base):
    """One row: how far the sequencer has come. Below `next_xact` nothing can appear any more.

    `cluster` is the server's own identifier: transaction ids mean nothing on another one.
    """

    __tablename__ = "sequencer"
    __table_args__ = (CheckConstraint("one = 1", name="one"),)

    one: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    next_seq: Mapped[int]
    next_xact: Mapped[int]
    cluster: Mapped[str | None]
