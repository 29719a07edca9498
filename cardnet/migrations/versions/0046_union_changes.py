"""What became of unions: renamed, moved, merged, closed. Their names and places of before stay known."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import append_only

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    op.create_table(
        "union_change",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("effective_on", sa.Date, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("other_id", sa.Uuid, sa.ForeignKey("union_node.id")),
        sa.Column("document", sa.String, nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('rename', 'move', 'merge', 'close')", name="kind"),
    )
    op.create_index("ix_union_change_union_id", "union_change", ["union_id"])
    op.create_index("ix_union_change_other_id", "union_change", ["other_id"])
    append_only("union_change")
