"""Tables of unions, people, memberships, tags and consents.

Periods are half open: `from` is the first day, `to` the first day no longer, empty while it lasts; so a
transfer ends and begins on the same day and `daterange("from", "to")` means what it says.
"""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.kernel.db import Base, one_of
from cardnet.membership.member_rules import Confirmed, Ending, Relation
from cardnet.membership.rules import (
    Answer,
    ConsentMethod,
    Employment,
    IdType,
    MembershipKind,
    Purpose,
    Sex,
    TagKind,
    Tier,
    TransferOrigin,
    TransferState,
    UnionAct,
)


class Union(Base):
    """A node of the organisation tree."""

    __tablename__ = "union_node"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("path"),
        one_of("tier", Tier),
        CheckConstraint("right(path, length(code) + 2) = '/' || code || '/'", name="path"),
        # Everything under a township is one range of paths: LIKE '/YJ/YJ-01/%' in any collation.
        Index(None, "path", postgresql_ops={"path": "text_pattern_ops"}),
        Index(None, "parent_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]
    tier: Mapped[str]
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("union_node.id"))
    path: Mapped[str]
    credit_code: Mapped[str | None]
    from_: Mapped[date] = mapped_column("from")
    to: Mapped[date | None]


class UnionChange(Base):
    """What became of a union, append-only: renamed, moved below another, merged into another, closed; on which document.

    `name` and `path` are as they were before; `other_id` is the new parent of a move and the successor of a merger.
    """

    __tablename__ = "union_change"
    __table_args__ = (one_of("kind", UnionAct), Index(None, "union_id"), Index(None, "other_id"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    kind: Mapped[str]
    effective_on: Mapped[date]
    name: Mapped[str]
    path: Mapped[str]
    other_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("union_node.id"))
    document: Mapped[str]
    actor_id: Mapped[uuid.UUID | None]
    at: Mapped[datetime]


class Person(Base):
    """One human, once, across all unions. Names, numbers and phones are sealed; look-ups go by blind index."""

    __tablename__ = "person"
    __table_args__ = (
        # Two rosters naming the same new person at once: the second insert yields to the first.
        UniqueConstraint("id_type", "id_number_index"),
        one_of("id_type", IdType),
        one_of("sex", Sex),
        Index(None, "name_index"),
        Index(None, "phone_index"),
        # A verified phone belongs to one person: the newest verified holder takes it over.
        Index(
            "uq_person_verified_phone",
            "phone_index",
            unique=True,
            postgresql_where=text("phone_verified_at is not null"),
        ),
        Index(None, "merged_into_id", postgresql_where=text("merged_into_id is not null")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id_type: Mapped[str]
    id_number: Mapped[bytes]
    id_number_index: Mapped[bytes]
    id_valid_until: Mapped[date | None]
    name: Mapped[bytes]
    name_index: Mapped[bytes]
    birth_on: Mapped[date | None]
    sex: Mapped[str | None]
    phone: Mapped[bytes | None]
    phone_index: Mapped[bytes | None]
    phone_verified_at: Mapped[datetime | None]
    retired_on: Mapped[date | None]
    deceased_on: Mapped[date | None]
    merged_into_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]


class Membership(Base):
    """A person's dated standing in one union. `member_since` is 入会日期, which a transfer carries along.

    `ended_as` says why it ended; retirement and 保留会籍 end one standing and begin another in the same union.
    """

    __tablename__ = "membership"
    __table_args__ = (
        one_of("kind", MembershipKind),
        one_of("employment", Employment),
        one_of("ended_as", Ending),
        CheckConstraint('ended_as is null or "to" is not null', name="ended"),
        CheckConstraint('"to" is null or "to" >= "from"', name="period"),
        # One person is in one union at a time, whatever two officers do at once.
        ExcludeConstraint(
            # Without a number in front the tree has no order to search by.
            (text("int8range(uuid_hash_extended(person_id, 0), uuid_hash_extended(person_id, 0), '[]')"), "&&"),
            (text("uuidrange(person_id, person_id, '[]')"), "&&"),
            (text('daterange("from", "to")'), "&&"),
            name="ex_membership_person_period",
            using="gist",
        ),
        Index(None, "person_id"),
        Index(None, "union_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    kind: Mapped[str]
    from_: Mapped[date] = mapped_column("from")
    to: Mapped[date | None]
    member_since: Mapped[date | None]
    department: Mapped[str] = mapped_column(String, server_default="")
    employment: Mapped[str | None]
    created_at: Mapped[datetime]
    ended_as: Mapped[str | None]


class Tag(Base):
    """A dated standing that benefits ask for, with the document that gave it."""

    __tablename__ = "tag"
    __table_args__ = (
        one_of("kind", TagKind),
        CheckConstraint('"to" is null or "to" >= "from"', name="period"),
        CheckConstraint("document_sha256 is null or octet_length(document_sha256) = 32", name="sha256"),
        # The same file sent twice gives a standing once.
        Index("uq_tag_open", "person_id", "kind", "grade", unique=True, postgresql_where=text('"to" is null')),
        Index(None, "person_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str]
    grade: Mapped[str]
    from_: Mapped[date] = mapped_column("from")
    to: Mapped[date | None]
    document: Mapped[str]
    created_at: Mapped[datetime]
    document_sha256: Mapped[bytes | None]


class TagOriginal(Base):
    """The document that gave a tag as it was uploaded, sealed; the newest counts. Append-only."""

    __tablename__ = "tag_original"
    __table_args__ = (CheckConstraint("octet_length(sha256) = 32", name="sha256"), Index(None, "tag_id"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tag_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tag.id"))
    content: Mapped[bytes] = mapped_column(deferred=True, deferred_raiseload=True)
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[bytes]
    kept_at: Mapped[datetime]
    kept_by: Mapped[uuid.UUID]


class Consent(Base):
    """One answer of one person to one question. A newer answer supersedes it; nothing is overwritten."""

    __tablename__ = "consent"
    __table_args__ = (
        one_of("purpose", Purpose),
        one_of("answer", Answer),
        one_of("method", ConsentMethod),
        # One answer counts at a time.
        Index(
            "uq_consent_current", "person_id", "purpose", unique=True, postgresql_where=text("superseded_at is null")
        ),
        Index(None, "person_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    union_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("union_node.id"))
    purpose: Mapped[str]
    answer: Mapped[str]
    method: Mapped[str]
    answered_on: Mapped[date]
    evidence: Mapped[str]
    recorded_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]


class TransferProposal(Base):
    """A unit says that a member of another unit works here now; the old unit has until `due_at` to answer.

    `working_days` are those it was given: a holiday recorded later puts `due_at` off by them, never forward.
    `effective_on` is the first day in the new unit; while it is empty, the day of the release will be.
    """

    __tablename__ = "transfer_proposal"
    __table_args__ = (
        one_of("state", TransferState),
        one_of("origin", TransferOrigin),
        CheckConstraint("from_union_id <> to_union_id", name="two_unions"),
        CheckConstraint("(decided_at is null) = (state = 'proposed')", name="decided"),
        CheckConstraint("working_days between 1 and 60", name="working_days"),
        # The same roster twice, or a roster and a register at once, propose a person's transfer once.
        Index(
            "uq_transfer_proposal_open",
            "person_id",
            "to_union_id",
            unique=True,
            postgresql_where=text("state = 'proposed'"),
        ),
        Index(None, "person_id"),
        Index(None, "from_union_id"),
        Index(None, "to_union_id"),
        Index(None, "due_at", postgresql_where=text("state = 'proposed'")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    from_union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    to_union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    state: Mapped[str]
    origin: Mapped[str]
    proposed_by: Mapped[uuid.UUID | None]
    proposed_at: Mapped[datetime]
    due_at: Mapped[datetime]
    working_days: Mapped[int]
    decided_by: Mapped[uuid.UUID | None]
    decided_at: Mapped[datetime | None]
    words: Mapped[str] = mapped_column(String, server_default="")
    effective_on: Mapped[date | None]


class CalendarDay(Base):
    """One day an officer recorded as worked or free, with the notice that says so; it overrules the built-in table."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    works: Mapped[bool]
    document: Mapped[str]
    set_by: Mapped[uuid.UUID | None]
    set_at: Mapped[datetime]


class TransferTerm(Base):
    """How many working days an old union has to answer: one row, or none while nobody has decided and it is five."""

    __tablename__ = "transfer_term"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("working_days between 1 and 60", name="working_days"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    working_days: Mapped[int]
    reason: Mapped[str]
    set_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    set_at: Mapped[datetime]


class Kin(Base):
    """Somebody close to a member, sealed: whom to call, and who may be reimbursed with them."""

    __tablename__ = "kin"
    __table_args__ = (one_of("relation", Relation), Index(None, "person_id"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    relation: Mapped[str]
    name: Mapped[bytes]
    phone: Mapped[bytes | None]
    recorded_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class DistinctPeople(Base):
    """Two files that look like one person and are not: the district looked, so nobody need look again."""

    __tablename__ = "distinct_people"
    __table_args__ = (CheckConstraint("low_id < high_id", name="ordered"),)

    low_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    high_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    decided_by: Mapped[uuid.UUID]
    decided_at: Mapped[datetime]


class Confirmation(Base):
    """What a unit said of one member in one year's 会籍确认."""

    __tablename__ = "confirmation"
    __table_args__ = (one_of("answer", Confirmed), Index(None, "union_id", "year"))

    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    # A member who moves is asked for by both units, each for its own time.
    union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    answer: Mapped[str]
    effective_on: Mapped[date | None]
    answered_by: Mapped[uuid.UUID | None]
    answered_at: Mapped[datetime]


from cardnet.membership import models_direct, models_notices  # noqa: E402, F401 - registered with the rest
