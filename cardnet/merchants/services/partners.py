"""Merchants: made, changed, and the states their work with the union goes through."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Merchant, MerchantContact, Store
from cardnet.merchants.partnership import GAP_NAMES, Gap, check_step, checked_reason, gaps
from cardnet.merchants.rules import MerchantState, SettlementCycle
from cardnet.merchants.services.agreements import SignAgreement, agreements_of, sign_agreement
from cardnet.merchants.services.blacklist import refuse_blacklisted
from cardnet.merchants.services.callers import forget_merchant
from cardnet.merchants.services.unique import add_unique


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
class MakeMerchant:
    """A new partner; `category` is a word rules may name.

    With number, signing and first day of a contract its agreement is entered too; `contract_until` is the last day. A
    `draft` is filled in step by step and serves nobody until `set_merchant_state` finds everything there.
    """

    code: str
    name: str
    category: str
    credit_code: str | None = None
    settlement_cycle: SettlementCycle = SettlementCycle.MONTHLY
    contract_number: str | None = None
    contract_signed_on: date | None = None
    contract_from: date | None = None
    contract_until: date | None = None
    actor_id: uuid.UUID | None = None
    state: MerchantState = MerchantState.ACTIVE


@dataclass(frozen=True)
class ChangeMerchant:
    """Another name, category, credit code or cycle. A cycle counts for what is settled from now on."""

    merchant_id: uuid.UUID
    name: str
    category: str
    credit_code: str | None
    settlement_cycle: SettlementCycle
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
    forget_merchant(session, command.merchant_id)
    record(
        session,
        world,
        Act("merchant.signature", "merchant", str(command.merchant_id), command.actor_id, None, None, *states),
    )


def make_merchant(session: Session, world: World, command: MakeMerchant) -> MerchantView:
    """Add a merchant. Raises Conflict("merchant_code_taken", "merchant_blacklisted") and InvalidInput for unusable fields."""
    code = rules.checked_code(command.code, "商户编号")
    credit_code = rules.checked_credit_code(command.credit_code)
    refuse_blacklisted(session, credit_code)
    rules.checked_contract(command.contract_from, command.contract_until)
    taken = Conflict("merchant_code_taken", f"商户编号“{code}”已被使用，请换一个。")
    if session.scalar(select(Merchant.id).where(Merchant.code == code)):
        raise taken
    merchant = Merchant(
        id=world.new_id(),
        code=code,
        name=rules.checked_name(command.name, "商户名称"),
        category=rules.checked_name(command.category, "商户类别"),
        credit_code=credit_code,
        settlement_cycle=command.settlement_cycle,
        contract_number=command.contract_number,
        contract_signed_on=command.contract_signed_on,
        contract_from=command.contract_from,
        contract_until=command.contract_until,
        state=command.state,
        created_at=world.now(),
    )
    add_unique(session, merchant, taken)
    after = {"code": code, "state": command.state}
    record(session, world, Act("merchant.make", "merchant", str(merchant.id), command.actor_id, after=after))
    if command.contract_number and command.contract_signed_on and command.contract_from:
        signed = SignAgreement(
            merchant.id, command.contract_number, command.contract_signed_on, command.contract_from,
            command.contract_until, command.actor_id,
        )  # fmt: skip
        sign_agreement(session, world, signed)
    return _merchant_view(merchant)


def change_merchant(session: Session, world: World, command: ChangeMerchant) -> MerchantView:
    """Raises NotFound("merchant_unknown"), Conflict("merchant_blacklisted") and InvalidInput for unusable fields."""
    credit_code = rules.checked_credit_code(command.credit_code)
    refuse_blacklisted(session, credit_code)
    merchant = session.get(Merchant, command.merchant_id, populate_existing=True, with_for_update={"key_share": True})
    if merchant is None:
        raise _unknown()
    before = _told(merchant)
    merchant.name = rules.checked_name(command.name, "商户名称")
    merchant.category = rules.checked_name(command.category, "商户类别")
    merchant.credit_code, merchant.settlement_cycle = credit_code, command.settlement_cycle
    session.flush()
    if (after := _told(merchant)) != before:
        forget_merchant(session, merchant.id)
        act = Act("merchant.change", "merchant", str(merchant.id), command.actor_id, before=before, after=after)
        record(session, world, act)
    return _merchant_view(merchant)


def missing_for(session: Session, world: World, merchant_id: uuid.UUID) -> tuple[Gap, ...]:
    """What a merchant lacks before it may serve members today. Raises NotFound("merchant_unknown")."""
    merchant = merchant_of_id(session, merchant_id)
    terms = tuple(one.term for one in agreements_of(session, world, merchant_id))
    store = select(Store.id).where(Store.merchant_id == merchant_id, Store.address.is_not(None))
    contact = select(MerchantContact.id).where(
        MerchantContact.merchant_id == merchant_id, MerchantContact.ended_at.is_(None)
    )
    return gaps(
        merchant.credit_code,
        terms,
        store=session.scalar(store.where(Store.closed_on.is_(None)).limit(1)) is not None,
        contact=session.scalar(contact.limit(1)) is not None,
        on=day_of(world.now()),
    )


def set_merchant_state(session: Session, world: World, command: SetMerchantState) -> None:
    """Activate, suspend, resume or end; terminals feel it within 30 s, those of this process at once.

    Raises NotFound("merchant_unknown"), InvalidInput("reason_missing"), Conflict("merchant_state") for a step that makes
    no sense, ("merchant_incomplete") for a draft that lacks something, ("merchant_blacklisted").
    """
    reason, asked = checked_reason(command.reason), merchant_of_id(session, command.merchant_id).credit_code
    if command.state is MerchantState.ACTIVE:
        refuse_blacklisted(session, asked)
    lock_merchant(session, command.merchant_id)
    before = merchant_of_id(session, command.merchant_id)
    if before.credit_code != asked:
        # It was given another code while we waited, and the list was asked of the old one.
        raise Conflict("merchant_state", "商户的资料刚刚改过，请刷新后再办理。")
    check_step(before.state, command.state)
    if command.state is MerchantState.ACTIVE and before.state is MerchantState.DRAFT:
        missing = missing_for(session, world, before.id)
        if missing:
            words = "、".join(GAP_NAMES[gap] for gap in missing)
            raise Conflict("merchant_incomplete", f"还不能启用，请先补齐：{words}。", {"missing": list(missing)})
    session.execute(update(Merchant).where(Merchant.id == before.id).values(state=command.state))
    forget_merchant(session, before.id)
    act = Act(
        "merchant.state", "merchant", str(before.id), command.actor_id, None, None, {"state": before.state},
        {"state": command.state, "reason": reason},
    )  # fmt: skip
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
    raise _unknown()


def lock_merchant(session: Session, merchant_id: uuid.UUID) -> None:
    """Whoever else locks this merchant waits until the transaction ends; its sales do not. Raises NotFound."""
    wanted = select(Merchant.id).where(Merchant.id == merchant_id).with_for_update(key_share=True)
    if session.scalar(wanted) is None:
        raise _unknown()


def names_of_merchants(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What these merchants are called."""
    rows = session.execute(select(Merchant.id, Merchant.name).where(Merchant.id == func.any(list(ids)))) if ids else ()
    return {row.id: row.name for row in rows}


def merchants(session: Session) -> list[MerchantView]:
    """All merchants, by code."""
    return [_merchant_view(merchant) for merchant in session.scalars(select(Merchant).order_by(Merchant.code))]


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


def _told(merchant: Merchant) -> dict[str, object]:
    return {
        "name": merchant.name,
        "category": merchant.category,
        "credit_code": merchant.credit_code,
        "settlement_cycle": merchant.settlement_cycle,
    }


def _unknown() -> NotFound:
    return NotFound("merchant_unknown", "没有这家商户，请核对。")
