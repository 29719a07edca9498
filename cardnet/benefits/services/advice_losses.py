"""What a till rightly gave although nothing was left: the union bears it, and finance sees it (5902)."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert
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
from cardnet.benefits.services import writes
from cardnet.benefits.services.changes import announce
from cardnet.benefits.services.facts import payable_account
from cardnet.benefits.services.lookups import decision_of
from cardnet.benefits.services.records import Purchase
from cardnet.benefits.services.replay import decide_again
from cardnet.benefits.words import DecisionMode, ProgramKind, RedemptionState
from cardnet.credential.verify import Accepted
from cardnet.issuance.services import standing_of
from cardnet.kernel.calendar import day_of
from cardnet.kernel.money import allocate
from cardnet.kernel.world import World
from cardnet.ledger.rules import Account, AccountCode, EntryKind, move
from cardnet.ledger.services import EntryDraft, post
from cardnet.merchants.rules import Venue

USED_UP = frozenset({"limit_count", "limit_amount", "pool_exhausted"})


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
    """What was due but for used-up limits and pools: the decision without them."""

    code: str
    granted: tuple[Any, ...]
    decision: Mapping[str, Any]


def due_without_limits(session: Session, refused_id: uuid.UUID) -> Over | None:
    """What a stored refusal would have granted had nothing been used up; None when it was refused for more than that."""
    stored = decision_of(session, refused_id)
    if "card" in stored.inputs:
        return None
    unlimited = replace(stored, inputs={**stored.inputs, "counts": [], "pool_free": {}})
    decided, case = decide_again(session, unlimited)
    if not decided.granted:
        return None
    codes = [fault["code"] for one in stored.candidates for fault in one["faults"]]
    code = next(code for code in codes if code in USED_UP)
    return Over(code, decided.granted, writes.decision_parameters(case, stored.inputs["parameters"], decided))


def bear(session: Session, world: World, command: OfflineSale, over: Over) -> Redemption | None:
    """Pay the merchant what its till rightly gave, out of 5902: no use is counted and no pool pays twice.

    None when the merchant's number or the proof belongs to another redemption.
    """
    code, venue, at = command.code, command.venue, world.now()
    total = sum(one.fen for one in over.granted)
    fen = min(command.given_fen or total, total)
    parts = list(zip(over.granted, allocate(fen, [one.fen for one in over.granted]), strict=True))
    shares = [(one, part, one.candidate.terms.split(part)[0]) for one, part in parts if part]
    standing = standing_of(session, code.index, day_of(command.occurred_at))
    redemption_id = world.new_id()
    if not _fences(session, command, code, redemption_id, at):
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


def _fences(session: Session, command: OfflineSale, code: Accepted, redemption_id: uuid.UUID, at: datetime) -> bool:
    """The merchant's number and the proof, each used once. False: somebody else has one of them."""
    place = {"merchant_id": command.venue.merchant_id, "merchant_ref": command.merchant_ref}
    reference = upsert(MerchantReference).values(**place, redemption_id=redemption_id).on_conflict_do_nothing()
    if session.execute(reference.returning(MerchantReference.redemption_id)).one_or_none() is None:
        return False
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
    shares: list[tuple[Any, int, int]],
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
