"""Staff accounts, staff sessions and bearer tokens, member sessions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0002"
down_revision = "0001"

_moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("display_name", sa.String, nullable=False),
        sa.Column("roles", ARRAY(sa.String), nullable=False),
        # No foreign keys to unions and people: their tables belong to the layer above and come in 0003.
        sa.Column("union_id", sa.Uuid, nullable=False),
        sa.Column("scope_path", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("first_password", sa.Boolean, nullable=False),
        sa.Column("totp_secret", sa.LargeBinary, nullable=False),
        sa.Column("totp_last_step", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("failures", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("locked_until", _moment),
        sa.Column("created_at", _moment, nullable=False),
        sa.UniqueConstraint("username", name="uq_account_username"),
        sa.CheckConstraint("cardinality(roles) > 0", name=op.f("ck_account_has_a_role")),
        sa.CheckConstraint("state in ('active', 'disabled')", name=op.f("ck_account_state_known")),
        sa.CheckConstraint("scope_path ~ '^/.*/$'", name=op.f("ck_account_scope_is_a_path")),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_account_failures_counted")),
    )
    op.create_index("ix_account_union_id", "account", ["union_id"])
    op.create_table(
        "staff_session",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "account_id",
            sa.Uuid,
            sa.ForeignKey("account.id", name="fk_staff_session_account_id_account"),
            nullable=False,
        ),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("address", sa.String),
        sa.Column("created_at", _moment, nullable=False),
        sa.Column("confirmed_at", _moment, nullable=False),
        sa.Column("seen_at", _moment, nullable=False),
        sa.Column("expires_at", _moment, nullable=False),
        sa.Column("ended_at", _moment),
        sa.UniqueConstraint("token_hash", name="uq_staff_session_token_hash"),
        sa.CheckConstraint("kind in ('page', 'api')", name=op.f("ck_staff_session_kind_known")),
    )
    op.create_index("ix_staff_session_account_id", "staff_session", ["account_id"])
    op.create_table(
        "member_session",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _moment, nullable=False),
        sa.Column("expires_at", _moment, nullable=False),
        sa.Column("ended_at", _moment),
        sa.UniqueConstraint("token_hash", name="uq_member_session_token_hash"),
    )
    op.create_index("ix_member_session_person_id", "member_session", ["person_id"])
