"""Issues of the bulletin (通报) as they were sent."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class BulletinIssue(Base):
    """One issue as it was sent, append-only. `content` is the whole document, `sha256` of its bytes in UTF-8.

    `addressees` are the paths of the unions it was sent to: they and all below them read it. A correction is an issue
    of its own, the next `edition` of the same number, and names the one before in `corrects_id`.
    """

    __tablename__ = "bulletin_issue"
    __table_args__ = (
        # Two officers sending the same issue at once: one of them does.
        UniqueConstraint("union_id", "year", "number", "edition"),
        UniqueConstraint("corrects_id"),
        CheckConstraint("number > 0 and edition > 0", name="number"),
        CheckConstraint("(edition = 1) = (corrects_id is null)", name="corrects"),
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        Index(None, "at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    path: Mapped[str]
    year: Mapped[int]
    number: Mapped[int]
    edition: Mapped[int]
    corrects_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bulletin_issue.id"))
    addressees: Mapped[list[Any]]
    content: Mapped[str]
    sha256: Mapped[bytes]
    published_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    at: Mapped[datetime]
