"""What captures of holds, reversals, refunds and expiry share: the locked redemption, its counters, its pools."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.benefits.models import MerchantReference, Redemption, RedemptionBenefit
from cardnet.benefits.models_program import Program
from cardnet.benefits.services.facts import payable_account
from cardnet.benefits.services.writes import expense_account
from cardnet.benefits.words import ProgramKind
from cardnet.kernel.arrays import array
from cardnet.kernel.errors import NotFound
from cardnet.kernel.money import allocate
from cardnet.kernel.outbox import OutboxEvent
from cardnet.kernel.world import World
from cardnet.ledger.rules import Account, AccountCode, EntryKind, PoolUnit, PostingLine, move
from cardnet.ledger.services import EntryDraft, PoolView, give_back, give_back_if_free, pool_account, pools_of_ids, post


class PoolPart(NamedTuple):
    """What one benefit took from one pool."""

    pool: PoolView
    amount: int


@dataclass(slots=True)
class BenefitPart:
    """One benefit of a locked redemption, with its pools."""

    row: RedemptionBenefit
    kind: ProgramKind
    pools: tuple[PoolPart, ...]

    @property
    def left_fen(self) -> int:
        """What is not refunded yet."""
        return self.row.benefit_fen - self.row.refunded_fen

    @property
    def left_union_fen(self) -> int:
        """The union's share of that."""
        return self.row.union_fen - self.row.refunded_union_fen

    def union_share(self, fen: int) -> int:
        """The union's share of `fen` of what is left; of all that is left, all of it."""
        left = self.left_fen
        return allocate(fen, [self.left_union_fen, left - self.left_union_fen])[0] if left else 0


@dataclass(slots=True)
class Locked:
    """A redemption nobody else can change until this transaction ends."""

    row: Redemption
    benefits: list[BenefitPart]


class Delta(NamedTuple):
    """What changes in every counter of one program's use."""

    program_id: uuid.UUID
    used_n: int = 0
    held_n: int = 0
    used_fen: int = 0
    held_fen: int = 0


def locked(session: Session, redemption_id: uuid.UUID, merchant_id: uuid.UUID) -> Locked:
    """Lock a merchant's redemption. Raises NotFound("not_found"), also for other merchants' ones."""
    row = session.scalar(
        select(Redemption)
        .where(Redemption.id == redemption_id, Redemption.merchant_id == merchant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound("not_found", "没有找到这笔核销记录，请核对编号。")
    return with_benefits(session, row)


def with_benefits(session: Session, row: Redemption) -> Locked:
    """The benefits of a redemption this transaction has locked, largest program code last."""
    found = session.execute(
        select(RedemptionBenefit, Program.kind)
        .join(Program, Program.id == RedemptionBenefit.program_id)
        .where(RedemptionBenefit.redemption_id == row.id)
        .order_by(Program.code)
        .execution_options(populate_existing=True)
    ).all()
    views = pools_of_ids(session, {uuid.UUID(take[0]) for benefit, _ in found for take in benefit.takes})
    parts = [
        BenefitPart(
            benefit,
            ProgramKind(kind),
            tuple(PoolPart(views[uuid.UUID(pool_id)], amount) for pool_id, _, amount in benefit.takes),
        )
        for benefit, kind in found
    ]
    return Locked(row, parts)


_COUNTERS = """
with d as (
  select * from unnest(%(programs)s::uuid[], %(used_n)s::bigint[], %(held_n)s::bigint[], %(used_fen)s::bigint[],
    %(held_fen)s::bigint[]) as t(program_id, used_n, held_n, used_fen, held_fen)),
mine as materialized (
  -- The latest entry says who carries it: a file that was merged has handed it on.
  select distinct on (d.program_id, e.limit_code) e.limit_code, e.person_id, e.scope, e.scope_key, e.period, d.*
  from usage_entry e join d using (program_id) where e.redemption_id = %(id)s
  order by d.program_id, e.limit_code, e.act desc),
person_rows as materialized (
  select 1 from usage u join mine m using (person_id, program_id, limit_code, period) where m.scope = 'person'
  order by u.program_id, u.limit_code, u.period for update of u {skip}),
shared_rows as materialized (
  select 1 from shared_counter u join mine m using (program_id, limit_code, period, scope, scope_key)
  where (select count(*) from person_rows) >= 0
  order by u.program_id, u.limit_code, u.period, u.scope, u.scope_key for update of u {skip}),
free as materialized (
  select (select count(*) from person_rows) + (select count(*) from shared_rows) = (select count(*) from mine) as yes),
person as (
  update usage u set used_n = u.used_n + m.used_n, held_n = u.held_n + m.held_n, used_fen = u.used_fen + m.used_fen,
    held_fen = u.held_fen + m.held_fen
  from mine m where (select yes from free) and m.scope = 'person' and u.person_id = m.person_id
    and u.program_id = m.program_id and u.limit_code = m.limit_code and u.period = m.period returning 1),
shared as (
  update shared_counter u set used_n = u.used_n + m.used_n, held_n = u.held_n + m.held_n,
    used_fen = u.used_fen + m.used_fen, held_fen = u.held_fen + m.held_fen
  from mine m where (select yes from free) and m.scope <> 'person' and u.program_id = m.program_id
    and u.limit_code = m.limit_code and u.period = m.period and u.scope = m.scope and u.scope_key = m.scope_key returning 1),
written as (
  insert into usage_entry (redemption_id, act, program_id, limit_code, person_id, scope, scope_key, period, used_n, held_n,
    used_fen, held_fen)
  select %(id)s, (select max(act) + 1 from usage_entry where redemption_id = %(id)s), program_id, limit_code, person_id,
    scope, scope_key, period, used_n, held_n, used_fen, held_fen from mine where (select yes from free))
select (select yes from free),
  (select count(*) from person) + (select count(*) from shared) = (select count(*) from mine)"""

_WAIT, _SKIP = _COUNTERS.format(skip=""), _COUNTERS.format(skip="skip locked")


def change_counters(
    session: Session, redemption_id: uuid.UUID, deltas: Sequence[Delta], *, patient: bool = True
) -> bool:
    """Change the counters a redemption took, in the periods it took them in, and write the entries.

    When not `patient`, says False and changes nothing rather than wait for a counter somebody else holds.
    """
    if not deltas:
        return True
    free, all_changed = (
        session.connection()
        .exec_driver_sql(
            _WAIT if patient else _SKIP,
            {
                "id": redemption_id,
                "programs": array(delta.program_id for delta in deltas),
                "used_n": array(delta.used_n for delta in deltas),
                "held_n": array(delta.held_n for delta in deltas),
                "used_fen": array(delta.used_fen for delta in deltas),
                "held_fen": array(delta.held_fen for delta in deltas),
            },
        )
        .one()
    )
    if free and not all_changed:
        raise RuntimeError(f"counters of redemption {redemption_id} are gone")
    return bool(free)


class PoolMove(NamedTuple):
    """What moves between two of a pool's accounts; towards `AVAILABLE` it also goes back to a slice."""

    pool: PoolView
    from_: AccountCode
    to: AccountCode
    amount: int


def pool_moves(
    benefit: BenefitPart, from_: AccountCode, to: AccountCode, union_fen: int, places: int
) -> list[PoolMove]:
    """One benefit's move in each of its pools: fen by the union's share, places by heads."""
    moves = []
    for pool, _ in benefit.pools:
        amount = union_fen if pool.unit is PoolUnit.FEN else places
        if amount:
            moves.append(PoolMove(pool, from_, to, amount))
    return moves


def book(
    session: Session,
    world: World,
    target: Locked,
    kind: EntryKind,
    moves: Sequence[PoolMove],
    paid: Sequence[tuple[BenefitPart, int]] = (),
    *,
    patient: bool = True,
) -> bool:
    """Post one entry and give slices back what became available.

    `paid` is union money per benefit: positive when it is now owed to the merchant, negative when no longer. Of a
    redemption the union bore (5902) it comes from there and goes back there, and no program's expense changes.
    When not `patient`, says False rather than wait for a slice; the caller then undoes everything.
    """
    lines: list[PostingLine] = []
    for pool, from_, to, amount in moves:
        lines += move(pool_account(from_, pool), pool_account(to, pool), amount)
    payable = payable_account(target.row.merchant_id)
    for benefit, union_fen in paid:
        program = expense_account(benefit.kind, benefit.row.program_id)
        lines += move(Account(AccountCode.OFFLINE_LOSS) if target.row.borne else program, payable, union_fen)
    if lines:
        post(
            session,
            world,
            EntryDraft(kind, "redemption", target.row.id, lines, person_id=target.row.person_id),
        )
    # Pools come last, in the order of their ids, as in every other transaction.
    for pool, _, to, amount in sorted(moves, key=lambda one: one.pool.id):
        if to is not AccountCode.AVAILABLE:
            continue
        if patient:
            give_back(session, world, pool, amount)
        elif not give_back_if_free(session, pool, amount):
            return False
    return True


def announce(session: Session, world: World, target: Redemption, event: str, payload: Mapping[str, Any]) -> None:
    """Tell the outbox."""
    session.add(
        OutboxEvent(
            id=world.new_id(),
            kind=f"redemption.{event}",
            subject_id=target.id,
            merchant_id=target.merchant_id,
            payload=dict(payload),
            created_at=world.now(),
        )
    )


def free_reference(session: Session, target: Redemption) -> None:
    """The merchant may use its own number again: the redemption is no longer live."""
    if target.merchant_ref is None:
        return
    held = session.get(MerchantReference, (target.merchant_id, target.merchant_ref), populate_existing=True)
    if held is not None and held.redemption_id == target.id:
        session.delete(held)
