"""membership: digits by which a member binds the official account to themselves, good for minutes, once."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import grant_tables

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    op.create_table(
        "account_code",
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("code_index", sa.LargeBinary, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "uq_account_code_live", "account_code", ["code_index"], unique=True, postgresql_where=sa.text("used_at is null")
    )
    grant_tables("account_code")
