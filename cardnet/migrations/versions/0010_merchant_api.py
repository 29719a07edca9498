"""The idempotency keys of merchants."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("merchant_id", sa.Uuid, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("call", sa.String, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary),
        sa.Column("terminal_id", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.SmallInteger),
        sa.Column("media_type", sa.String),
        sa.Column("body", sa.LargeBinary),
        sa.Column("subject_id", sa.Uuid),
        sa.PrimaryKeyConstraint("merchant_id", "key", name="pk_idempotency_key"),
        sa.CheckConstraint(
            "(status is null) = (body is null) and (status is null) = (media_type is null)",
            name="answer_whole",
        ),
        postgresql_with={"fillfactor": 60},
    )
    op.create_index("ix_idempotency_key_created_at", "idempotency_key", ["created_at"], postgresql_using="brin")
