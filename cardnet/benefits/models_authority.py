"""What recorded decisions (决策依据) decided: programs and pools."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class AttachedAuthority(Base):
    """A program or a pool rests on a recorded decision, append-only: one decision may found several of them."""

    __tablename__ = "attached_authority"
    __table_args__ = (
        CheckConstraint("(program_id is null) <> (pool_id is null)", name="one_subject"),
        # The same form sent twice.
        UniqueConstraint("program_id", "authority_id"),
        UniqueConstraint("pool_id", "authority_id"),
        Index(None, "authority_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    authority_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("authority.id"))
    program_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("program.id"))
    pool_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pool.id"))
    attached_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    at: Mapped[datetime]
