from pathlib import Path

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


def test_migrations_are_numbered_without_gaps_and_head_names_the_last():
    names = sorted(path.name[:4] for path in (schema.FOLDER / "versions").glob("*.py"))
    assert names == [f"{number:04d}" for number in range(1, len(names) + 1)]
    assert (Path(schema.FOLDER) / "HEAD").read_text().strip() == names[-1] == schema.newest()


def test_upgrading_twice_changes_nothing(fresh_database):
    assert schema.upgrade(fresh_database) == schema.current(fresh_database) == schema.newest()
