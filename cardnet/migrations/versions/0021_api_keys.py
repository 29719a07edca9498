"""access: idempotency keys of the back-office API."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.SmallInteger),
        sa.Column("media_type", sa.String),
        sa.Column("body", sa.LargeBinary),
        sa.CheckConstraint("(status is null) = (media_type is null)", name="answer_whole"),
        sa.CheckConstraint("body is null or status is not null", name="body_answered"),
    )
    op.create_index("ix_api_key_created_at", "api_key", ["created_at"])
