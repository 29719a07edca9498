"""issuance: whether what was held before a card was lost may still be used, and the decision."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import grant_tables

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    op.create_table(
        "loss_policy",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("honour_holds_on_loss", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("set_by", sa.Uuid, sa.ForeignKey("account.id")),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name="one_row"),
    )
    grant_tables("loss_policy")
