"""Which phones a card may be bound to: one, or two where the union allows it; and whose place a new key takes."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cardnet.kernel.errors import Conflict

PHONES_BY_DEFAULT = 1
MOST_PHONES = 2


@dataclass(frozen=True)
class HeldPhone:
    """A phone bound to a card: its index, its place (1 or 2), and the member session it was bound in, where known."""

    index: int
    place: int
    bound_at: datetime
    session_id: uuid.UUID | None = None


@dataclass(frozen=True)
class PhoneChoice:
    """What the member answered: the new phone comes in the place of the one with this index; None, beside them."""

    instead_of: int | None


def phone_to_leave(
    held: Sequence[HeldPhone], allowed: int, choice: PhoneChoice | None = None, session_id: uuid.UUID | None = None
) -> HeldPhone | None:
    """The phone whose place a new key takes; None where there is a free one.

    Where only one is allowed nobody is asked: it is the lost one. A browser that lost its key takes its own place
    again. Raises Conflict("choose_phone") with the phones to choose from, Conflict("phone_unknown").
    """
    if not held:
        return None
    if allowed == 1:
        return held[0]
    if choice is not None and choice.instead_of is not None:
        return _with_index(held, choice.instead_of)
    own = next((one for one in held if session_id is not None and one.session_id == session_id), None)
    if own is not None:
        return own
    if len(held) < allowed and choice is not None:
        return None
    raise _choose(held, may_add=len(held) < allowed)


def free_place(held: Sequence[HeldPhone]) -> int:
    """The lowest place nobody has."""
    taken = {one.place for one in held}
    return next(place for place in range(1, MOST_PHONES + 2) if place not in taken)


def _with_index(held: Sequence[HeldPhone], index: int) -> HeldPhone:
    for one in held:
        if one.index == index:
            return one
    raise Conflict("phone_unknown", "选的这部手机已经不在这张卡上，请重新选择。", _told(held, may_add=False))


def _choose(held: Sequence[HeldPhone], *, may_add: bool) -> Conflict:
    said = (
        "这张卡已绑定一部手机：请选择换下它，还是两部都用。"
        if may_add
        else f"这张卡已绑定 {len(held)} 部手机，请选择换下哪一部。"
    )
    return Conflict("choose_phone", said, _told(held, may_add=may_add))


def _told(held: Sequence[HeldPhone], *, may_add: bool) -> dict[str, object]:
    phones = [{"index": one.index, "bound_at": one.bound_at.isoformat()} for one in held]
    return {"phones": phones, "may_add": may_add}
