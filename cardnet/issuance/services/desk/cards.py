"""Cards of a scope: found by number, by person, by state, by batch; and everything one card's page shows."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.issuance.rules import CardState, HeldPhone
from cardnet.issuance.services.desk.listing import Listed, within
from cardnet.issuance.services.phones import phones_of
from cardnet.kernel.errors import NotFound
from cardnet.membership import services as membership
from cardnet.membership.rules import PersonView, UnionNode


@dataclass(frozen=True)
class CardLine:
    """One card in a list, with whose it is."""

    card_id: uuid.UUID
    number: str
    state: CardState
    person: PersonView | None
    union: UnionNode | None
    valid_from: date
    valid_to: date
    issued_at: datetime
    delivered_at: datetime | None
    activated_at: datetime | None
    batch_id: uuid.UUID | None
    row: int | None


@dataclass(frozen=True)
class CardEventLine:
    """One thing that happened to a card."""

    at: datetime
    action: str
    to_state: str
    channel: str
    actor: str
    words: str


@dataclass(frozen=True)
class CardFilter:
    """Which cards: by whole number, by its last digits, of these people, under `path`, in one of `states`, of one batch.

    `unsigned` leaves those nobody has signed for, `ends_by` those whose last day is no later and that were not renewed.
    `after` is a number: the cards beyond it in the order of their numbers, for who reads on from there.
    """

    number: str = ""
    ending: str = ""
    path: str | None = None
    states: frozenset[CardState] = field(default_factory=frozenset)
    batch_id: uuid.UUID | None = None
    person_ids: frozenset[uuid.UUID] | None = None
    unsigned: bool = False
    ends_by: date | None = None
    after: str | None = None


@dataclass(frozen=True)
class CardMore:
    """What hangs on one card: the phones, the print, the cards before and after it, and who reminded its holder."""

    phones: tuple[HeldPhone, ...]
    printed_at: datetime | None
    print_until: datetime | None
    before: tuple[uuid.UUID, str] | None
    after: tuple[uuid.UUID, str, CardState, date] | None
    reminded: int
    last_reminded_at: datetime | None
    activated_channel: str | None
    activated_union: UnionNode | None

    @property
    def phone_bound_at(self) -> datetime | None:
        """When the phone bound last was bound; None without one."""
        return self.phones[-1].bound_at if self.phones else None


# The page first and the whole of its cards afterwards; of thirty thousand only fifty are read to the end.
_CARDS = """
    with page as (select c.id {which} order by {order} limit :limit offset :offset)
    select c.*, a.batch_id, a.row
      from page join card c using (id) left join application a on a.id = c.application_id
     order by {shown}"""

_TOTAL = "select count(*) {which}"

_ORDER = "a.batch_id desc nulls last, a.row, c.number"
# The same from its end: nobody sorts thirty thousand to leave out all but the last fifty.
_FROM_THE_END = "a.batch_id nulls first, a.row desc, c.number desc"
_ON_FROM = " and c.number > :after"

_WHICH = """
      from card c left join application a on a.id = c.application_id
     where c.union_id in (select u.id from union_node u where starts_with(u.path, :under))
       and (cast(:number as text) = '' or c.number = :number)
       and (cast(:ending as text) = '' or right(c.number, length(:ending)) = :ending)
       and (cardinality(cast(:states as text[])) = 0 or c.state = any(cast(:states as text[])))
       and (cast(:batch as uuid) is null or a.batch_id = :batch)
       and (cast(:card as uuid) is null or c.id = :card)
       and (cast(:people as uuid[]) is null or c.person_id = any(cast(:people as uuid[])))
       and (not cast(:unsigned as boolean)
            or (c.delivered_at is null and c.state in ('ordered', 'produced', 'active')))
       and (cast(:ends_by as date) is null
            or (c.valid_to <= :ends_by and c.state in ('ordered', 'produced', 'delivered', 'active')
                and not exists (select from card n where n.replaces_id = c.id)))"""


def find_cards(session: Session, officer: Principal, wanted: CardFilter, *, limit: int = 50, offset: int = 0) -> Listed:
    """Cards of the officer's scope."""
    return _cards(session, officer, wanted, None, limit, offset)


def card_numbers(session: Session, officer: Principal, wanted: CardFilter) -> tuple[str, ...]:
    """The numbers of all these cards: what "all under this filter" means for an act on many."""
    given = _given(officer, wanted, None)
    return tuple(session.scalars(text(f"select c.number {_WHICH} order by c.number"), given))


def card_of_id(session: Session, officer: Principal, card_id: uuid.UUID) -> CardLine:
    """One card. Raises NotFound("card_unknown"), also when it is not the officer's to see."""
    found = _cards(session, officer, CardFilter(), card_id, 1, 0).items
    if not found:
        raise NotFound("card_unknown", "没有这张卡，或者不在您的管理范围内。")
    line: CardLine = found[0]
    return line


def _cards(
    session: Session, officer: Principal, wanted: CardFilter, card_id: uuid.UUID | None, limit: int, offset: int
) -> Listed:
    given = {**_given(officer, wanted, card_id), "limit": limit, "offset": offset, "after": wanted.after}
    which, shown = (_WHICH, _ORDER) if wanted.after is None else (_WHICH + _ON_FROM, "c.number")
    total = 1 if card_id is not None else session.scalar(text(_TOTAL.format(which=which)), given) or 0
    order = shown
    if wanted.after is None and offset > total // 2:
        left = max(0, total - offset)
        given |= {"limit": min(limit, left), "offset": max(0, left - limit)}
        order = _FROM_THE_END
    rows = session.execute(text(_CARDS.format(which=which, order=order, shown=shown)), given).mappings().all()
    people = membership.people(session, {row["person_id"] for row in rows})
    unions = membership.unions_of_ids(session, {row["union_id"] for row in rows})
    items = tuple(_card_line(row, people, unions) for row in rows)
    return Listed(items, total if rows else 0)


def _given(officer: Principal, wanted: CardFilter, card_id: uuid.UUID | None) -> dict[str, object]:
    return {
        "under": within(officer, wanted.path),
        "number": wanted.number,
        "ending": wanted.ending,
        "states": sorted(wanted.states),
        "batch": wanted.batch_id,
        "card": card_id,
        "people": None if wanted.person_ids is None else list(wanted.person_ids),
        "unsigned": wanted.unsigned,
        "ends_by": wanted.ends_by,
    }


def _card_line(
    row: RowMapping, people: Mapping[uuid.UUID, PersonView], unions: Mapping[uuid.UUID, UnionNode]
) -> CardLine:
    return CardLine(
        row["id"],
        row["number"],
        CardState(row["state"]),
        people.get(row["person_id"]),
        unions.get(row["union_id"]),
        row["valid_from"],
        row["valid_to"],
        row["issued_at"],
        row["delivered_at"],
        row["activated_at"],
        row["batch_id"],
        row["row"],
    )


def card_history(session: Session, card_id: uuid.UUID) -> tuple[CardEventLine, ...]:
    """What happened to a card, oldest first."""
    statement = text("select * from card_event where card_id = :card order by seq")
    rows: Sequence[RowMapping] = session.execute(statement, {"card": card_id}).mappings().all()
    names = access.display_names(session, [row["actor_id"] for row in rows if row["actor_id"]])
    return tuple(
        CardEventLine(
            row["at"],
            row["action"],
            row["to_state"],
            row["channel"],
            names.get(row["actor_id"], ""),
            row["words"] or "",
        )
        for row in rows
    )


_MORE = """
    select c.activated_channel, c.activated_union_id, b.id as before_id, b.number as before_number,
           n.id as after_id, n.number as after_number, n.state as after_state, n.valid_from as after_from,
           p.bound_at as printed_at, p.credential_expires_at as print_until, r.reminded, r.last_reminded_at
      from card c
      left join card b on b.id = c.replaces_id
      left join card n on n.replaces_id = c.id
      left join binding p on p.card_id = c.id and p.kind = 'printed' and p.state <> 'revoked'
      cross join lateral (select count(*) as reminded, max(at) as last_reminded_at
                            from card_reminder where card_id = c.id) r
     where c.id = :card"""


def card_more(session: Session, card_id: uuid.UUID) -> CardMore:
    """What hangs on a card that `card_of_id` has let the officer see."""
    row = session.execute(text(_MORE), {"card": card_id}).one()
    unions = membership.unions_of_ids(session, {row.activated_union_id} if row.activated_union_id else set())
    return CardMore(
        phones_of(session, card_id),
        row.printed_at,
        row.print_until,
        (row.before_id, row.before_number) if row.before_id else None,
        (row.after_id, row.after_number, CardState(row.after_state), row.after_from) if row.after_id else None,
        row.reminded,
        row.last_reminded_at,
        row.activated_channel,
        unions.get(row.activated_union_id),
    )
