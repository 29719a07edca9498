"""Where members can go: the open stores of every partner, in one list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cardnet.merchants.models import Merchant, Store
from cardnet.merchants.rules import MerchantState
from cardnet.merchants.services.townships import Township, townships_of


@dataclass(frozen=True)
class Place:
    """One store of a partner whose work with the union goes on. `hours` as `partnership.Hours`, empty where nobody said.

    `township` is where in the district it stands, None where nobody said.
    """

    merchant: str
    merchant_name: str
    category: str
    store_name: str
    address: str
    phone: str
    hours: Mapping[str, tuple[str, str]]
    township: Township | None


def places(session: Session, on: date) -> tuple[Place, ...]:
    """Every store a member may go to on a day, by merchant and store code."""
    rows = session.execute(
        select(
            Merchant.code, Merchant.name, Merchant.category, Store.name, Store.address, Store.phone, Store.hours,
            Store.township_id,
        )
        .join(Store, Store.merchant_id == Merchant.id)
        .where(Merchant.state == str(MerchantState.ACTIVE), or_(Store.closed_on.is_(None), Store.closed_on > on))
        .order_by(Merchant.code, Store.code)
    ).all()  # fmt: skip
    where = townships_of(session, {row.township_id for row in rows})
    return tuple(
        Place(code, name, category, store, address or "", phone or "", hours or {}, where.get(township_id))
        for code, name, category, store, address, phone, hours, township_id in rows
    )
