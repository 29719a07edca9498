"""Merchants and their stores."""

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Merchant, Store
from cardnet.merchants.rules import MerchantState, SettlementCycle

CONTACT_FIELD = "merchant.settlement_contact"


@dataclass(frozen=True)
class MerchantView:
    """A merchant as other packages see it."""

    id: uuid.UUID
    code: str
    name: str
    category: str
    credit_code: str | None
    settlement_cycle: SettlementCycle
    contract_number: str | None
    contract_signed_on: date | None
    contract_from: date | None
    contract_until: date | None
    state: MerchantState
    requires_signature: bool = False


@dataclass(frozen=True)
class StoreView:
    """A store as other packages see it."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    code: str
    name: str
    address: str | None


@dataclass(frozen=True)
class MakeMerchant:
    """A contract was signed with a new partner. `contract_until` is the last day; `category` a word rules may name."""

    code: str
    name: str
    category: str
    credit_code: str | None = None
    settlement_cycle: SettlementCycle = SettlementCycle.MONTHLY
    settlement_contact: str | None = None
    contract_number: str | None = None
    contract_signed_on: date | None = None
    contract_from: date | None = None
    contract_until: date | None = None
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class MakeStore:
    """A merchant opens a place."""

    merchant_id: uuid.UUID
    code: str
    name: str
    address: str | None = None
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class SetMerchantState:
    """The union suspends, resumes or ends the work with a merchant."""

    merchant_id: uuid.UUID
    state: MerchantState
    reason: str
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class RequireSignature:
    """A merchant's manager decides whether its terminals must sign their requests; they heed it within 30 s."""

    merchant_id: uuid.UUID
    required: bool
    actor_id: uuid.UUID | None = None


def require_signature(session: Session, world: World, command: RequireSignature) -> None:
    """From now on a token alone is enough, or is not. Raises NotFound("merchant_unknown")."""
    before = merchant_of_id(session, command.merchant_id).requires_signature
    session.execute(
        update(Merchant).where(Merchant.id == command.merchant_id).values(requires_signature=command.required)
    )
    states = {"requires_signature": before}, {"requires_signature": command.required}
    record(
        session,
        world,
        Act("merchant.signature", "merchant", str(command.merchant_id), command.actor_id, None, None, *states),
    )


def make_merchant(session: Session, world: World, command: MakeMerchant) -> MerchantView:
    """Add a merchant, active at once. Raises Conflict("merchant_code_taken") and InvalidInput for unusable fields."""
    code = rules.checked_code(command.code, "商户编号")
    rules.checked_contract(command.contract_from, command.contract_until)
    if session.scalar(select(Merchant.id).where(Merchant.code == code)):
        raise Conflict("merchant_code_taken", f"商户编号“{code}”已被使用，请换一个。")
    contact = command.settlement_contact
    merchant = Merchant(
        id=world.new_id(),
        code=code,
        name=rules.checked_name(command.name, "商户名称"),
        category=rules.checked_name(command.category, "商户类别"),
        credit_code=rules.checked_credit_code(command.credit_code),
        settlement_cycle=command.settlement_cycle,
        settlement_contact=vault_of(session).seal(CONTACT_FIELD, contact) if contact else None,
        contract_number=command.contract_number,
        contract_signed_on=command.contract_signed_on,
        contract_from=command.contract_from,
        contract_until=command.contract_until,
        state=MerchantState.ACTIVE,
        created_at=world.now(),
    )
    session.add(merchant)
    session.flush()
    record(session, world, Act("merchant.make", "merchant", str(merchant.id), command.actor_id, after={"code": code}))
    return _merchant_view(merchant)


def make_store(session: Session, world: World, command: MakeStore) -> StoreView:
    """Add a store. Raises NotFound("merchant_unknown") and Conflict("store_code_taken")."""
    code = rules.checked_code(command.code, "门店编号")
    merchant = merchant_of_id(session, command.merchant_id)
    if session.scalar(select(Store.id).where(Store.merchant_id == merchant.id, Store.code == code)):
        raise Conflict("store_code_taken", f"门店编号“{code}”在本商户已被使用，请换一个。")
    store = Store(
        id=world.new_id(),
        merchant_id=merchant.id,
        code=code,
        name=rules.checked_name(command.name, "门店名称"),
        address=command.address,
        created_at=world.now(),
    )
    session.add(store)
    session.flush()
    record(session, world, Act("store.make", "store", str(store.id), command.actor_id, after={"code": code}))
    return _store_view(store)


def set_merchant_state(session: Session, world: World, command: SetMerchantState) -> None:
    """Suspend, resume or end; terminals feel it within 30 s. Raises NotFound, and Conflict("merchant_state") after the end."""
    before = merchant_of_id(session, command.merchant_id).state
    changed = session.execute(
        update(Merchant)
        .where(Merchant.id == command.merchant_id, Merchant.state != MerchantState.ENDED)
        .values(state=command.state)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("merchant_state", "合作已终止，不能再改状态；如重新签约，请新建商户。")
    after = {"state": command.state, "reason": command.reason}
    act = Act(
        "merchant.state", "merchant", str(command.merchant_id), command.actor_id, None, None, {"state": before}, after
    )
    record(session, world, act)


def merchant_of_code(session: Session, code: str) -> MerchantView:
    """Raises NotFound("merchant_unknown")."""
    if merchant := session.scalar(select(Merchant).where(Merchant.code == code)):
        return _merchant_view(merchant)
    raise NotFound("merchant_unknown", f"没有编号为“{code}”的商户，请核对。")


def merchant_of_id(session: Session, merchant_id: uuid.UUID) -> MerchantView:
    """Raises NotFound("merchant_unknown")."""
    if merchant := session.get(Merchant, merchant_id, populate_existing=True):
        return _merchant_view(merchant)
    raise NotFound("merchant_unknown", "没有这家商户，请核对。")


def lock_merchant(session: Session, merchant_id: uuid.UUID) -> None:
    """Whoever else locks this merchant waits until the transaction ends; its sales do not. Raises NotFound."""
    wanted = select(Merchant.id).where(Merchant.id == merchant_id).with_for_update(key_share=True)
    if session.scalar(wanted) is None:
        raise NotFound("merchant_unknown", "没有这家商户，请核对。")


def merchants(session: Session) -> list[MerchantView]:
    """All merchants, by code."""
    return [_merchant_view(merchant) for merchant in session.scalars(select(Merchant).order_by(Merchant.code))]


def stores_of(session: Session, merchant_id: uuid.UUID) -> list[StoreView]:
    """The stores of a merchant, by code."""
    found = session.scalars(select(Store).where(Store.merchant_id == merchant_id).order_by(Store.code))
    return [_store_view(store) for store in found]


def _merchant_view(merchant: Merchant) -> MerchantView:
    return MerchantView(
        merchant.id,
        merchant.code,
        merchant.name,
        merchant.category,
        merchant.credit_code,
        SettlementCycle(merchant.settlement_cycle),
        merchant.contract_number,
        merchant.contract_signed_on,
        merchant.contract_from,
        merchant.contract_until,
        MerchantState(merchant.state),
        merchant.requires_signature,
    )


def _store_view(store: Store) -> StoreView:
    return StoreView(store.id, store.merchant_id, store.code, store.name, store.address)
