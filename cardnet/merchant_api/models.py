"""The idempotency keys of merchants, and the nonces of signed requests."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class IdempotencyKey(Base):
    """One key of one merchant and the answer it got, in the transaction that made the answer true.

    No foreign keys: each would lock a row of the merchant that all its redemptions share. `fingerprint` is null for
    a tombstone, the key of a request that was reversed before it came: whatever comes under it hears the same no.
    `status` is null only inside the transaction that works on it.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (
        # Rows come in the order of time, so a range index finds the old ones and costs a redemption nothing.
        Index(None, "created_at", postgresql_using="brin"),
        CheckConstraint(
            "(status is null) = (body is null) and (status is null) = (media_type is null)", name="answer_whole"
        ),
        # Room on the page for the row's one update, which then touches no index.
        {"postgresql_with": {"fillfactor": 60}},
    )

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    call: Mapped[str]
    fingerprint: Mapped[bytes | None]
    terminal_id: Mapped[uuid.UUID]
    created_at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    media_type: Mapped[str | None]
    body: Mapped[bytes | None]
    subject_id: Mapped[uuid.UUID | None]


class SignatureNonce(Base):
    """A nonce a terminal's key has signed with: a signed request counts once. Older than the window they mean nothing."""

    __tablename__ = "signature_nonce"
    __table_args__ = (Index(None, "seen_at", postgresql_using="brin"),)

    key_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]
