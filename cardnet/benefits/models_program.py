"""Tables of programs and of the rules that hold for them."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cardnet.benefits.words import Operator, ProgramKind, RuleState, VersionBasis
from cardnet.kernel.db import Base, one_of


class Program(Base):
    """Something the union gives, with the document that decided it and the budget line it is paid from."""

    __tablename__ = "program"
    __table_args__ = (
        UniqueConstraint("code"),
        one_of("kind", ProgramKind),
        one_of("operator", Operator),
        one_of("version_basis", VersionBasis),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    operator: Mapped[str]
    version_basis: Mapped[str]
    doc_ref: Mapped[str]
    budget_line: Mapped[str | None]
    owner_union_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("union_node.id"))
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime]


class RuleVersion(Base):
    """The dated rules of a program. Once approved its body never changes (a trigger); only its end may come nearer."""

    __tablename__ = "rule_version"
    __table_args__ = (
        UniqueConstraint("program_id", "no"),
        one_of("status", RuleState),
        CheckConstraint("approver_id <> author_id", name="four_eyes"),
        CheckConstraint("status in ('draft', 'in_review') or approver_id is not null", name="approved"),
        CheckConstraint("effective_to >= effective_from", name="period"),
        # Two approvals of overlapping versions at once: the second is refused by the database.
        ExcludeConstraint(
            (text("uuidrange(program_id, program_id, '[]')"), "&&"),
            (text("daterange(effective_from, effective_to)"), "&&"),
            using="gist",
            where=text("status = 'approved'"),
            name="ex_rule_version_approved_period",
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    program_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("program.id"))
    no: Mapped[int]
    effective_from: Mapped[date]
    effective_to: Mapped[date | None]
    body: Mapped[dict[str, Any]]
    schema_version: Mapped[str]
    content_hash: Mapped[str]
    status: Mapped[str]
    doc_ref: Mapped[str]
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    approver_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    approved_at: Mapped[datetime | None]


class RuleParameter(Base):
    """A yearly figure rule documents may name (`{"param": code}`): in force from a day until the next row. Append-only."""

    __tablename__ = "rule_parameter"
    __table_args__ = (CheckConstraint("value >= 0", name="value"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    effective_from: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[int]
    doc_ref: Mapped[str]
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime]


class RuleGeneration(Base):
    """One row: a token that changes with every approval, so that processes notice that what they cached is old."""

    __tablename__ = "rule_generation"
    __table_args__ = (CheckConstraint("one = 1", name="one"),)

    one: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    token: Mapped[uuid.UUID]
