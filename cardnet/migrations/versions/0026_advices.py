"""What tills did without a network, and what finance must look at of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from cardnet.migrations.steps import append_only

revision = "0026"
down_revision = "0025"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "advice",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("merchant_id", sa.Uuid, nullable=False),
        sa.Column("terminal_id", sa.Uuid, nullable=False),
        sa.Column("terminal_seq", sa.BigInteger, nullable=False),
        sa.Column("merchant_ref", sa.String, nullable=False),
        sa.Column("record", JSONB, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("card_index", sa.BigInteger),
        sa.Column("given_fen", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("code", sa.String),
        sa.Column("redemption_id", sa.Uuid),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "outcome in ('captured', 'captured_with_exception', 'refused_advice', 'duplicate', 'replayed', "
            "'held_for_review')",
            name="outcome",
        ),
    )
    op.create_index("ix_advice_terminal_id_terminal_seq", "advice", ["terminal_id", "terminal_seq"])
    op.create_index("ix_advice_merchant_id_merchant_ref", "advice", ["merchant_id", "merchant_ref"])
    op.create_index(
        "ix_advice_for_review", "advice", ["merchant_id", "id"],
        postgresql_where=sa.text("outcome = 'held_for_review'"),
    )  # fmt: skip
    append_only("advice")
    op.create_table(
        "advice_exception",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("merchant_id", sa.Uuid, nullable=False),
        sa.Column("terminal_id", sa.Uuid, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("advice_id", sa.Uuid),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("fen", sa.BigInteger, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.CheckConstraint("code in ('E11', 'E12')", name="code"),
        sa.CheckConstraint("first_seq <= last_seq", name="range"),
    )
    op.create_index(
        "ix_advice_exception_open", "advice_exception", ["merchant_id", "id"],
        postgresql_where=sa.text("closed_at is null"),
    )  # fmt: skip
    op.create_index("ix_advice_exception_terminal_id_first_seq", "advice_exception", ["terminal_id", "first_seq"])
