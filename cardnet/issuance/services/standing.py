"""Who stands behind a card index: the one statement on the path of every redemption."""

from datetime import date

from sqlalchemy import Date, bindparam, select
from sqlalchemy.orm import Session

from cardnet.issuance.models import Binding, Card
from cardnet.issuance.rules import BindingState, CardState, Standing
from cardnet.kernel.masking import name_for_merchant
from cardnet.kernel.vault import vault_of
from cardnet.membership import services as membership

_member = membership.member_facts(bindparam("on", type_=Date()))  # type: ignore[arg-type] # a day, given later
_card, _binding = Card.__table__.c, Binding.__table__.c

# Built once, of columns and not of entities: SQLAlchemy compiles it once, and the driver prepares it after five uses.
_STANDING = (
    select(
        _card.id, _card.number, _card.state, _card.valid_from, _card.valid_to,
        _binding.state.label("binding_state"), _binding.device_key, _member,
    )
    .select_from(Binding.__table__)
    .join(Card.__table__, _card.id == _binding.card_id)
    .join(_member, _member.c.person_id == _card.person_id)
    .where(_binding.card_index == bindparam("index"))
    .order_by(_binding.recycled_at.desc().nulls_first())
    .limit(1)
)  # fmt: skip

_STILL_OPEN = date.max


def standing_of(session: Session, index: int, on: date | None = None) -> Standing | None:
    """The standing behind `index`; None when no binding ever had it (`not_issued`).

    `on` is the day whose membership and tags count (the event's day); None takes those that have no end.
    """
    row = session.execute(_STANDING, {"index": index, "on": on or _STILL_OPEN}).one_or_none()
    if row is None:
        return None
    return Standing(
        card_index=index,
        person_id=row.person_id,
        card_id=row.id,
        card_number=row.number,
        card_state=CardState(row.state),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        binding_state=BindingState(row.binding_state),
        binding_key=row.device_key,
        unit_path=row.unit_path,
        membership_kind=row.membership_kind,
        member_since=row.member_since,
        birth_on=row.birth_on,
        sex=row.sex,
        tags=frozenset(row.tags or ()),
        display=name_for_merchant(vault_of(session).open("person.name", row.name)),
    )
