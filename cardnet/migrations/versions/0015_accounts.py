"""Invitations to staff accounts: a one-time link under which the owner sets password and authenticator."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_moment = sa.DateTime(timezone=True)
_STATES = "state in ('invited', 'active', 'disabled')"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_account_state_known"), "account", type_="check")
    op.create_check_constraint(op.f("ck_account_state_known"), "account", _STATES)
    op.create_table(
        "account_invitation",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("invited_by", sa.Uuid),
        sa.Column("created_at", _moment, nullable=False),
        sa.Column("expires_at", _moment, nullable=False),
        sa.Column("used_at", _moment),
        sa.Column("ended_at", _moment),
        sa.Column("failures", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id", name="pk_account_invitation"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_account_invitation_account_id_account"),
        sa.ForeignKeyConstraint(["invited_by"], ["account.id"], name="fk_account_invitation_invited_by_account"),
        sa.UniqueConstraint("token_hash", name="uq_account_invitation_token_hash"),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_account_invitation_failures_counted")),
    )
    # An account has at most one open invitation: a new one ends the one before.
    op.create_index(
        "uq_account_invitation_open",
        "account_invitation",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("used_at is null and ended_at is null"),
    )
    op.create_index("ix_audit_event_actor_id_id", "audit_event", ["actor_id", "id"])
