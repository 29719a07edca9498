"""Rosters at depth: jobs with their report, transfer proposals, members who fill in themselves, cards of others."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("batch", sa.Column("origin", sa.String, nullable=False, server_default="file"))
    op.add_column("batch", sa.Column("header", postgresql.JSONB(none_as_null=True)))
    op.create_check_constraint("origin", "batch", "origin in ('file', 'self_filled')")
    _jobs()
    _transfers()
    _self_filled()
    _external_cards()


def _jobs() -> None:
    op.create_table(
        "roster_job",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("officer_id", sa.Uuid, nullable=False),
        sa.Column("filename", sa.String, nullable=False),
        sa.Column("content", sa.LargeBinary),
        sa.Column("content_sha256", sa.LargeBinary, nullable=False),
        sa.Column("mode", sa.String),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("error", sa.String),
        sa.Column("error_words", sa.String),
        sa.Column("report", postgresql.JSONB(none_as_null=True)),
        sa.Column("batch_id", sa.Uuid, sa.ForeignKey("batch.id")),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "state in ('cancelled', 'checked', 'failed', 'submitted', 'submitting', 'waiting')", name="state"
        ),
        sa.CheckConstraint("mode in ('all_or_nothing', 'valid_rows_only')", name="mode"),
        sa.CheckConstraint("(state = 'submitted') = (batch_id is not null)", name="batch"),
    )
    op.create_index("ix_roster_job_officer_id_asked_at", "roster_job", ["officer_id", "asked_at"])
    op.create_index("ix_roster_job_union_id", "roster_job", ["union_id"])
    op.create_index("ix_roster_job_expires_at", "roster_job", ["expires_at"])
    op.create_index("ix_roster_job_batch_id", "roster_job", ["batch_id"])
    op.create_table(
        "roster_job_progress",
        sa.Column(
            "job_id", sa.Uuid, sa.ForeignKey("roster_job.id", ondelete="cascade"), primary_key=True, nullable=False
        ),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("cancel_asked", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("told_at", MOMENT, nullable=False),
    )
    op.create_table(
        "roster_job_row",
        sa.Column(
            "job_id", sa.Uuid, sa.ForeignKey("roster_job.id", ondelete="cascade"), primary_key=True, nullable=False
        ),
        sa.Column("row", sa.BigInteger, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("codes", postgresql.ARRAY(sa.String), nullable=False),
        sa.Column("severities", postgresql.ARRAY(sa.String), nullable=False),
        sa.Column("words", sa.LargeBinary, nullable=False),
    )


def _transfers() -> None:
    op.create_table(
        "transfer_proposal",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("from_union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("to_union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("proposed_by", sa.Uuid),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("decided_by", sa.Uuid),
        sa.Column("decided_at", MOMENT),
        sa.Column("words", sa.String, nullable=False, server_default=""),
        sa.CheckConstraint("state in ('proposed', 'released', 'objected', 'withdrawn', 'lapsed')", name="state"),
        sa.CheckConstraint("origin in ('roster', 'register', 'self_filled', 'officer')", name="origin"),
        sa.CheckConstraint("from_union_id <> to_union_id", name="two_unions"),
        sa.CheckConstraint("(decided_at is null) = (state = 'proposed')", name="decided"),
    )
    op.create_index(
        "uq_transfer_proposal_open",
        "transfer_proposal",
        ["person_id", "to_union_id"],
        unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )
    for column in ("person_id", "from_union_id", "to_union_id"):
        op.create_index(f"ix_transfer_proposal_{column}", "transfer_proposal", [column])
    op.create_index(
        "ix_transfer_proposal_due_at", "transfer_proposal", ["due_at"], postgresql_where=sa.text("state = 'proposed'")
    )


def _self_filled() -> None:
    op.create_table(
        "self_fill_poster",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("token", sa.String, nullable=False, unique=True),
        sa.Column("most", sa.BigInteger, nullable=False),
        sa.Column("opened_by", sa.Uuid, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closes_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.CheckConstraint("most between 1 and 100000", name="most"),
    )
    # One poster of a unit is open at a time: two officers opening one at once, the second insert fails.
    op.create_index(
        "uq_self_fill_poster_open",
        "self_fill_poster",
        ["union_id"],
        unique=True,
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_index("ix_self_fill_poster_union_id", "self_fill_poster", ["union_id"])
    op.create_table(
        "self_fill_entry",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("poster_id", sa.Uuid, sa.ForeignKey("self_fill_poster.id"), nullable=False),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("fields", sa.LargeBinary),
        sa.Column("address_index", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("filled_at", MOMENT, nullable=False),
        sa.Column("decided_by", sa.Uuid),
        sa.Column("decided_at", MOMENT),
        sa.Column("batch_id", sa.Uuid, sa.ForeignKey("batch.id")),
        sa.CheckConstraint("state in ('waiting', 'taken', 'dismissed')", name="state"),
        sa.CheckConstraint("(state = 'taken') = (batch_id is not null)", name="batch"),
        sa.CheckConstraint("(decided_at is null) = (state = 'waiting')", name="decided"),
        sa.CheckConstraint("(fields is not null) = (state = 'waiting')", name="fields"),
    )
    op.create_index(
        "uq_self_fill_entry_waiting",
        "self_fill_entry",
        ["union_id", "key"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index("ix_self_fill_entry_poster_id_filled_at", "self_fill_entry", ["poster_id", "filled_at"])
    op.create_index("ix_self_fill_entry_union_id", "self_fill_entry", ["union_id"])
    op.create_index("ix_self_fill_entry_batch_id", "self_fill_entry", ["batch_id"])


def _external_cards() -> None:
    op.add_column("card", sa.Column("external_number", sa.LargeBinary))
    op.add_column("card", sa.Column("external_index", sa.LargeBinary))
    op.add_column("card", sa.Column("external_issuer", sa.String))
    op.create_check_constraint(
        "external",
        "card",
        "(external_number is null) = (external_index is null) and (external_number is null) = (external_issuer is null)",
    )
    # One city card belongs to one person, however many units tie it at once.
    op.create_index(
        "uq_card_external",
        "card",
        ["external_index"],
        unique=True,
        postgresql_where=sa.text("external_index is not null and state not in ('cancelled', 'replaced')"),
    )
