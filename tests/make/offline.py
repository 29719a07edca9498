"""What a till reports of sales it made without a network, and what must hold after it was taken in."""

from datetime import UTC, datetime

from sqlalchemy import text

from cardnet.access.rules import Role
from cardnet.benefits.invariants import INVARIANTS
from cardnet.credential import store
from tests.make.issuance import make_officer

EVENING = datetime(2026, 11, 20, 14, 10, tzinfo=UTC)
"""22:10 in Shanghai on the 20th."""
MORNING = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def send(shop, client, *records, key=None, till="T01", **more):
    return shop.post(client, "/advices", {"records": list(records)} | more, key, till)


def results(answer) -> list[tuple[str, str | None]]:
    assert answer.status_code == 200, answer.json
    return [(one["outcome"], one["code"]) for one in answer.json["results"]]


def sound(shop):
    for name, (_, query) in INVARIANTS.items():
        assert shop.session.execute(text(query)).all() == [], name


def approve(shop, limits) -> None:
    """Two of finance decide on other limits."""
    maker, checker = (
        make_officer(shop.session, shop.world, shop.office.unions["C"], role.value, role)
        for role in (Role.FINANCE_MAKER, Role.FINANCE_CHECKER)
    )
    proposed = store.propose_limits(
        shop.session, shop.world, store.ProposeLimits(limits, "云工〔2026〕30号", maker.account_id)
    )
    store.decide_limits(shop.session, shop.world, store.DecideLimits(proposed.id, True, "同意", checker.account_id))
