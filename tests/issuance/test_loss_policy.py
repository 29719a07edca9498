"""Where the district does not honour holds of lost cards: what stops a card, and what only changes its code."""

from datetime import UTC, datetime

import pytest

from cardnet.credential import cose
from cardnet.credential.device import DeviceKey
from cardnet.issuance import rules, services
from tests.make.issuance import activate, judge, make_office, print_cards
from tests.make.membership import id_number

LAST4 = id_number(0)[-4:]


class Held:
    """A card in use, with the index by which something was held, and what may happen to it."""

    def __init__(self, session, world, clock):
        self.session, self.world, self.clock = session, world, clock
        self.office = make_office(session, world)
        (self.card,) = self.office.issue(0)
        self.phone = DeviceKey.make(world)
        self.index = activate(session, world, self.card, LAST4, self.phone).index
        services.set_loss_policy(session, world, services.SetLossPolicy(False, "云工〔2026〕12号"))

    @property
    def stands(self):
        return services.hold_stands(self.session, self.index)

    def rebind(self):
        phone = DeviceKey.make(self.world)
        proof = cose.sign_es256(phone.private, rules.rebind_statement(self.card.number))
        command = services.RebindCard(self.card.person_id, self.card.number, phone.public, proof)
        assert services.rebind_card(self.session, self.world, command).index != self.index

    def reprint(self):
        """Held by paper, which a second print makes worthless."""
        (first,) = print_cards(self.office, self.card.number)
        self.index = judge(self.session, self.world, first.code_text).index
        print_cards(self.office, self.card.number)

    def renew(self):
        self.clock.set(datetime(2030, 12, 20, 2, tzinfo=UTC))
        command = services.RenewCards(self.office["D1u"], (self.card.number,))
        services.renew_cards(self.session, self.world, command)
        self.clock.set(datetime(2031, 1, 1, 2, tzinfo=UTC))
        command = services.RenewCredential(self.card.person_id, self.phone.public)
        assert services.renew_credential(self.session, self.world, command).index != self.index

    def lose(self):
        command = services.ReportLoss(self.card.person_id, services.Lost.CARD, "遗失")
        services.report_loss(self.session, self.world, command)

    def find(self):
        self.change(services.resume_card)

    def cancel(self):
        self.change(services.revoke_card)

    def change(self, verb):
        verb(self.session, self.world, services.ChangeCard(self.card.card_id, "经本人申请", self.office["C1"]))

    def replace(self):
        command = services.ReplaceCard(self.card.card_id, self.office["C1"], "遗失")
        services.replace_card(self.session, self.world, command)


@pytest.fixture
def held(session, world, clock):
    return Held(session, world, clock)


@pytest.mark.parametrize(
    ("happened", "stands"),
    [
        ([], True),
        (["rebind"], True),
        (["reprint"], True),
        (["renew"], True),
        (["lose"], False),
        (["rebind", "lose"], False),
        (["lose", "find"], True),
        (["lose", "replace"], False),
        (["replace"], False),
        (["cancel"], False),
        (["renew", "lose"], False),
    ],
)
def test_a_loss_stops_what_was_held_and_another_code_for_the_same_card_does_not(held, happened, stands):
    for what in happened:
        getattr(held, what)()
    assert held.stands is stands
    services.set_loss_policy(held.session, held.world, services.SetLossPolicy(True, "云工〔2026〕13号"))
    assert held.stands
