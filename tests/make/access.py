"""Staff accounts for tests, made by the real services."""

import uuid
from datetime import datetime

import pyotp
from sqlalchemy.orm import Session

from cardnet.access import services
from cardnet.access.rules import Principal, Role
from cardnet.kernel.world import World

PASSWORD = "绿茶-桂花-七号线-东门"
"""Strong enough for the rules, the same for every account a test signs in with."""


def make_account(
    session: Session,
    world: World,
    username: str,
    *roles: Role,
    union_id: uuid.UUID | None = None,
    scope_path: str = "/YJ/",
    password: str | None = None,
) -> services.NewAccount:
    """An account; its password is made, fast, unless one is given."""
    return services.create_account(
        session,
        world,
        services.CreateAccount(
            username,
            f"{username} 同志",
            frozenset(roles or (Role.UNIT_OFFICER,)),
            union_id or world.new_id(),
            scope_path,
            password,
        ),
    )


def make_officer(
    session: Session,
    world: World,
    username: str,
    *roles: Role,
    union_id: uuid.UUID | None = None,
    scope_path: str = "/YJ/",
) -> Principal:
    """The principal of a new account."""
    make_account(session, world, username, *roles, union_id=union_id, scope_path=scope_path)
    return services.principal_of_username(session, username)


def make_session(session: Session, world: World, account: services.NewAccount) -> str:
    """The token of a page session, as if the account had just signed in."""
    return services.open_staff_session(session, world, account.account_id).token


def code_now(account: services.NewAccount, at: datetime) -> str:
    """What the authenticator of this account shows at a moment."""
    return str(pyotp.TOTP(account.totp_secret).at(at))


def close(session: Session, world: World, username: str) -> None:
    """An administrator of the district closes the account."""
    boss = make_officer(session, world, f"boss-of-{username}", Role.ADMIN)
    account = services.principal_of_username(session, username)
    services.close_account(session, world, services.SwitchAccount(account.account_id, boss))
