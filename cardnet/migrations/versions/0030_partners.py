"""Partners at depth: agreements with signed copies, hours, contacts, settlement accounts, the blacklist; offline limits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint

from cardnet.migrations.steps import append_only

revision = "0030"
down_revision = "0029"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.drop_constraint(op.f("ck_merchant_state"), "merchant", type_="check")
    op.create_check_constraint("state", "merchant", "state in ('draft', 'active', 'suspended', 'ended')")
    op.add_column("store", sa.Column("phone", sa.String))
    op.add_column("store", sa.Column("hours", JSONB(none_as_null=True)))
    op.add_column("store", sa.Column("closed_on", sa.Date))
    _agreements()
    _contacts()
    _accounts()
    _blacklist()
    op.create_table(
        "terminal_sync",
        sa.Column("terminal_id", sa.Uuid, primary_key=True),
        sa.Column("synced_at", MOMENT, nullable=False),
    )
    _limits()
    append_only("merchant_agreement_file")
    for table in ("settlement_account", "offline_limits"):
        op.execute(
            f"create trigger {table}_decided before update or delete on {table} "
            "for each row execute function cardnet_decided_stays()"
        )


def _agreements() -> None:
    op.create_table(
        "merchant_agreement",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("merchant_id", sa.Uuid, sa.ForeignKey("merchant.id"), nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("signed_on", sa.Date, nullable=False),
        sa.Column("from_on", sa.Date, nullable=False),
        sa.Column("until_on", sa.Date),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.Uuid),
        sa.UniqueConstraint("merchant_id", "number"),
        sa.CheckConstraint("until_on >= from_on", name="dates"),
        ExcludeConstraint(
            (sa.text("uuidrange(merchant_id, merchant_id, '[]')"), "&&"),
            (sa.text("daterange(from_on, until_on, '[]')"), "&&"),
            name="ex_merchant_agreement_one_a_day",
            using="gist",
        ),
    )
    # What merchants were made with so far: their contract, where it says all that an agreement must.
    op.execute(
        "insert into merchant_agreement (id, merchant_id, number, signed_on, from_on, until_on, made_at) "
        "select id, id, contract_number, contract_signed_on, contract_from, contract_until, created_at from merchant "
        "where contract_number is not null and contract_signed_on is not null and contract_from is not null"
    )
    op.create_table(
        "merchant_agreement_file",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("agreement_id", sa.Uuid, sa.ForeignKey("merchant_agreement.id"), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("uploaded_at", MOMENT, nullable=False),
        sa.Column("uploaded_by", sa.Uuid),
    )
    op.create_index("ix_merchant_agreement_file_agreement_id", "merchant_agreement_file", ["agreement_id"])


def _contacts() -> None:
    op.create_table(
        "merchant_contact",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("merchant_id", sa.Uuid, sa.ForeignKey("merchant.id"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.LargeBinary, nullable=False),
        sa.Column("phone", sa.LargeBinary, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.Uuid),
        sa.Column("ended_at", MOMENT),
        sa.CheckConstraint("kind in ('owner', 'daily', 'settlement')", name="kind"),
    )
    op.create_index(
        "uq_merchant_contact_live", "merchant_contact", ["merchant_id", "kind"], unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )  # fmt: skip


def _accounts() -> None:
    op.create_table(
        "settlement_account",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("merchant_id", sa.Uuid, sa.ForeignKey("merchant.id"), nullable=False),
        sa.Column("holder", sa.LargeBinary, nullable=False),
        sa.Column("number", sa.LargeBinary, nullable=False),
        sa.Column("number_index", sa.LargeBinary, nullable=False),
        sa.Column("tail", sa.String, nullable=False),
        sa.Column("bank", sa.String, nullable=False),
        sa.Column("branch_code", sa.String),
        sa.Column("evidence", sa.String, nullable=False),
        *_decided_columns(),
        sa.CheckConstraint("state in ('proposed', 'approved', 'rejected', 'withdrawn')", name="state"),
        sa.CheckConstraint("decided_by <> proposed_by or state = 'withdrawn'", name="four_eyes"),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_at is null) and (decided_by is null) = (decided_at is null)",
            name="decided",
        ),
    )
    op.create_index(
        "uq_settlement_account_proposed", "settlement_account", ["merchant_id"], unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )  # fmt: skip
    op.create_index("ix_settlement_account_merchant_id_decided_at", "settlement_account", ["merchant_id", "decided_at"])
    op.create_index("ix_settlement_account_number_index", "settlement_account", ["number_index"])
    op.execute(
        "create function cardnet_decided_stays() returns trigger language plpgsql as $$ begin "
        "if old.state <> 'proposed' or tg_op = 'DELETE' then "
        "raise exception '% is decided and stays as it is', tg_table_name using errcode = '0A000'; end if; "
        "return new; end $$"
    )


def _blacklist() -> None:
    op.create_table(
        "merchant_blacklist",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("credit_code", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("document", sa.String, nullable=False),
        sa.Column("listed_at", MOMENT, nullable=False),
        sa.Column("listed_by", sa.Uuid),
        sa.Column("lifted_at", MOMENT),
        sa.Column("lifted_by", sa.Uuid),
        sa.Column("lifted_words", sa.String),
        sa.CheckConstraint("(lifted_at is null) = (lifted_words is null)", name="lifted"),
    )
    op.create_index(
        "uq_merchant_blacklist_live", "merchant_blacklist", ["credit_code"], unique=True,
        postgresql_where=sa.text("lifted_at is null"),
    )  # fmt: skip


def _limits() -> None:
    op.create_table(
        "offline_limits",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("values", JSONB(none_as_null=True), nullable=False),
        sa.Column("document", sa.String, nullable=False),
        *_decided_columns(),
        sa.CheckConstraint("state in ('proposed', 'approved', 'rejected', 'withdrawn')", name="state"),
        sa.CheckConstraint("decided_by <> proposed_by or state = 'withdrawn'", name="four_eyes"),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_at is null) and (decided_by is null) = (decided_at is null)",
            name="decided",
        ),
    )
    op.create_index(
        "uq_offline_limits_proposed", "offline_limits", ["state"], unique=True,
        postgresql_where=sa.text("state = 'proposed'"),
    )  # fmt: skip


def _decided_columns() -> tuple[sa.Column[object], ...]:
    """Who proposed something, who decided it and in what words."""
    return (
        sa.Column("state", sa.String, nullable=False),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("proposed_by", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("decided_at", MOMENT),
        sa.Column("decided_by", sa.Uuid, sa.ForeignKey("account.id")),
        sa.Column("words", sa.String),
    )
