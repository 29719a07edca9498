"""A merchant's file: taken in once, and read again for every run that compares it."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from cardnet.finance import admission
from cardnet.finance.difference import FileFacts
from cardnet.finance.models import StatementFault, StatementFile
from cardnet.finance.services.columns import copy_in, with_constant
from cardnet.finance.services.runs import ImportStatement, RunReconciliation, StatementFileView, files_of_ids
from cardnet.kernel import audit
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.world import World
from cardnet.membership import spreadsheet


def import_statement(session: Session, world: World, command: ImportStatement) -> StatementFileView:
    """Admit a file. A wrong total is stored with it, and its lines are then not compared (E17).

    Raises Conflict("file_already_imported") naming the first time, and InvalidInput when it is no table, has no
    header that can be understood, or no lines.
    """
    lock_merchant(session, command.merchant_id)
    digest = hashlib.sha256(command.content).digest()
    if known := known_file(session, command.merchant_id, digest):
        raise already_imported(session, known)
    table = spreadsheet.read(command.content, command.filename, prefer=admission.points)
    read = admission.admit(table.rows)
    wrong = admission.wrong_total(read)
    declared = read.declared
    file_id = world.new_id()
    session.execute(
        insert(StatementFile).values(
            id=file_id,
            merchant_id=command.merchant_id,
            sha256=digest,
            filename=command.filename[:200],
            content=command.content,
            size=len(command.content),
            lines=read.lines.num_rows,
            unreadable=len(read.unreadable),
            basis=read.basis,
            amount_column=read.amount_column[:100],
            declared_line=declared.line if declared else None,
            declared_count=declared.count if declared else None,
            declared_fen=declared.total_fen if declared else None,
            refusal="E17" if wrong else None,
            refusal_words={"declared": wrong[0], "counted": wrong[1]} if wrong else None,
            received_at=world.now(),
            received_by=command.actor_id,
        )
    )
    copy_in(session, "statement_line", with_constant(read.lines, "file_id", str(file_id)))
    if read.unreadable:
        faults = [{"file_id": file_id, **vars(fault), "cells": list(fault.cells)} for fault in read.unreadable]
        session.execute(insert(StatementFault), faults)
    after = {"sha256": digest.hex(), "lines": read.lines.num_rows, "unreadable": len(read.unreadable)}
    act = audit.Act("statement.import", "statement_file", str(file_id), actor_id=command.actor_id, after=after)
    audit.record(session, world, act)
    return files_of_ids(session, [file_id])[0]


def lock_merchant(session: Session, merchant_id: uuid.UUID) -> None:
    """One reconciliation of a merchant at a time."""
    key = {"merchant": str(merchant_id)}
    session.execute(text("select pg_advisory_xact_lock(hashtext('cardnet.reconciliation'), hashtext(:merchant))"), key)


def known_file(session: Session, merchant_id: uuid.UUID, digest: bytes) -> uuid.UUID | None:
    """The file with this digest, when the merchant sent it before."""
    return session.scalar(
        select(StatementFile.id).where(StatementFile.merchant_id == merchant_id, StatementFile.sha256 == digest)
    )


def already_imported(session: Session, file_id: uuid.UUID, run_id: uuid.UUID | None = None) -> Conflict:
    """The refusal that names the first time, and the run it came to."""
    known = session.execute(
        select(StatementFile.id, StatementFile.filename, StatementFile.received_at).where(StatementFile.id == file_id)
    ).one()
    when = local(known.received_at)
    return Conflict(
        "file_already_imported",
        f"这个文件已在 {when:%Y-%m-%d %H:%M} 以“{known.filename}”上传过，这段日期不能重复上传。",
        {
            "file_id": str(known.id),
            "filename": known.filename,
            "received_at": when.isoformat(timespec="seconds"),
            "run_id": str(run_id) if run_id else None,
        },
    )


def load_files(session: Session, command: RunReconciliation) -> list[StatementFile]:
    """The files of a run. Raises NotFound("statement_unknown")."""
    rows = session.scalars(
        select(StatementFile).where(
            StatementFile.id.in_(command.file_ids), StatementFile.merchant_id == command.merchant_id
        )
    ).all()
    if len(rows) != len(set(command.file_ids)) or not rows:
        raise NotFound("statement_unknown", "没有这个文件，请先上传。")
    # By what they hold, not by when they came, so that the result does not depend on it.
    return sorted(rows, key=lambda row: row.sha256)


_FAULT = ("line", "column", "text", "problem", "cells", "redemption_id", "merchant_ref")


def facts_of_files(session: Session, files: Sequence[StatementFile]) -> list[FileFacts]:
    """What a result says of each file beside its lines."""
    return [_facts_of(session, file, faults) for file, faults in _faults(session, files)]


def _faults(session: Session, files: Sequence[StatementFile]) -> list[tuple[StatementFile, list[Mapping[str, Any]]]]:
    rows = session.scalars(
        select(StatementFault)
        .where(StatementFault.file_id.in_([file.id for file in files]))
        .order_by(StatementFault.file_id, StatementFault.line)
    ).all()
    return [
        (
            file,
            [{name: getattr(row, name) for name in _FAULT} for row in rows if row.file_id == file.id],
        )
        for file in files
    ]


def _facts_of(session: Session, file: StatementFile, faults: Sequence[Mapping[str, Any]]) -> FileFacts:
    unproved = file.declared_fen if faults and file.refusal is None else None
    readable = 0
    if unproved is not None:
        readable = session.execute(
            text("""select coalesce(sum(case type when 'capture' then amount_fen else -amount_fen end), 0)::bigint
                    from statement_line where file_id = :file"""),
            {"file": file.id},
        ).scalar_one()
    return FileFacts(file.sha256.hex(), file.filename, file.lines, faults, file.refusal_words, unproved, readable)
