"""What the union has suspended no manager resumes: a terminal remembers who stopped it."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.add_column(
        "terminal", sa.Column("stopped_by_union", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_check_constraint("stopped_by_union", "terminal", "state = 'suspended' or not stopped_by_union")
