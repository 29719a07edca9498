"""Merchants, stores and terminals for tests, made by the real services."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from cardnet.kernel.world import World
from cardnet.merchants.rules import Venue
from cardnet.merchants.services import (
    MakeMerchant,
    MakeStore,
    MakeTerminal,
    make_merchant,
    make_store,
    make_terminal,
    merchant_of_code,
    stores_of,
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
