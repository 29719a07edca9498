"""Summer 2026: gifts against the heat for the street cleaners, handed out by scanning."""

from collections.abc import Sequence

from cardnet.access.services import principal_of_username
from cardnet.demo.issuing import Holder
from cardnet.demo.stage import step
from cardnet.demo.trading import drawn_at
from cardnet.issuance import services as issuance
from cardnet.issuance.papers import wallet_address
from cardnet.issuance.rules import HandoutKind

_DAY = "2026-07-10"
_TITLE = "高温慰问：毛巾、清凉油、绿豆"
_DOCUMENT = "云工〔2026〕21号"
_UNIT = "YJ-01-101"


def gifts_against_the_heat(holders: Sequence[Holder]) -> None:
    """38 gifts of 松嘉环卫: an officer's phone scans phones and slips."""
    mine = [holder for holder in holders if holder.member.unit.code == _UNIT]
    with step(f"{_DAY} 06:30", "heat") as at:
        officer = principal_of_username(at.session, "songjia")
        command = issuance.OpenHandout(officer, HandoutKind.HEAT, _TITLE, document=_DOCUMENT)
        handout = issuance.open_handout(at.session, at.world, command).id
    for number, holder in enumerate(mine):
        moment = f"{_DAY} {7 + number // 30:02d}:{number % 30 * 2:02d}"
        read = _shown(holder, moment)
        with step(moment, f"heat {holder.number}") as at:
            officer = principal_of_username(at.session, "songjia")
            issuance.sign_by_scan(at.session, at.world, issuance.Scan(officer, handout, read))
    with step(f"{_DAY} 09:30", "heat") as at:
        officer = principal_of_username(at.session, "songjia")
        issuance.close_handout(at.session, at.world, officer, handout)


def _shown(holder: Holder, moment: str) -> str:
    """What the member holds up: the phone, else the square on the activation slip."""
    if holder.phone:
        return drawn_at(holder, moment)
    return wallet_address("https://card.yunjian.example", holder.number, holder.activation_code)
