from pathlib import Path

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from cardnet.kernel.db import sqlalchemy_url
from cardnet.migrations import schema
from cardnet.migrations.tables import metadata


def test_the_migrations_build_exactly_the_models(fresh_database):
    engine = create_engine(sqlalchemy_url(fresh_database))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _parents: not (kind == "table" and name.startswith("procrastinate")),
            },
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


CONSTRAINTS = """
select conrelid::regclass::text, contype, conname from pg_constraint
where connamespace = 'public'::regnamespace and contype in ('c', 'f', 'p', 'u', 'x')
  and conrelid::regclass::text !~ '^(procrastinate|alembic)'
"""


def test_every_constraint_has_the_name_its_model_gives_it(fresh_database, server, run_name):
    """Alembic compares no CHECK and no EXCLUDE; two databases laid side by side show all."""
    url = server.make_database(f"cardnet_models_{run_name}")
    try:
        engine = create_engine(sqlalchemy_url(url))
        with engine.begin() as connection:
            connection.exec_driver_sql("create type uuidrange as range (subtype = uuid)")
            metadata.create_all(connection)
        engine.dispose()
        with psycopg.connect(url) as models, psycopg.connect(fresh_database) as migrated:
            assert set(migrated.execute(CONSTRAINTS)) ^ set(models.execute(CONSTRAINTS)) == set()
    finally:
        server.drop_database(url.split("?")[0].rsplit("/", 1)[1])


def test_migrations_are_numbered_without_gaps_and_head_names_the_last():
    names = sorted(path.name[:4] for path in (schema.FOLDER / "versions").glob("*.py"))
    assert names == [f"{number:04d}" for number in range(1, len(names) + 1)]
    assert (Path(schema.FOLDER) / "HEAD").read_text().strip() == names[-1] == schema.newest()


def test_upgrading_twice_changes_nothing(fresh_database):
    assert schema.upgrade(fresh_database) == schema.current(fresh_database) == schema.newest()
