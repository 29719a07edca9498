"""issuance: quota tree and its ledger, batches, applications and their history, cards, activation codes, bindings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint

from cardnet.migrations.steps import append_only

revision = "0007"
down_revision = "0006"

MOMENT = sa.DateTime(timezone=True)

# Written out: a migration says what was, whatever the rules say by then.
OPEN = "state in ('approved', 'draft', 'in_review', 'returned', 'submitted', 'waitlisted')"
USABLE = "state in ('active', 'delivered', 'ordered', 'produced', 'suspended')"


def counter(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def upgrade() -> None:
    _quota()
    _rosters()
    _applications()
    _cards()
    append_only("quota_entry", "application_event", "card_event")


def _quota() -> None:
    op.create_table(
        "quota_year",
        sa.Column("year", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("closing_until", sa.Date),
        sa.CheckConstraint("state in ('closed', 'closing', 'open')", name="state"),
    )
    op.create_table(
        "quota_node",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("year", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("parent_id", sa.Uuid, sa.ForeignKey("quota_node.id")),
        counter("received"),
        counter("passed_down"),
        counter("held"),
        counter("used"),
        sa.UniqueConstraint("year", "kind", "union_id"),
        sa.CheckConstraint("kind in ('new_card', 'recuperation')", name="kind"),
        sa.CheckConstraint("received >= 0 and passed_down >= 0 and held >= 0 and used >= 0", name="signs"),
        sa.CheckConstraint("held + used + passed_down <= received", name="bounds"),
    )
    op.create_index("ix_quota_node_parent_id", "quota_node", ["parent_id"])
    op.create_index("ix_quota_node_union_id", "quota_node", ["union_id"])


def _rosters() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("filename", sa.String, nullable=False),
        sa.Column("content_sha256", sa.LargeBinary, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("quota_year", sa.BigInteger, nullable=False),
        sa.Column("columns", JSONB, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("valid", sa.BigInteger, nullable=False),
        sa.Column("declined", sa.BigInteger, nullable=False),
        sa.Column("invalid", sa.BigInteger, nullable=False),
        sa.Column("submitted_by", sa.Uuid, nullable=False),
        sa.Column("submitted_at", MOMENT, nullable=False),
        sa.UniqueConstraint("union_id", "content_sha256"),
        sa.CheckConstraint("mode in ('all_or_nothing', 'valid_rows_only')", name="mode"),
    )
    op.create_table(
        "roster_row",
        sa.Column("batch_id", sa.Uuid, sa.ForeignKey("batch.id"), primary_key=True),
        sa.Column("row", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id")),
        sa.CheckConstraint("state in ('valid', 'warning', 'declined', 'invalid')", name="state"),
    )
    op.create_index("ix_roster_row_person_id", "roster_row", ["person_id"])
    op.create_table(
        "quota_entry",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("node_id", sa.Uuid, sa.ForeignKey("quota_node.id"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        counter("received"),
        counter("passed_down"),
        counter("held"),
        counter("used"),
        sa.Column("counterpart_id", sa.Uuid, sa.ForeignKey("quota_node.id")),
        sa.Column("batch_id", sa.Uuid, sa.ForeignKey("batch.id")),
        sa.Column("document", sa.String),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("received <> 0 or passed_down <> 0 or held <> 0 or used <> 0", name="changes_something"),
    )
    op.create_index("ix_quota_entry_node_id_at", "quota_entry", ["node_id", "at"])
    op.create_index("ix_quota_entry_batch_id", "quota_entry", ["batch_id"])


def _applications() -> None:
    op.create_table(
        "application",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("batch_id", sa.Uuid, sa.ForeignKey("batch.id")),
        sa.Column("row", sa.BigInteger),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("review_path", sa.String),
        sa.Column("round", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("quota_year", sa.BigInteger, nullable=False),
        sa.Column("quota_node_id", sa.Uuid, sa.ForeignKey("quota_node.id")),
        sa.Column("hold_until", MOMENT),
        sa.Column("priority", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("queued_at", MOMENT),
        sa.Column("offer_until", MOMENT),
        sa.Column("submitted_by", sa.Uuid, nullable=False),
        sa.Column("submitted_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT),
        sa.Column("escalated_at", MOMENT),
        sa.Column("replaces_card_id", sa.Uuid),
        counter("events"),
        sa.UniqueConstraint("batch_id", "row"),
        sa.CheckConstraint("kind in ('new', 'renewal', 'replacement')", name="kind"),
        sa.CheckConstraint(
            "state in ('approved', 'draft', 'in_review', 'issued', 'lapsed', 'rejected', 'returned', 'submitted', "
            "'waitlisted', 'withdrawn')",
            name="state",
        ),
        sa.CheckConstraint("(review_path is not null) = (state in ('in_review', 'submitted'))", name="turn"),
        sa.CheckConstraint("kind = 'new' or quota_node_id is null", name="only_new_takes_quota"),
    )
    op.create_index(
        "uq_application_open_person",
        "application",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text(f"kind = 'new' and {OPEN}"),
    )
    op.create_index(
        "uq_application_open_replacement",
        "application",
        ["replaces_card_id"],
        unique=True,
        postgresql_where=sa.text(f"replaces_card_id is not null and {OPEN}"),
    )
    op.create_index(
        "ix_application_waiting",
        "application",
        ["union_id", "quota_year", "priority", "queued_at", "row"],
        postgresql_where=sa.text("state = 'waitlisted'"),
    )
    op.create_index(
        "ix_application_review_path_batch_id",
        "application",
        ["review_path", "batch_id"],
        postgresql_where=sa.text("review_path is not null"),
    )
    op.create_index("ix_application_person_id", "application", ["person_id"])
    op.create_index("ix_application_union_id", "application", ["union_id"])
    op.create_table(
        "application_event",
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("application.id"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("from_state", sa.String, nullable=False),
        sa.Column("to_state", sa.String, nullable=False),
        sa.Column("review_path", sa.String),
        sa.Column("round", sa.BigInteger, nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("on_behalf_of", sa.Uuid),
        sa.Column("reasons", JSONB),
        sa.Column("words", sa.String),
    )
    op.create_index("ix_application_event_actor_id_at", "application_event", ["actor_id", "at"])


def _cards() -> None:
    op.create_table(
        "card",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("union_id", sa.Uuid, sa.ForeignKey("union_node.id"), nullable=False),
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("application.id")),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date, nullable=False),
        sa.Column("quota_year", sa.BigInteger),
        sa.Column("replaces_id", sa.Uuid, sa.ForeignKey("card.id")),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("produced_at", MOMENT),
        sa.Column("delivered_at", MOMENT),
        sa.Column("activated_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        counter("events"),
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("application_id"),
        sa.UniqueConstraint("replaces_id"),
        sa.CheckConstraint(
            "state in ('active', 'cancelled', 'delivered', 'ordered', 'produced', 'replaced', 'suspended')",
            name="state",
        ),
        sa.CheckConstraint("number ~ '^[0-9]{13}$'", name="number"),
        sa.CheckConstraint("valid_from <= valid_to", name="validity"),
        ExcludeConstraint(
            (sa.text("uuidrange(person_id, person_id, '[]')"), "&&"),
            (sa.text("daterange(valid_from, valid_to, '[]')"), "&&"),
            name="ex_card_one_usable",
            using="gist",
            where=sa.text(USABLE),
        ),
    )
    op.create_index("ix_card_person_id", "card", ["person_id"])
    op.create_index("ix_card_union_id", "card", ["union_id"])
    op.create_foreign_key("fk_application_replaces_card_id_card", "application", "card", ["replaces_card_id"], ["id"])
    op.create_table(
        "card_event",
        sa.Column("card_id", sa.Uuid, sa.ForeignKey("card.id"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("from_state", sa.String),
        sa.Column("to_state", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("on_behalf_of", sa.Uuid),
        sa.Column("words", sa.String),
    )
    op.create_table(
        "activation_code",
        sa.Column("card_id", sa.Uuid, sa.ForeignKey("card.id"), primary_key=True),
        sa.Column("code_index", sa.LargeBinary, nullable=False),
        counter("tries"),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.CheckConstraint("tries between 0 and 5", name="tries"),
    )
    op.create_table(
        "binding",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("card_id", sa.Uuid, sa.ForeignKey("card.id"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("slot", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("card_index", sa.BigInteger, nullable=False),
        sa.Column("device_key", sa.LargeBinary),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("bound_at", MOMENT, nullable=False),
        sa.Column("credential_expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.Column("recycled_at", MOMENT),
        sa.CheckConstraint("kind in ('device', 'printed')", name="kind"),
        sa.CheckConstraint("state in ('live', 'revoked', 'suspended')", name="state"),
        sa.CheckConstraint("(kind = 'device') = (device_key is not null)", name="device_has_key"),
        sa.CheckConstraint("device_key is null or octet_length(device_key) = 33", name="device_key"),
    )
    op.create_index(
        "uq_binding_live",
        "binding",
        ["card_id", "kind", "slot"],
        unique=True,
        postgresql_where=sa.text("state <> 'revoked'"),
    )
    op.create_index(
        "uq_binding_card_index",
        "binding",
        ["card_index"],
        unique=True,
        postgresql_where=sa.text("recycled_at is null"),
    )
    op.create_index("ix_binding_card_id", "binding", ["card_id"])
