"""issuance: three indexes nobody asks are gone, which every approval wrote.

Thirty thousand rows pass three tiers, and each step writes a row's every index anew. Nobody looks for applications by
union alone or for events by who acted, and the round of what is overdue goes desk by desk through the review list's.
"""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.drop_index("ix_application_overdue", "application")
    op.drop_index("ix_application_union_id", "application")
    op.drop_index("ix_application_event_actor_id_at", "application_event")
