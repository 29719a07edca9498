"""The originals of the documents that gave people their tags: sealed, the newest counts."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import append_only

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.create_table(
        "tag_original",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("tag_id", sa.Uuid, sa.ForeignKey("tag.id"), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept_by", sa.Uuid, nullable=False),
        sa.CheckConstraint("octet_length(sha256) = 32", name="sha256"),
    )
    op.create_index("ix_tag_original_tag_id", "tag_original", ["tag_id"])
    append_only("tag_original")
