"""credential: keys that say which key is a terminal's and that sign receipts; what was certified and what has ended."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import grant_tables

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_issuer_key_use_known"), "issuer_key")
    op.create_check_constraint(
        op.f("ck_issuer_key_use_known"),
        "issuer_key",
        "use in ('card', 'print', 'status', 'settlement', 'offers', 'terminal-ca', 'receipt', 'root')",
    )
    op.create_table(
        "terminal_certificate",
        sa.Column("key_id", sa.String, primary_key=True),
        sa.Column("kid", sa.LargeBinary, sa.ForeignKey("issuer_key.kid"), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True)),
    )
    grant_tables("terminal_certificate")
