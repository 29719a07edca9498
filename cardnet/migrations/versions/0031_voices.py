"""benefits: what members say themselves, how content they are with the year and that a use was not theirs."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import grant_tables

revision = "0031"
down_revision = "0030"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "satisfaction",
        sa.Column("person_id", sa.Uuid, primary_key=True),
        sa.Column("year", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("feeling", sa.String, nullable=False),
        sa.Column("unit_path", sa.String, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=False),
        sa.CheckConstraint("feeling in ('satisfied', 'so_so', 'dissatisfied')", name="feeling"),
    )
    op.create_index("ix_satisfaction_year_unit_path", "satisfaction", ["year", "unit_path"])
    op.create_table(
        "denial",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("redemption_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("merchant_id", sa.Uuid, nullable=False),
        sa.Column("words", sa.String, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("noted_by", sa.Uuid),
        sa.Column("taken_back_at", MOMENT),
        sa.Column("outcome", sa.String),
        sa.Column("answer", sa.String),
        sa.Column("settled_at", MOMENT),
        sa.Column("settled_by", sa.Uuid),
        sa.CheckConstraint("outcome in ('confirmed', 'explained')", name="outcome"),
        sa.CheckConstraint(
            "(outcome is null) = (settled_at is null) and (outcome is null) = (settled_by is null)", name="settled"
        ),
        sa.CheckConstraint("taken_back_at is null or outcome is null", name="taken_back"),
    )
    op.create_index(
        "uq_denial_live", "denial", ["redemption_id"], unique=True, postgresql_where=sa.text("taken_back_at is null")
    )
    op.create_index("ix_denial_person_id", "denial", ["person_id"])
    op.create_index(
        "ix_denial_open", "denial", ["at"], postgresql_where=sa.text("outcome is null and taken_back_at is null")
    )
    grant_tables("satisfaction", "denial")
