"""Organised health checks, refunds by line, and the order in which transactions committed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from cardnet.migrations.steps import append_only

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("refund", sa.Column("lines", JSONB))
    _organised()
    _sequence()


def _organised() -> None:
    op.create_table(
        "organised_redemption",
        sa.Column("redemption_id", sa.Uuid, primary_key=True),
        sa.Column("merchant_id", sa.Uuid, nullable=False),
        sa.Column("group_ref", sa.String),
        sa.Column("payer", sa.String, nullable=False),
        sa.CheckConstraint("payer in ('member', 'unit')", name="payer"),
        sa.CheckConstraint("payer <> 'unit' or group_ref is not null", name="group"),
    )
    op.create_index(
        "ix_organised_redemption_merchant_id_group_ref", "organised_redemption", ["merchant_id", "group_ref"]
    )
    append_only("organised_redemption")


def _sequence() -> None:
    op.create_table(
        "event_sequence",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("merchant_id", sa.Uuid),
        sa.UniqueConstraint("event_id", name="uq_event_sequence_event_id"),
    )
    op.create_index("ix_event_sequence_merchant_id_seq", "event_sequence", ["merchant_id", "seq"])
    append_only("event_sequence")
    op.create_table(
        "sequencer",
        sa.Column("one", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("next_seq", sa.BigInteger, nullable=False),
        sa.Column("next_xact", sa.BigInteger, nullable=False),
        sa.Column("cluster", sa.String),
        sa.CheckConstraint("one = 1", name="one"),
    )
    op.execute("insert into sequencer (one, next_seq, next_xact) values (1, 1, 0)")
