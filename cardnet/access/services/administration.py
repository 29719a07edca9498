"""Looking after accounts: who has one, what it may do, whether it works. Everything within the administrator's scope."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, text, update
from sqlalchemy.orm import Session

from cardnet.access import rules
from cardnet.access.models import Account, StaffSession
from cardnet.access.rules import AccountState, Principal, Role
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World


@dataclass(frozen=True)
class AccountQuery:
    """Which accounts: words of the name or username, a role, a state; below a path."""

    path: str
    words: str = ""
    role: Role | None = None
    state: AccountState | None = None


@dataclass(frozen=True)
class AccountLine:
    """One account as its administrator sees it. `seen_at`: when one of its sessions was last used."""

    account_id: uuid.UUID
    username: str
    display_name: str
    roles: tuple[Role, ...]
    union_id: uuid.UUID
    scope_path: str
    state: AccountState
    locked_until: datetime | None
    created_at: datetime
    seen_at: datetime | None


@dataclass(frozen=True)
class ChangeAccount:
    """Another name, other roles, another union. What is signed in sees it with its next page."""

    account_id: uuid.UUID
    display_name: str
    roles: frozenset[Role]
    union_id: uuid.UUID
    scope_path: str
    by: Principal


@dataclass(frozen=True)
class SwitchAccount:
    """Close an account, or open a closed one again."""

    account_id: uuid.UUID
    by: Principal


def accounts_under(session: Session, query: AccountQuery, limit: int, offset: int) -> tuple[list[AccountLine], int]:
    """One page of accounts by union and name, and how many there are."""
    wanted: list[ColumnElement[bool]] = [Account.scope_path.startswith(query.path, autoescape=True)]
    if query.words:
        wanted.append(
            or_(
                Account.username.contains(rules.username_of(query.words), autoescape=True),
                Account.display_name.contains(query.words, autoescape=True),
            )
        )
    if query.role is not None:
        wanted.append(Account.roles.contains([query.role.value]))
    if query.state is not None:
        wanted.append(Account.state == query.state)
    total = session.scalar(select(func.count()).select_from(Account).where(*wanted)) or 0
    page = select(Account).where(*wanted).order_by(Account.scope_path, Account.username).limit(limit).offset(offset)
    return _lines(session, session.scalars(page).all()), total


def account_line(session: Session, account_id: uuid.UUID, path: str) -> AccountLine:
    """One account below `path`. Raises NotFound("account_unknown")."""
    account = session.get(Account, account_id, populate_existing=True)
    if account is None or not rules.in_scope(path, account.scope_path):
        raise _unknown()
    return _lines(session, [account])[0]


def change_account(session: Session, world: World, command: ChangeAccount) -> None:
    """Change what an account is called, may do and where.

    Raises NotFound("account_unknown"), InvalidInput("account_of_merchant", "roles_missing", "name_missing",
    "out_of_scope") and Conflict("last_admin").
    """
    others = lock_admins(session, command.account_id)
    account = account_in_scope(session, command.account_id, command.by)
    if set(account.roles) & set(rules.MERCHANT_ROLES):
        raise InvalidInput(
            "account_of_merchant", "这是商户人员的账号，不能改成工会账号：请在商户页面移除，再给本人另发邀请。"
        )
    name = command.display_name.strip()
    if not name or len(name) > 50:
        raise InvalidInput("name_missing", "请填写姓名，最长 50 个字。")
    if not command.roles:
        raise InvalidInput("roles_missing", "请至少选择一个角色。")
    if not rules.in_scope(command.by.scope_path, command.scope_path):
        raise InvalidInput("out_of_scope", "只能把账号设在自己管理范围内的工会。")
    if Role.ADMIN not in command.roles or command.scope_path != account.scope_path:
        refuse_last_admin(account, others)
    before = _told(account)
    account.display_name, account.roles = name, sorted(command.roles)
    account.union_id, account.scope_path = command.union_id, command.scope_path
    session.flush()
    if (after := _told(account)) != before:
        act = audit.Act("account.change", "account", str(account.id), command.by.account_id, before=before, after=after)
        audit.record(session, world, act)


def move_scopes(session: Session, old: str, new: str) -> None:
    """A union stands elsewhere: the scopes of its accounts, and of those below it, go along."""
    session.execute(
        text("""
            update account set scope_path = :new || substr(scope_path, length(:old) + 1)
             where starts_with(scope_path, :old)"""),
        {"old": old, "new": new},
    )


_CLOSE_ALL = text("""
    with shut as (
        update account set state = 'disabled' where union_id = :union and state <> 'disabled' returning id
    ), over as (
        update staff_session s set ended_at = :at from shut where s.account_id = shut.id and s.ended_at is null
    )
    select id from shut order by id""")


def close_accounts_of_union(session: Session, world: World, union_id: uuid.UUID, actor: uuid.UUID) -> int:
    """A union is no more: nothing its accounts hold works any more. Returns how many were closed now."""
    shut = session.scalars(_CLOSE_ALL, {"union": union_id, "at": world.now()}).all()
    session.expire_all()
    acts = (audit.Act("account.disable", "account", str(one), actor, after={"why": "union_closed"}) for one in shut)
    audit.record(session, world, *acts)
    return len(shut)


def close_account(session: Session, world: World, command: SwitchAccount) -> None:
    """Nothing the account holds works any more, from the next request on. Once more does nothing.

    Raises NotFound("account_unknown"), InvalidInput("account_own"), Conflict("last_admin").
    """
    others = lock_admins(session, command.account_id)
    account = account_in_scope(session, command.account_id, command.by)
    if account.id == command.by.account_id:
        raise InvalidInput("account_own", "不能停用自己的账号，请请另一位管理员办理。")
    if account.state == AccountState.DISABLED:
        return
    refuse_last_admin(account, others)
    at = world.now()
    before, account.state = account.state, AccountState.DISABLED
    sessions = update(StaffSession).where(StaffSession.account_id == account.id, StaffSession.ended_at.is_(None))
    session.execute(sessions.values(ended_at=at))
    session.flush()
    _record(session, world, "account.disable", account, command.by, before)


def open_account(session: Session, world: World, command: SwitchAccount) -> None:
    """A closed account signs in again with the password and authenticator it had. Once more does nothing."""
    account = account_in_scope(session, command.account_id, command.by)
    if account.state != AccountState.DISABLED:
        return
    before, account.state = account.state, AccountState.ACTIVE
    session.flush()
    _record(session, world, "account.enable", account, command.by, before)


def unlock_account(session: Session, world: World, command: SwitchAccount) -> None:
    """Whoever typed a wrong password too often may try again at once."""
    account = account_in_scope(session, command.account_id, command.by)
    if account.locked_until is None or account.locked_until <= world.now():
        return
    account.locked_until, account.failures = None, 0
    session.flush()
    audit.record(session, world, audit.Act("account.unlock", "account", str(account.id), command.by.account_id))


def account_in_scope(session: Session, account_id: uuid.UUID, by: Principal) -> Account:
    """The account, locked. Raises NotFound("account_unknown"), also for one outside the scope: nobody learns of it."""
    account = session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if account is None or not rules.in_scope(by.scope_path, account.scope_path):
        raise _unknown()
    return account


def lock_admins(session: Session, account_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """The active administrators of the account's union.

    Locked in one order and before anything else, so that two of them cannot remove each other at once.
    """
    path = select(Account.scope_path).where(Account.id == account_id).scalar_subquery()
    admins = (
        select(Account.id)
        .where(
            Account.scope_path == path,
            Account.roles.contains([Role.ADMIN.value]),
            Account.state == AccountState.ACTIVE,
        )
        .order_by(Account.id)
        .with_for_update()
    )
    return frozenset(session.scalars(admins))


def refuse_last_admin(account: Account, admins: frozenset[uuid.UUID]) -> None:
    """Somebody must be left who can let others in. Raises Conflict("last_admin")."""
    if admins == {account.id}:
        raise Conflict("last_admin", "这是最后一位可用的系统管理员，请先另设一位。")


def _record(session: Session, world: World, action: str, account: Account, by: Principal, before: str) -> None:
    act = audit.Act(
        action, "account", str(account.id), by.account_id, before={"state": before}, after={"state": account.state}
    )
    audit.record(session, world, act)


def _told(account: Account) -> dict[str, object]:
    """An account as the audit trail has it: never the name."""
    return {"roles": sorted(account.roles), "union_id": str(account.union_id), "scope_path": account.scope_path}


def _lines(session: Session, accounts: Sequence[Account]) -> list[AccountLine]:
    ids = [account.id for account in accounts]
    rows = session.execute(
        select(StaffSession.account_id, func.max(StaffSession.seen_at))
        .where(StaffSession.account_id.in_(ids))
        .group_by(StaffSession.account_id)
    )
    seen: dict[uuid.UUID, datetime] = dict(rows.tuples().all())
    return [
        AccountLine(
            account.id,
            account.username,
            account.display_name,
            tuple(sorted(rules.roles_of(account.roles))),
            account.union_id,
            account.scope_path,
            AccountState(account.state),
            account.locked_until,
            account.created_at,
            seen.get(account.id),
        )
        for account in accounts
    ]


def _unknown() -> NotFound:
    return NotFound("account_unknown", "您的管理范围内没有这个账号，请从列表里选择。")
