"""What a till rightly gave although nothing was left: the union bears it, and finance sees it (5902)."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cardnet.benefits.models import (
    Decision,
    MerchantReference,
    ProofUsed,
    Redemption,
    RedemptionBenefit,
    RedemptionLine,
)
from cardnet.benefits.rules import Granted
from cardnet.benefits.services.changes import announce
from cardnet.benefits.services.facts import payable_account
from cardnet.benefits.services.records import Purchase, Redeem, RedemptionRecord
from cardnet.benefits.services.redeem import due_but_for_use
from cardnet.benefits.words import DecisionMode, ProgramKind, RedemptionState
from cardnet.credential.verify import Accepted, Outcome
from cardnet.issuance.services import standing_of
from cardnet.kernel.calendar import day_of
from cardnet.kernel.money import allocate
from cardnet.kernel.world import World
from cardnet.ledger.rules import Account, AccountCode, EntryKind, move
from cardnet.ledger.services import EntryDraft, post
from cardnet.merchants.rules import Venue

USED_UP = frozenset({"limit_count", "limit_amount", "pool_exhausted"})
REPLAYED = Outcome.REPLAYED.value


@dataclass(frozen=True)
class OfflineSale:
    """A sale a till made alone; `given_fen` None takes all that was due."""

    venue: Venue
    merchant_ref: str
    code_text: str
    code: Accepted
    purchase: Purchase
    occurred_at: datetime
    given_fen: int | None


@dataclass(frozen=True)
class Over:
    """What was due but for what had been used before, and why it was not given: the decision without that."""

    code: str
    granted: tuple[Granted, ...]
    decision: Mapping[str, Any]


def due_beyond(
    session: Session, world: World, asked: Redeem, refused: RedemptionRecord, *, fresh_list: bool
) -> Over | None:
    """What a refused sale of a till alone would have been granted, where the till could not know what stood in its way.

    That is a limit or a pool used up meanwhile, or the same code shown at another merchant: of two shops without a
    network both say yes. `fresh_list`: the till says that its status list was as young as the rules ask.
    """
    codes = [reason.code for reason in refused.reasons]
    code = next((code for code in codes if code in USED_UP), None)
    if codes[0] == REPLAYED and fresh_list and isinstance(asked.code, Accepted):
        code = None if _seen_here(session, asked.venue, asked.code, refused.person_id, refused.id) else REPLAYED
    due = due_but_for_use(session, world, asked) if code else None
    return Over(code, due[0].granted, due[1]) if code and due else None


def _seen_here(
    session: Session, venue: Venue, code: Accepted, person_id: uuid.UUID | None, but: uuid.UUID | None = None
) -> bool:
    """Whether this merchant has seen the proof before, used or refused, in a redemption other than `but`."""
    seen = select(Redemption.id).where(
        Redemption.person_id == person_id,
        Redemption.card_index == code.index,
        Redemption.proof_id == code.proof_id,
        Redemption.merchant_id == venue.merchant_id,
        Redemption.id.is_distinct_from(but),
    )
    return session.scalar(seen.limit(1)) is not None


def bear(session: Session, world: World, command: OfflineSale, over: Over) -> Redemption | None:
    """Pay the merchant what its till rightly gave, out of 5902: no use is counted and no pool pays twice.

    None when the merchant's number belongs to another redemption, or the proof does and that is not why it is borne.
    """
    code, venue, at = command.code, command.venue, world.now()
    total = sum(one.fen for one in over.granted)
    fen = min(command.given_fen or total, total)
    parts = list(zip(over.granted, allocate(fen, [one.fen for one in over.granted]), strict=True))
    shares = [(one, part, _union_share(one, part)) for one, part in parts if part]
    standing = standing_of(session, code.index, day_of(command.occurred_at))
    redemption_id = world.new_id()
    if not _reference(session, command, redemption_id):
        return None
    if over.code == REPLAYED:
        _hold_proof(session, code)
        if _seen_here(session, venue, code, standing.person_id if standing else None):
            return None
    elif not _take_proof(session, command, redemption_id, at):
        return None
    discount = sum(part for one, part, _ in shares if one.candidate.kind is ProgramKind.DISCOUNT)
    union_fen = sum(union for _, _, union in shares)
    row = Redemption(
        id=redemption_id,
        person_id=standing.person_id if standing else None,
        card_index=code.index,
        proof_id=code.proof_id,
        assurance=code.assurance,
        unit_path=standing.unit_path if standing else None,
        merchant_id=venue.merchant_id,
        merchant_code=venue.merchant_code,
        store_id=venue.store_id,
        store_code=venue.store_code,
        terminal_id=venue.terminal_id,
        terminal_code=venue.terminal_code,
        merchant_ref=command.merchant_ref,
        service_code=command.purchase.service_code,
        service_on=command.purchase.service_on or day_of(command.occurred_at),
        code_text=command.code_text[:700],
        amount_fen=command.purchase.amount_fen,
        discount_fen=discount,
        subsidy_fen=fen - discount,
        union_fen=union_fen,
        held_fen=fen,
        captured_fen=fen,
        refunded_fen=0,
        state=RedemptionState.CAPTURED.value,
        reasons=None,
        hold_expires_at=None,
        event_at=command.occurred_at,
        accepted_at=at,
        borne=True,
    )
    session.add(row)
    session.flush()
    _write_parts(session, world, command, row, over, shares)
    announce(session, world, row, "captured", {})
    session.flush()
    if union_fen:
        lines = move(Account(AccountCode.OFFLINE_LOSS), payable_account(venue.merchant_id), union_fen)
        post(session, world, EntryDraft(EntryKind.CAPTURE, "redemption", row.id, lines, person_id=row.person_id))
    return row


def _union_share(one: Granted, fen: int) -> int:
    """What the union pays of `fen`, as the rule that granted it splits."""
    assert one.candidate.terms is not None
    return one.candidate.terms.split(fen)[0]


def _reference(session: Session, command: OfflineSale, redemption_id: uuid.UUID) -> bool:
    """Take the merchant's number. False: another redemption has it."""
    place = {"merchant_id": command.venue.merchant_id, "merchant_ref": command.merchant_ref}
    taken = upsert(MerchantReference).values(**place, redemption_id=redemption_id).on_conflict_do_nothing()
    return session.execute(taken.returning(MerchantReference.redemption_id)).one_or_none() is not None


def _hold_proof(session: Session, code: Accepted) -> None:
    """Reports of one code take turns, so that two tills of one shop are not both paid for it."""
    proof = ProofUsed.card_index == code.index, ProofUsed.proof_id == code.proof_id
    session.execute(select(ProofUsed.terminal_id).where(*proof).with_for_update())


def _take_proof(session: Session, command: OfflineSale, redemption_id: uuid.UUID, at: datetime) -> bool:
    """Take the proof, where there is one. False: another redemption has it."""
    code = command.code
    if code.proof_id is None:
        return True
    proof = upsert(ProofUsed).values(
        card_index=code.index,
        proof_id=code.proof_id,
        terminal_id=command.venue.terminal_id,
        redemption_id=redemption_id,
        seen_at=at,
    )
    mine = proof.on_conflict_do_update(
        index_elements=["card_index", "proof_id"],
        set_={"redemption_id": redemption_id},
        where=(ProofUsed.redemption_id.is_(None)) & (ProofUsed.terminal_id == command.venue.terminal_id),
    )
    return session.execute(mine.returning(ProofUsed.card_index)).one_or_none() is not None


def _write_parts(
    session: Session,
    world: World,
    command: OfflineSale,
    row: Redemption,
    over: Over,
    shares: list[tuple[Granted, int, int]],
) -> None:
    numbers = [line.line_no for line in command.purchase.lines]
    off: dict[int, int] = dict.fromkeys(numbers, 0)
    for one, part, union in shares:
        spread = allocate(part, one.line_fen) if numbers else []
        lines = [[number, fen] for number, fen in zip(numbers, spread, strict=True)]
        for number, fen in lines:
            off[number] += fen
        values = {
            "redemption_id": row.id,
            "program_id": one.candidate.program_id,
            "rule_version_id": one.candidate.version_id,
            "benefit_fen": part,
            "union_fen": union,
            "merchant_fen": part - union,
            "refunded_fen": 0,
            "refunded_union_fen": 0,
            "lines": lines,
            "takes": [],
        }
        session.execute(insert(RedemptionBenefit).values(**values))
    if numbers:
        rows = [
            {
                "redemption_id": row.id,
                "line_no": line.line_no,
                "amount_fen": line.amount_fen,
                "category": line.category,
                "benefit_fen": off[line.line_no],
            }
            for line in command.purchase.lines
        ]
        session.execute(insert(RedemptionLine), rows)
    decision = {name: json.loads(document) for name, document in over.decision.items()}
    session.execute(
        insert(Decision).values(
            id=world.new_id(),
            redemption_id=row.id,
            person_id=row.person_id,
            mode=DecisionMode.COMMIT.value,
            event_at=command.occurred_at,
            created_at=row.accepted_at,
            **decision,
        )
    )
