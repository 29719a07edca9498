"""A shop whose tea is a tenth off, out of a pool, and browsers signed in as its officers."""

import pytest

from cardnet.access import services as access
from cardnet.benefits.words import ProgramKind
from tests.make.benefits import make_shop, percent, rule
from tests.make.web import enter


@pytest.fixture
def tea_shop(session, world):
    """Its program `tea` (茶饮九折) and its pool `check-2026`; neither names the decision it rests on."""
    shop = make_shop(session, world)
    shop.pool("check-2026", 1_000_000)
    shop.program("tea", rule(percent(1_000)), ProgramKind.DISCOUNT, name="茶饮九折", budget_line="职工服务支出")
    return shop


@pytest.fixture
def signed_in_as(app, session, world):
    """A browser of its own for each officer."""

    def browser(principal):
        client = app.test_client()
        enter(client, access.open_staff_session(session, world, principal.account_id).token)
        return client

    return browser
