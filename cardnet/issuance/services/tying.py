"""绑定已有工会卡 for one person: the same checks as a whole list, the person's own unit, no file."""

import csv
import io
import uuid
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance.services.cards import CardView, cards_of_person
from cardnet.issuance.services.cards_before import ImportCards, import_cards
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import ID_TYPE_NAMES

_HEAD = ("姓名", "证件类型", "证件号码", "卡号", "发卡机构", "卡有效期止")


@dataclass(frozen=True)
class TieCard:
    """A city's or bank's card the member holds already; `issuer` is whose it is, `valid_to` its last day."""

    person_id: uuid.UUID
    officer: Principal
    number: str = field(repr=False)
    issuer: str
    valid_to: date | None = None


def tie_card(session: Session, world: World, command: TieCard) -> CardView:
    """The card counts as the member's from now on; it uses no quota.

    Raises NotFound("person_unknown"), Conflict("not_a_member", "already_tied"), InvalidInput with the code of the finding
    ("card_number", "card_taken", "already_has_card", "application_open", …), NotAllowed("role_missing", "out_of_scope").
    """
    person = membership.person_of_id(session, command.person_id)
    if person.unit is None or person.deceased_on is not None:
        raise Conflict("not_a_member", "此人现在没有会籍，不能绑定卡；请先办理入会或会籍转接。")
    issuer = command.issuer.strip()[:60]
    if not issuer:
        raise InvalidInput("issuer_missing", "请写明是谁发的卡，例如“市总工会”。")
    last = command.valid_to.isoformat() if command.valid_to else ""
    row = (person.name, ID_TYPE_NAMES[person.id_type], person.id_number, command.number.strip()[:40], issuer, last)
    sheet = io.StringIO()
    csv.writer(sheet).writerows([_HEAD, row])
    listed = ImportCards(
        sheet.getvalue().encode("utf-8-sig"), "单张绑定.csv", person.unit.code, command.officer, issuer
    )
    done = import_cards(session, world, listed)
    if wrong := next((found for found in done.findings if found.severity == "error"), None):
        raise InvalidInput(str(wrong.code), wrong.message)
    if not done.tied:
        raise Conflict("already_tied", "这张卡此前已经绑定在此人名下，没有变化。")
    return cards_of_person(session, command.person_id)[0]
