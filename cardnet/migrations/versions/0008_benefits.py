"""Benefits: programs and their dated rules, counters, redemptions, decisions, the fences against doing twice."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint

from cardnet.migrations.steps import append_only

revision = "0008"
down_revision = "0007"

# What was approved stays as it was: only its end may be set, and it may be retired.
_IMMUTABLE = """
create function cardnet_rule_version_immutable() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    if old.status in ('approved', 'retired') then
      raise exception 'an approved rule version is kept for ever' using errcode = 'insufficient_privilege';
    end if;
    return old;
  end if;
  if old.status in ('approved', 'retired') and (
    (new.id, new.program_id, new.no, new.effective_from, new.body, new.schema_version, new.content_hash, new.doc_ref,
     new.author_id, new.approver_id, new.created_at, new.approved_at)
    is distinct from
    (old.id, old.program_id, old.no, old.effective_from, old.body, old.schema_version, old.content_hash, old.doc_ref,
     old.author_id, old.approver_id, old.created_at, old.approved_at)
    or new.status not in ('approved', 'retired') or (old.status = 'retired' and new.status = 'approved')
    or (old.effective_to is not null and (new.effective_to is null or new.effective_to > old.effective_to))
  ) then
    raise exception 'an approved rule version is immutable: a mistake is corrected by a new version'
      using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$
"""


def upgrade() -> None:
    op.create_table(
        "program",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("operator", sa.String, nullable=False),
        sa.Column("version_basis", sa.String, nullable=False),
        sa.Column("doc_ref", sa.String, nullable=False),
        sa.Column("budget_line", sa.String),
        sa.Column("owner_union_id", sa.Uuid, nullable=False),
        sa.Column("created_by", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind in ('discount', 'subsidy', 'service_ticket', 'insurance', 'contributory', 'mutual_aid', 'condolence', 'recuperation')",
            name=op.f("ck_program_kind"),
        ),
        sa.CheckConstraint("operator in ('self', 'external')", name=op.f("ck_program_operator")),
        sa.CheckConstraint("version_basis in ('event_date', 'submission_date')", name=op.f("ck_program_version_basis")),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name="fk_program_created_by_account"),
        sa.ForeignKeyConstraint(["owner_union_id"], ["union_node.id"], name="fk_program_owner_union_id_union_node"),
        sa.PrimaryKeyConstraint("id", name="pk_program"),
        sa.UniqueConstraint("code", name="uq_program_code"),
    )
    op.create_table(
        "rule_version",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("program_id", sa.Uuid, nullable=False),
        sa.Column("no", sa.BigInteger, nullable=False),
        sa.Column("effective_from", sa.Date, nullable=False),
        sa.Column("effective_to", sa.Date),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("schema_version", sa.String, nullable=False),
        sa.Column("content_hash", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("doc_ref", sa.String, nullable=False),
        sa.Column("author_id", sa.Uuid, nullable=False),
        sa.Column("approver_id", sa.Uuid),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True)),
        sa.Column("approved_at", sa.DateTime(timezone=True)),
        ExcludeConstraint(
            (sa.text("uuidrange(program_id, program_id, '[]')"), "&&"),
            (sa.text("daterange(effective_from, effective_to)"), "&&"),
            where=sa.text("status = 'approved'"),
            using="gist",
            name="ex_rule_version_approved_period",
        ),
        sa.CheckConstraint(
            "status in ('draft', 'in_review') or approver_id is not null", name=op.f("ck_rule_version_approved")
        ),
        sa.CheckConstraint(
            "status in ('draft', 'in_review', 'approved', 'retired')", name=op.f("ck_rule_version_status")
        ),
        sa.CheckConstraint("approver_id <> author_id", name=op.f("ck_rule_version_four_eyes")),
        sa.CheckConstraint("effective_to >= effective_from", name=op.f("ck_rule_version_period")),
        sa.ForeignKeyConstraint(["approver_id"], ["account.id"], name="fk_rule_version_approver_id_account"),
        sa.ForeignKeyConstraint(["author_id"], ["account.id"], name="fk_rule_version_author_id_account"),
        sa.ForeignKeyConstraint(["program_id"], ["program.id"], name="fk_rule_version_program_id_program"),
        sa.PrimaryKeyConstraint("id", name="pk_rule_version"),
        sa.UniqueConstraint("program_id", "no", name="uq_rule_version_program_id_no"),
    )
    op.create_table(
        "rule_parameter",
        sa.Column("code", sa.String, nullable=False),
        sa.Column("effective_from", sa.Date, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("doc_ref", sa.String, nullable=False),
        sa.Column("author_id", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("value >= 0", name=op.f("ck_rule_parameter_value")),
        sa.ForeignKeyConstraint(["author_id"], ["account.id"], name="fk_rule_parameter_author_id_account"),
        sa.PrimaryKeyConstraint("code", "effective_from", name="pk_rule_parameter"),
    )
    op.create_table(
        "rule_generation",
        sa.Column("one", sa.SmallInteger, nullable=False),
        sa.Column("token", sa.Uuid, nullable=False),
        sa.CheckConstraint("one = 1", name=op.f("ck_rule_generation_one")),
        sa.PrimaryKeyConstraint("one", name="pk_rule_generation"),
    )
    op.create_table(
        "family_member",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("family_id", sa.Uuid, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_family_member_person_id_person"),
        sa.PrimaryKeyConstraint("person_id", name="pk_family_member"),
    )
    op.create_index("ix_family_member_family_id", "family_member", ["family_id"])
    op.create_table(
        "usage",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("program_id", sa.Uuid, nullable=False),
        sa.Column("limit_code", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("used_n", sa.BigInteger, nullable=False),
        sa.Column("held_n", sa.BigInteger, nullable=False),
        sa.Column("used_fen", sa.BigInteger, nullable=False),
        sa.Column("held_fen", sa.BigInteger, nullable=False),
        sa.Column("max_n", sa.BigInteger),
        sa.Column("max_fen", sa.BigInteger),
        sa.CheckConstraint("used_n + held_n <= max_n and used_fen + held_fen <= max_fen", name=op.f("ck_usage_limit")),
        sa.CheckConstraint(
            "used_n >= 0 and held_n >= 0 and used_fen >= 0 and held_fen >= 0", name=op.f("ck_usage_not_negative")
        ),
        sa.PrimaryKeyConstraint("person_id", "program_id", "limit_code", "period", name="pk_usage"),
    )
    op.create_table(
        "shared_counter",
        sa.Column("program_id", sa.Uuid, nullable=False),
        sa.Column("limit_code", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("scope_key", sa.String, nullable=False),
        sa.Column("used_n", sa.BigInteger, nullable=False),
        sa.Column("held_n", sa.BigInteger, nullable=False),
        sa.Column("used_fen", sa.BigInteger, nullable=False),
        sa.Column("held_fen", sa.BigInteger, nullable=False),
        sa.Column("max_n", sa.BigInteger),
        sa.Column("max_fen", sa.BigInteger),
        sa.CheckConstraint(
            "used_n + held_n <= max_n and used_fen + held_fen <= max_fen", name=op.f("ck_shared_counter_limit")
        ),
        sa.CheckConstraint(
            "used_n >= 0 and held_n >= 0 and used_fen >= 0 and held_fen >= 0",
            name=op.f("ck_shared_counter_not_negative"),
        ),
        sa.PrimaryKeyConstraint("program_id", "limit_code", "period", "scope", "scope_key", name="pk_shared_counter"),
    )
    op.create_table(
        "redemption",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid),
        sa.Column("card_index", sa.BigInteger),
        sa.Column("proof_id", sa.LargeBinary),
        sa.Column("assurance", sa.String),
        sa.Column("unit_path", sa.String),
        sa.Column("merchant_id", sa.Uuid, nullable=False),
        sa.Column("merchant_code", sa.String, nullable=False),
        sa.Column("store_id", sa.Uuid, nullable=False),
        sa.Column("store_code", sa.String, nullable=False),
        sa.Column("terminal_id", sa.Uuid, nullable=False),
        sa.Column("terminal_code", sa.String, nullable=False),
        sa.Column("merchant_ref", sa.String),
        sa.Column("service_code", sa.String),
        sa.Column("service_on", sa.Date, nullable=False),
        sa.Column("code_text", sa.String),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("discount_fen", sa.BigInteger, nullable=False),
        sa.Column("subsidy_fen", sa.BigInteger, nullable=False),
        sa.Column("union_fen", sa.BigInteger, nullable=False),
        sa.Column("held_fen", sa.BigInteger, nullable=False),
        sa.Column("captured_fen", sa.BigInteger, nullable=False),
        sa.Column("refunded_fen", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reasons", JSONB),
        sa.Column("hold_expires_at", sa.DateTime(timezone=True)),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "business_date",
            sa.Date,
            sa.Computed("(accepted_at AT TIME ZONE 'Asia/Shanghai'::text)::date", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(state = 'refused') = (reasons is not null and jsonb_array_length(reasons) > 0)",
            name=op.f("ck_redemption_reasons"),
        ),
        sa.CheckConstraint(
            "(state in ('held', 'expired')) <= (hold_expires_at is not null)", name=op.f("ck_redemption_hold")
        ),
        sa.CheckConstraint(
            "state in ('held', 'captured', 'reversed', 'expired', 'partly_refunded', 'refunded', 'refused')",
            name=op.f("ck_redemption_state"),
        ),
        sa.CheckConstraint(
            "refunded_fen <= captured_fen and captured_fen <= held_fen", name=op.f("ck_redemption_amounts")
        ),
        sa.CheckConstraint(
            "refunded_fen >= 0 and captured_fen >= 0 and held_fen <= amount_fen and discount_fen >= 0 and subsidy_fen >= 0 and union_fen between 0 and discount_fen + subsidy_fen",
            name=op.f("ck_redemption_benefit"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_redemption"),
    )
    op.create_index("ix_redemption_business_date_merchant_id", "redemption", ["business_date", "merchant_id"])
    op.create_index("ix_redemption_merchant_id_id", "redemption", ["merchant_id", "id"])
    op.create_index(
        "ix_redemption_open_hold", "redemption", ["hold_expires_at"], postgresql_where=sa.text("state = 'held'")
    )
    op.create_index("ix_redemption_person_id_id", "redemption", ["person_id", "id"])
    op.create_table(
        "redemption_benefit",
        sa.Column("redemption_id", sa.Uuid, nullable=False),
        sa.Column("program_id", sa.Uuid, nullable=False),
        sa.Column("rule_version_id", sa.Uuid, nullable=False),
        sa.Column("benefit_fen", sa.BigInteger, nullable=False),
        sa.Column("union_fen", sa.BigInteger, nullable=False),
        sa.Column("merchant_fen", sa.BigInteger, nullable=False),
        sa.Column("refunded_fen", sa.BigInteger, nullable=False),
        sa.Column("refunded_union_fen", sa.BigInteger, nullable=False),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("takes", JSONB, nullable=False),
        sa.CheckConstraint(
            "benefit_fen = union_fen + merchant_fen and union_fen >= 0 and merchant_fen >= 0",
            name=op.f("ck_redemption_benefit_shares"),
        ),
        sa.CheckConstraint("refunded_fen between 0 and benefit_fen", name=op.f("ck_redemption_benefit_refunded")),
        sa.PrimaryKeyConstraint("redemption_id", "program_id", name="pk_redemption_benefit"),
    )
    op.create_index(
        "ix_redemption_benefit_program_id_redemption_id", "redemption_benefit", ["program_id", "redemption_id"]
    )
    op.create_table(
        "redemption_line",
        sa.Column("redemption_id", sa.Uuid, nullable=False),
        sa.Column("line_no", sa.BigInteger, nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("category", sa.String),
        sa.Column("benefit_fen", sa.BigInteger, nullable=False),
        sa.CheckConstraint("benefit_fen between 0 and amount_fen", name=op.f("ck_redemption_line_benefit")),
        sa.PrimaryKeyConstraint("redemption_id", "line_no", name="pk_redemption_line"),
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("redemption_id", sa.Uuid),
        sa.Column("person_id", sa.Uuid),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("inputs", JSONB, nullable=False),
        sa.Column("candidates", JSONB, nullable=False),
        sa.Column("chosen", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("mode in ('commit', 'simulate')", name=op.f("ck_decision_mode")),
        sa.PrimaryKeyConstraint("id", name="pk_decision"),
    )
    op.create_index("ix_decision_redemption_id", "decision", ["redemption_id"])
    op.create_table(
        "usage_entry",
        sa.Column("redemption_id", sa.Uuid, nullable=False),
        sa.Column("act", sa.SmallInteger, nullable=False),
        sa.Column("program_id", sa.Uuid, nullable=False),
        sa.Column("limit_code", sa.String, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("scope_key", sa.String, nullable=False),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("used_n", sa.BigInteger, nullable=False),
        sa.Column("held_n", sa.BigInteger, nullable=False),
        sa.Column("used_fen", sa.BigInteger, nullable=False),
        sa.Column("held_fen", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("redemption_id", "act", "program_id", "limit_code", name="pk_usage_entry"),
    )
    op.create_table(
        "proof_used",
        sa.Column("card_index", sa.BigInteger, nullable=False),
        sa.Column("proof_id", sa.LargeBinary, nullable=False),
        sa.Column("terminal_id", sa.Uuid, nullable=False),
        sa.Column("redemption_id", sa.Uuid),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("card_index", "proof_id", name="pk_proof_used"),
    )
    op.create_table(
        "printed_day",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("wrong", sa.BigInteger, nullable=False),
        sa.Column("redemption_id", sa.Uuid),
        sa.CheckConstraint("wrong between 0 and 5", name=op.f("ck_printed_day_wrong")),
        sa.PrimaryKeyConstraint("person_id", "day", name="pk_printed_day"),
    )
    op.create_table(
        "merchant_reference",
        sa.Column("merchant_id", sa.Uuid, nullable=False),
        sa.Column("merchant_ref", sa.String, nullable=False),
        sa.Column("redemption_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "merchant_ref", name="pk_merchant_reference"),
    )
    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("redemption_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("fen", sa.BigInteger, nullable=False),
        sa.Column("union_fen", sa.BigInteger, nullable=False),
        sa.Column("discount_fen", sa.BigInteger, nullable=False),
        sa.Column("benefits", JSONB, nullable=False),
        sa.Column("restored", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("merchant_id", sa.Uuid, nullable=False),
        sa.Column("store_code", sa.String, nullable=False),
        sa.Column("terminal_code", sa.String, nullable=False),
        sa.Column("terminal_id", sa.Uuid, nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "business_date",
            sa.Date,
            sa.Computed("(accepted_at AT TIME ZONE 'Asia/Shanghai'::text)::date", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("kind in ('reversal', 'release', 'refund')", name=op.f("ck_refund_kind")),
        sa.CheckConstraint("fen > 0 and union_fen between 0 and fen", name=op.f("ck_refund_fen")),
        sa.PrimaryKeyConstraint("id", name="pk_refund"),
    )
    op.create_index("ix_refund_business_date_merchant_id", "refund", ["business_date", "merchant_id"])
    op.create_index("ix_refund_redemption_id", "refund", ["redemption_id"])
    op.create_index(
        "uq_refund_whole",
        "refund",
        ["redemption_id"],
        unique=True,
        postgresql_where=sa.text("kind in ('reversal', 'release')"),
    )
    op.execute(_IMMUTABLE)
    op.execute(
        "create trigger rule_version_immutable before update or delete on rule_version "
        "for each row execute function cardnet_rule_version_immutable()"
    )
    op.execute("insert into rule_generation values (1, '00000000-0000-7000-8000-000000000000')")
    # Room on the page for the next version of a row, so that counting changes no index.
    op.execute("alter table usage set (fillfactor = 80)")
    op.execute("alter table shared_counter set (fillfactor = 50)")
    append_only("rule_parameter", "decision", "usage_entry", "refund")
