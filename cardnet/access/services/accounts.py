"""Making staff accounts and looking them up."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access import passwords
from cardnet.access.models import Account, StaffSession
from cardnet.access.rules import (
    AccountState,
    Principal,
    Role,
    is_username,
    password_problem,
    roles_of,
    username_of,
)
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World

TOTP_FIELD = "account.totp_secret"


@dataclass(frozen=True)
class CreateAccount:
    """An administrator makes a staff account of one union. Secrets that are not given are made."""

    username: str
    display_name: str
    roles: frozenset[Role]
    union_id: uuid.UUID
    scope_path: str
    password: str | None = field(default=None, repr=False)
    totp_secret: str | None = field(default=None, repr=False)
    by: uuid.UUID | None = None


@dataclass(frozen=True)
class NewAccount:
    """A new account and its secrets, which are shown once and stored nowhere in the clear."""

    account_id: uuid.UUID
    username: str
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)


@dataclass(frozen=True)
class ChangePassword:
    """The owner of an account replaces the password; every other session of the account ends."""

    account_id: uuid.UUID
    old: str = field(repr=False)
    new: str = field(repr=False)
    keep_session_id: uuid.UUID | None = None


def create_account(session: Session, world: World, command: CreateAccount) -> NewAccount:
    """Make one account.

    Raises InvalidInput("username_invalid", "roles_missing", "password_weak") and Conflict("username_taken").
    """
    return create_accounts(session, world, [command])[0]


def create_accounts(session: Session, world: World, commands: Sequence[CreateAccount]) -> tuple[NewAccount, ...]:
    """Make many accounts in one statement, in the order given; all or none.

    A password that is made here is hashed fast, one that is given is hashed slowly (about 30 ms each):
    `passwords.hash_first_password` says why. So give none when there are hundreds.
    Raises as `create_account` does; the message names the username.
    """
    if not commands:
        return ()
    vault, at = vault_of(session), world.now()
    made, rows = [], []
    for command in commands:
        username = _checked_username(command)
        password = command.password or passwords.first_password(world.random_bytes(16))
        secret = command.totp_secret or passwords.totp_secret(world.random_bytes(20))
        made.append(NewAccount(world.new_id(), username, password, secret))
        rows.append(
            {
                "id": made[-1].account_id,
                "username": username,
                "display_name": command.display_name,
                "roles": sorted(command.roles),
                "union_id": command.union_id,
                "scope_path": command.scope_path,
                "state": AccountState.ACTIVE,
                "password_hash": _hash(command, username, password),
                "first_password": command.password is None,
                "totp_secret": vault.seal(TOTP_FIELD, secret),
                "created_at": at,
            }
        )
    statement = insert(Account).on_conflict_do_nothing().returning(Account.username)
    stored = set(session.scalars(statement, rows))
    if taken := [account.username for account in made if account.username not in stored]:
        raise Conflict("username_taken", f"用户名已被使用，请换一个：{'、'.join(taken)}。")
    if len(stored) < len(made):
        raise Conflict("username_taken", "同一批里有相同的用户名，请逐一区分。")
    acts = [
        audit.Act("account.create", "account", str(account.account_id), actor_id=command.by, after=_audited(command))
        for account, command in zip(made, commands, strict=True)
    ]
    audit.record(session, world, *acts)
    return tuple(made)


def _checked_username(command: CreateAccount) -> str:
    username = username_of(command.username)
    if not is_username(username):
        raise InvalidInput(
            "username_invalid",
            f"用户名“{command.username}”不可用：请用 2–64 个字母、数字、点、下划线或连字符，以字母或数字开头。",
        )
    if not command.roles:
        raise InvalidInput("roles_missing", f"请给账号 {username} 至少一个角色。")
    return username


def _hash(command: CreateAccount, username: str, password: str) -> str:
    if command.password is None:
        return passwords.hash_first_password(password)
    refuse_weak(password, username)
    return passwords.hash_password(password)


def refuse_weak(password: str, username: str) -> None:
    """Raises InvalidInput("password_weak") with what is wrong with a password its owner chose."""
    if problem := password_problem(password, username):
        raise InvalidInput("password_weak", problem)


def _audited(command: CreateAccount) -> dict[str, object]:
    return {"roles": sorted(command.roles), "union_id": str(command.union_id), "scope_path": command.scope_path}


def change_password(session: Session, world: World, command: ChangePassword) -> None:
    """Replace a password. Raises NotFound("account_unknown"), InvalidInput("password_wrong", "password_weak")."""
    account = session.get(Account, command.account_id, with_for_update=True, populate_existing=True)
    if account is None or account.state != AccountState.ACTIVE:
        raise _unknown("")
    if not passwords.matches(account.password_hash, command.old):
        raise InvalidInput("password_wrong", "原密码不对，请重新输入。")
    refuse_weak(command.new, account.username)
    if command.new == command.old:
        raise InvalidInput("password_weak", "新密码与原密码相同，请另选一个。")
    account.password_hash = passwords.hash_password(command.new)
    account.first_password = False
    session.flush()
    ended = update(StaffSession).where(StaffSession.account_id == account.id, StaffSession.ended_at.is_(None))
    if command.keep_session_id:
        ended = ended.where(StaffSession.id != command.keep_session_id)
    session.execute(ended.values(ended_at=world.now()))
    audit.record(session, world, audit.Act("account.password", "account", str(account.id), actor_id=account.id))


def principal_of_username(session: Session, username: str) -> Principal:
    """The active account of that name. Raises NotFound("account_unknown")."""
    account = session.scalar(select(Account).where(Account.username == username_of(username)))
    if account is None or account.state != AccountState.ACTIVE:
        raise _unknown(username)
    return principal_of(account)


def principals_of_ids(session: Session, account_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Principal]:
    """The active accounts among these."""
    if not account_ids:
        return {}
    query = select(Account).where(Account.id.in_(set(account_ids)), Account.state == AccountState.ACTIVE)
    return {account.id: principal_of(account) for account in session.scalars(query)}


def principals_under(session: Session, path: str, *roles: Role) -> tuple[Principal, ...]:
    """The active accounts of the union at `path` and below that hold one of `roles`, by union, then by name."""
    query = (
        select(Account)
        .where(
            Account.state == AccountState.ACTIVE,
            Account.scope_path.startswith(path, autoescape=True),
            Account.roles.overlap(sorted(roles)),
        )
        .order_by(Account.scope_path, Account.username)
    )
    return tuple(principal_of(account) for account in session.scalars(query))


def principal_of(account: Account) -> Principal:
    """The value that leaves this package in place of the row."""
    return Principal(
        account.id,
        account.username,
        account.display_name,
        roles_of(account.roles),
        account.union_id,
        account.scope_path,
    )


def display_names(session: Session, account_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Who these accounts are, for histories and lists; in one statement."""
    if not account_ids:
        return {}
    rows = session.execute(select(Account.id, Account.display_name).where(Account.id.in_(set(account_ids))))
    return {row.id: row.display_name for row in rows}


def unions_of_usernames(session: Session, usernames: Collection[str]) -> dict[str, uuid.UUID]:
    """Of which union each of these accounts is."""
    rows = session.execute(select(Account.username, Account.union_id).where(Account.username.in_(set(usernames))))
    return {row.username: row.union_id for row in rows}


def _unknown(username: str) -> NotFound:
    return NotFound("account_unknown", f"没有可用的账号“{username}”，请核对用户名。")
