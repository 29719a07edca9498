"""Pieces migrations share: append-only tables and the grants of the app's role."""

from alembic import op

from cardnet.kernel.db import APP_ROLE


def append_only(*tables: str) -> None:
    """From now on UPDATE, DELETE and TRUNCATE on these tables are refused, whoever asks."""
    for table in tables:
        op.execute(
            f"create trigger {table}_append_only before update or delete or truncate on {table} "
            "for each statement execute function cardnet_append_only()"
        )
        op.execute(
            f"do $$ begin if {_ROLE_EXISTS} then revoke update, delete, truncate on {table} from {APP_ROLE}; end if; end $$"
        )


def grant_tables(*tables: str) -> None:
    """Let the app's role read and write these tables, where the role exists."""
    for table in tables:
        op.execute(
            f"do $$ begin if {_ROLE_EXISTS} then "
            f"grant select, insert, update, delete on {table} to {APP_ROLE}; end if; end $$"
        )


_ROLE_EXISTS = f"exists (select 1 from pg_roles where rolname = '{APP_ROLE}')"
