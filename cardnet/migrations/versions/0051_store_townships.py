"""merchants: a store stands in a town or street of the district, named by its union."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    op.add_column("store", sa.Column("township_id", sa.Uuid, sa.ForeignKey("union_node.id")))
