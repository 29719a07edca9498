"""Tables of a partnership: agreements and their signed copies, contacts, settlement accounts, the blacklist."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class Agreement(Base):
    """A 合作协议. `until_on` is its last day, null while it was agreed without one.

    The merchant's own `contract_*` columns repeat the newest agreement, for lists.
    """

    __tablename__ = "merchant_agreement"
    __table_args__ = (
        UniqueConstraint("merchant_id", "number"),
        CheckConstraint("until_on >= from_on", name="dates"),
        # Two officers entering a renewal at once: one day belongs to one agreement.
        ExcludeConstraint(
            (text("uuidrange(merchant_id, merchant_id, '[]')"), "&&"),
            (text("daterange(from_on, until_on, '[]')"), "&&"),
            name="ex_merchant_agreement_one_a_day",
            using="gist",
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    number: Mapped[str]
    signed_on: Mapped[date]
    from_on: Mapped[date]
    until_on: Mapped[date | None]
    made_at: Mapped[datetime]
    made_by: Mapped[uuid.UUID | None]


class AgreementFile(Base):
    """The signed copy of an agreement as it was uploaded, sealed; the newest counts. Append-only."""

    __tablename__ = "merchant_agreement_file"
    __table_args__ = (Index(None, "agreement_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    agreement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant_agreement.id"))
    content: Mapped[bytes] = mapped_column(deferred=True, deferred_raiseload=True)
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[bytes]
    uploaded_at: Mapped[datetime]
    uploaded_by: Mapped[uuid.UUID | None]


class MerchantContact(Base):
    """Whom to ask at a merchant: name and phone are sealed. A change ends the row and makes another."""

    __tablename__ = "merchant_contact"
    __table_args__ = (
        CheckConstraint("kind in ('owner', 'daily', 'settlement')", name="kind"),
        # One of each kind at a time.
        Index(
            "uq_merchant_contact_live", "merchant_id", "kind", unique=True, postgresql_where=text("ended_at is null")
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    kind: Mapped[str]
    name: Mapped[bytes]
    phone: Mapped[bytes]
    made_at: Mapped[datetime]
    made_by: Mapped[uuid.UUID | None]
    ended_at: Mapped[datetime | None]


class SettlementAccount(Base):
    """A bank account a merchant is paid on: holder and number are sealed, `tail` is its last four digits.

    A trigger lets nothing change once it was decided, and nobody decides what they proposed.
    """

    __tablename__ = "settlement_account"
    __table_args__ = (
        CheckConstraint("state in ('proposed', 'approved', 'rejected', 'withdrawn')", name="state"),
        CheckConstraint("decided_by <> proposed_by or state = 'withdrawn'", name="four_eyes"),
        CheckConstraint(
            "(state = 'proposed') = (decided_at is null) and (decided_by is null) = (decided_at is null)",
            name="decided",
        ),
        # Two people proposing at once: the second sees what waits already.
        Index(
            "uq_settlement_account_proposed",
            "merchant_id",
            unique=True,
            postgresql_where=text("state = 'proposed'"),
        ),
        Index(None, "merchant_id", "decided_at"),
        Index(None, "number_index"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchant.id"))
    holder: Mapped[bytes]
    number: Mapped[bytes]
    number_index: Mapped[bytes]
    tail: Mapped[str]
    bank: Mapped[str]
    branch_code: Mapped[str | None]
    evidence: Mapped[str]
    state: Mapped[str]
    proposed_at: Mapped[datetime]
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    words: Mapped[str | None]


class BlacklistEntry(Base):
    """A credit code the union works with no more, by a document, until it is lifted."""

    __tablename__ = "merchant_blacklist"
    __table_args__ = (
        Index("uq_merchant_blacklist_live", "credit_code", unique=True, postgresql_where=text("lifted_at is null")),
        CheckConstraint("(lifted_at is null) = (lifted_words is null)", name="lifted"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    credit_code: Mapped[str]
    name: Mapped[str]
    reason: Mapped[str]
    document: Mapped[str]
    listed_at: Mapped[datetime]
    listed_by: Mapped[uuid.UUID | None]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[uuid.UUID | None]
    lifted_words: Mapped[str | None]
