"""Roots live outside the database, print keys serve one printing each, and what a key is never changes."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("issuer_key", sa.Column("print_run_id", sa.Uuid))
    op.drop_constraint("uq_issuer_key_use_shard_nbf", "issuer_key")
    op.create_index(
        "uq_issuer_key_period",
        "issuer_key",
        ["use", "shard", "nbf"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("use not in ('print', 'root')"),
    )
    op.create_index(
        "uq_issuer_key_print_run_id",
        "issuer_key",
        ["print_run_id"],
        unique=True,
        postgresql_where=sa.text("print_run_id is not null"),
    )
    op.drop_constraint(op.f("ck_issuer_key_use_known"), "issuer_key")
    op.create_check_constraint(
        op.f("ck_issuer_key_use_known"),
        "issuer_key",
        "use in ('card', 'print', 'status', 'settlement', 'offers', 'root')",
    )
    # Roots made here once were never pinned by any verifier: others take their place at the next start.
    op.execute(
        "update issuer_key set private_sealed = null, state = 'revoked', revoked_at = coalesce(revoked_at, now()) "
        "where use = 'root'"
    )
    # A key of a month has signed many printings: it signs no more.
    op.execute("update issuer_key set private_sealed = null where use = 'print'")
    op.create_check_constraint(
        op.f("ck_issuer_key_printed_once"),
        "issuer_key",
        "print_run_id is null or use = 'print' and private_sealed is null",
    )
    op.create_check_constraint(
        op.f("ck_issuer_key_roots_stay_outside"), "issuer_key", "use <> 'root' or private_sealed is null"
    )
    op.execute("""
        create function cardnet_key_stays_itself() returns trigger language plpgsql as $$
        begin
            if (old.kid, old.alg, old.use, old.shard, old.public, old.nbf) is distinct from
               (new.kid, new.alg, new.use, new.shard, new.public, new.nbf)
               or old.state = 'revoked' and new.state <> 'revoked' then
                raise exception 'a key never changes what it is, and a revoked one stays revoked';
            end if;
            return new;
        end $$""")
    op.execute(
        "create trigger issuer_key_stays_itself before update on issuer_key "
        "for each row execute function cardnet_key_stays_itself()"
    )
