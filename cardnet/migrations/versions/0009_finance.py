"""Finance: settlements that never change, merchants' files, reconciliation runs, matches and exceptions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint

from cardnet.migrations.steps import append_only

revision = "0009"
down_revision = "0008"

_STATES = (
    "state in ('sealed', 'confirmed', 'invoiced', 'approved', 'paying', 'payout_failed', 'paid', 'returned', 'filed')"
)
_CODES = "code in ({})".format(", ".join(f"'E{number:02d}'" for number in range(1, 19)))
_EXCEPTION_STATES = "state in ('open', 'assigned', 'proposed', 'approved', 'rejected', 'posted', 'closed', 'reopened')"

_SEALED = """
create function cardnet_settlement_sealed() returns trigger language plpgsql as $$
begin
  old.state := new.state;
  if old is distinct from new then
    raise exception 'a sealed settlement never changes: only its state moves on' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger settlement_sealed before update on settlement
  for each row execute function cardnet_settlement_sealed();
create trigger settlement_kept before delete or truncate on settlement
  for each statement execute function cardnet_append_only();
"""


def _merchant() -> sa.Column:
    return sa.Column("merchant_id", sa.Uuid, nullable=False)


def _foreign(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _moment(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    _settlements()
    _statements()
    _runs()
    append_only("settlement_line", "settlement_event", "statement_file", "statement_line", "statement_fault")


def _settlements() -> None:
    op.create_table(
        "settlement",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        _merchant(),
        sa.Column("first_on", sa.Date, nullable=False),
        sa.Column("last_on", sa.Date, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("lines", sa.BigInteger, nullable=False),
        sa.Column("captured_fen", sa.BigInteger, nullable=False),
        sa.Column("reversed_fen", sa.BigInteger, nullable=False),
        sa.Column("refunded_fen", sa.BigInteger, nullable=False),
        sa.Column("net_fen", sa.BigInteger, nullable=False),
        sa.Column("gross_fen", sa.BigInteger, nullable=False),
        sa.Column("discount_fen", sa.BigInteger, nullable=False),
        sa.Column("ledger_mark", sa.BigInteger, nullable=False),
        sa.Column("previous_id", sa.Uuid),
        sa.Column("entry_id", sa.Uuid),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("document_sha256", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("key_id", sa.LargeBinary, nullable=False),
        _moment("sealed_at"),
        sa.Column("sealed_by", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_settlement"),
        sa.UniqueConstraint("number", name="uq_settlement_number"),
        sa.UniqueConstraint("merchant_id", "last_on", name="uq_settlement_merchant_id_last_on"),
        sa.UniqueConstraint("previous_id", name="uq_settlement_previous_id"),
        _foreign("settlement", "merchant_id", "merchant"),
        _foreign("settlement", "previous_id", "settlement"),
        _foreign("settlement", "entry_id", "entry"),
        _foreign("settlement", "sealed_by", "account"),
        sa.CheckConstraint(_STATES, name="state"),
        sa.CheckConstraint("first_on <= last_on", name="period"),
        sa.CheckConstraint("net_fen = captured_fen - reversed_fen - refunded_fen and net_fen >= 0", name="net"),
    )
    op.create_index("ix_settlement_last_on", "settlement", ["last_on"])
    op.get_bind().connection.driver_connection.execute(_SEALED)
    op.create_table(
        "settlement_line",
        sa.Column("settlement_id", sa.Uuid, nullable=False),
        sa.Column("line_no", sa.BigInteger, nullable=False),
        sa.Column("redemption_id", sa.Uuid, nullable=False),
        sa.Column("merchant_ref", sa.String),
        sa.Column("store", sa.String, nullable=False),
        sa.Column("terminal", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        _moment("occurred_at"),
        sa.Column("gross_fen", sa.BigInteger, nullable=False),
        sa.Column("discount_fen", sa.BigInteger, nullable=False),
        sa.Column("union_fen", sa.BigInteger, nullable=False),
        sa.Column("net_fen", sa.BigInteger, nullable=False),
        sa.Column("original_redemption_id", sa.Uuid),
        sa.PrimaryKeyConstraint("settlement_id", "line_no", name="pk_settlement_line"),
        sa.UniqueConstraint("redemption_id", "type", name="uq_settlement_line_redemption_id_type"),
        _foreign("settlement_line", "settlement_id", "settlement"),
        sa.CheckConstraint("type in ('capture', 'reversal', 'refund')", name="type"),
        sa.CheckConstraint("union_fen >= 0 and abs(net_fen) = union_fen", name="net"),
    )
    op.create_table(
        "settlement_event",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("settlement_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        _moment("at"),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("words", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_settlement_event"),
        _foreign("settlement_event", "settlement_id", "settlement"),
        _foreign("settlement_event", "actor_id", "account"),
        sa.CheckConstraint(_STATES, name="state"),
    )
    op.create_index("ix_settlement_event_settlement_id", "settlement_event", ["settlement_id"])
    op.create_table(
        "held_back",
        sa.Column("id", sa.Uuid, nullable=False),
        _merchant(),
        sa.Column("redemption_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("net_fen", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("words", sa.String, nullable=False),
        _moment("held_at"),
        sa.Column("held_by", sa.Uuid, nullable=False),
        _moment("released_at", nullable=True),
        sa.Column("released_by", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_held_back"),
        _foreign("held_back", "merchant_id", "merchant"),
        _foreign("held_back", "held_by", "account"),
        _foreign("held_back", "released_by", "account"),
        sa.CheckConstraint("(released_at is null) = (released_by is null)", name="released"),
    )
    op.create_index(
        "uq_held_back_live",
        "held_back",
        ["redemption_id", "type"],
        unique=True,
        postgresql_where=sa.text("released_at is null"),
    )


def _statements() -> None:
    op.create_table(
        "statement_file",
        sa.Column("id", sa.Uuid, nullable=False),
        _merchant(),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("filename", sa.String, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("lines", sa.BigInteger, nullable=False),
        sa.Column("unreadable", sa.BigInteger, nullable=False),
        sa.Column("basis", sa.String),
        sa.Column("amount_column", sa.String, nullable=False),
        sa.Column("declared_line", sa.BigInteger),
        sa.Column("declared_count", sa.BigInteger),
        sa.Column("declared_fen", sa.BigInteger),
        sa.Column("refusal", sa.String),
        sa.Column("refusal_words", JSONB),
        _moment("received_at"),
        sa.Column("received_by", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_statement_file"),
        sa.UniqueConstraint("merchant_id", "sha256", name="uq_statement_file_merchant_id_sha256"),
        _foreign("statement_file", "merchant_id", "merchant"),
        _foreign("statement_file", "received_by", "account"),
        sa.CheckConstraint("(refusal is null) = (refusal_words is null)", name="refusal"),
    )
    op.create_table(
        "statement_line",
        sa.Column("file_id", sa.Uuid, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("redemption_id", sa.String),
        sa.Column("merchant_ref", sa.String),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("day", sa.BigInteger),
        sa.Column("at", sa.BigInteger),
        sa.Column("store", sa.String),
        sa.Column("terminal", sa.String),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("file_id", "line", name="pk_statement_line"),
        _foreign("statement_line", "file_id", "statement_file"),
    )
    op.create_index("ix_statement_line_file_id_day", "statement_line", ["file_id", "day"])
    op.create_table(
        "statement_fault",
        sa.Column("file_id", sa.Uuid, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("column", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("problem", sa.String, nullable=False),
        sa.Column("cells", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("file_id", "line", name="pk_statement_fault"),
        _foreign("statement_fault", "file_id", "statement_file"),
    )


def _runs() -> None:
    op.create_table(
        "reconciliation_run",
        sa.Column("id", sa.Uuid, nullable=False),
        _merchant(),
        sa.Column("first_on", sa.Date, nullable=False),
        sa.Column("last_on", sa.Date, nullable=False),
        sa.Column("ruleset", sa.String, nullable=False),
        sa.Column("basis", sa.String, nullable=False),
        sa.Column("inputs", JSONB, nullable=False),
        sa.Column("summary", JSONB, nullable=False),
        sa.Column("result_sha256", sa.LargeBinary, nullable=False),
        sa.Column("differences", sa.BigInteger, nullable=False),
        _moment("created_at"),
        sa.Column("created_by", sa.Uuid),
        sa.Column("superseded_by", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_reconciliation_run"),
        _foreign("reconciliation_run", "merchant_id", "merchant"),
        _foreign("reconciliation_run", "created_by", "account"),
        # Deferred: the old run steps aside for a new one before the new one's row is there.
        sa.ForeignKeyConstraint(
            ["superseded_by"],
            ["reconciliation_run.id"],
            name="fk_reconciliation_run_superseded_by_reconciliation_run",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.CheckConstraint("first_on <= last_on", name="period"),
        ExcludeConstraint(
            (sa.text("uuidrange(merchant_id, merchant_id, '[]')"), "&&"),
            (sa.text("daterange(first_on, last_on, '[]')"), "&&"),
            name="reconciliation_run_live",
            using="gist",
            where=sa.text("superseded_by is null"),
        ),
    )
    op.create_index("ix_reconciliation_run_merchant_id_first_on", "reconciliation_run", ["merchant_id", "first_on"])
    op.create_index("ix_reconciliation_run_created_at", "reconciliation_run", ["created_at"])
    op.create_table(
        "reconciliation_run_file",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("file_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "file_id", name="pk_reconciliation_run_file"),
        _foreign("reconciliation_run_file", "run_id", "reconciliation_run"),
        _foreign("reconciliation_run_file", "file_id", "statement_file"),
    )
    op.create_index("ix_reconciliation_run_file_file_id", "reconciliation_run_file", ["file_id"])
    op.create_table(
        "reconciliation_match",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("match_no", sa.BigInteger, nullable=False),
        sa.Column("part", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("pass", sa.String, nullable=False),
        sa.Column("our_id", sa.Uuid),
        sa.Column("our_type", sa.String),
        sa.Column("file_id", sa.Uuid),
        sa.Column("line", sa.BigInteger),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "match_no", "part", name="pk_reconciliation_match"),
        _foreign("reconciliation_match", "run_id", "reconciliation_run"),
        _foreign("reconciliation_match", "file_id", "statement_file"),
        sa.CheckConstraint("our_id is not null or file_id is not null", name="a_side"),
        sa.CheckConstraint(
            "(file_id is null) = (line is null) and (our_id is null) = (our_type is null)",
            name="whole",
        ),
    )
    op.create_index(
        "uq_reconciliation_match_ours",
        "reconciliation_match",
        ["our_id", "our_type"],
        unique=True,
        postgresql_where=sa.text("live and our_id is not null"),
    )
    op.create_index(
        "uq_reconciliation_match_theirs",
        "reconciliation_match",
        ["file_id", "line"],
        unique=True,
        postgresql_where=sa.text("live and file_id is not null"),
    )
    op.create_table(
        "reconciliation_exception",
        sa.Column("id", sa.Uuid, nullable=False),
        _merchant(),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("no", sa.BigInteger, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("group", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("ours", JSONB, nullable=False),
        sa.Column("theirs", JSONB, nullable=False),
        sa.Column("detail", JSONB, nullable=False),
        sa.Column("our_fen", sa.BigInteger, nullable=False),
        sa.Column("their_fen", sa.BigInteger, nullable=False),
        sa.Column("clears_on", sa.Date),
        _moment("opened_at"),
        sa.Column("assigned_to", sa.Uuid),
        sa.Column("maker_id", sa.Uuid),
        sa.Column("resolution", sa.String),
        sa.Column("evidence", sa.String),
        _moment("proposed_at", nullable=True),
        sa.Column("checker_id", sa.Uuid),
        _moment("decided_at", nullable=True),
        sa.Column("entry_id", sa.Uuid),
        _moment("closed_at", nullable=True),
        sa.Column("closing_words", sa.String),
        sa.PrimaryKeyConstraint("id", name="pk_reconciliation_exception"),
        sa.UniqueConstraint("merchant_id", "key", name="uq_reconciliation_exception_merchant_id_key"),
        _foreign("reconciliation_exception", "merchant_id", "merchant"),
        _foreign("reconciliation_exception", "run_id", "reconciliation_run"),
        _foreign("reconciliation_exception", "assigned_to", "account"),
        _foreign("reconciliation_exception", "maker_id", "account"),
        _foreign("reconciliation_exception", "checker_id", "account"),
        _foreign("reconciliation_exception", "entry_id", "entry"),
        sa.CheckConstraint(_CODES, name="code"),
        sa.CheckConstraint("\"group\" in ('ours_only', 'theirs_only', 'amount', 'other')", name="group"),
        sa.CheckConstraint(_EXCEPTION_STATES, name="state"),
        sa.CheckConstraint("maker_id <> checker_id", name="four_eyes"),
        sa.CheckConstraint(
            "state not in ('proposed', 'approved', 'posted') or (maker_id is not null and resolution is not null)",
            name="maker",
        ),
        sa.CheckConstraint("state not in ('approved', 'posted') or checker_id is not null", name="checker"),
        sa.CheckConstraint("(state = 'closed') = (closed_at is not null)", name="closed"),
    )
    op.create_index("ix_reconciliation_exception_run_id_no", "reconciliation_exception", ["run_id", "no"])
    op.create_index(
        "ix_reconciliation_exception_open",
        "reconciliation_exception",
        ["merchant_id"],
        postgresql_where=sa.text("state <> 'closed'"),
    )
