"""The kernel: the app's role, the append-only trigger, audit trail, outbox, job queue."""

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects.postgresql import JSONB

from cardnet.migrations.steps import append_only

revision = "0001"
down_revision = None

_ROLE = """
do $$ begin
  if not exists (select 1 from pg_roles where rolname = 'cardnet_app') then create role cardnet_app nologin; end if;
  if not pg_has_role(current_user, 'cardnet_app', 'member') then execute format('grant cardnet_app to %I', current_user); end if;
exception when insufficient_privilege or duplicate_object or unique_violation then
  raise notice 'the role cardnet_app could not be made; connections keep the rights of their login';
end $$;
"""

# New tables and sequences are the app's to read and write from the moment they exist.
_GRANTS = """
do $$ begin
  if exists (select 1 from pg_roles where rolname = 'cardnet_app') then
    execute format('grant usage on schema %I to cardnet_app', current_schema());
    execute format('alter default privileges in schema %I grant select, insert, update, delete on tables to cardnet_app', current_schema());
    execute format('alter default privileges in schema %I grant usage, select on sequences to cardnet_app', current_schema());
    execute format('alter default privileges in schema %I grant execute on functions to cardnet_app', current_schema());
  end if;
end $$;
"""

_APPEND_ONLY = """
create function cardnet_append_only() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % is refused', tg_table_name, tg_op using errcode = 'insufficient_privilege';
end $$;
"""


def upgrade() -> None:
    op.execute(_ROLE)
    op.execute(_GRANTS)
    op.execute(_APPEND_ONLY)
    op.execute("create type uuidrange as range (subtype = uuid)")
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject_kind", sa.String, nullable=False),
        sa.Column("subject_id", sa.String, nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("on_behalf_of", sa.Uuid),
        sa.Column("address", sa.String),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
    )
    op.create_index("ix_audit_event_subject_kind_subject_id", "audit_event", ["subject_kind", "subject_id"])
    op.create_index("ix_audit_event_at", "audit_event", ["at"])
    op.create_table(
        "outbox_event",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False),
        sa.Column("merchant_id", sa.Uuid),
        sa.Column("payload", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        # xid8 as a number: it orders and compares like one, and drivers know bigint.
        sa.Column("xact", sa.BigInteger, nullable=False, server_default=sa.text("pg_current_xact_id()::text::bigint")),
    )
    op.create_index("ix_outbox_event_xact_id", "outbox_event", ["xact", "id"])
    op.create_index("ix_outbox_event_subject_id", "outbox_event", ["subject_id"])
    append_only("audit_event", "outbox_event")
    # Many statements in one text: only the driver itself takes them.
    op.get_bind().connection.driver_connection.execute(SchemaManager.get_schema())
