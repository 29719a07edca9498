"""发放签领表 of a hand-out and of a batch's cards, as command, page and API print them."""

import uuid
from datetime import date, datetime

from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance.papers import SignList, SignRow, sign_sheets
from cardnet.issuance.services import desk
from cardnet.issuance.services.handouts import handout_of
from cardnet.kernel import masking
from cardnet.kernel.calendar import local
from cardnet.membership.rules import PersonView


def of_handout(session: Session, officer: Principal, handout_id: uuid.UUID, on: date) -> bytes:
    """Everybody of a hand-out; who signed by phone stands in it as signed. Raises NotFound("handout_unknown")."""
    found = handout_of(session, officer, handout_id)
    lines = desk.receipt_lines(session, found, limit=None).items
    rows = [_row(line.union.name, line.person, line.card_number, line.signed_at) for line in lines]
    return sign_sheets(rows, SignList(found.title, found.document, on))


def of_batch(session: Session, officer: Principal, batch_id: uuid.UUID, on: date) -> bytes:
    """The cards of a batch, unit by unit in the order of the roster. Raises NotFound("batch_unknown")."""
    line = desk.batch_of(session, officer, batch_id)
    cards = desk.find_cards(session, officer, desk.CardFilter(batch_id=line.batch_id), limit=1_000_000).items
    rows = [
        _row(card.union.name, card.person, card.number, card.delivered_at)
        for card in sorted(cards, key=lambda card: (card.union.path, card.row or 0))
    ]
    return sign_sheets(rows, SignList("会员服务卡", "", on))


def _row(union_name: str, person: PersonView, number: str, signed_at: datetime | None) -> SignRow:
    signed = f"已签领 {local(signed_at):%m-%d %H:%M}" if signed_at else ""
    return SignRow(union_name, person.name, masking.id_number_for_office(person.id_number), number, signed)
