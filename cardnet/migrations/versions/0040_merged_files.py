"""The files merged into one are found by index: a member's own pages ask for them each time."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.create_index(
        "ix_person_merged_into_id", "person", ["merged_into_id"],
        postgresql_where=sa.text("merged_into_id is not null"),
    )  # fmt: skip
