"""membership, issuance: days to answer a transfer and the life of a card are decided; one link for a chair, that ends."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import grant_tables

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    op.create_table(
        "transfer_term",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("working_days", sa.BigInteger, nullable=False),
        *_decided(),
        sa.CheckConstraint("id = 1", name="one_row"),
        sa.CheckConstraint("working_days between 1 and 60", name="working_days"),
    )
    op.create_table(
        "card_life",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("years", sa.BigInteger, nullable=False),
        sa.Column("ends", sa.String, nullable=False),
        *_decided(),
        sa.CheckConstraint("kind in ('own', 'external')", name="kind"),
        sa.CheckConstraint("years between 1 and 20", name="years"),
        sa.CheckConstraint("ends in ('year_end', 'same_day')", name="ends"),
    )
    grant_tables("transfer_term", "card_life")

    op.add_column("unit_approval", sa.Column("decided_by", sa.Uuid))
    op.drop_constraint(op.f("ck_unit_approval_outcome"), "unit_approval", type_="check")
    op.create_check_constraint(
        "outcome", "unit_approval",
        "outcome is null or outcome in ('confirmed', 'declined', 'withdrawn', 'replaced')",
    )  # fmt: skip
    # Of several live links for one list only the newest stays: a chair who lost the others' messages loses nothing.
    op.execute("""
        update unit_approval earlier set outcome = 'replaced', decided_at = later.made_at, decided_by = later.made_by
          from (select distinct on (batch_id, union_id) id, batch_id, union_id, made_at, made_by from unit_approval
                 where kind = 'link' and outcome is null order by batch_id, union_id, made_at desc, number desc) later
         where earlier.kind = 'link' and earlier.outcome is null and earlier.id <> later.id
           and (earlier.batch_id, earlier.union_id) = (later.batch_id, later.union_id)""")


def _decided() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("set_by", sa.Uuid, sa.ForeignKey("account.id")),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
    )
