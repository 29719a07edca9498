"""The chair's page says in whose hands a difference is: a conclusion that was proposed waits for finance to check it."""

import re

import pytest
from flask import g

from cardnet.access import services as access
from cardnet.access.rules import Role
from cardnet.access.services import CreateAccount
from cardnet.finance import services
from cardnet.finance.rules import ClearingStep, Resolution
from cardnet.finance.services import TakeStep
from cardnet.kernel.db import transaction
from tests.finance.test_held_pages import chairs_sheet, signed_in
from tests.finance.test_reconciliation import exceptions, reconcile
from tests.finance.test_reconciliation import m18 as m18  # noqa: PLC0414 - a fixture
from tests.make.web import words_of

HANDS = {"商户", "财务", "职工援助服务中心"}


@pytest.fixture
def maker(shop):
    with transaction() as session:
        command = CreateAccount("jingban", "经办", frozenset({Role.FINANCE_MAKER}), shop.world.new_id(), "/C/")
        access.create_account(session, shop.world, command)
        return access.principal_of_username(session, "jingban")


def propose(shop, maker, one):
    command = TakeStep(one.id, ClearingStep.PROPOSE, "小票已看", maker, Resolution.EXPLAINED)
    shop.act(lambda session: services.take_step(session, shop.world, command))


def in_hands(page):
    """Differences by whose hands they are in."""
    return {who: int(count) for who, count in re.findall(r"对账差异 (\S+) (\d+)", page) if who in HANDS}


def test_what_was_proposed_is_in_the_hands_of_finance(shop_app, shop, m18, maker, world):
    run, _ = reconcile(shop, m18)
    found = {str(one.code): one for one in exceptions(run)}
    assert set(found) == {"E01", "E02", "E03", "E06", "E08"}
    chair = signed_in(shop_app, world, Role.CHAIR, "leader")

    def sheet(path):
        g.pop("principal", None)
        return in_hands(words_of(chair.get(path).text))

    assert sheet("/overview") == {"商户": 2, "财务": 2}
    propose(shop, maker, found["E08"])
    assert sheet("/overview") == {"商户": 2, "财务": 3}
    propose(shop, maker, found["E01"])
    propose(shop, maker, found["E06"])
    assert sheet("/overview") == sheet("/overview/year-end") == {"商户": 1, "财务": 4}
    propose(shop, maker, found["E03"])
    assert in_hands(words_of(chairs_sheet(shop_app, world))) == {"财务": 5}
