"""Step 15 of the judgement: how much a till may give away while nobody can be asked.

The numbers are the union's and travel in the trust pack; a program or merchant may name its own floor. They bound
what two offline tills can be made to pay twice: finance accepts floor times terminals, and not more.
"""

import enum
from dataclasses import dataclass
from typing import Literal

from cardnet.credential.pack import Policy
from cardnet.credential.status import StatusAge

BOUND_NONCE_BYTES = 16
"""A challenge this long binds a purchase (`device.bound_nonce`); the four digits of a till bind only a moment."""


class Limit(enum.StrEnum):
    """What the cashier does: nothing more today, ask online (or let the phone sign the amount), look at a document."""

    LIMIT_EXCEEDED = "limit_exceeded"
    ONLINE_REQUIRED = "online_required"
    CONFIRM_REQUIRED = "confirm_required"


@dataclass(frozen=True, slots=True)
class OfflineUse:
    """One sale at a till without a network, and what the till has done since it last was heard.

    `purchase_fen` is what the goods cost, `benefit_fen` what would be taken off. `card_uses` counts this card here
    today, `uses` and `given_fen` everything since the till's queue was taken, `synced_at` is when (seconds).
    `floor_fen`: the program's own floor; None takes the pack's. `confirmed`: the cashier has compared name and photo or
    the last four of a document.
    """

    purchase_fen: int
    benefit_fen: int
    card_uses: int
    uses: int
    given_fen: int
    synced_at: int
    floor_fen: int | None = None
    confirmed: bool = False


def judge_use(
    use: OfflineUse,
    policy: Policy,
    now: int,
    age: StatusAge,
    assurance: Literal["device", "device-challenge", "printed"],
    *,
    bound: bool,
) -> Limit | None:
    """None when the till may decide alone. `bound`: the phone has signed this very purchase, so the floor is lifted.

    A list older than 72 hours halves every number (rounded down); without a list that still counts nobody decides alone.
    """
    if age in (StatusAge.EXPIRED, StatusAge.UNCHECKED) or now - use.synced_at > policy.offline_sync:
        return Limit.ONLINE_REQUIRED
    part = 2 if age == StatusAge.STALE else 1
    printed = assurance == "printed"
    # Halved, one use a day would be none at all, and the list's age is no fault of the member's.
    if use.card_uses >= max(1, (policy.printed_card_uses if printed else policy.offline_card_uses) // part):
        return Limit.LIMIT_EXCEEDED
    if use.uses >= policy.offline_uses // part or use.given_fen + use.benefit_fen > policy.offline_given_fen // part:
        return Limit.ONLINE_REQUIRED
    floor = policy.offline_floor_fen if use.floor_fen is None else use.floor_fen
    if printed:
        floor = min(floor, policy.printed_floor_fen)
    if use.purchase_fen > floor // part and not bound:
        return Limit.ONLINE_REQUIRED
    return Limit.CONFIRM_REQUIRED if printed and not use.confirmed else None
