from pathlib import Path

import psycopg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from cardnet.kernel.db import libpq_url, owner_engine, sqlalchemy_url
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


def test_open_transfers_of_before_hear_of_recorded_days_and_lose_none(server, run_name):
    """0052: the days a transfer gave stand in its row; deadlines were computed without recorded days until then."""
    url = server.make_database(f"cardnet_transfers_{run_name}")
    try:
        _upgrade_to(url, "0051")
        with psycopg.connect(libpq_url(url), autocommit=True) as made:
            for column, table in (
                ("person_id", "person"),
                ("from_union_id", "union_node"),
                ("to_union_id", "union_node"),
            ):
                made.execute(f"alter table transfer_proposal drop constraint fk_transfer_proposal_{column}_{table}")
            made.execute(
                "insert into calendar_day (day, works, document, set_at) values ('2099-01-12', false, '国办', now())"
            )
            made.execute(
                "insert into transfer_term (id, working_days, reason, set_at) values (1, 7, '云工', '2099-01-06 00:00+08')"
            )
            for state, proposed, due in (
                ("proposed", "2099-01-05", "2099-01-12"),
                ("proposed", "2099-01-06", "2099-01-20"),
                ("released", "2099-01-05", "2099-01-12"),
            ):
                made.execute(
                    "insert into transfer_proposal (id, person_id, from_union_id, to_union_id, state, origin,"
                    " proposed_at, due_at, decided_at) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
                    " gen_random_uuid(), %(state)s::text, 'officer', %(proposed)s::timestamptz, %(due)s::timestamptz,"
                    " case when %(state)s::text = 'released' then now() end)",
                    {"state": state, "proposed": f"{proposed} 10:00+08", "due": f"{due} 10:00+08"},
                )
        assert schema.upgrade(url) == schema.newest()
        with psycopg.connect(libpq_url(url)) as after:
            told = "select state, working_days, cast(due_at at time zone 'Asia/Shanghai' as date)::text from transfer_proposal"
            assert set(after.execute(told)) == {
                ("proposed", 5, "2099-01-13"),
                ("proposed", 7, "2099-01-20"),
                ("released", 5, "2099-01-12"),
            }
    finally:
        server.drop_database(f"cardnet_transfers_{run_name}")


def _upgrade_to(url, revision):
    config = schema._config()
    engine = owner_engine(url)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()
