"""Taking a merchant's file in, and comparing it with our lines."""

import hashlib
import io
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv
from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from cardnet.benefits import services as benefits
from cardnet.benefits.services import SettlementFact
from cardnet.finance import admission
from cardnet.finance.difference import FileFacts
from cardnet.finance.matching import FINDINGS, MATCHES, OURS, THEIRS, Matching, Ruleset, match
from cardnet.finance.models import (
    ReconciliationRun,
    ReconciliationRunFile,
    StatementFault,
    StatementFile,
)
from cardnet.finance.result import Asked, Result, build
from cardnet.finance.services.differences import close_matched_elsewhere, store_differences
from cardnet.finance.services.runs import (
    ImportStatement,
    Reconcile,
    RunReconciliation,
    RunView,
    StatementFileView,
    files_of_ids,
    run_view,
)
from cardnet.kernel import audit
from cardnet.kernel.calendar import local
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.membership import spreadsheet
from cardnet.merchants import services as merchants

MAX_PERIOD = timedelta(days=366)
_EPOCH = date(1970, 1, 1)


def reconcile(session: Session, world: World, command: Reconcile) -> tuple[RunView, bytes]:
    """Take the file in and compare; gives the run and its result as canonical JSON bytes.

    Raises what `import_statement` and `run_reconciliation` raise.
    """
    _check_period(command.first_on, command.last_on)
    taken = import_statement(
        session, world, ImportStatement(command.merchant_id, command.content, command.filename, command.actor_id)
    )
    run = RunReconciliation(command.merchant_id, (taken.id,), command.first_on, command.last_on, command.actor_id)
    return run_reconciliation(session, world, run)


def import_statement(session: Session, world: World, command: ImportStatement) -> StatementFileView:
    """Admit a file. A wrong total is stored with it, and its lines are then not compared (E17).

    Raises Conflict("file_already_imported") naming the first time, and InvalidInput when it is no table, has no
    header that can be understood, or no lines.
    """
    _lock(session, command.merchant_id)
    digest = hashlib.sha256(command.content).digest()
    _refuse_known(session, command.merchant_id, digest)
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
    _copy_in(session, "statement_line", _with_constant(read.lines, "file_id", str(file_id)))
    if read.unreadable:
        faults = [{"file_id": file_id, **vars(fault), "cells": list(fault.cells)} for fault in read.unreadable]
        session.execute(insert(StatementFault), faults)
    after = {"sha256": digest.hex(), "lines": read.lines.num_rows, "unreadable": len(read.unreadable)}
    act = audit.Act("statement.import", "statement_file", str(file_id), actor_id=command.actor_id, after=after)
    audit.record(session, world, act)
    return files_of_ids(session, [file_id])[0]


def run_reconciliation(session: Session, world: World, command: RunReconciliation) -> tuple[RunView, bytes]:
    """Compare, store the result, and let it take the place of the runs whose days it covers.

    Raises Conflict("period_overlaps") when it would cover only a part of an earlier run's days, InvalidInput
    ("period_invalid"), and NotFound("statement_unknown").
    """
    _check_period(command.first_on, command.last_on)
    _lock(session, command.merchant_id)
    files = _load_files(session, command)
    merchant = merchants.merchant_of_id(session, command.merchant_id)
    replaced = _replaced(session, command)
    asked_rules = Ruleset()
    reach = timedelta(days=asked_rules.cut_off_days)
    theirs = _theirs(session, command, files, reach)
    facts = benefits.settlement_facts(session, command.merchant_id, command.first_on - reach, command.last_on + reach)
    ours = _ours(facts, command)
    ours = pa.concat_tables([ours, _foreign(session, command, ours, theirs, reach)])
    ours = _numbered(_without_spent_neighbours(session, ours, replaced))
    refused = any(file.refusal for file in files)
    basis = _common_basis(files)
    nothing = Matching(MATCHES.empty_table(), FINDINGS.empty_table(), basis or "union_fen")
    matching = nothing if refused else match(ours, theirs, basis, asked_rules)
    asked = Asked(merchant.code, command.first_on, command.last_on, asked_rules, matching.basis)
    result = build(asked, matching, ours, theirs, [_facts_of(file, faults) for file, faults in _faults(session, files)])
    run_id = _store(session, world, command, result, ours, replaced, refused=refused)
    _store_matches(session, run_id, matching, ours, theirs, files)
    store_differences(session, world, run_id, command.merchant_id, result.differences, replaced)
    close_matched_elsewhere(session, world, run_id)
    return run_view(session, run_id), result.content


# -- the two sides


def _ours(facts: Iterable[SettlementFact], command: RunReconciliation, *, foreign: bool = False) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in _OUR_SCHEMA.names}
    ordered = sorted(facts, key=lambda fact: (fact.business_date, fact.occurred_at, str(fact.type), fact.redemption_id))
    for fact in ordered:
        row = (
            0,
            str(fact.redemption_id),
            None if fact.original_redemption_id is None else str(fact.original_redemption_id),
            fact.merchant_ref,
            str(fact.type),
            (fact.business_date - _EPOCH).days,
            int(fact.occurred_at.timestamp()),
            fact.terminal_code,
            abs(fact.union_fen),
            abs(fact.discount_fen),
            abs(fact.benefit_fen),
            abs(fact.gross_fen),
            command.first_on <= fact.business_date <= command.last_on,
            foreign,
            fact.store_code,
        )
        for name, value in zip(_OUR_SCHEMA.names, row, strict=True):
            columns[name].append(value)
    return pa.table(columns, schema=_OUR_SCHEMA)


_OUR_SCHEMA = pa.schema([*OURS, pa.field("store", pa.string())])
_THEIR_SCHEMA = pa.schema(
    [*THEIRS, pa.field("file", pa.int64()), pa.field("line", pa.int64()), pa.field("store", pa.string())]
)


def _foreign(
    session: Session, command: RunReconciliation, ours: pa.Table, theirs: pa.Table, reach: timedelta
) -> pa.Table:
    """Other merchants' lines that this merchant's file names (E10). Asked only when it names what is not its own."""
    own = pa.chunked_array([ours["redemption_id"].combine_chunks(), ours["original_id"].combine_chunks()])
    named = pc.unique(theirs["redemption_id"].drop_null())
    strange = set(named.filter(pc.invert(pc.is_in(named, value_set=own.drop_null()))).to_pylist())
    if not strange:
        return _OUR_SCHEMA.empty_table()
    every = benefits.settlement_facts(session, None, command.first_on - reach, command.last_on + reach)
    others = [f for f in every if f.merchant_id != command.merchant_id and str(f.redemption_id) in strange]
    return _ours(others, command, foreign=True)


def _without_spent_neighbours(session: Session, ours: pa.Table, replaced: Sequence[uuid.UUID]) -> pa.Table:
    """Lines of the neighbouring days that another run has paired cannot be paired again (L14)."""
    near = ours.filter(pc.and_(pc.invert(ours["in_period"]), pc.invert(ours["foreign"])))
    ids = near["redemption_id"].to_pylist()
    if not ids:
        return ours
    rows = session.execute(
        text("""select our_type, our_id::text from reconciliation_match
                where live and our_id = any(cast(:ids as uuid[])) and run_id <> all(cast(:replaced as uuid[]))"""),
        {"ids": ids, "replaced": list(replaced)},
    )
    spent = {(row[0], row[1]) for row in rows}
    kept = [
        inside or foreign or (kind, name) not in spent
        for inside, foreign, kind, name in zip(
            *(ours[column].to_pylist() for column in ("in_period", "foreign", "type", "redemption_id")), strict=True
        )
    ]
    return ours.filter(pa.array(kept, pa.bool_())) if spent else ours


def _theirs(session: Session, command: RunReconciliation, files: Sequence[StatementFile], reach: timedelta) -> pa.Table:
    """Lines of the files, those of the neighbouring days marked as such; days further off are left out."""
    parts = []
    for index, file in enumerate(files):
        lines = _copy_out(session, file.id)
        day = lines["day"]
        first, last = (command.first_on - _EPOCH).days, (command.last_on - _EPOCH).days
        near = pc.and_(pc.greater_equal(day, first - reach.days), pc.less_equal(day, last + reach.days))
        lines = lines.filter(pc.fill_null(near, fill_value=True))
        day = lines["day"]
        inside = pc.fill_null(pc.and_(pc.greater_equal(day, first), pc.less_equal(day, last)), fill_value=True)
        lines = lines.append_column("in_period", inside)
        lines = lines.append_column("file", pa.array([index] * lines.num_rows, pa.int64()))
        parts.append(lines.append_column("no", pa.nulls(lines.num_rows, pa.int64())).select(_THEIR_SCHEMA.names))
    return _numbered(pa.concat_tables(parts).cast(_THEIR_SCHEMA))


def _numbered(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("no")
    return table.set_column(place, "no", pa.array(range(table.num_rows), pa.int64())).combine_chunks()


def _common_basis(files: Sequence[StatementFile]) -> str | None:
    said = {file.basis for file in files}
    return said.pop() if len(said) == 1 else None


# -- storing


def _store(
    session: Session,
    world: World,
    command: RunReconciliation,
    result: Result,
    ours: pa.Table,
    replaced: Sequence[uuid.UUID],
    *,
    refused: bool,
) -> uuid.UUID:
    run_id = world.new_id()
    # A refused file must not wipe out what a good one has shown: its run stands beside it and was never live.
    steps_aside = refused and bool(replaced)
    if not steps_aside:
        session.execute(
            update(ReconciliationRun).where(ReconciliationRun.id.in_(replaced)).values(superseded_by=run_id)
        )
        session.execute(
            text("update reconciliation_match set live = false where live and run_id = any(:runs)"),
            {"runs": list(replaced)},
        )
    session.execute(
        insert(ReconciliationRun).values(
            id=run_id,
            merchant_id=command.merchant_id,
            first_on=command.first_on,
            last_on=command.last_on,
            ruleset=result.summary["ruleset"],
            basis=result.summary["basis"],
            inputs={"ours_sha256": _digest(ours), "files": [file["sha256"] for file in result.summary["files"]]},
            summary=result.summary,
            result_sha256=result.sha256,
            differences=len(result.differences),
            created_at=world.now(),
            created_by=command.actor_id,
            superseded_by=run_id if steps_aside else None,
        )
    )
    links = [{"run_id": run_id, "file_id": file_id} for file_id in command.file_ids]
    session.execute(insert(ReconciliationRunFile), links)
    after = {"counts": result.summary["counts"], "result_sha256": result.sha256.hex()}
    act = audit.Act("reconciliation.run", "reconciliation_run", str(run_id), actor_id=command.actor_id, after=after)
    audit.record(session, world, act)
    return run_id


def _store_matches(
    session: Session,
    run_id: uuid.UUID,
    matching: Matching,
    ours: pa.Table,
    theirs: pa.Table,
    files: Sequence[StatementFile],
) -> None:
    matches = matching.matches
    if not matches.num_rows:
        return
    left, right = ours.take(matches["our_no"]), theirs.take(matches["their_no"])
    names = pa.array([str(file.id) for file in files], pa.string())
    rows = pa.table(
        {
            "match_no": pa.array(range(1, matches.num_rows + 1), pa.int64()),
            "pass": matches["pass"],
            "our_id": left["redemption_id"],
            "our_type": left["type"],
            "file_id": names.take(right["file"].combine_chunks()),
            "line": right["line"],
            "live": pa.array([True] * matches.num_rows, pa.bool_()),
        }
    )
    _copy_in(session, "reconciliation_match", _with_constant(rows, "run_id", str(run_id)))


def _with_constant(table: pa.Table, name: str, value: str) -> pa.Table:
    return table.append_column(name, pa.array([value] * table.num_rows, pa.string()))


def _copy_in(session: Session, target: str, table: pa.Table) -> None:
    """COPY a table of Arrow columns into a table of the same column names."""
    if not table.num_rows:
        return
    session.flush()
    sink = io.BytesIO()
    arrow_csv.write_csv(table, sink, arrow_csv.WriteOptions(include_header=False))
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"copy {target} ({columns}) from stdin (format csv)") as copy:
        copy.write(sink.getbuffer())


def _copy_out(session: Session, file_id: uuid.UUID) -> pa.Table:
    """The lines of a file as columns, in the file's order."""
    columns = ", ".join(f'"{name}"' for name in admission.LINES.names)
    driver: Any = session.connection().connection.driver_connection
    sink = io.BytesIO()
    query = (
        f"copy (select {columns} from statement_line where file_id = '{file_id}' order by line) to stdout (format csv)"  # noqa: S608 - a UUID
    )
    with driver.cursor() as cursor, cursor.copy(query) as copy:
        for block in copy:
            sink.write(block)
    if not sink.tell():
        return admission.LINES.empty_table()
    sink.seek(0)
    convert = arrow_csv.ConvertOptions(
        column_types=admission.LINES, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    parse = arrow_csv.ParseOptions(newlines_in_values=True)
    named = arrow_csv.ReadOptions(column_names=admission.LINES.names)
    return arrow_csv.read_csv(sink, named, parse, convert)


def _digest(table: pa.Table) -> str:
    sink = io.BytesIO()
    arrow_csv.write_csv(table, sink)
    return hashlib.sha256(sink.getbuffer()).hexdigest()


# -- checks


def _lock(session: Session, merchant_id: uuid.UUID) -> None:
    """One reconciliation of a merchant at a time."""
    key = {"merchant": str(merchant_id)}
    session.execute(text("select pg_advisory_xact_lock(hashtext('cardnet.reconciliation'), hashtext(:merchant))"), key)


def _check_period(first_on: date, last_on: date) -> None:
    if first_on > last_on:
        raise InvalidInput("period_invalid", f"起始日 {first_on} 晚于截止日 {last_on}，请核对。")
    if first_on.year < 2000 or last_on.year >= 2100:
        raise InvalidInput("period_invalid", "日期超出可核对的范围，请核对年份。")
    if last_on - first_on > MAX_PERIOD:
        raise InvalidInput("period_invalid", "一次最多核对一年，请缩短日期范围。")


def _refuse_known(session: Session, merchant_id: uuid.UUID, digest: bytes) -> None:
    known = session.execute(
        select(StatementFile.id, StatementFile.filename, StatementFile.received_at).where(
            StatementFile.merchant_id == merchant_id, StatementFile.sha256 == digest
        )
    ).one_or_none()
    if known is None:
        return
    run_id = session.scalar(
        select(ReconciliationRunFile.run_id)
        .where(ReconciliationRunFile.file_id == known.id)
        .order_by(ReconciliationRunFile.run_id)
        .limit(1)
    )
    when = local(known.received_at)
    raise Conflict(
        "file_already_imported",
        f"这个文件已在 {when:%Y-%m-%d %H:%M} 以“{known.filename}”上传过，不能重复上传。要重新核对，请在那次结果里选“重新核对”。",
        {
            "file_id": str(known.id),
            "filename": known.filename,
            "received_at": when.isoformat(timespec="seconds"),
            "run_id": str(run_id) if run_id else None,
        },
    )


def _replaced(session: Session, command: RunReconciliation) -> list[uuid.UUID]:
    """Live runs this one takes the place of: those whose days it covers."""
    rows = session.execute(
        select(ReconciliationRun.id, ReconciliationRun.first_on, ReconciliationRun.last_on).where(
            ReconciliationRun.merchant_id == command.merchant_id,
            ReconciliationRun.superseded_by.is_(None),
            ReconciliationRun.first_on <= command.last_on,
            ReconciliationRun.last_on >= command.first_on,
        )
    ).all()
    for row in rows:
        if row.first_on < command.first_on or row.last_on > command.last_on:
            raise Conflict(
                "period_overlaps",
                f"{row.first_on} 至 {row.last_on} 已经一起核对过；要重做，请选完整的这段日期。",
                {"run_id": str(row.id), "first_on": row.first_on.isoformat(), "last_on": row.last_on.isoformat()},
            )
    return [row.id for row in rows]


# -- files of a run


def _load_files(session: Session, command: RunReconciliation) -> list[StatementFile]:
    rows = session.scalars(
        select(StatementFile).where(
            StatementFile.id.in_(command.file_ids), StatementFile.merchant_id == command.merchant_id
        )
    ).all()
    if len(rows) != len(set(command.file_ids)) or not rows:
        raise NotFound("statement_unknown", "没有这个文件，请先上传。")
    # By what they hold, not by when they came, so that the result does not depend on it.
    return sorted(rows, key=lambda row: row.sha256)


def _faults(session: Session, files: Sequence[StatementFile]) -> list[tuple[StatementFile, list[Mapping[str, Any]]]]:
    rows = session.scalars(
        select(StatementFault)
        .where(StatementFault.file_id.in_([file.id for file in files]))
        .order_by(StatementFault.file_id, StatementFault.line)
    ).all()
    return [
        (
            file,
            [
                {"line": row.line, "column": row.column, "text": row.text, "problem": row.problem, "cells": row.cells}
                for row in rows
                if row.file_id == file.id
            ],
        )
        for file in files
    ]


def _facts_of(file: StatementFile, faults: Sequence[Mapping[str, Any]]) -> FileFacts:
    return FileFacts(file.sha256.hex(), file.filename, file.lines, faults, file.refusal_words)
