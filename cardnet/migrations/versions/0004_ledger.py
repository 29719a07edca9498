"""Ledger: accounts, entries and postings that never change, pools in slices, the business day."""

import sqlalchemy as sa
from alembic import op

from cardnet.migrations.steps import append_only

revision = "0004"
down_revision = "0003"

_LEDGERS = "ledger in ('cny', 'budget', 'heads')"
_KINDS = (
    "kind in ('appropriate', 'hold', 'capture', 'release', 'reversal', 'refund', 'carry_over', 'settlement', "
    "'payout_sent', 'payout_confirmed', 'payout_returned', 'claim_decided', 'claim_paid', 'adjustment')"
)


def upgrade() -> None:
    op.create_table(
        "ledger_account",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("ledger", sa.String, nullable=False),
        sa.Column("owner_kind", sa.String),
        sa.Column("owner_id", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_account"),
        sa.CheckConstraint(_LEDGERS, name=op.f("ck_ledger_account_ledger")),
    )
    op.create_index("ix_ledger_account_code_owner_id", "ledger_account", ["code", "owner_id"])
    op.create_table(
        "entry",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("source_id", sa.Uuid, nullable=False),
        sa.Column("memo", sa.String),
        sa.Column("maker_id", sa.Uuid),
        sa.Column("checker_id", sa.Uuid),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "business_date",
            sa.Date,
            sa.Computed("(accepted_at AT TIME ZONE 'Asia/Shanghai'::text)::date", persisted=True),
            nullable=False,
        ),
        sa.Column("xact", sa.BigInteger, nullable=False, server_default=sa.text("pg_current_xact_id()::text::bigint")),
        sa.PrimaryKeyConstraint("id", name="pk_entry"),
        sa.CheckConstraint(_KINDS, name=op.f("ck_entry_kind")),
        sa.CheckConstraint("maker_id <> checker_id", name=op.f("ck_entry_four_eyes")),
    )
    op.create_index("ix_entry_business_date", "entry", ["business_date"])
    op.create_index("ix_entry_source_id", "entry", ["source_id"])
    op.create_index("ix_entry_xact_id", "entry", ["xact", "id"])
    op.create_table(
        "posting",
        sa.Column("entry_id", sa.Uuid, nullable=False),
        sa.Column("line", sa.SmallInteger, nullable=False),
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("ledger", sa.String, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "line", name="pk_posting"),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_posting_not_zero")),
    )
    op.create_index("ix_posting_account_id", "posting", ["account_id"])
    op.create_table(
        "pool",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("unit", sa.String, nullable=False),
        sa.Column("slices", sa.SmallInteger, nullable=False),
        sa.Column("union_id", sa.Uuid),
        sa.Column("doc_ref", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pool"),
        sa.UniqueConstraint("code", name="uq_pool_code"),
        sa.ForeignKeyConstraint(["union_id"], ["union_node.id"], name="fk_pool_union_id_union_node"),
        sa.CheckConstraint("unit in ('fen', 'persons')", name=op.f("ck_pool_unit")),
        sa.CheckConstraint("slices > 0", name=op.f("ck_pool_slices")),
    )
    op.create_table(
        "pool_slice",
        sa.Column("pool_id", sa.Uuid, nullable=False),
        sa.Column("no", sa.SmallInteger, nullable=False),
        sa.Column("available", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("pool_id", "no", name="pk_pool_slice"),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name="fk_pool_slice_pool_id_pool"),
        sa.CheckConstraint("available >= 0", name=op.f("ck_pool_slice_available")),
    )
    # Room on the page for the next version of a row, so that a take changes no index.
    op.execute("alter table pool_slice set (fillfactor = 50)")
    op.create_table(
        "business_day",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("closing_at", sa.DateTime(timezone=True)),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("sealed_snapshot", sa.String),
        sa.PrimaryKeyConstraint("day", name="pk_business_day"),
        sa.CheckConstraint("state in ('open', 'closing', 'closed')", name=op.f("ck_business_day_state")),
        sa.CheckConstraint("(state = 'closed') = (closed_at is not null)", name=op.f("ck_business_day_closed")),
    )
    append_only("entry", "posting")
