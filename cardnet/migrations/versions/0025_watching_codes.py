"""Alarms of the credential, codes seen of each card index, indexes given out again, and who bound a phone anew."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

_MOMENT = sa.DateTime(timezone=True)
_NOTICES = (
    "activation_reminder", "card_issued", "card_suspended", "place_offered", "application_returned", "card_renewed",
    "code_stopped",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "card_index_free",
        sa.Column("card_index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("place", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_card_index_free_place", "card_index_free", ["place"])
    op.create_table(
        "code_seen",
        sa.Column("card_index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("proof_id", sa.LargeBinary, primary_key=True),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("challenged", sa.Boolean, nullable=False),
    )
    op.create_table(
        "code_watch",
        sa.Column("one", sa.Boolean, primary_key=True),
        sa.Column("after_id", sa.Uuid, nullable=False),
        sa.CheckConstraint("one", name=op.f("ck_code_watch_one_row")),
    )
    op.create_table(
        "credential_alarm",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("card_index", sa.BigInteger, nullable=False),
        sa.Column("kid", sa.LargeBinary, nullable=False),
        sa.Column("redemption_id", sa.Uuid, nullable=False),
        sa.Column("terminal", sa.String, nullable=False),
        sa.Column("raised_at", _MOMENT, nullable=False),
        sa.Column("acknowledged_at", _MOMENT),
        sa.Column("acknowledged_by", sa.Uuid),
        sa.Column("words", sa.String),
        sa.UniqueConstraint("kind", "redemption_id", name="uq_credential_alarm_kind_redemption_id"),
        sa.CheckConstraint("kind in ('not_issued', 'clone_suspected')", name=op.f("ck_credential_alarm_kind")),
    )
    op.create_index(
        "ix_credential_alarm_open",
        "credential_alarm",
        ["raised_at"],
        postgresql_where=sa.text("acknowledged_at is null"),
    )
    op.add_column("binding", sa.Column("rebound_by", sa.String))
    op.add_column("binding", sa.Column("session_id", sa.Uuid))
    op.drop_constraint(op.f("ck_notice_kind"), "notice")
    op.create_check_constraint(op.f("ck_notice_kind"), "notice", f"kind in {_NOTICES!r}")
