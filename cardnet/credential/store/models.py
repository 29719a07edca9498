"""Issuer keys, card indexes and what was published about them."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base


class IssuerKeyRow(Base):
    """A key of the issuer. Rows are never deleted, so a `kid` is never used again."""

    __tablename__ = "issuer_key"
    __table_args__ = (
        # Two processes making the month's keys at once. Print keys are a stock, and roots are made elsewhere.
        Index(
            "uq_issuer_key_period",
            "use",
            "shard",
            "nbf",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("use not in ('print', 'root')"),
        ),
        # One key for each printing, and each printing has one.
        Index(
            "uq_issuer_key_print_run_id", "print_run_id", unique=True, postgresql_where=text("print_run_id is not null")
        ),
        CheckConstraint("octet_length(kid) = 2", name="kid_two_bytes"),
        CheckConstraint(
            "use in ('card', 'print', 'status', 'settlement', 'offers', 'terminal-ca', 'receipt', 'root')",
            name="use_known",
        ),
        CheckConstraint("(use = 'card') = (shard is not null) and shard between 0 and 3", name="card_keys_have_shards"),
        CheckConstraint(
            "alg = -8 and octet_length(public) = 32 or alg = -7 and octet_length(public) = 33", name="alg_fits"
        ),
        CheckConstraint("nbf < exp", name="period"),
        CheckConstraint("print_run_id is null or use = 'print' and private_sealed is null", name="printed_once"),
        CheckConstraint("use <> 'root' or private_sealed is null", name="roots_stay_outside"),
        CheckConstraint(
            "state in ('active', 'revoked') and (state = 'revoked') = (revoked_at is not null)", name="state_known"
        ),
    )

    kid: Mapped[bytes] = mapped_column(primary_key=True)
    alg: Mapped[int]
    use: Mapped[str]
    shard: Mapped[int | None]
    public: Mapped[bytes]
    # Sealed by the vault. None where the private half lives elsewhere, as a root's does, or is gone: a print key's is
    # forgotten with the printing it was for.
    private_sealed: Mapped[bytes | None]
    nbf: Mapped[datetime]
    exp: Mapped[datetime]
    state: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    print_run_id: Mapped[uuid.UUID | None]


class TerminalCertificateRow(Base):
    """What the terminal CA says of one key of a terminal. `stopped_at`: from then on nothing it signed counts."""

    __tablename__ = "terminal_certificate"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    kid: Mapped[bytes] = mapped_column(ForeignKey("issuer_key.kid"))
    content: Mapped[bytes]
    issued_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]


class TrustPackRow(Base):
    """A trust pack as published; the highest `seq` counts. Append-only."""

    __tablename__ = "trust_pack"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class OfflineLimitsRow(Base):
    """What tills may do alone, as finance decided it: names of `pack.Policy` → numbers. The newest approved one counts.

    A trigger lets nothing change once it was decided.
    """

    __tablename__ = "offline_limits"
    __table_args__ = (
        CheckConstraint("state in ('proposed', 'approved', 'rejected', 'withdrawn')", name="state"),
        CheckConstraint("decided_by <> proposed_by or state = 'withdrawn'", name="four_eyes"),
        CheckConstraint(
            "(state = 'proposed') = (decided_at is null) and (decided_by is null) = (decided_at is null)",
            name="decided",
        ),
        # Two people proposing at once: the second sees what waits already.
        Index("uq_offline_limits_proposed", "state", unique=True, postgresql_where=text("state = 'proposed'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    values: Mapped[dict[str, Any]]
    document: Mapped[str]
    state: Mapped[str]
    proposed_at: Mapped[datetime]
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    words: Mapped[str | None]


class CardIndexBlock(Base):
    """65,536 card indexes, given out in an order only `seed_sealed` tells; `used` of them are gone."""

    __tablename__ = "card_index_block"
    __table_args__ = (
        CheckConstraint("block between 0 and 65535", name="block_fits"),
        CheckConstraint("used between 0 and 65536", name="used_fits"),
    )

    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seed_sealed: Mapped[bytes]
    used: Mapped[int]


class CardStatusRow(Base):
    """A card index that is, or once was, something else than valid."""

    __tablename__ = "card_status"
    __table_args__ = (
        CheckConstraint("card_index between 0 and 4294967295", name="index_32_bits"),
        CheckConstraint("status in (0, 1, 2)", name="status_known"),
        Index(None, "changed_at"),
    )

    card_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[int]
    changed_at: Mapped[datetime]


class StatusListRow(Base):
    """A status list as published; the highest `seq` counts, expired ones go."""

    __tablename__ = "status_list"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class CardIndexFree(Base):
    """A card index whose last credential ended sixty days ago: it is given out again, in the order of `place` (chance)."""

    __tablename__ = "card_index_free"
    __table_args__ = (Index(None, "place"),)

    card_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    place: Mapped[bytes]


class CodeSeen(Base):
    """A code of a phone that was shown at a till: what tells a copied phone from the one it was copied from."""

    __tablename__ = "code_seen"

    card_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    proof_id: Mapped[bytes] = mapped_column(primary_key=True)
    issued_at: Mapped[int]
    challenged: Mapped[bool]


class CodeWatch(Base):
    """How far redemptions and advices have been looked through for copied phones and forged credentials; one row."""

    __tablename__ = "code_watch"
    __table_args__ = (CheckConstraint("one", name="one_row"),)

    one: Mapped[bool] = mapped_column(primary_key=True)
    after_id: Mapped[uuid.UUID]
    after_advice_id: Mapped[uuid.UUID | None]


class CredentialAlarm(Base):
    """A code that should not exist, or not twice.

    `not_issued` (a stolen issuer key), `clone_suspected` (a copied phone), `forged_code`, `harvest_suspected` (two sales
    to one phone at one till within a minute), `velocity_suspected` (a card used faster than anybody shops). Shown in a
    redemption, or in a till's record of which none was made.
    """

    __tablename__ = "credential_alarm"
    __table_args__ = (
        # The watch may look twice at the same redemption.
        UniqueConstraint("kind", "redemption_id"),
        UniqueConstraint("kind", "advice_id"),
        CheckConstraint("(redemption_id is null) <> (advice_id is null)", name="shown_once"),
        CheckConstraint(
            "kind in ('not_issued', 'clone_suspected', 'forged_code', 'harvest_suspected', 'velocity_suspected')",
            name="kind",
        ),
        Index("ix_credential_alarm_open", "raised_at", postgresql_where=text("acknowledged_at is null")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    card_index: Mapped[int]
    kid: Mapped[bytes]
    redemption_id: Mapped[uuid.UUID | None]
    advice_id: Mapped[uuid.UUID | None]
    terminal: Mapped[str]
    raised_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[uuid.UUID | None]
    words: Mapped[str | None]
