"""The bank account a merchant is paid on: proposed by one person, approved by another, never for what is sealed already."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.masking import name_for_list
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Merchant, SettlementAccount
from cardnet.merchants.partnership import AccountState, checked_account_number, checked_branch_code, checked_reason
from cardnet.merchants.services.partners import lock_merchant

HOLDER_FIELD, NUMBER_FIELD = "settlement_account.holder", "settlement_account.number"


@dataclass(frozen=True)
class ProposeAccount:
    """Somebody enters where a merchant wants its money; `evidence` names the paper it was read from."""

    merchant_id: uuid.UUID
    holder: str = field(repr=False)
    number: str = field(repr=False)
    bank: str
    evidence: str
    actor_id: uuid.UUID
    branch_code: str = ""


@dataclass(frozen=True)
class DecideAccount:
    """Somebody else has compared it with the paper, or with a call to the shop, and says yes or no."""

    account_id: uuid.UUID
    approve: bool
    words: str
    actor_id: uuid.UUID


@dataclass(frozen=True)
class WithdrawAccount:
    """Who proposed it takes it back before it was decided."""

    account_id: uuid.UUID
    actor_id: uuid.UUID


@dataclass(frozen=True)
class AccountView:
    """A settlement account with its number masked. `others`: codes of other merchants on the same number."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    holder_masked: str
    masked: str
    bank: str
    branch_code: str | None
    evidence: str
    state: AccountState
    proposed_at: datetime
    proposed_by: uuid.UUID
    decided_at: datetime | None
    decided_by: uuid.UUID | None
    words: str | None
    others: tuple[str, ...]


@dataclass(frozen=True)
class PayeeAccount:
    """The account in the clear, for the bank file and nothing else."""

    id: uuid.UUID
    holder: str = field(repr=False)
    number: str = field(repr=False)
    bank: str
    branch_code: str | None


def propose_account(session: Session, world: World, command: ProposeAccount) -> AccountView:
    """Enter an account; nothing is paid on it until somebody else approves.

    Raises NotFound("merchant_unknown"), InvalidInput("account_number_invalid", "branch_code_invalid", "name_invalid",
    "reason_missing"), Conflict("account_waiting", "account_unchanged").
    """
    number, branch = checked_account_number(command.number), checked_branch_code(command.branch_code)
    holder, bank = rules.checked_name(command.holder, "户名"), rules.checked_name(command.bank, "开户行")
    evidence = command.evidence.strip()
    if not 1 <= len(evidence) <= 200 or not evidence.isprintable():
        raise InvalidInput("evidence_missing", "请写明账号的依据，如开户许可证、加盖公章的账户说明。")
    lock_merchant(session, command.merchant_id)
    waiting, current = _of_state(session, command.merchant_id)
    if waiting:
        raise Conflict("account_waiting", "已有一个账户等待复核，请先复核或撤回它。")
    vault = vault_of(session)
    index = vault.index(NUMBER_FIELD, number)
    same = current and (current.number_index, current.bank, current.branch_code) == (index, bank, branch)
    if same and current and vault.open(HOLDER_FIELD, current.holder) == holder:
        raise Conflict("account_unchanged", "与现在使用的账户一样，不用修改。")
    account_id = world.new_id()
    row = {
        "id": account_id,
        "merchant_id": command.merchant_id,
        "holder": vault.seal(HOLDER_FIELD, holder),
        "number": vault.seal(NUMBER_FIELD, number),
        "number_index": index,
        "tail": number[-4:],
        "bank": bank,
        "branch_code": branch,
        "evidence": evidence,
        "state": AccountState.PROPOSED.value,
        "proposed_at": world.now(),
        "proposed_by": command.actor_id,
    }
    session.execute(insert(SettlementAccount).values(row))
    _note(session, world, "ask", command.merchant_id, account_id, command.actor_id)
    return account(session, account_id)


def decide_account(session: Session, world: World, command: DecideAccount) -> AccountView:
    """Approve or reject what somebody else proposed. An approved one counts for settlements sealed from now on.

    Raises NotFound("account_unknown"), NotAllowed("sod_violation"), Conflict("account_decided"),
    InvalidInput("reason_missing").
    """
    words = checked_reason(command.words)
    known = account(session, command.account_id)
    if known.proposed_by == command.actor_id:
        raise NotAllowed("sod_violation", "收款账户不能由填报的人自己复核，请另一位财务人员办理。")
    state = AccountState.APPROVED if command.approve else AccountState.REJECTED
    _finish(session, world, known, state, command.actor_id, words)
    _note(session, world, "approve" if command.approve else "reject", known.merchant_id, known.id, command.actor_id)
    return account(session, known.id)


def withdraw_account(session: Session, world: World, command: WithdrawAccount) -> None:
    """Take back what one has proposed. Raises NotFound("account_unknown"), NotAllowed, Conflict("account_decided")."""
    known = account(session, command.account_id)
    if known.proposed_by != command.actor_id:
        raise NotAllowed("sod_violation", "只有填报的人可以撤回；不同意请选“不予通过”。")
    _finish(session, world, known, AccountState.WITHDRAWN, command.actor_id, None)
    _note(session, world, "withdraw", known.merchant_id, known.id, command.actor_id)


def account(session: Session, account_id: uuid.UUID) -> AccountView:
    """One account. Raises NotFound("account_unknown")."""
    row = session.get(SettlementAccount, account_id, populate_existing=True)
    if row is None:
        raise NotFound("account_unknown", "没有这个收款账户，请返回商户页面重新选择。")
    return _views(session, [row])[0]


def accounts_of(session: Session, merchant_id: uuid.UUID) -> list[AccountView]:
    """All accounts a merchant ever named, the newest first."""
    query = select(SettlementAccount).where(SettlementAccount.merchant_id == merchant_id)
    rows = session.scalars(query.order_by(SettlementAccount.id.desc()).execution_options(populate_existing=True)).all()
    return _views(session, rows)


def waiting_accounts(session: Session) -> list[AccountView]:
    """Accounts somebody has to decide, the oldest first."""
    query = select(SettlementAccount).where(SettlementAccount.state == AccountState.PROPOSED)
    return _views(session, session.scalars(query.order_by(SettlementAccount.id)).all())


def payee_of(session: Session, merchant_id: uuid.UUID, sealed_at: datetime) -> PayeeAccount | None:
    """The account a settlement sealed at that moment is paid on: the one approved last before it.

    A change never reaches what was sealed already. Where none was approved in time the first one after it counts, as
    there would be no other way to pay; None while there is none at all.
    """
    approved = select(SettlementAccount).where(
        SettlementAccount.merchant_id == merchant_id, SettlementAccount.state == AccountState.APPROVED
    )
    in_time = SettlementAccount.decided_at <= sealed_at
    row = session.scalar(
        approved.order_by(
            in_time.desc(),
            func.abs(func.extract("epoch", SettlementAccount.decided_at - sealed_at)),
            SettlementAccount.id.desc(),
        ).limit(1)
    )
    if row is None:
        return None
    vault = vault_of(session)
    holder, number = vault.open(HOLDER_FIELD, row.holder), vault.open(NUMBER_FIELD, row.number)
    return PayeeAccount(row.id, holder, number, row.bank, row.branch_code)


def _of_state(session: Session, merchant_id: uuid.UUID) -> tuple[SettlementAccount | None, SettlementAccount | None]:
    """The account that waits, and the one in use."""
    query = select(SettlementAccount).where(SettlementAccount.merchant_id == merchant_id)
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    waiting = next((row for row in rows if row.state == AccountState.PROPOSED), None)
    approved = [row for row in rows if row.state == AccountState.APPROVED]
    return waiting, max(approved, key=lambda row: (row.decided_at, row.id), default=None)


def _finish(
    session: Session, world: World, known: AccountView, state: AccountState, actor: uuid.UUID, words: str | None
) -> None:
    # Guarded: of two who decide at once, the second finds it decided.
    changed = session.execute(
        update(SettlementAccount)
        .where(SettlementAccount.id == known.id, SettlementAccount.state == AccountState.PROPOSED)
        .values(state=state.value, decided_at=world.now(), decided_by=actor, words=words)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("account_decided", "这个收款账户已经有人处理过，请刷新后再看。")


def _views(session: Session, rows: Sequence[SettlementAccount]) -> list[AccountView]:
    vault = vault_of(session)
    shared = select(SettlementAccount.number_index, Merchant.code, Merchant.id).join(
        Merchant, Merchant.id == SettlementAccount.merchant_id
    )
    alive = SettlementAccount.state.in_((AccountState.PROPOSED, AccountState.APPROVED))
    found = session.execute(
        shared.where(SettlementAccount.number_index.in_([row.number_index for row in rows]), alive)
    ).all()
    return [
        AccountView(
            row.id,
            row.merchant_id,
            name_for_list(vault.open(HOLDER_FIELD, row.holder)),
            f"**** {row.tail}",
            row.bank,
            row.branch_code,
            row.evidence,
            AccountState(row.state),
            row.proposed_at,
            row.proposed_by,
            row.decided_at,
            row.decided_by,
            row.words,
            tuple(
                sorted({code for index, code, owner in found if index == row.number_index and owner != row.merchant_id})
            ),
        )
        for row in rows
    ]


def _note(
    session: Session, world: World, verb: str, merchant_id: uuid.UUID, account_id: uuid.UUID, actor_id: uuid.UUID
) -> None:
    after = {"account": str(account_id)}
    act = Act(f"settlement_account.{verb}", "merchant", str(merchant_id), actor_id, after=after)
    record(session, world, act)
