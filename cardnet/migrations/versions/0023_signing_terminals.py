"""Terminals that sign: their keys, nonces seen, scopes of tokens; bad codes counted."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "merchant", sa.Column("requires_signature", sa.Boolean, nullable=False, server_default=sa.text("false"))
    )
    op.add_column("terminal_token", sa.Column("scopes", sa.String))
    _keys()
    op.create_table(
        "terminal_lockout",
        sa.Column("terminal_id", sa.Uuid, primary_key=True),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("locked_until", MOMENT),
        sa.CheckConstraint("failed > 0", name="failed"),
    )
    op.create_table(
        "signature_nonce",
        sa.Column("key_id", sa.Uuid, primary_key=True),
        sa.Column("nonce", sa.String, primary_key=True),
        sa.Column("seen_at", MOMENT, nullable=False),
    )
    op.create_index("ix_signature_nonce_seen_at", "signature_nonce", ["seen_at"], postgresql_using="brin")


def _keys() -> None:
    op.create_table(
        "terminal_key",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("terminal_id", sa.Uuid, sa.ForeignKey("terminal.id"), nullable=False),
        sa.Column("key_id", sa.String, nullable=False, unique=True),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("algorithm", sa.String, nullable=False),
        sa.Column("slot", sa.SmallInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.CheckConstraint("slot between 1 and 2", name="slot"),
        sa.CheckConstraint("algorithm in ('ed25519', 'es256')", name="algorithm"),
    )
    op.create_index(
        "uq_terminal_key_slot", "terminal_key", ["terminal_id", "slot"], unique=True,
        postgresql_where=sa.text("revoked_at is null"),
    )  # fmt: skip
    # What terminals enrolled so far; base64url of the digest, as rules.key_id_of makes it.
    op.execute(
        "insert into terminal_key (id, terminal_id, key_id, public_key, algorithm, slot, created_at) "
        "select id, id, left(translate(encode(sha256(public_key), 'base64'), '+/', '-_'), 22), public_key, key_algorithm, "
        "1, created_at from terminal where public_key is not null"
    )
