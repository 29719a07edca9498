"""What was given offline although nothing was left is remembered on the redemption, so that refunds find account 5902."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.add_column("redemption", sa.Column("borne", sa.Boolean, nullable=False, server_default=sa.text("false")))
    # Only such captures were ever booked on 5902, and their advices say which ones they are.
    op.execute(
        "update redemption r set borne = true from advice a where a.redemption_id = r.id "
        "and a.outcome = 'captured_with_exception' and a.code in ('limit_count', 'limit_amount', 'pool_exhausted')"
    )
