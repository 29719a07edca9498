"""benefits: programs and pools rest on recorded decisions, as raises of the quota do."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import append_only, grant_tables

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.create_table(
        "attached_authority",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("authority_id", sa.Uuid, sa.ForeignKey("authority.id"), nullable=False),
        sa.Column("program_id", sa.Uuid, sa.ForeignKey("program.id")),
        sa.Column("pool_id", sa.Uuid, sa.ForeignKey("pool.id")),
        sa.Column("attached_by", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(program_id is null) <> (pool_id is null)", name="one_subject"),
        sa.UniqueConstraint("program_id", "authority_id"),
        sa.UniqueConstraint("pool_id", "authority_id"),
    )
    op.create_index("ix_attached_authority_authority_id", "attached_authority", ["authority_id"])
    grant_tables("attached_authority")
    append_only("attached_authority")
