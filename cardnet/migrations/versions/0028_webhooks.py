"""Where merchants want to hear of events, and every message sent there."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("merchant_id", sa.Uuid, sa.ForeignKey("merchant.id"), nullable=False),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("kinds", sa.String),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("private_key", sa.LargeBinary, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("next_seq", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("disabled_at", MOMENT),
        sa.Column("disabled_why", sa.String),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.Uuid),
        sa.CheckConstraint("state in ('active', 'disabled')", name="state"),
        sa.CheckConstraint("(state = 'disabled') = (disabled_at is not null)", name="disabled"),
    )
    op.create_index("ix_webhook_endpoint_merchant_id", "webhook_endpoint", ["merchant_id"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("endpoint_id", sa.Uuid, sa.ForeignKey("webhook_endpoint.id"), nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("next_try_at", MOMENT),
        sa.Column("last_try_at", MOMENT),
        sa.Column("last_status", sa.BigInteger),
        sa.Column("last_error", sa.String),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("delivered_at", MOMENT),
        sa.UniqueConstraint("endpoint_id", "event_id"),
        sa.CheckConstraint("state in ('waiting', 'delivered', 'failed', 'dropped')", name="state"),
        sa.CheckConstraint("(state = 'waiting') = (next_try_at is not null)", name="next_try"),
    )
    op.create_index(
        "ix_webhook_delivery_due", "webhook_delivery", ["next_try_at"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index("ix_webhook_delivery_endpoint_id_seq", "webhook_delivery", ["endpoint_id", "seq"])
