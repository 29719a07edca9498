"""Stores: where a merchant serves members, and when."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Merchant, Store
from cardnet.merchants.partnership import Hours, checked_hours, checked_phone
from cardnet.merchants.services.callers import forget_merchant
from cardnet.merchants.services.townships import Township, township_id_of, townships_of
from cardnet.merchants.services.unique import add_unique


@dataclass(frozen=True)
class StoreView:
    """A store as other packages see it. `hours` as `partnership.Hours`; closed from `closed_on` on.

    `township` is where it stands in the district, as that is called now; None while nobody has said it.
    """

    id: uuid.UUID
    merchant_id: uuid.UUID
    code: str
    name: str
    address: str | None
    phone: str | None = None
    hours: Hours = field(default_factory=dict)
    closed_on: date | None = None
    township: Township | None = None


@dataclass(frozen=True)
class MakeStore:
    """A merchant opens a place. `hours`: weekday `1` to `7` → opens, closes, as people type them.

    `township` is the code of the town's or street's union.
    """

    merchant_id: uuid.UUID
    code: str
    name: str
    address: str | None = None
    actor_id: uuid.UUID | None = None
    phone: str | None = None
    hours: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    township: str | None = None


@dataclass(frozen=True)
class ChangeStore:
    """A place has another name, address, phone or other hours; `closed`: it serves nobody any more, or again.

    `township` is a union's code, `""` for none; None leaves it as it is.
    """

    store_id: uuid.UUID
    name: str
    address: str
    phone: str
    hours: Mapping[str, tuple[str, str]]
    closed: bool
    actor_id: uuid.UUID | None = None
    township: str | None = None


@dataclass(frozen=True)
class PlaceStore:
    """A store stands in this town or street; the code of its union."""

    store_id: uuid.UUID
    township: str
    actor_id: uuid.UUID | None = None


def make_store(session: Session, world: World, command: MakeStore) -> StoreView:
    """Add a store.

    Raises NotFound("merchant_unknown"), Conflict("store_code_taken"), InvalidInput("code_invalid", "name_invalid",
    "address_invalid", "phone_format", "hours_invalid") and what `townships.township_id_of` raises.
    """
    code = rules.checked_code(command.code, "门店编号")
    if session.get(Merchant, command.merchant_id) is None:
        raise NotFound("merchant_unknown", "没有这家商户，请核对。")
    taken = Conflict("store_code_taken", f"门店编号“{code}”在本商户已被使用，请换一个。")
    if session.scalar(select(Store.id).where(Store.merchant_id == command.merchant_id, Store.code == code)):
        raise taken
    store = Store(
        id=world.new_id(),
        merchant_id=command.merchant_id,
        code=code,
        name=rules.checked_name(command.name, "门店名称"),
        address=_address(command.address),
        township_id=township_id_of(session, command.township),
        phone=checked_phone(command.phone) if command.phone else None,
        hours=_stored(command.hours),
        created_at=world.now(),
    )
    add_unique(session, store, taken)
    record(session, world, Act("store.make", "store", str(store.id), command.actor_id, after={"code": code}))
    return _views(session, [store])[0]


def change_store(session: Session, world: World, command: ChangeStore) -> StoreView:
    """Raises NotFound("store_unknown") and InvalidInput as `make_store` does."""
    store = _locked(session, command.store_id)
    before = _told(store)
    store.name, store.address = rules.checked_name(command.name, "门店名称"), _address(command.address)
    store.phone = checked_phone(command.phone) if command.phone.strip() else None
    store.hours = _stored(command.hours)
    if command.township is not None and command.township != _township_of(session, store):
        store.township_id = township_id_of(session, command.township)
    if command.closed != (store.closed_on is not None):
        store.closed_on = day_of(world.now()) if command.closed else None
        # Its tills are turned away from now on, or no longer.
        forget_merchant(session, store.merchant_id)
    return _kept(session, world, store, before, command.actor_id)


def place_store(session: Session, world: World, command: PlaceStore) -> StoreView:
    """Say only where a store is. Raises NotFound("store_unknown") and what `townships.township_id_of` raises."""
    store = _locked(session, command.store_id)
    before = _told(store)
    store.township_id = township_id_of(session, command.township)
    return _kept(session, world, store, before, command.actor_id)


def store_of_id(session: Session, store_id: uuid.UUID, merchant_id: uuid.UUID | None = None) -> StoreView:
    """One store, of this merchant when named. Raises NotFound("store_unknown")."""
    store = session.get(Store, store_id, populate_existing=True)
    if store is None or merchant_id not in (None, store.merchant_id):
        raise NotFound("store_unknown", "没有这家门店，请核对。")
    return _views(session, [store])[0]


def stores_of(session: Session, merchant_id: uuid.UUID) -> list[StoreView]:
    """The stores of a merchant, by code."""
    query = select(Store).where(Store.merchant_id == merchant_id).order_by(Store.code)
    return _views(session, session.scalars(query.execution_options(populate_existing=True)).all())


def _locked(session: Session, store_id: uuid.UUID) -> Store:
    store = session.get(Store, store_id, populate_existing=True, with_for_update=True)
    if store is None:
        raise NotFound("store_unknown", "没有这家门店，请核对。")
    return store


def _kept(
    session: Session, world: World, store: Store, before: dict[str, Any], actor_id: uuid.UUID | None
) -> StoreView:
    session.flush()
    if (after := _told(store)) != before:
        record(session, world, Act("store.change", "store", str(store.id), actor_id, before=before, after=after))
    return _views(session, [store])[0]


def _township_of(session: Session, store: Store) -> str:
    """The code it would be shown under: to send that back is to leave it alone."""
    found = townships_of(session, [store.township_id])
    return found[store.township_id].code if found else ""


def _address(text: str | None) -> str | None:
    address = (text or "").strip()
    if len(address) > 120 or not address.isprintable():
        raise InvalidInput("address_invalid", "地址不超过 120 个字，不含换行等控制字符。")
    return address or None


def _stored(hours: Mapping[str, tuple[str, str]]) -> dict[str, Any] | None:
    return {day: list(times) for day, times in checked_hours(hours).items()} or None


def _told(store: Store) -> dict[str, Any]:
    return {
        "name": store.name,
        "address": store.address,
        "township_id": str(store.township_id) if store.township_id else None,
        "phone": store.phone,
        "hours": store.hours,
        "closed_on": store.closed_on.isoformat() if store.closed_on else None,
    }


def _views(session: Session, stores: Sequence[Store]) -> list[StoreView]:
    where = townships_of(session, {store.township_id for store in stores})
    return [
        StoreView(
            store.id, store.merchant_id, store.code, store.name, store.address, store.phone,
            {day: (times[0], times[1]) for day, times in (store.hours or {}).items()},
            store.closed_on, where.get(store.township_id),
        )
        for store in stores
    ]  # fmt: skip
