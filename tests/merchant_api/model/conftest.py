"""A small shop whose limits and pool run out quickly: four members, two uses each, twelve benefits in all."""

import pytest

from cardnet import create_app
from cardnet.access.rules import Role
from cardnet.config import Settings
from cardnet.kernel.db import transaction
from cardnet.kernel.world import frozen_world
from tests.conftest import START
from tests.make.issuance import make_officer
from tests.make.redemptions import make_shop

POOL_FEN = 65_000


@pytest.fixture(scope="session")
def open_shop(server, template, data_folder):
    url = server.make_database(template.replace("template", "model"), template)
    opened = frozen_world(START, b"model")
    app = create_app(Settings(data=data_folder, database_url=url, rate_limits=False, testing=True), opened)
    with app.app_context():
        with transaction() as session:
            made = make_shop(session, opened, people=4, pool_fen=POOL_FEN, max_n=2, floor_fen=20_000)
            for name, role in (("maker", Role.FINANCE_MAKER), ("checker", Role.FINANCE_CHECKER)):
                make_officer(session, opened, made.office.unions["C"], f"t2-{name}", role)
        app.extensions["cardnet.sessions"].bind.dispose()
    yield url, made
    server.drop_database(template.replace("template", "model"))


@pytest.fixture(scope="session")
def suite_database(open_shop):
    return open_shop[0]
