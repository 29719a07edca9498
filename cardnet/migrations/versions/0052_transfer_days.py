"""membership: a transfer says how many working days the old unit was given; open ones hear of the recorded holidays."""

import sqlalchemy as sa
from alembic import op

from cardnet.kernel.calendar import working_deadline

revision = "0052"
down_revision = "0051"

# Five were given until the district decided otherwise.
_GIVEN = """
    update transfer_proposal t
       set working_days = coalesce((select working_days from transfer_term where set_at <= t.proposed_at), 5)"""

_OPEN = sa.text("""
    select id, proposed_at, due_at, working_days from transfer_proposal
     where state = 'proposed' and due_at > now() for no key update""")

_MOVE = sa.text("update transfer_proposal set due_at = :due where id = :id")


def upgrade() -> None:
    op.add_column("transfer_proposal", sa.Column("working_days", sa.BigInteger))
    op.execute(_GIVEN)
    op.alter_column("transfer_proposal", "working_days", nullable=False)
    op.create_check_constraint("working_days", "transfer_proposal", "working_days between 1 and 60")
    # Deadlines were computed without the recorded days until 0050. Nobody gets less than was promised.
    here = op.get_bind()
    decided = {row.day: row.works for row in here.execute(sa.text("select day, works from calendar_day"))}
    for row in here.execute(_OPEN).all():
        due = working_deadline(row.proposed_at, row.working_days, decided)
        if due > row.due_at:
            here.execute(_MOVE, {"id": row.id, "due": due})
