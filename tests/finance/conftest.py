"""A shop at work on a committed database: built once a run, copied for each test."""

import uuid
from datetime import timedelta

import pytest

from tests.conftest import START, MovableWorld, committing, make_app
from tests.make.finance import open_shop


@pytest.fixture(scope="session")
def shop_template(server, template, data_folder):
    """The name of a database with M1001, four members with phones and the health check; and the shop itself."""
    name = template.replace("template", "settled_shop")
    # The day before, so that no id made here is made again by a test's world.
    world = MovableWorld(START - timedelta(days=1)).world()
    app = make_app(server.make_database(name, template), data_folder, world)
    with app.app_context():
        shop = open_shop(world, people=4)
        app.extensions["cardnet.sessions"].bind.dispose()
    yield name, shop
    server.drop_database(name)


@pytest.fixture
def shop_database(server, shop_template):
    """The URL of this test's copy."""
    name = f"cardnet_fresh_{uuid.uuid4().hex[:12]}"
    yield server.make_database(name, shop_template[0])
    server.drop_database(name)


@pytest.fixture
def shop_app(one_app, shop_database, world):
    with committing(one_app, shop_database, world) as app:
        yield app


@pytest.fixture
def shop(shop_app, shop_template, world):
    """M1001 at work; every call of it commits."""
    with shop_app.app_context():
        yield shop_template[1].in_world(world)
