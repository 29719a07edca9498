"""Where in the district a store is: the township of the union tree it stands in, as it is called today."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from cardnet.kernel.errors import InvalidInput
from cardnet.membership import services as membership
from cardnet.merchants.models import Store
from cardnet.merchants.townships import area_of, is_township


@dataclass(frozen=True)
class Township:
    """A town or street: the code of its union and what it is called as a place, 永泽街道."""

    code: str
    name: str


def townships(session: Session) -> tuple[Township, ...]:
    """All that somebody may choose from, as they stand in the tree."""
    unions = membership.open_unions_under(session, "/")
    return tuple(Township(union.code, area_of(union.name)) for union in unions if is_township(union))


def township_id_of(session: Session, code: str | None) -> uuid.UUID | None:
    """The union a store is placed in; None for a store nobody has placed.

    Raises NotFound("unit_unknown"), Conflict("union_closed"), InvalidInput("township_invalid").
    """
    if not (code or "").strip():
        return None
    union = membership.union_of_code(session, str(code).strip())
    membership.must_be_open_union(union)
    if not is_township(union):
        raise InvalidInput("township_invalid", f"{union.name}不是镇或街道的工会，请选择门店所在的镇、街道。")
    return union.id


def townships_of(session: Session, ids: Collection[uuid.UUID | None]) -> Mapping[uuid.UUID | None, Township]:
    """Of each of these unions the township it is now: of one that was merged away the one that took it in."""
    known = membership.unions_of_ids(session, {one for one in ids if one is not None})
    if not known:
        return {}
    into = membership.successors(session) if any(one.closed_on for one in known.values()) else {}
    codes = {one: into[union.code][1] if union.code in into else union.code for one, union in known.items()}
    names = {union.code: union.name for union in membership.unions_of_codes(session, set(codes.values())).values()}
    return {one: Township(code, area_of(names[code])) for one, code in codes.items()}


def stands_in(session: Session, code: str) -> ColumnElement[bool]:
    """The condition that a store is in this township, or in one that was merged into it."""
    used = session.scalars(select(Store.township_id).where(Store.township_id.is_not(None)).distinct()).all()
    return Store.township_id.in_([one for one, now in townships_of(session, used).items() if now.code == code])
