"""June 2026: 恒启 confirms phones at the desk and reminds whoever has not activated; the demonstration's phone rings."""

from collections.abc import Sequence

from cardnet.access.services import principal_of_username
from cardnet.demo.issuing import Holder
from cardnet.demo.stage import step, world_at
from cardnet.issuance import services as issuance
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
        phone = notices.SetUnionPhone(officer, officer.union_id, "021-6780 1102")
        notices.set_union_phone(at.session, at.world, phone)
    with step(_MORNING, "remind") as at:
        officer = principal_of_username(at.session, _OFFICER)
        issuance.remind(at.session, at.world, issuance.Remind(officer, "notice", path=officer.scope_path))
    world = world_at(_MORNING, "send")
    jobs.send_due(world, {Way.SMS: SimulatedPhone(world, "云间区总工会")})
