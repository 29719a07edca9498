"""Inviting somebody to an account: a link that works once, under which the owner sets password and authenticator.

Nobody but the owner ever knows the password, and the authenticator's secret is shown only to whoever holds the link.
A lost password or phone is mended the same way: a new link, and everything the account had open ends.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from cardnet.access import passwords, rules
from cardnet.access.models import Account, AccountInvitation, StaffSession
from cardnet.access.rules import AccountState, Principal, Role
from cardnet.access.services.accounts import TOTP_FIELD, CreateAccount, create_account, refuse_weak
from cardnet.access.services.administration import account_in_scope, lock_admins, refuse_last_admin
from cardnet.access.tokens import new_token, token_hash
from cardnet.kernel import audit
from cardnet.kernel.errors import InvalidInput, NotFound
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World


@dataclass(frozen=True)
class Invite:
    """An administrator makes an account for somebody and sends them the link."""

    username: str
    display_name: str
    roles: frozenset[Role]
    union_id: uuid.UUID
    scope_path: str
    by: Principal


@dataclass(frozen=True)
class InviteAgain:
    """A new link for an account there is: the first one ran out, or the password or the phone is lost."""

    account_id: uuid.UUID
    by: Principal


@dataclass(frozen=True)
class Invitation:
    """The link's secret part, shown once, and until when it works."""

    account_id: uuid.UUID
    username: str
    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Invited:
    """What the page behind the link shows its owner."""

    username: str
    display_name: str
    roles: tuple[Role, ...]
    union_id: uuid.UUID
    totp_secret: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class AcceptInvitation:
    """The owner chooses a password and proves the authenticator with a code it shows."""

    token: str = field(repr=False)
    password: str = field(repr=False)
    code: str = field(repr=False)
    address: str | None = None


@dataclass(frozen=True)
class Accepted:
    """The account works now."""

    account_id: uuid.UUID


@dataclass(frozen=True)
class CodeWrong:
    """A counted no: the caller commits it. `left` is how many tries remain; at 0 the link is dead."""

    left: int


def invite(session: Session, world: World, command: Invite) -> Invitation:
    """Make the account, not yet usable, and its link.

    Raises as `create_account` does, and InvalidInput("out_of_scope").
    """
    if not rules.in_scope(command.by.scope_path, command.scope_path):
        raise InvalidInput("out_of_scope", "只能给自己管理范围内的工会建立账号。")
    made = create_account(
        session,
        world,
        CreateAccount(
            command.username,
            command.display_name,
            command.roles,
            command.union_id,
            command.scope_path,
            by=command.by.account_id,
        ),
    )
    return _open(session, world, session.get_one(Account, made.account_id), command.by)


def invite_again(session: Session, world: World, command: InviteAgain) -> Invitation:
    """End what the account has open and make a new link; until it is used nobody signs in.

    Raises NotFound("account_unknown"), InvalidInput("account_disabled", "account_own"), Conflict("last_admin").
    """
    admins = lock_admins(session, command.account_id)
    account = account_in_scope(session, command.account_id, command.by)
    if account.state == AccountState.DISABLED:
        raise InvalidInput("account_disabled", "账号已停用，请先恢复再发邀请链接。")
    if account.id == command.by.account_id:
        raise InvalidInput("account_own", "不能给自己重发邀请链接，请请另一位管理员办理；改密码请到“我的账号”。")
    refuse_last_admin(account, admins)
    return _open(session, world, account, command.by)


def _open(session: Session, world: World, account: Account, by: Principal) -> Invitation:
    at = world.now()
    before = account.state
    open_ones = update(AccountInvitation).where(
        AccountInvitation.account_id == account.id,
        AccountInvitation.used_at.is_(None),
        AccountInvitation.ended_at.is_(None),
    )
    session.execute(open_ones.values(ended_at=at))
    sessions = update(StaffSession).where(StaffSession.account_id == account.id, StaffSession.ended_at.is_(None))
    session.execute(sessions.values(ended_at=at))
    account.state = AccountState.INVITED
    account.password_hash = passwords.hash_first_password(passwords.first_password(world.random_bytes(16)))
    account.totp_secret = vault_of(session).seal(TOTP_FIELD, passwords.totp_secret(world.random_bytes(20)))
    account.totp_last_step, account.failures, account.locked_until = 0, 0, None
    token = new_token(world, "cni_")
    invitation = AccountInvitation(
        id=world.new_id(),
        account_id=account.id,
        token_hash=token_hash(token),
        invited_by=by.account_id,
        created_at=at,
        expires_at=at + rules.INVITATION,
    )
    session.add(invitation)
    session.flush()
    act = audit.Act(
        "account.invite",
        "account",
        str(account.id),
        by.account_id,
        before={"state": before},
        after={"state": "invited"},
    )
    audit.record(session, world, act)
    return Invitation(account.id, account.username, token, invitation.expires_at)


def invited(session: Session, world: World, token: str) -> Invited:
    """What the link is for. Raises NotFound("invitation_over") when it is used, ended, too old or never was."""
    _, account, expires_at = _found(session, world, token)
    return Invited(
        account.username,
        account.display_name,
        tuple(sorted(rules.roles_of(account.roles))),
        account.union_id,
        vault_of(session).open(TOTP_FIELD, account.totp_secret),
        expires_at,
    )


def accept_invitation(session: Session, world: World, command: AcceptInvitation) -> Accepted | CodeWrong:
    """Set the password and let the account in. A wrong code is a value, because raising would roll its count back.

    Raises NotFound("invitation_over"), InvalidInput("password_weak").
    """
    invitation, account, _ = _found(session, world, command.token, lock=True)
    refuse_weak(command.password, account.username)
    at = world.now()
    secret = vault_of(session).open(TOTP_FIELD, account.totp_secret)
    step = rules.totp_step(secret, command.code, at)
    if step is None:
        invitation.failures += 1
        left = max(0, rules.INVITATION_TRIES - invitation.failures)
        invitation.ended_at = at if left == 0 else None
        session.flush()
        return CodeWrong(left)
    account.state = AccountState.ACTIVE
    account.password_hash, account.first_password = passwords.hash_password(command.password), False
    account.totp_last_step = step
    invitation.used_at = at
    session.flush()
    act = audit.Act("account.accept", "account", str(account.id), account.id, address=command.address)
    audit.record(session, world, act)
    return Accepted(account.id)


def _found(
    session: Session, world: World, token: str, *, lock: bool = False
) -> tuple[AccountInvitation, Account, datetime]:
    query = (
        select(AccountInvitation, Account)
        .join(Account, Account.id == AccountInvitation.account_id)
        .where(
            AccountInvitation.token_hash == token_hash(token),
            AccountInvitation.used_at.is_(None),
            AccountInvitation.ended_at.is_(None),
            AccountInvitation.expires_at > world.now(),
            Account.state == AccountState.INVITED,
        )
        .execution_options(populate_existing=True)
    )
    found = session.execute(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFound("invitation_over", "这个邀请链接已经用过或已过期，请联系管理员重新发一个。")
    return found[0], found[1], found[0].expires_at


def open_invitation_until(session: Session, world: World, account_id: uuid.UUID) -> datetime | None:
    """Until when the account's link works; None when there is none."""
    until: datetime | None = session.scalar(
        select(func.max(AccountInvitation.expires_at)).where(
            AccountInvitation.account_id == account_id,
            AccountInvitation.used_at.is_(None),
            AccountInvitation.ended_at.is_(None),
            AccountInvitation.expires_at > world.now(),
        )
    )
    return until
