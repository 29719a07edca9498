"""Tables of notices: what members are told, how to reach them, where they may ask."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base
from cardnet.membership.notices.rules import NoticeKind, NoticeState, Reason, Way


def _words(column: str, words: object) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)  # type: ignore[attr-defined]
    return CheckConstraint(f"{column} in ({listed})", name=column)


class Notice(Base):
    """One thing one person is told, written with what it tells; its id is the key gateways know it by.

    `next_try_at` is when it may go out next: the end of quiet hours, of a pause, or of the claim of a worker who has it
    in hand. `reason` says why it is on paper or failed, `error` what a gateway said last. `subject_id` is the card,
    application or redemption it is about, and `address_index` the number it went to.
    """

    __tablename__ = "notice"
    __table_args__ = (
        _words("kind", NoticeKind),
        _words("way", Way),
        _words("state", NoticeState),
        _words("reason", Reason),
        CheckConstraint("(state = 'printed') <= (way = 'paper')", name="printed"),
        CheckConstraint("(state = 'sent') = (sent_at is not null)", name="sent"),
        CheckConstraint("(state = 'waiting' and way <> 'paper') = (next_try_at is not null)", name="next_try"),
        CheckConstraint("handed_out_at is null or printed_at is not null", name="handed_out"),
        # Two officers reminding the same people at once: the second reminds nobody twice.
        Index(
            "uq_notice_reminder", "person_id", "kind", "day", unique=True,
            postgresql_where=text("kind = 'activation_reminder'"),
        ),
        # Two workers telling of one use: the second tells nobody.
        Index("uq_notice_use", "subject_id", unique=True, postgresql_where=text("kind = 'card_used'")),
        Index("ix_notice_due", "next_try_at", "id", postgresql_where=text("next_try_at is not null")),
        Index(None, "union_id", "id"),
        Index(None, "subject_id", postgresql_where=text("state = 'waiting'")),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    subject_id: Mapped[uuid.UUID | None]
    words: Mapped[bytes]
    way: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    day: Mapped[date]
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID | None]
    tries: Mapped[int] = mapped_column(server_default="0")
    next_try_at: Mapped[datetime | None]
    error: Mapped[str | None]
    provider_id: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    printed_at: Mapped[datetime | None]
    handed_out_at: Mapped[datetime | None]


class NoticeAddress(Base):
    """The openid of somebody who bound the union's official account; the newest that has not ended counts."""

    __tablename__ = "notice_address"
    __table_args__ = (
        Index("uq_notice_address_current", "person_id", unique=True, postgresql_where=text("ended_at is null")),
        # An account on one phone is one person's: whoever binds it last has it.
        Index("uq_notice_address_index", "address_index", unique=True, postgresql_where=text("ended_at is null")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    address: Mapped[bytes]
    address_index: Mapped[bytes]
    bound_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class AccountCode(Base):
    """The keyed hash of the digits a member sends to the official account to bind it; good for minutes, once.

    One stands per person: a new one ends the one before.
    """

    __tablename__ = "account_code"
    # Two members cannot be told the same digits: whose account would it be?
    __table_args__ = (
        Index("uq_account_code_live", "code_index", unique=True, postgresql_where=text("used_at is null")),
    )

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    code_index: Mapped[bytes]
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class UnionContact(Base):
    """Where members of a union, and of those below it without a number of their own, may ask."""

    __tablename__ = "union_contact"

    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"), primary_key=True)
    phone: Mapped[str]
    set_at: Mapped[datetime]
    set_by: Mapped[uuid.UUID | None]


class SimulatedMessage(Base):
    """What the demonstration's phone received: the place of a gateway, and only in a demonstration."""

    __tablename__ = "simulated_message"
    __table_args__ = (Index(None, "phone_index", "received_at"),)

    # The notice's id: a message sent again under the same key is the same message, as with a real gateway.
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    phone: Mapped[bytes]
    phone_index: Mapped[bytes]
    words: Mapped[bytes]
    received_at: Mapped[datetime]
