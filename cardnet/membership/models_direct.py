"""Tables of messages that go to a number and not to a register: codes that prove a phone, links for a chair."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base
from cardnet.membership.notices.direct import DirectKind, DirectState

_KINDS = ", ".join(f"'{kind}'" for kind in DirectKind)
_STATES = ", ".join(f"'{state}'" for state in DirectState)


class DirectMessage(Base):
    """One message to one number, asked for by whoever holds it; its id is the key gateways know it by.

    `words` are sealed, and gone as soon as the message is sent or over: a code must not lie about. `next_try_at` is
    when it may go out next, or the end of the claim of the worker who has it in hand.
    """

    __tablename__ = "direct_message"
    __table_args__ = (
        CheckConstraint(f"kind in ({_KINDS})", name="kind"),
        CheckConstraint(f"state in ({_STATES})", name="state"),
        CheckConstraint("(state = 'waiting') = (next_try_at is not null)", name="next_try"),
        CheckConstraint("(state = 'waiting') = (words is not null)", name="words"),
        CheckConstraint("(state = 'sent') = (sent_at is not null)", name="sent"),
        Index("ix_direct_message_due", "next_try_at", "id", postgresql_where=text("next_try_at is not null")),
        Index(None, "phone_index", "created_at"),
        Index(None, "subject_id", "created_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    phone: Mapped[bytes]
    phone_index: Mapped[bytes]
    words: Mapped[bytes | None]
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(server_default="0")
    next_try_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    error: Mapped[str | None]
    provider_id: Mapped[str | None]
    created_at: Mapped[datetime]
    created_by: Mapped[uuid.UUID | None]
    sent_at: Mapped[datetime | None]


class PhoneCode(Base):
    """The keyed hash of six digits sent to a number a member says is theirs; good for minutes, once.

    One stands per person: a new one ends the one before. `phone` (sealed) is the number that is being proven.
    """

    __tablename__ = "phone_code"
    # Guesses arriving together: the guarded UPDATE lets five through, this stops a sixth way round.
    __table_args__ = (CheckConstraint("tries between 0 and 5", name="tries"),)

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    phone: Mapped[bytes]
    code_index: Mapped[bytes]
    tries: Mapped[int] = mapped_column(server_default="0")
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
