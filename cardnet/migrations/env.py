"""Runs migrations on the connection `schema.upgrade` hands over."""

from alembic import context

from cardnet.migrations.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
