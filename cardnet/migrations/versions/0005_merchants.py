"""Merchants, stores, terminals, tokens, pairing codes."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "merchant",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("category", sa.String, nullable=False),
        sa.Column("credit_code", sa.String),
        sa.Column("settlement_cycle", sa.String, nullable=False),
        sa.Column("settlement_contact", sa.LargeBinary),
        sa.Column("contract_number", sa.String),
        sa.Column("contract_signed_on", sa.Date),
        sa.Column("contract_from", sa.Date),
        sa.Column("contract_until", sa.Date),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_merchant"),
        sa.UniqueConstraint("code", name="uq_merchant_code"),
        sa.CheckConstraint("state in ('active', 'suspended', 'ended')", name="state"),
        sa.CheckConstraint("settlement_cycle in ('monthly', 'weekly', 'daily')", name="settlement_cycle"),
        sa.CheckConstraint("contract_until >= contract_from", name="contract_dates"),
    )
    op.create_table(
        "store",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("merchant_id", sa.Uuid, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("address", sa.String),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_store"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="fk_store_merchant_id_merchant"),
        sa.UniqueConstraint("merchant_id", "code", name="uq_store_merchant_id_code"),
    )
    op.create_table(
        "terminal",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("merchant_id", sa.Uuid, nullable=False),
        sa.Column("store_id", sa.Uuid, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("public_key", sa.LargeBinary),
        sa.Column("key_algorithm", sa.String),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_terminal"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="fk_terminal_merchant_id_merchant"),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name="fk_terminal_store_id_store"),
        sa.UniqueConstraint("merchant_id", "code", name="uq_terminal_merchant_id_code"),
        sa.CheckConstraint("state in ('active', 'suspended', 'retired')", name="state"),
        sa.CheckConstraint("(public_key is null) = (key_algorithm is null)", name="key"),
    )
    op.create_index("ix_terminal_store_id", "terminal", ["store_id"])
    op.create_table(
        "terminal_token",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("terminal_id", sa.Uuid, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("slot", sa.SmallInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_terminal_token"),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="fk_terminal_token_terminal_id_terminal"),
        sa.UniqueConstraint("token_hash", name="uq_terminal_token_token_hash"),
        sa.CheckConstraint("slot between 1 and 2", name="slot"),
    )
    op.create_index(
        "uq_terminal_token_slot",
        "terminal_token",
        ["terminal_id", "slot"],
        unique=True,
        postgresql_where=sa.text("revoked_at is null"),
    )
    op.create_table(
        "pairing_code",
        sa.Column("terminal_id", sa.Uuid, nullable=False),
        sa.Column("locator", sa.String, nullable=False),
        sa.Column("secret_index", sa.LargeBinary, nullable=False),
        sa.Column("tries", sa.SmallInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("terminal_id", name="pk_pairing_code"),
        sa.ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="fk_pairing_code_terminal_id_terminal"),
        sa.UniqueConstraint("locator", name="uq_pairing_code_locator"),
        sa.CheckConstraint("tries between 0 and 5", name="tries"),
    )
