"""The list of one hand-out: who has signed, when and how, and who has not."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.issuance.services.desk.listing import Listed
from cardnet.issuance.services.handouts import HandoutView
from cardnet.kernel.calendar import day_of
from cardnet.membership import services as membership
from cardnet.membership.rules import PersonView, UnionNode


@dataclass(frozen=True)
class ReceiptLine:
    """One person of a hand-out. `card_number` is empty where no card is handed out."""

    person: PersonView
    union: UnionNode
    card_number: str
    signed_at: datetime | None
    channel: str
    actor: str


SHOWN = ("all", "signed", "unsigned")

_LINES = text("""
    select l.*, c.number, count(*) over () as total
      from handout_line l
      left join card c on c.id = l.card_id
      left join application a on a.id = c.application_id
     where l.handout_id = :handout
       and (:show = 'all' or (:show = 'signed') = (l.signed_at is not null))
       and (not cast(:newest as boolean) or l.signed_at is not null)
     order by case when cast(:newest as boolean) then l.signed_at end desc,
              array_position(cast(:unions as uuid[]), l.union_id), a.row, c.number, l.person_id
     limit :limit offset :offset""")


def receipt_lines(
    session: Session, handout: HandoutView, show: str = "all", *, limit: int | None = 100, offset: int = 0
) -> Listed:
    """The people of a hand-out `handout_of` has let the officer see, by unit in the order of the roster."""
    return _lines(session, handout, show, newest=False, limit=limit, offset=offset)


def newest_receipts(session: Session, handout: HandoutView, limit: int = 20) -> tuple[ReceiptLine, ...]:
    """The last to sign, the newest first: what the officer's phone shows below the camera."""
    lines: tuple[ReceiptLine, ...] = _lines(session, handout, "signed", newest=True, limit=limit, offset=0).items
    return lines


def _lines(
    session: Session, handout: HandoutView, show: str, *, newest: bool, limit: int | None, offset: int
) -> Listed:
    order = [union.id for union in membership.unions_under(session, handout.union.path)]
    given = {
        "handout": handout.id, "show": show, "newest": newest, "unions": order, "limit": limit, "offset": offset,
    }  # fmt: skip
    rows = session.execute(_LINES, given).all()
    people = membership.people(session, {row.person_id for row in rows})
    unions = membership.unions_of_ids(session, {row.union_id for row in rows})
    # The list of that day says what the unions were called that day, however often it is printed.
    unions = membership.as_called_on(session, unions, day_of(handout.opened_at))
    names = access.display_names(session, [row.actor_id for row in rows if row.actor_id])
    items = tuple(
        ReceiptLine(
            people[row.person_id],
            unions[row.union_id],
            row.number or "",
            row.signed_at,
            row.channel or "",
            names.get(row.actor_id, ""),
        )
        for row in rows
    )
    return Listed(items, rows[0].total if rows else 0)
