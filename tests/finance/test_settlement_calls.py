"""A merchant's software reads its settlements and their signed statements, and nobody else's."""

import json
from datetime import timedelta

import pytest

from cardnet.finance import services
from cardnet.kernel.db import transaction
from cardnet.merchants.services import IssueToken, issue_token
from tests.finance.test_days_and_settlements import at
from tests.make.finance import DAY

BASE = "/merchant/v1"


@pytest.fixture
def headers(shop, world):
    token = shop.act(lambda session: issue_token(session, world, IssueToken(shop.venue.terminal_id))).token
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def client(shop_app):
    return shop_app.test_client()


def test_settlements_are_listed_page_by_page_and_read_with_their_signed_statement(shop, world, clock, client, headers):
    for n in range(3):
        clock.set(at(DAY + timedelta(days=n)))
        shop.redeem(n)
        clock.set(at(DAY + timedelta(days=n + 1), 0, 20))
        shop.settle(DAY + timedelta(days=n))
    first = client.get(f"{BASE}/settlements?limit=2", headers=headers).json
    rest = client.get(f"{BASE}/settlements?limit=2&cursor={first['next_cursor']}", headers=headers).json
    listed = first["settlements"] + rest["settlements"]
    assert [one["last_on"] for one in listed] == [(DAY + timedelta(days=n)).isoformat() for n in (2, 1, 0)]
    assert rest["next_cursor"] is None
    assert {(one["state"], one["net_fen"], one["line_count"]) for one in listed} == {("sealed", 10_000, 1)}
    here = f"{BASE}/settlements/{listed[0]['id']}"
    shown = client.get(here, headers=headers).json
    assert [step["state"] for step in shown.pop("steps")] == ["sealed"]
    assert shown == listed[0]
    statement = client.get(f"{here}.json", headers=headers)
    assert listed[0]["number"] in statement.headers["Content-Disposition"]
    with transaction() as session:
        assert services.verify_settlement(session, world, statement.data) == []
    assert json.loads(statement.data)["statement"]["net_yuan"] == "100.00"
    lines = client.get(f"{here}.csv", headers=headers)
    assert (lines.status_code, lines.data[:3], len(lines.data.splitlines())) == (200, b"\xef\xbb\xbf", 2)
    borrowed = client.get(f"{BASE}/settlements?cursor=n_-ROH6mKuyFl9CqjO1H1Q", headers=headers)
    assert (borrowed.status_code, borrowed.json["errors"][0]["pointer"]) == (422, "/cursor")


def test_another_merchants_settlement_looks_absent(shop, clock, client, headers, world):
    missing = "0199a0c4-f7e2-7a11-8c22-1d2e3f4a5b6c"
    for end in ("", ".json", ".csv"):
        answer = client.get(f"{BASE}/settlements/{missing}{end}", headers=headers)
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
        assert client.get(f"{BASE}/settlements/{missing}{end}").status_code == 401
    assert client.get(f"{BASE}/settlements?limit=0", headers=headers).status_code == 422
