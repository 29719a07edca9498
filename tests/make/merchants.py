"""Merchants, stores and terminals for tests, made by the real services."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.kernel.world import World
from cardnet.merchants.partnership import ContactKind
from cardnet.merchants.rules import MerchantState, Venue
from cardnet.merchants.services import (
    MakeMerchant,
    MakeStore,
    MakeTerminal,
    MerchantView,
    SetContact,
    SetMerchantState,
    SignAgreement,
    UploadSignedCopy,
    make_merchant,
    make_store,
    make_terminal,
    merchant_of_code,
    merchant_of_id,
    set_contact,
    set_merchant_state,
    sign_agreement,
    stores_of,
    upload_signed_copy,
    venue_of_token,
)


@dataclass(frozen=True)
class Till:
    """A terminal that may call: its venue, its token and the headers that carry it."""

    venue: Venue
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def make_till(
    session: Session,
    world: World,
    code: str = "M1001",
    *,
    terminal: str = "T01",
    category: str = "health",
    name: str = "云间工人疗养院体检中心",
) -> Till:
    """Merchant, store `S01` and a terminal with a token."""
    merchant = make_merchant(session, world, MakeMerchant(code, name, category))
    store = make_store(session, world, MakeStore(merchant.id, "S01", "本部"))
    new = make_terminal(session, world, MakeTerminal(store.id, terminal))
    return Till(venue_of_token(session, world, new.token), new.token)


def second_till(session: Session, world: World, code: str = "M1001", terminal: str = "T02") -> Till:
    """One more terminal in the first store of a merchant that exists."""
    store = stores_of(session, merchant_of_code(session, code).id)[0]
    new = make_terminal(session, world, MakeTerminal(store.id, terminal))
    return Till(venue_of_token(session, world, new.token), new.token)


CREDIT_CODE = "91350100M000100Y43"
"""GB 32100's own example; its check character is right."""

PDF = b"%PDF-1.4 signed and stamped"


def make_partner(
    session: Session,
    world: World,
    code: str = "M1001",
    *,
    name: str = "云间工人疗养院体检中心",
    credit_code: str | None = CREDIT_CODE,
    state: MerchantState = MerchantState.ACTIVE,
) -> MerchantView:
    """A merchant with everything: agreement since 2026-04-01 with its copy, a store with hours, a contact."""
    draft = MakeMerchant(code, name, "health", credit_code, state=MerchantState.DRAFT)
    one = make_merchant(session, world, draft)
    signed = sign_agreement(
        session, world, SignAgreement(one.id, f"云工合〔2026〕{code}号", date(2026, 4, 1), date(2026, 4, 1))
    )
    upload_signed_copy(session, world, UploadSignedCopy(signed.id, PDF))
    hours = dict.fromkeys("12345", ("8:30", "17:00"))
    make_store(session, world, MakeStore(one.id, "S01", "本部", "方塔北路 1 号", hours=hours))
    set_contact(session, world, SetContact(one.id, ContactKind.DAILY, "李会计", "13800000000"))
    if state is not MerchantState.DRAFT:
        set_merchant_state(session, world, SetMerchantState(one.id, state, "资料齐全"))
    return merchant_of_id(session, one.id)


def make_manager(
    session: Session, world: World, one: MerchantView, username: str = "", role: Role = Role.MERCHANT_MANAGER
) -> Principal:
    """A manager or cashier of a merchant, below the district `/C/`."""
    username = username or f"{role.value.rsplit('_', 1)[1]}-{one.code}".lower()
    command = access.CreateAccount(username, f"{username} 店长", frozenset({role}), world.new_id(), f"/C/~{one.id}/")
    access.create_account(session, world, command)
    return access.principal_of_username(session, username)
