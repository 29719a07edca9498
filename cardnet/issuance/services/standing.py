"""Who stands behind a card index: one question on the path of every redemption."""

from collections.abc import Collection
from datetime import date
from typing import Any

from psycopg.types.numeric import Int8
from sqlalchemy import Date, bindparam, case, select
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.orm import Session

from cardnet.issuance.models import Binding, Card
from cardnet.issuance.rules import BindingState, CardState, Standing, same_last4
from cardnet.kernel.masking import name_for_merchant
from cardnet.kernel.statement import Row, Statement
from cardnet.kernel.vault import vault_of
from cardnet.membership import services as membership

_member = membership.member_facts(bindparam("on", type_=Date()))  # type: ignore[arg-type] # a day, given later
_card, _binding = Card.__table__.c, Binding.__table__.c

_QUERY = (
    select(
        _card.id,
        _card.number,
        _card.state,
        _card.valid_from,
        _card.valid_to,
        _binding.state,
        _binding.device_key,
        # What was sold offline with a card of a file that is merged by now counts for the member, who has one file.
        _member.c.counts_as.label("person_id"),
        _member.c.unit_path,
        _member.c.membership_kind,
        _member.c.member_since,
        _member.c.birth_on,
        _member.c.sex,
        _member.c.tags,
        _member.c.name,
        # A phone proves by its key; only who shows paper is asked how the document's number ends.
        case((_binding.device_key.is_(None), _member.c.id_number)),
    )
    .select_from(Binding.__table__)
    .join(Card.__table__, _card.id == _binding.card_id)
    .join(_member, _member.c.person_id == _card.person_id)
    # A recycled index belongs to whoever has it now.
    .where(_binding.card_index == bindparam("index"), _binding.recycled_at.is_(None))
)

# Membership says how its facts are joined, this package how a card is; the text is put together once, at import.
STANDING = str(_QUERY.compile(dialect=psycopg.dialect()))  # type: ignore[no-untyped-call]
"""One row for the index of `standing_parameters`, or none: also part of larger statements, for `standing_from` to read.

Its column `person_id` says for whom it counts."""

_STANDING = Statement(STANDING)

_STILL_OPEN = date.max


def standing_of(session: Session, index: int, on: date | None = None) -> Standing | None:
    """The standing behind `index`; None when no binding ever had it (`not_issued`).

    `on` is the day whose membership and tags count (the event's day); None takes those that have no end.
    """
    row = _STANDING.one_or_none(session, standing_parameters(index, on))
    return standing_from(session, index, row) if row else None


def bound_keys(session: Session, indexes: Collection[int]) -> dict[int, bytes | None]:
    """The key bound to each of these indexes, None for paper; an index nobody has is not in it."""
    found = select(_binding.card_index, _binding.device_key).where(
        _binding.card_index.in_(indexes), _binding.recycled_at.is_(None)
    )
    return {row.card_index: row.device_key for row in session.execute(found)}


def standing_parameters(index: int, on: date | None = None) -> dict[str, Any]:
    """The parameters of `STANDING`; see `standing_of`."""
    return {"index": Int8(index), "on": on or _STILL_OPEN}


def standing_from(session: Session, index: int, row: Row) -> Standing | None:
    """A row of `STANDING` as a value; None for one of nulls, as an outer join gives it."""
    if row[0] is None:
        return None
    (
        card_id, number, card_state, valid_from, valid_to, binding_state, device_key, person_id,
        unit_path, membership_kind, member_since, birth_on, sex, tags, name, id_number,
    ) = row  # fmt: skip
    return Standing(
        card_index=index,
        person_id=person_id,
        card_id=card_id,
        card_number=number,
        card_state=CardState(card_state),
        valid_from=valid_from,
        valid_to=valid_to,
        binding_state=BindingState(binding_state),
        binding_key=device_key,
        unit_path=unit_path,
        membership_kind=membership_kind,
        member_since=member_since,
        birth_on=birth_on,
        sex=sex,
        tags=frozenset(tags or ()),
        display=name_for_merchant(vault_of(session).open("person.name", name)),
        id_number=id_number,
    )


def holder_confirms(session: Session, standing: Standing, id_last4: str) -> bool:
    """Whether whoever shows this code knows how the holder's document number ends. Opens that one seal.

    Of a phone, whose code is taken as a printed card's where its time was off, the number was not asked along.
    """
    if standing.id_number is None:
        number = membership.person_of_id(session, standing.person_id).id_number
    else:
        number = vault_of(session).open("person.id_number", standing.id_number)
    return same_last4(number, id_last4)
