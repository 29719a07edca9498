"""The suite's ground: a real PostgreSQL each worker starts itself (or the server of CARDNET_DATABASE_URL), one migrated
template database per worker, and for each test a savepoint that is rolled back.

`session` is the open transaction of a service test; `client` sends requests whose transactions are savepoints
inside that same one. Tests of races and of feeds need real commits: they take `fresh_database` and `committing_app`.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from cardnet import create_app
from cardnet.config import Settings
from cardnet.kernel.db import SessionFactory, act_as_app_role, sqlalchemy_url
from cardnet.kernel.postgres import EmbeddedServer, Server, start
from cardnet.kernel.vault import vault_in_folder
from cardnet.kernel.world import World, frozen_world
from cardnet.migrations import schema
from tests.make import benefits, issuance, ready, redemptions
from tests.make.ground import server_folder
from tests.make.year_roster import year_roster

ACCEPTANCE = Path(__file__).parent / "acceptance"
"""Data with exact expected results. The roster of 30,000 is kept packed; `pytest_configure` makes the workbook."""
START = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
"""2026-11-21 10:00 in Shanghai, the moment the acceptance scenarios start at."""


# How long one example takes is no part of any test: a machine for CI may stand still.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


class MovableWorld:
    """A world whose clock the test moves: `clock.advance(timedelta(days=1))` is tomorrow."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self._frozen = frozen_world(at)

    def advance(self, by: timedelta) -> None:
        self.at += by

    def set(self, at: datetime) -> None:
        self.at = at.astimezone(UTC)

    def world(self) -> World:
        return World(lambda: self.at, self._frozen.new_id, self._frozen.random_bytes)


def pytest_configure(config: pytest.Config) -> None:
    """Give every process that runs tests a server of its own, where none is given.

    Transaction ids are a server's: on a common one the close of a day and the order of events would wait for whatever
    another worker's test has open.
    """
    if config.option.collectonly:
        return
    leads = not hasattr(config, "workerinput")
    if leads:
        year_roster()
    if given := os.environ.get("CARDNET_DATABASE_URL"):
        os.environ["CARDNET_TEST_SERVER"] = given
        return
    if leads and getattr(config.option, "dist", "no") != "no":
        return
    config.stash[_EMBEDDED] = running = start(server_folder(str(os.getpid())))
    os.environ["CARDNET_TEST_SERVER"] = running.base_url
    with psycopg.connect(running.base_url, autocommit=True) as connection:
        # A test database need not survive a power cut; tests of durability set this back for themselves.
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")


def pytest_unconfigure(config: pytest.Config) -> None:
    if running := config.stash.get(_EMBEDDED, None):
        running.stop()
        shutil.rmtree(running.folder, ignore_errors=True)


_EMBEDDED = pytest.StashKey[EmbeddedServer]()


@pytest.fixture(scope="session")
def server() -> Server:
    """The PostgreSQL of this run."""
    return Server(os.environ["CARDNET_TEST_SERVER"])


@pytest.fixture(scope="session")
def run_name() -> str:
    """Told apart from other runs and other workers of this run on the same server."""
    return f"{os.environ.get('PYTEST_XDIST_TESTRUNUID', str(os.getpid()))[:8]}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


@pytest.fixture(scope="session")
def template(server: Server, run_name: str, data_folder: Path) -> Iterator[str]:
    """The name of a migrated, empty database that others are copied from."""
    name = f"cardnet_template_{run_name}"
    url = server.make_database(name)
    schema.upgrade(url)
    make_ready(url, data_folder)
    yield name
    server.drop_database(name)


def make_ready(url: str, data: Path) -> None:
    """What most tests begin with is made once, before any of them can change how, and leaves nothing here."""
    beginnings: tuple[tuple[str, ready.Make], ...] = (
        ("office", issuance.open_office),
        ("benefits", benefits.open_shop),
        *((f"shop of {people}", partial(redemptions.open_shop, people=people)) for people in (2, 3, 4)),
    )
    for name, make in beginnings:
        # An engine for each: what the process remembers of a database it remembers by its engine.
        engine = create_engine(sqlalchemy_url(url), connect_args={"options": "-c timezone=UTC"})
        act_as_app_role(engine)
        with SessionFactory(engine, vault=vault_in_folder(data)[0], root_folder=data)() as session:
            ready.keep(session, MovableWorld().world(), name, make)
            session.rollback()
        engine.dispose()


@pytest.fixture(scope="session")
def suite_database(server: Server, template: str) -> Iterator[str]:
    """The URL of the database that savepoint tests share."""
    name = template.replace("template", "suite")
    yield server.make_database(name, template)
    server.drop_database(name)


@pytest.fixture
def fresh_database(server: Server, template: str) -> Iterator[str]:
    """The URL of a new, migrated, empty database for one test that commits."""
    name = f"cardnet_fresh_{uuid.uuid4().hex[:12]}"
    yield server.make_database(name, template)
    server.drop_database(name)


@pytest.fixture
def clock() -> MovableWorld:
    return MovableWorld()


@pytest.fixture
def world(clock: MovableWorld) -> World:
    return clock.world()


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


class Compiled(BytecodeCache):
    """Templates as one app of this process has compiled them; compiling all takes longer than most tests."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self.kept.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


def make_app(url: str, data: Path, world: World) -> Flask:
    app = create_app(Settings(data=data, database_url=url, rate_limits=False, testing=True, pool_size=40), world)
    app.jinja_env.bytecode_cache = COMPILED
    return app


@pytest.fixture(scope="session")
def one_app(suite_database: str, data_folder: Path) -> Flask:
    """The one app that tests borrow: making it takes as long as most of them."""
    return make_app(suite_database, data_folder, frozen_world(START))


@contextmanager
def borrowed(app: Flask, world: World, sessions: SessionFactory, url: str) -> Iterator[Flask]:
    """The app with another world and database; whatever a test hangs on it is taken off again."""
    hung_on = tuple((kept, dict(kept)) for kept in (app.extensions, app.config, app.view_functions))
    app.extensions["cardnet.world"], app.extensions["cardnet.sessions"] = world, sessions
    app.extensions["cardnet.settings"] = replace(app.extensions["cardnet.settings"], database_url=url)
    app.config["SQLALCHEMY_DATABASE_URI"] = sqlalchemy_url(url)
    try:
        yield app
    finally:
        for kept, before in hung_on:
            kept.clear()
            kept.update(before)


@pytest.fixture(scope="session")
def engine_of() -> Iterator[Callable[[str], Engine]]:
    """The engine of a database whose tests work in savepoints; a package may have one of its own (`suite_database`)."""
    made: dict[str, Engine] = {}

    def engine(url: str) -> Engine:
        if url not in made:
            made[url] = create_engine(sqlalchemy_url(url), connect_args={"options": "-c timezone=UTC"})
            act_as_app_role(made[url])
        return made[url]

    yield engine
    for one in made.values():
        one.dispose()


@pytest.fixture
def app(one_app: Flask, engine_of: Callable[[str], Engine], suite_database: str, world: World) -> Iterator[Flask]:
    """The app, every transaction of which is a savepoint of one connection that is rolled back at the end."""
    with engine_of(suite_database).connect() as connection:
        outer = connection.begin()
        factory = SessionFactory(connection, **one_app.extensions["cardnet.sessions"].info)
        factory.join = "create_savepoint"
        with borrowed(one_app, world, factory, suite_database) as app:
            yield app
        outer.rollback()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session for arranging and for calling services; what it flushes the client's requests can see."""
    with app.extensions["cardnet.sessions"]() as session:
        yield session


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@contextmanager
def committing(app: Flask, url: str, world: World) -> Iterator[Flask]:
    """The app on a database where its transactions really commit."""
    engine = create_engine(sqlalchemy_url(url), **app.config["SQLALCHEMY_ENGINE_OPTIONS"])
    act_as_app_role(engine)
    factory = SessionFactory(engine, **app.extensions["cardnet.sessions"].info)
    with borrowed(app, world, factory, url):
        yield app
    engine.dispose()


@pytest.fixture
def committing_app(one_app: Flask, fresh_database: str, world: World) -> Iterator[Flask]:
    """The app on a database of its own, where its transactions really commit."""
    with committing(one_app, fresh_database, world) as app:
        yield app
