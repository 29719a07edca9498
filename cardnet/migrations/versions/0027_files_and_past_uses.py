"""kernel: files taken in beside the request, and how far any job is; benefits: uses from before cardnet."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from cardnet.migrations.steps import append_only, grant_tables

revision = "0027"
down_revision = "0026"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _how_far()
    _files()
    _past_uses()


def _how_far() -> None:
    """What rosters had for themselves is every job's: no foreign key to one table any more."""
    op.drop_constraint("fk_roster_job_progress_job_id_roster_job", "roster_job_progress")
    op.rename_table("roster_job_progress", "job_progress")
    op.execute("alter table job_progress rename constraint pk_roster_job_progress to pk_job_progress")


def _files() -> None:
    op.create_table(
        "file_job",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("officer_id", sa.Uuid, nullable=False),
        sa.Column("filename", sa.String, nullable=False),
        sa.Column("options", JSONB(none_as_null=True), nullable=False),
        sa.Column("content", sa.LargeBinary),
        sa.Column("content_sha256", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("error", sa.String),
        sa.Column("error_words", sa.String),
        sa.Column("outcome", sa.LargeBinary),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.CheckConstraint("state in ('cancelled', 'done', 'failed', 'waiting')", name="state"),
        sa.CheckConstraint("(content is not null) = (state = 'waiting')", name="content"),
        sa.CheckConstraint("(outcome is not null) = (state = 'done')", name="outcome"),
    )
    op.create_index(
        "uq_file_job_waiting", "file_job", ["officer_id", "kind", "content_sha256"], unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )  # fmt: skip
    op.create_index("ix_file_job_officer_id_asked_at", "file_job", ["officer_id", "asked_at"])
    op.create_index("ix_file_job_expires_at", "file_job", ["expires_at"])
    grant_tables("file_job")


def _past_uses() -> None:
    op.create_table(
        "past_use_import",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("filename", sa.String, nullable=False),
        sa.Column("content_sha256", sa.LargeBinary, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("stored", sa.BigInteger, nullable=False),
        sa.Column("officer_id", sa.Uuid, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("taken_back_at", MOMENT),
        sa.Column("taken_back_by", sa.Uuid),
        sa.Column("reason", sa.String),
        sa.CheckConstraint(
            "(taken_back_at is null) = (taken_back_by is null) and (taken_back_at is null) = (reason is null)",
            name="taken_back",
        ),
    )
    op.create_index("ix_past_use_import_at", "past_use_import", ["at"])
    op.create_table(
        "past_use",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("import_id", sa.Uuid, sa.ForeignKey("past_use_import.id"), nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("program_id", sa.Uuid, nullable=False),
        sa.Column("used_on", sa.Date, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("fen", sa.BigInteger, nullable=False),
        sa.Column("place", sa.String),
        sa.Column("unit_path", sa.String, nullable=False),
        sa.CheckConstraint("times between 1 and 366 and fen >= 0", name="amounts"),
    )
    op.create_index("ix_past_use_person_id", "past_use", ["person_id"])
    op.create_index("ix_past_use_import_id", "past_use", ["import_id"])
    op.create_index("ix_past_use_program_id_used_on", "past_use", ["program_id", "used_on"])
    grant_tables("past_use_import", "past_use")
    append_only("past_use")
