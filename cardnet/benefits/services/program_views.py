"""Programs and rule versions as pages and other services need them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.benefits.models_program import Program, RuleVersion
from cardnet.benefits.words import Operator, ProgramKind, RuleState, VersionBasis
from cardnet.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class ProgramView:
    """A program as pages and others need it."""

    id: uuid.UUID
    code: str
    name: str
    kind: ProgramKind
    operator: Operator
    version_basis: VersionBasis
    doc_ref: str
    budget_line: str | None
    owner_union_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule version as pages and others need it."""

    id: uuid.UUID
    program: str
    no: int
    effective_from: date
    effective_to: date | None
    body: Mapping[str, Any]
    content_hash: str
    status: RuleState
    author_id: uuid.UUID
    approver_id: uuid.UUID | None


def programs(session: Session) -> list[ProgramView]:
    """All programs, by code."""
    return [program_view(program) for program in session.scalars(select(Program).order_by(Program.code))]


def program_of_code(session: Session, code: str) -> ProgramView:
    """One program. Raises NotFound("program_unknown")."""
    return program_view(program_row(session, code))


def rule_versions(session: Session, program: str) -> list[RuleView]:
    """All versions of a program, newest first."""
    owner = program_row(session, program)
    found = session.scalars(
        select(RuleVersion).where(RuleVersion.program_id == owner.id).order_by(RuleVersion.no.desc())
    )
    return [rule_view(version, owner.code) for version in found]


def program_row(session: Session, code: str) -> Program:
    """The row behind a code. Raises NotFound("program_unknown")."""
    program = session.scalar(select(Program).where(Program.code == code))
    if program is None:
        raise NotFound("program_unknown", "没有这个项目，请核对编号。")
    return program


def program_view(program: Program) -> ProgramView:
    """The row as a value."""
    return ProgramView(
        program.id,
        program.code,
        program.name,
        ProgramKind(program.kind),
        Operator(program.operator),
        VersionBasis(program.version_basis),
        program.doc_ref,
        program.budget_line,
        program.owner_union_id,
    )


def rule_view(version: RuleVersion, program: str) -> RuleView:
    """The row as a value; `program` is its program's code."""
    return RuleView(
        version.id,
        program,
        version.no,
        version.effective_from,
        version.effective_to,
        version.body,
        version.content_hash,
        RuleState(version.status),
        version.author_id,
        version.approver_id,
    )
