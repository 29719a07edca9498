"""The idempotency keys of merchants, the nonces of signed requests, and where merchants want to hear of events."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint, text
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


class WebhookEndpoint(Base):
    """Where a merchant wants to hear of events. `next_seq` is the first place it has not been given yet.

    Secret and private key are sealed as `webhook.secret` and `webhook.private`; `kinds` are words with spaces, null all.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        CheckConstraint("state in ('active', 'disabled')", name="state"),
        CheckConstraint("(state = 'disabled') = (disabled_at is not null)", name="disabled"),
        Index(None, "merchant_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    url: Mapped[str]
    kinds: Mapped[str | None]
    secret: Mapped[bytes]
    private_key: Mapped[bytes]
    public_key: Mapped[bytes]
    next_seq: Mapped[int]
    state: Mapped[str]
    disabled_at: Mapped[datetime | None]
    disabled_why: Mapped[str | None]
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID | None]


class WebhookDelivery(Base):
    """One event for one endpoint. While it waits `next_try_at` says when it is due, or until when somebody is at it."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        CheckConstraint("state in ('waiting', 'delivered', 'failed', 'dropped')", name="state"),
        CheckConstraint("(state = 'waiting') = (next_try_at is not null)", name="next_try"),
        Index("ix_webhook_delivery_due", "next_try_at", postgresql_where=text("state = 'waiting'")),
        Index(None, "endpoint_id", "seq"),
        Index(
            "ix_webhook_delivery_undelivered", "endpoint_id", postgresql_where=text("state in ('waiting', 'failed')")
        ),
        # What is old enough to be forgotten.
        Index("ix_webhook_delivery_heard", "delivered_at", postgresql_where=text("state = 'delivered'")),
        Index("ix_webhook_delivery_ended", "created_at", postgresql_where=text("state in ('failed', 'dropped')")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook_endpoint.id"))
    event_id: Mapped[uuid.UUID]
    seq: Mapped[int]
    state: Mapped[str]
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None]
    last_try_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
