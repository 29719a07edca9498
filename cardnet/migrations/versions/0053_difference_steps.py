"""finance: what people found about a difference and decided, step by step; append-only."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import append_only, grant_tables

revision = "0053"
down_revision = "0052"

_STEPS = "step in ('note', 'propose', 'approve', 'return', 'reopen')"
_RESOLUTIONS = "resolution in ('merchant_corrects', 'done_elsewhere', 'explained')"


def upgrade() -> None:
    op.create_table(
        "difference_step",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("exception_id", sa.Uuid, nullable=False),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("resolution", sa.String),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid, nullable=False),
        sa.Column("words", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_difference_step"),
        sa.ForeignKeyConstraint(
            ["exception_id"],
            ["reconciliation_exception.id"],
            name="fk_difference_step_exception_id_reconciliation_exception",
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["account.id"], name="fk_difference_step_actor_id_account"),
        sa.CheckConstraint(_STEPS, name="step"),
        sa.CheckConstraint(_RESOLUTIONS, name="resolution"),
    )
    op.create_index("ix_difference_step_exception_id", "difference_step", ["exception_id"])
    grant_tables("difference_step")
    append_only("difference_step")
