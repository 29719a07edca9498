"""Members: why a membership ended, the hash of a tag's document, a transfer's first day, kin, yearly confirmation."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("membership", sa.Column("ended_as", sa.String))
    op.create_check_constraint(
        "ended_as", "membership", "ended_as in ('transferred', 'left', 'withdrawn', 'deceased', 'merged')"
    )
    op.create_check_constraint("ended", "membership", 'ended_as is null or "to" is not null')
    op.add_column("tag", sa.Column("document_sha256", sa.LargeBinary))
    op.create_check_constraint("sha256", "tag", "document_sha256 is null or octet_length(document_sha256) = 32")
    op.add_column("transfer_proposal", sa.Column("effective_on", sa.Date))
    op.create_table(
        "kin",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("relation", sa.String, nullable=False),
        sa.Column("name", sa.LargeBinary, nullable=False),
        sa.Column("phone", sa.LargeBinary),
        sa.Column("recorded_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.CheckConstraint("relation in ('spouse', 'child', 'parent', 'other')", name="relation"),
    )
    op.create_index("ix_kin_person_id", "kin", ["person_id"])
    op.create_table(
        "confirmation",
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), primary_key=True, nullable=False),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), primary_key=True, nullable=False),
        sa.Column("year", sa.BigInteger, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        sa.Column("effective_on", sa.Date),
        sa.Column("answered_by", sa.Uuid),
        sa.Column("answered_at", _MOMENT, nullable=False),
        sa.CheckConstraint("answer in ('stays', 'left', 'retired', 'deceased')", name="answer"),
    )
    op.create_index("ix_confirmation_union_id_year", "confirmation", ["union_id", "year"])
    op.create_table(
        "distinct_people",
        sa.Column("low_id", sa.Uuid, sa.ForeignKey("person.id"), primary_key=True, nullable=False),
        sa.Column("high_id", sa.Uuid, sa.ForeignKey("person.id"), primary_key=True, nullable=False),
        sa.Column("decided_by", sa.Uuid, nullable=False),
        sa.Column("decided_at", _MOMENT, nullable=False),
        sa.CheckConstraint("low_id < high_id", name="ordered"),
    )
