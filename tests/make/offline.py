"""What a till reports of sales it made without a network, and what must hold after it was taken in."""

from datetime import UTC, datetime

from sqlalchemy import text

from cardnet.benefits.invariants import INVARIANTS

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
