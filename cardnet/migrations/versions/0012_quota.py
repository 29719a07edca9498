"""Quota at depth: offers of a place, dates of recall, years that close, 决策依据 with its original, requests for more."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import append_only

revision = "0012"
down_revision = "0011"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("quota_year", sa.Column("offer_days", sa.BigInteger, nullable=False, server_default="7"))
    op.create_check_constraint("offer_days", "quota_year", "offer_days between 1 and 60")
    op.add_column("quota_node", sa.Column("recall_after", sa.Date))
    op.add_column("quota_node", sa.Column("closed", sa.Boolean, nullable=False, server_default=sa.text("false")))
    _authority()
    _raises()
    op.create_check_constraint(
        "offer", "application", "(offer_until is not null) = (state = 'waitlisted' and quota_node_id is not null)"
    )
    for column in ("offer_until", "hold_until", "quota_node_id"):
        op.create_index(
            f"ix_application_{column}", "application", [column], postgresql_where=sa.text(f"{column} is not null")
        )


def _authority() -> None:
    op.create_table(
        "authority",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("document", sa.String, nullable=False),
        sa.Column("meeting", sa.String, nullable=False),
        sa.Column("decided_on", sa.Date, nullable=False),
        sa.Column("budget_item", sa.String, nullable=False),
        sa.Column("filename", sa.String),
        sa.Column("original", sa.LargeBinary),
        sa.Column("original_sha256", sa.LargeBinary),
        sa.Column("recorded_by", sa.Uuid),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("(original is null) = (original_sha256 is null)", name="original"),
        sa.CheckConstraint("original_sha256 is null or octet_length(original_sha256) = 32", name="sha256"),
    )
    append_only("authority")
    op.add_column("quota_entry", sa.Column("authority_id", sa.Uuid))
    op.create_foreign_key("fk_quota_entry_authority_id_authority", "quota_entry", "authority", ["authority_id"], ["id"])


def _raises() -> None:
    op.create_table(
        "quota_raise",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("year", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("authority_id", sa.Uuid, sa.ForeignKey("authority.id")),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("asked_by", sa.Uuid, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("decided_by", sa.Uuid),
        sa.Column("decided_at", MOMENT),
        sa.Column("words", sa.String),
        sa.CheckConstraint("state in ('approved', 'asked', 'refused', 'withdrawn')", name="state"),
        sa.CheckConstraint("kind in ('new_card', 'recuperation')", name="kind"),
        sa.CheckConstraint("count > 0", name="count"),
        sa.CheckConstraint("decided_by is null or state = 'withdrawn' or decided_by <> asked_by", name="four_eyes"),
        sa.CheckConstraint("(state = 'asked') = (decided_at is null)", name="decided"),
    )
    op.create_index("ix_quota_raise_year_kind_state", "quota_raise", ["year", "kind", "state"])
    op.create_index("ix_quota_raise_union_id", "quota_raise", ["union_id"])
