"""finance: a reconciliation can be set aside by name and with a reason; an unreadable line keeps the numbers it names."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.add_column("reconciliation_run", sa.Column("set_aside_at", sa.DateTime(timezone=True)))
    op.add_column("reconciliation_run", sa.Column("set_aside_by", sa.Uuid, sa.ForeignKey("account.id")))
    op.add_column("reconciliation_run", sa.Column("set_aside_words", sa.String))
    op.create_check_constraint(
        "set_aside",
        "reconciliation_run",
        "(set_aside_at is null) = (set_aside_words is null) "
        "and (set_aside_at is null or superseded_by is not null) and (set_aside_by is null or set_aside_at is not null)",
    )
    op.add_column("statement_fault", sa.Column("redemption_id", sa.String))
    op.add_column("statement_fault", sa.Column("merchant_ref", sa.String))
