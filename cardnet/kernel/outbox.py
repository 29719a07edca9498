"""The outbox: what the world outside shall hear of, written in the transaction that makes it true."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import FetchedValue, Index
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
