"""Staff accounts, their sessions and tokens, and the sessions of members' phones."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class Account(Base):
    """A staff account. `username` is lower case; `totp_secret` is sealed by the vault.

    `union_id` is no foreign key: unions are a table of the layer above, made by a later migration. `scope_path`
    is that union's path at the time; moving a union rewrites it.
    """

    __tablename__ = "account"
    __table_args__ = (
        # Two administrators making the same account at once: the second insert finds the first.
        UniqueConstraint("username"),
        CheckConstraint("cardinality(roles) > 0", name="has_a_role"),
        CheckConstraint("state in ('invited', 'active', 'disabled')", name="state_known"),
        CheckConstraint("scope_path ~ '^/.*/$'", name="scope_is_a_path"),
        CheckConstraint("failures >= 0", name="failures_counted"),
        Index(None, "union_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    username: Mapped[str]
    display_name: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(String))
    union_id: Mapped[uuid.UUID]
    scope_path: Mapped[str]
    state: Mapped[str]
    password_hash: Mapped[str]
    # Made by the machine and printed once: to be changed by its owner at the first sign-in.
    first_password: Mapped[bool]
    totp_secret: Mapped[bytes]
    # The last 30-second step a code was used of: RFC 6238 §5.2 wants every code to work once.
    totp_last_step: Mapped[int] = mapped_column(server_default=text("0"))
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class AccountInvitation(Base):
    """A one-time link under which the owner of an account sets a password and an authenticator. Ended or used once."""

    __tablename__ = "account_invitation"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("failures >= 0", name="failures_counted"),
        # An account has at most one open invitation: a new one ends the one before.
        Index(
            "uq_account_invitation_open",
            "account_id",
            unique=True,
            postgresql_where=text("used_at is null and ended_at is null"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    token_hash: Mapped[bytes]
    invited_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))


class StaffSession(Base):
    """A browser that signed in, or a bearer token. The token itself is never stored, only its SHA-256."""

    __tablename__ = "staff_session"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("kind in ('page', 'api')", name="kind_known"),
        Index(None, "account_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str]
    token_hash: Mapped[bytes]
    address: Mapped[str | None]
    created_at: Mapped[datetime]
    # When password and code were last given: acts that move money ask for them again after a while.
    confirmed_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class MemberSession(Base):
    """A member's phone after activation. `person_id` is no foreign key, as people are a table of the layer above."""

    __tablename__ = "member_session"
    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "person_id"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID]
    token_hash: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ApiKey(Base):
    """An `Idempotency-Key` of an account's program and what was answered under it, sealed; a secret is not kept.

    `status` is null only inside the transaction that works on the request.
    """

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("(status is null) = (media_type is null)", name="answer_whole"),
        CheckConstraint("body is null or status is not null", name="body_answered"),
        Index(None, "created_at"),
    )

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    created_at: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    media_type: Mapped[str | None]
    body: Mapped[bytes | None]
