"""A shop that may give HC2026 offline, on a database of its own; what its terminals report of the evening before."""

import itertools
from datetime import timedelta

import pytest

from cardnet import create_app
from cardnet.config import Settings
from cardnet.kernel import calendar
from cardnet.kernel.db import transaction
from cardnet.kernel.world import frozen_world
from tests.make.offline import EVENING
from tests.make.redemptions import make_shop


@pytest.fixture(scope="session")
def open_shop(server, template, data_folder):
    """HC2026 may be given offline up to a price of 200 yuan; eight members; open since the 19th."""
    url = server.make_database(template.replace("template", "evening"), template)
    opened = frozen_world(EVENING - timedelta(days=1), b"evening")
    app = create_app(Settings(data=data_folder, database_url=url, rate_limits=False, testing=True), opened)
    with app.app_context():
        with transaction() as session:
            made = make_shop(session, opened, people=8, floor_fen=20_000)
        app.extensions["cardnet.sessions"].bind.dispose()
    yield url, made
    server.drop_database(template.replace("template", "evening"))


@pytest.fixture(scope="session")
def suite_database(open_shop):
    return open_shop[0]


@pytest.fixture(autouse=True)
def evening(clock):
    clock.set(EVENING)


@pytest.fixture
def record(shop, world, clock):
    """Makes a record of a sale now: the next member, the next number."""
    numbers, people = itertools.count(41), itertools.count()

    def make(amount_fen=18_000, seq=None, person=None, **more):
        number = next(numbers) if seq is None else seq
        phone = shop.phones[next(people) if person is None else person]
        return {
            "terminal_seq": number,
            "occurred_at": calendar.local(world.now()).isoformat(timespec="seconds"),
            "merchant_ref": f"OFF-{number}",
            "code": phone.code(world),
            "purchase": {"amount_fen": amount_fen, "service_code": "health_check"},
            "decision": {"benefit_fen": 10_000, "programs": ["HC2026"]},
        } | more

    return make
