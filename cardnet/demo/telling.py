"""What units tell and ask: phones confirmed and whoever has not activated reminded in June, a worn card in November."""

from collections.abc import Sequence

from cardnet.access.services import principal_of_username
from cardnet.demo.issuing import Holder
from cardnet.demo.running import SMS_SIGN
from cardnet.demo.stage import step, world_at
from cardnet.issuance import services as issuance
from cardnet.issuance.rules import ReplacementReason
from cardnet.membership import jobs
from cardnet.membership.notices.rules import Way
from cardnet.membership.notices.simulated import SimulatedPhone
from cardnet.membership.services import notices

_UNIT, _OFFICER, _PHONES = "YJ-01-102", "hengqi", 12
_MORNING = "2026-06-03 09:30"


def remind(holders: Sequence[Holder]) -> None:
    """Twelve can be reached by a message; for the others of the unit there is a slip to print."""
    waiting = [one for one in holders if one.member.unit.code == _UNIT and one.state == "delivered"]
    with step("2026-06-02 15:00", "confirm phones") as at:
        officer = principal_of_username(at.session, _OFFICER)
        people = tuple(one.person_id for one in waiting[:_PHONES])
        notices.confirm_phones(at.session, at.world, notices.ConfirmPhones(officer, people))
    with step(_MORNING, "remind") as at:
        officer = principal_of_username(at.session, _OFFICER)
        issuance.remind(at.session, at.world, issuance.Remind(officer, "notice", path=officer.scope_path))
    world = world_at(_MORNING, "send")
    jobs.send_due(world, {Way.SMS: SimulatedPhone(world, SMS_SIGN)})


def ask_for_a_new_card(holders: Sequence[Holder]) -> None:
    """周桂林's printed card is worn: an officer of his unit applies, and it waits for the unit's own approval."""
    worn = next(holder for holder in holders if holder.printed)
    with step("2026-11-20 15:20", "worn card") as at:
        officer = principal_of_username(at.session, "songjia")
        card = issuance.card_of_number(at.session, worn.number)
        words = "卡面磨损，有的商户扫不出来"
        command = issuance.ApplyForReplacement(card.id, ReplacementReason.DAMAGED, words, officer)
        issuance.apply_for_replacement(at.session, at.world, command)
