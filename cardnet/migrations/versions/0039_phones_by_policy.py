"""issuance: a card may be on two phones where the union says so; a place for each, and the decision."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import grant_tables

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    op.create_table(
        "phone_policy",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("phones", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("set_by", sa.Uuid, sa.ForeignKey("account.id")),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name="one_row"),
        sa.CheckConstraint("phones in (1, 2)", name="phones"),
    )
    grant_tables("phone_policy")
    op.create_check_constraint("slot", "binding", "slot between 1 and case kind when 'device' then 2 else 1 end")
