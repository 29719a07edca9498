"""review: delegation, terms and freezes, days recorded by hand, corrected rows, a unit's approval outside the system."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint

from cardnet.migrations.steps import append_only

revision = "0011"
down_revision = "0010"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _delegation()
    _clock()
    _corrections()
    _unit_approval()
    _lists()
    append_only("row_correction", "unit_approval_file")


def _delegation() -> None:
    op.create_table(
        "delegation",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("giver_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("deputy_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("from_at", MOMENT, nullable=False),
        sa.Column("to_at", MOMENT, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("given_by", sa.Uuid, nullable=False),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_by", sa.Uuid),
        sa.CheckConstraint("from_at < to_at", name="window"),
        sa.CheckConstraint("giver_id <> deputy_id", name="two_people"),
        sa.CheckConstraint("(ended_at is null) = (ended_by is null)", name="ended"),
        ExcludeConstraint(
            (sa.text("uuidrange(giver_id, giver_id, '[]')"), "&&"),
            (sa.text("tstzrange(from_at, to_at)"), "&&"),
            name="ex_delegation_one_deputy",
            using="gist",
            where=sa.text("ended_at is null"),
        ),
    )
    op.create_index("ix_delegation_giver_id", "delegation", ["giver_id"])
    op.create_index("ix_delegation_deputy_id", "delegation", ["deputy_id"])


def _clock() -> None:
    op.create_table(
        "review_term",
        sa.Column("tier", sa.String, primary_key=True),
        sa.Column("working_days", sa.BigInteger, nullable=False),
        sa.Column("set_by", sa.Uuid),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.CheckConstraint("tier in ('district', 'township', 'unit')", name="tier"),
        sa.CheckConstraint("working_days between 1 and 60", name="working_days"),
    )
    op.create_table(
        "review_freeze",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("from_at", MOMENT, nullable=False),
        sa.Column("to_at", MOMENT),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("set_by", sa.Uuid),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.Column("lifted_by", sa.Uuid),
        sa.CheckConstraint("to_at is null or from_at <= to_at", name="window"),
    )
    op.create_table(
        "calendar_day",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("works", sa.Boolean, nullable=False),
        sa.Column("document", sa.String, nullable=False),
        sa.Column("set_by", sa.Uuid),
        sa.Column("set_at", MOMENT, nullable=False),
    )


def _corrections() -> None:
    op.create_table(
        "row_correction",
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("application.id"), primary_key=True),
        sa.Column("round", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("made_by", sa.Uuid, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
    )


def _unit_approval() -> None:
    op.create_table(
        "unit_approval",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("batch_id", sa.Uuid, sa.ForeignKey("batch.id"), nullable=False),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("signer", sa.LargeBinary, nullable=False),
        sa.Column("token_hash", sa.LargeBinary),
        sa.Column("made_by", sa.Uuid, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("outcome", sa.String),
        sa.Column("decided_at", MOMENT),
        sa.Column("decided_from", sa.String),
        sa.Column("words", sa.String),
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("token_hash"),
        sa.CheckConstraint("kind in ('link', 'summary')", name="kind"),
        sa.CheckConstraint("(kind = 'link') = (token_hash is not null)", name="link_has_token"),
        sa.CheckConstraint("outcome is null or outcome in ('confirmed', 'declined')", name="outcome"),
        sa.CheckConstraint("(outcome is null) = (decided_at is null)", name="decided"),
    )
    op.create_index("ix_unit_approval_batch_id", "unit_approval", ["batch_id"])
    op.create_table(
        "unit_approval_file",
        sa.Column("approval_id", sa.Uuid, sa.ForeignKey("unit_approval.id"), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("uploaded_by", sa.Uuid, nullable=False),
        sa.Column("uploaded_at", MOMENT, nullable=False),
    )


def _lists() -> None:
    op.create_index(
        "ix_application_review_path_due_at_id",
        "application",
        ["review_path", "due_at", "id"],
        postgresql_where=sa.text("review_path is not null"),
    )
    op.create_index(
        "ix_application_overdue",
        "application",
        ["due_at"],
        postgresql_where=sa.text("review_path is not null and escalated_at is null"),
    )
    op.create_index(
        "ix_application_escalated",
        "application",
        ["review_path"],
        postgresql_where=sa.text("review_path is not null and escalated_at is not null"),
    )
    op.create_index(
        "ix_application_approved",
        "application",
        ["batch_id"],
        postgresql_where=sa.text("state = 'approved'"),
    )
    op.create_index(
        "ix_application_returned",
        "application",
        ["hold_until"],
        postgresql_where=sa.text("state = 'returned'"),
    )
