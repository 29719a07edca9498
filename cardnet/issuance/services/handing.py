"""Handing cards over against signatures: one receipt a card, whoever records it and however often."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance import rules
from cardnet.issuance.rules import CardAction, CardState, Receipt
from cardnet.issuance.services.cards import must_be_officer
from cardnet.kernel import audit
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.world import World
from cardnet.membership import services as membership


@dataclass(frozen=True)
class HandOutCards:
    """An officer hands cards out against signatures: all of a batch, or those numbered, but not `except_numbers`.

    `channel` says how the receipt was given: `signed_list` (发放签领表) or `scan` (扫码签领).
    """

    officer: Principal
    batch_id: uuid.UUID | None = None
    numbers: tuple[str, ...] | None = None
    except_numbers: tuple[str, ...] = ()
    channel: str = Receipt.SIGNED_LIST


def hand_out_cards(session: Session, world: World, command: HandOutCards) -> int:
    """Record receipts; returns how many cards were handed out now. A card handed out before is left as it is.

    Raises NotAllowed("role_missing"), InvalidInput("nothing_chosen", "card_unknown") for an exception that names no
    card of the batch: a mistyped number would have signed for who did not come.
    """
    if command.batch_id is None and command.numbers is None:
        raise InvalidInput("nothing_chosen", "请选择要发放的批次或卡号。")
    must_be_officer(command.officer)
    unions = [union.id for union in membership.unions_under(session, command.officer.scope_path)]
    but = [rules.typed_number(number) for number in command.except_numbers]
    _must_be_cards(session, but, unions)
    handed = deliver(
        session,
        world,
        command.officer,
        unions,
        command.channel,
        batch_id=command.batch_id,
        numbers=None if command.numbers is None else [rules.typed_number(number) for number in command.numbers],
        but=but,
    )
    if handed and command.numbers is None:
        after = {"cards": len(handed), "channel": str(command.channel)}
        act = audit.Act("card.deliver", "batch", str(command.batch_id), command.officer.account_id, after=after)
        audit.record(session, world, act)
    else:
        audit_deliveries(session, world, command.officer, command.channel, handed)
    return len(handed)


# ---- pieces that hand-outs of any kind share ----

_DELIVER = text("""
    with picked as (
        select c.id, c.state from card c left join application a on a.id = c.application_id
         where (cast(:batch as uuid) is null or a.batch_id = :batch)
           and (cast(:numbers as text[]) is null or c.number = any(cast(:numbers as text[])))
           and (cast(:cards as uuid[]) is null or c.id = any(cast(:cards as uuid[])))
           and not c.number = any(cast(:but as text[]))
           and c.union_id = any(:unions) and c.delivered_at is null and c.state = any(:states)
         order by c.id for no key update of c
    ), handed as (
        update card c
           set state = case when c.state = 'active' then c.state else 'delivered' end,
               delivered_at = :at, events = c.events + 1
          from picked where c.id = picked.id
        returning c.id, c.events, picked.state as from_state, c.state
    )
    insert into card_event (card_id, seq, at, action, from_state, to_state, channel, actor_id)
    select id, events, :at, 'deliver', from_state, state, :channel, :actor from handed returning card_id""")


def deliver(
    session: Session,
    world: World,
    officer: Principal,
    unions: Collection[uuid.UUID],
    channel: str,
    *,
    batch_id: uuid.UUID | None = None,
    numbers: Sequence[str] | None = None,
    cards: Sequence[uuid.UUID] | None = None,
    but: Sequence[str] = (),
) -> Sequence[uuid.UUID]:
    """Deliver what of these is not delivered yet, with an event each; returns the cards this changed."""
    given = {
        "batch": batch_id,
        "numbers": numbers,
        "cards": cards,
        "but": list(but),
        "unions": list(unions),
        # A card activated before it was signed for is still signed for.
        "states": [*map(str, rules.card_states_before(CardAction.DELIVER)), str(CardState.ACTIVE)],
        "at": world.now(),
        "channel": str(channel),
        "actor": officer.account_id,
    }
    return session.scalars(_DELIVER, given).all()


def audit_deliveries(
    session: Session, world: World, officer: Principal, channel: str, cards: Collection[uuid.UUID]
) -> None:
    """One act a card."""
    after = {"channel": str(channel)}
    acts = (audit.Act("card.deliver", "card", str(card), officer.account_id, after=after) for card in cards)
    audit.record(session, world, *acts)


def _must_be_cards(session: Session, numbers: Sequence[str], unions: Collection[uuid.UUID]) -> None:
    if not numbers:
        return
    known = text("select number from card where number = any(:numbers) and union_id = any(:unions)")
    found = set(session.scalars(known, {"numbers": list(numbers), "unions": list(unions)}))
    if missing := sorted(set(numbers) - found):
        raise InvalidInput("card_unknown", f"没有卡号 {'、'.join(missing[:10])}，或者不在您的管理范围内，请核对。")
