"""Signing in: password and code, counted failures, a lock, and the sessions that come of it."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from cardnet.access import passwords, rules
from cardnet.access.models import Account, StaffSession
from cardnet.access.rules import AccountState, Principal, SessionKind, SignInRefusal
from cardnet.access.services.accounts import TOTP_FIELD, principal_of
from cardnet.access.tokens import new_token, token_hash
from cardnet.kernel import audit
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World

_SEEN_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class SignIn:
    """Somebody gives username, password and the six digits of the authenticator."""

    username: str
    password: str = field(repr=False)
    code: str = field(repr=False)
    address: str | None = None


@dataclass(frozen=True)
class SignedIn:
    """A session of a browser: the token goes into its cookie and is stored only as a hash."""

    session_id: uuid.UUID
    token: str = field(repr=False)
    principal: Principal
    expires_at: datetime
    must_change_password: bool


@dataclass(frozen=True)
class SignInRefused:
    """A recorded no: the failure is counted, so the caller commits it. `locked_until` says when to come back."""

    reason: SignInRefusal
    locked_until: datetime | None = None


@dataclass(frozen=True)
class OpenSession:
    """A session that is good now: who it is, since when, and when its password and code were last given."""

    session_id: uuid.UUID
    kind: SessionKind
    principal: Principal
    address: str | None
    created_at: datetime
    confirmed_at: datetime
    seen_at: datetime
    expires_at: datetime
    must_change_password: bool


def sign_in(session: Session, world: World, command: SignIn) -> SignedIn | SignInRefused:
    """Check password and code, count failures, and open a session.

    Five failures in a row lock the account for 15 minutes; while it is locked nothing is even looked at. A code
    works once. A refusal is a value, because raising would roll the count back.
    """
    at = world.now()
    username = rules.username_of(command.username)
    # The lock makes two sign-ins with one code, or five wrong ones at once, come one after the other.
    locked = select(Account).where(Account.username == username).with_for_update()
    account = session.scalar(locked.execution_options(populate_existing=True))
    if account is None:
        passwords.matches(None, command.password)
        return SignInRefused(SignInRefusal.WRONG)
    if account.locked_until and at < account.locked_until:
        return SignInRefused(SignInRefusal.LOCKED, account.locked_until)
    step = _step_of(session, account, command.code, at)
    if not passwords.matches(account.password_hash, command.password) or step is None:
        return _count_failure(session, world, account, command.address)
    if account.state != AccountState.ACTIVE:
        # Said only to who has proven to be its owner.
        return SignInRefused(SignInRefusal.DISABLED)
    account.failures, account.locked_until, account.totp_last_step = 0, None, step
    if passwords.is_outdated(account.password_hash):
        account.password_hash = passwords.hash_password(command.password)
    session.flush()
    return open_staff_session(session, world, account.id, command.address)


def _step_of(session: Session, account: Account, code: str, at: datetime) -> int | None:
    secret = vault_of(session).open(TOTP_FIELD, account.totp_secret)
    step = rules.totp_step(secret, code, at)
    return step if step is not None and step > account.totp_last_step else None


def _count_failure(session: Session, world: World, account: Account, address: str | None) -> SignInRefused:
    account.failures += 1
    account.locked_until = None
    if account.failures >= rules.MAX_FAILURES:
        account.failures, account.locked_until = 0, world.now() + rules.LOCK
        act = audit.Act("account.lock", "account", str(account.id), address=address)
        audit.record(session, world, act)
    session.flush()
    return SignInRefused(
        SignInRefusal.LOCKED if account.locked_until else SignInRefusal.WRONG,
        account.locked_until,
    )


def open_staff_session(session: Session, world: World, account_id: uuid.UUID, address: str | None = None) -> SignedIn:
    """Open a browser's session for an account whose owner has just proven who they are."""
    account = session.get_one(Account, account_id)
    at = world.now()
    token = new_token(world, "cns_")
    row = _row(world, account_id, SessionKind.PAGE, token, address, at, at + rules.PAGE_SESSION)
    session.add(row)
    session.flush()
    act = audit.Act("account.sign_in", "account", str(account_id), actor_id=account_id, address=address)
    audit.record(session, world, act)
    return SignedIn(row.id, token, principal_of(account), row.expires_at, account.first_password)


def issue_token(session: Session, world: World, principal: Principal) -> str:
    """A bearer token of that account for the back-office API, good for 90 days; shown once, stored as SHA-256."""
    at = world.now()
    token = new_token(world, "cna_")
    row = _row(world, principal.account_id, SessionKind.API, token, None, at, at + rules.API_TOKEN)
    session.add(row)
    session.flush()
    act = audit.Act("account.token", "account", str(principal.account_id), actor_id=principal.account_id)
    audit.record(session, world, act)
    return token


def _row(
    world: World,
    account_id: uuid.UUID,
    kind: SessionKind,
    token: str,
    address: str | None,
    at: datetime,
    expires_at: datetime,
) -> StaffSession:
    return StaffSession(
        id=world.new_id(),
        account_id=account_id,
        kind=kind,
        token_hash=token_hash(token),
        address=address,
        created_at=at,
        confirmed_at=at,
        seen_at=at,
        expires_at=expires_at,
    )


def session_of_token(session: Session, world: World, token: str, kind: SessionKind) -> OpenSession | None:
    """The session a cookie (`page`) or a bearer token (`api`) stands for; None when it is unknown, over or idle.

    Roles and scope are those of the account now, and a disabled account has no session. A page left alone for
    two hours is over. At most every five minutes the visit is written down.
    """
    at = world.now()
    found = session.execute(
        select(StaffSession, Account)
        .join(Account, Account.id == StaffSession.account_id)
        .where(
            StaffSession.token_hash == token_hash(token),
            StaffSession.kind == kind,
            StaffSession.ended_at.is_(None),
            StaffSession.expires_at > at,
            Account.state == AccountState.ACTIVE,
        )
    ).one_or_none()
    if found is None:
        return None
    row, account = found.tuple()
    if kind is SessionKind.PAGE and at - row.seen_at >= rules.PAGE_IDLE:
        return None
    if at - row.seen_at >= _SEEN_EVERY:
        session.execute(update(StaffSession).where(StaffSession.id == row.id).values(seen_at=at))
    return _view(row, account)


def principal_of_session(session: Session, world: World, token: str) -> Principal | None:
    """Who a browser's cookie stands for."""
    found = session_of_token(session, world, token, SessionKind.PAGE)
    return found.principal if found else None


def principal_of_token(session: Session, world: World, token: str) -> Principal | None:
    """Who a bearer token of the back-office API stands for."""
    found = session_of_token(session, world, token, SessionKind.API)
    return found.principal if found else None


def sessions_of(session: Session, world: World, account_id: uuid.UUID) -> tuple[OpenSession, ...]:
    """The sessions and tokens of an account that are still good, newest first: for its owner to look through."""
    at = world.now()
    rows = session.execute(
        select(StaffSession, Account)
        .join(Account, Account.id == StaffSession.account_id)
        .where(
            StaffSession.account_id == account_id,
            StaffSession.ended_at.is_(None),
            StaffSession.expires_at > at,
        )
        .order_by(StaffSession.created_at.desc())
    )
    return tuple(
        _view(row, account)
        for row, account in rows.tuples()
        if row.kind == SessionKind.API or at - row.seen_at < rules.PAGE_IDLE
    )


def sign_out(session: Session, world: World, token: str) -> None:
    """End the session of a token; once more does nothing."""
    _end(session, world, StaffSession.token_hash == token_hash(token))


def end_session(session: Session, world: World, account_id: uuid.UUID, session_id: uuid.UUID) -> None:
    """End one of an account's own sessions or tokens by its id, from the list."""
    _end(session, world, (StaffSession.id == session_id) & (StaffSession.account_id == account_id))


def _end(session: Session, world: World, which: object) -> None:
    at = world.now()
    over = case((StaffSession.ended_at.is_(None), at), else_=StaffSession.ended_at)
    session.execute(update(StaffSession).where(which).values(ended_at=over))  # type: ignore[arg-type]


def _view(row: StaffSession, account: Account) -> OpenSession:
    return OpenSession(
        row.id,
        SessionKind(row.kind),
        principal_of(account),
        row.address,
        row.created_at,
        row.confirmed_at,
        row.seen_at,
        row.expires_at,
        account.first_password,
    )
