"""The year's roster: 30,000 people of 600 units through 621 officers to 30,000 cards, with real commits."""

import pytest

from benchmarks.roster import FIGURES, Journey
from cardnet.issuance import rules, services
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import Conflict
from tests.make.year_roster import year_roster

SLOWER_MACHINES = 12
"""Other tests share the machine, which may stand still: the benchmark holds the figures, this only notices a step that
goes from row to row."""


def test_thirty_thousand_people_get_their_cards(committing_app, world):
    content = year_roster().read_bytes()
    journey = Journey(committing_app, world, content)
    with committing_app.app_context():
        journey.prepare()
        journey.spread()
        receipt = journey.submit()
        assert (receipt.submitted, receipt.waitlisted, receipt.invalid) == (30_000, 0, 0)
        assert len(journey.officers) == 622
        assert journey.approve(receipt) == 3 * 30_000
        cards = journey.issue(receipt)
        assert len({card.number for card in cards}) == len({card.activation_code for card in cards}) == 30_000
        assert all(rules.is_card_number(card.number) for card in cards)
        assert journey.breaches() == []
        with transaction() as session:
            whole = services.card_counts(session, world, "/YJ/", journey.year)[0].total
            tree = services.quota_tree(session, journey.year)
        assert (whole.members, whole.consent, whole.issued, whole.quota) == (30_000, 30_000, 30_000, 30_000)
        assert (tree[0].passed_down, sum(line.used for line in tree), sum(line.free for line in tree)) == (
            30_000,
            30_000,
            0,
        )
        # Sent again, it resumes; nobody can be issued twice.
        took = dict(journey.took)
        assert journey.submit().resumed
        journey.took = took
        with pytest.raises(Conflict, match="nothing_to_issue"):
            journey.issue(receipt)
    assert {step: took for step, took in journey.took.items() if took > FIGURES[step] * SLOWER_MACHINES} == {}
