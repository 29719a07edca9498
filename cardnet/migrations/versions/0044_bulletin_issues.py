"""benefits: issues of the bulletin are kept as they were sent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from cardnet.migrations.steps import append_only

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    op.create_table(
        "bulletin_issue",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("year", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("edition", sa.BigInteger, nullable=False),
        sa.Column("corrects_id", sa.Uuid, sa.ForeignKey("bulletin_issue.id")),
        sa.Column("addressees", JSONB, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("published_by", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("union_id", "year", "number", "edition"),
        sa.UniqueConstraint("corrects_id"),
        sa.CheckConstraint("number > 0 and edition > 0", name="number"),
        sa.CheckConstraint("(edition = 1) = (corrects_id is null)", name="corrects"),
        sa.CheckConstraint("octet_length(sha256) = 32", name="sha256"),
    )
    op.create_index("ix_bulletin_issue_at", "bulletin_issue", ["at"])
    append_only("bulletin_issue")
