"""One shop for all tests of the merchant API, committed once; each test works in a savepoint above it.

The shop's ids come from a world of its own seed, so they never meet those a test makes.
"""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from cardnet import create_app
from cardnet.config import Settings
from cardnet.kernel.db import transaction
from cardnet.kernel.postgres import Server
from cardnet.kernel.world import World, frozen_world
from tests.conftest import START
from tests.make.redemptions import Shop, make_shop


@pytest.fixture(scope="session")
def open_shop(server: Server, template: str, data_folder: Path) -> Iterator[tuple[str, Shop]]:
    """The URL of a database with a shop in it, and the shop."""
    name = template.replace("template", "shop")
    url = server.make_database(name, template)
    world = frozen_world(START, b"shop")
    app = create_app(Settings(data=data_folder, database_url=url, rate_limits=False, testing=True), world)
    with app.app_context():
        with transaction() as session:
            shop = make_shop(session, world)
        app.extensions["cardnet.sessions"].bind.dispose()
    yield url, shop
    server.drop_database(name)


@pytest.fixture(scope="session")
def suite_database(open_shop: tuple[str, Shop]) -> str:
    return open_shop[0]


@pytest.fixture
def shop(open_shop: tuple[str, Shop], app: Flask, client: FlaskClient, session: Session, world: World) -> Shop:
    """The shop as this test's session and world have it."""
    assert app is client.application
    mine = copy.copy(open_shop[1])
    mine.session, mine.world = session, world
    mine.phones = copy.deepcopy(mine.phones)
    return mine
