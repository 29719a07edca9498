"""Comparing a merchant's files with our lines, and keeping what came of it."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import insert, or_, select, text, update
from sqlalchemy.orm import Session

from cardnet.benefits import reasons
from cardnet.benefits import services as benefits
from cardnet.finance.matching import FINDINGS, MATCHES, Matching, Ruleset, match
from cardnet.finance.models import ReconciliationRun, ReconciliationRunFile, StatementFile
from cardnet.finance.result import Asked, Offline, Result, build
from cardnet.finance.rules import DOUBT_WORDS, DifferenceCode, doubt_of
from cardnet.finance.services.columns import copy_in, digest_of, with_constant
from cardnet.finance.services.differences import close_matched_elsewhere, store_differences
from cardnet.finance.services.runs import (
    ImportStatement,
    Reconcile,
    RunReconciliation,
    RunView,
    run_view,
    runs_replaced,
)
from cardnet.finance.services.sides import our_side, their_side
from cardnet.finance.services.statement_files import (
    already_imported,
    facts_of_files,
    import_statement,
    known_file,
    load_files,
    lock_merchant,
)
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import World
from cardnet.merchants import services as merchants

MAX_PERIOD = timedelta(days=366)


def reconcile(session: Session, world: World, command: Reconcile) -> tuple[RunView, bytes]:
    """Take the file in and compare; gives the run and its result as canonical JSON bytes.

    A file that was taken in before is compared again, unless a run that counts has it for the same days. Raises
    Conflict("file_already_imported") then, Conflict("file_doubtful") when the file looks like another merchant's or
    another period's and nobody confirmed it (see `Reconcile`), and what `import_statement` and `run_reconciliation` raise.
    """
    _check_period(world, command.first_on, command.last_on)
    lock_merchant(session, command.merchant_id)
    known = known_file(session, command.merchant_id, hashlib.sha256(command.content).digest())
    if known is None:
        sent = ImportStatement(command.merchant_id, command.content, command.filename, command.actor_id)
        known = import_statement(session, world, sent).id
    else:
        _refuse_counted(session, known, command.first_on, command.last_on)
    run = RunReconciliation(command.merchant_id, (known,), command.first_on, command.last_on, command.actor_id)
    view, content = run_reconciliation(session, world, run)
    if not command.confirmed or not command.may_replace:
        replaced = runs_replaced(session, view.id)
        if replaced or not command.confirmed:
            _refuse_doubtful(view, replaced)
    return view, content


def run_reconciliation(session: Session, world: World, command: RunReconciliation) -> tuple[RunView, bytes]:
    """Compare, store the result, and let it take the place of the runs whose days it covers.

    Raises Conflict("period_overlaps") when it would cover only a part of an earlier run's days, InvalidInput
    ("period_invalid"), also for days that are all still to come, and NotFound("statement_unknown").
    """
    _check_period(world, command.first_on, command.last_on)
    lock_merchant(session, command.merchant_id)
    replaced = _replaced(session, command)
    found = compare(session, command, replaced)
    run_id = _store(session, world, command, found, replaced)
    _store_matches(session, run_id, found)
    gone = [] if found.refused else replaced
    store_differences(session, world, run_id, command.merchant_id, found.result.differences, gone)
    close_matched_elsewhere(session, world, run_id)
    return run_view(session, run_id), found.result.content


@dataclass(frozen=True)
class Comparison:
    """What comparing gave, before any of it is stored."""

    result: Result
    matching: Matching
    ours: pa.Table
    theirs: pa.Table
    files: list[StatementFile]
    traces: list[benefits.OfflineTrace]
    refused: bool


def compare(session: Session, command: RunReconciliation, replaced: Sequence[uuid.UUID]) -> Comparison:
    """Compare and store nothing. Lines that other runs than the `replaced` ones have paired are left to them."""
    files = load_files(session, command)
    merchant = merchants.merchant_of_id(session, command.merchant_id)
    asked_rules = Ruleset()
    reach = timedelta(days=asked_rules.cut_off_days)
    theirs, outside = their_side(session, command, files, reach, replaced)
    ours = our_side(session, command, theirs, reach, replaced)
    refused = any(file.refusal for file in files)
    basis = _common_basis(files)
    nothing = Matching(MATCHES.empty_table(), FINDINGS.empty_table(), basis or "union_fen")
    matching = nothing if refused else match(ours, theirs, basis, asked_rules)
    asked = Asked(merchant.code, command.first_on, command.last_on, asked_rules, matching.basis)
    traces = _traces(session, command.merchant_id, matching, theirs)
    facts = facts_of_files(session, files)
    result = build(asked, matching, ours, theirs, facts, _sold_offline(traces), outside)
    return Comparison(result, matching, ours, theirs, files, traces, refused)


# -- what was sold without a network


def _traces(
    session: Session, merchant_id: uuid.UUID, matching: Matching, theirs: pa.Table
) -> list[benefits.OfflineTrace]:
    """What the merchant's advices say of lines that only it has."""
    only = matching.findings.filter(pc.equal(matching.findings["code"], DifferenceCode.THEIRS_ONLY.value))
    lines = theirs.take(pc.unique(only["their_no"].drop_null())).to_pylist()
    asked = [benefits.UnknownLine(line["no"], line["merchant_ref"], line["terminal"], line["at"]) for line in lines]
    return benefits.offline_traces(session, merchant_id, asked) if asked else []


def _sold_offline(traces: Sequence[benefits.OfflineTrace]) -> dict[int, Offline]:
    return {
        one.no: Offline(
            DifferenceCode(one.code),
            {
                "offline_why": reasons.words(one.why),
                "offline_terminal": one.terminal,
                "offline_first": one.first_seq,
                "offline_last": one.last_seq,
            },
        )
        for one in traces
    }


def _common_basis(files: Sequence[StatementFile]) -> str | None:
    said = {file.basis for file in files}
    return said.pop() if len(said) == 1 else None


# -- storing


def _store(
    session: Session,
    world: World,
    command: RunReconciliation,
    found: Comparison,
    replaced: Sequence[uuid.UUID],
) -> uuid.UUID:
    run_id = world.new_id()
    result = found.result
    # A refused file must not wipe out what a good one has shown: its run stands beside it and was never live.
    steps_aside = found.refused and bool(replaced)
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
            inputs={
                "ours_sha256": digest_of(found.ours),
                "files": [file["sha256"] for file in result.summary["files"]],
                "offline": [[one.no, one.code, one.why, one.first_seq, one.last_seq] for one in found.traces],
            },
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


def _store_matches(session: Session, run_id: uuid.UUID, found: Comparison) -> None:
    matches = found.matching.matches
    if not matches.num_rows:
        return
    left, right = found.ours.take(matches["our_no"]), found.theirs.take(matches["their_no"])
    names = pa.array([str(file.id) for file in found.files], pa.string())
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
    copy_in(session, "reconciliation_match", with_constant(rows, "run_id", str(run_id)))


# -- checks


def _check_period(world: World, first_on: date, last_on: date) -> None:
    if first_on > last_on:
        raise InvalidInput("period_invalid", f"起始日 {first_on} 晚于截止日 {last_on}，请核对。")
    if first_on.year < 2000 or last_on.year >= 2100:
        raise InvalidInput("period_invalid", "日期超出可核对的范围，请核对年份。")
    if last_on - first_on > MAX_PERIOD:
        raise InvalidInput("period_invalid", "一次最多核对一年，请缩短日期范围。")
    if first_on > day_of(world.now()):
        raise InvalidInput("period_invalid", f"{first_on} 还没有到，这段日期里没有交易可核对，请核对年份和月份。")


def _refuse_counted(session: Session, file_id: uuid.UUID, first_on: date, last_on: date) -> None:
    """The same file for the same days once more is a slip, while the run that has it counts or was refused."""
    run_id = session.scalar(
        select(ReconciliationRun.id)
        .join(ReconciliationRunFile, ReconciliationRunFile.run_id == ReconciliationRun.id)
        .where(
            ReconciliationRunFile.file_id == file_id,
            ReconciliationRun.first_on == first_on,
            ReconciliationRun.last_on == last_on,
            ReconciliationRun.set_aside_at.is_(None),
            or_(ReconciliationRun.superseded_by.is_(None), ReconciliationRun.superseded_by == ReconciliationRun.id),
        )
        .order_by(ReconciliationRun.created_at.desc(), ReconciliationRun.id.desc())
        .limit(1)
    )
    if run_id is not None:
        raise already_imported(session, file_id, run_id)


def _refuse_doubtful(run: RunView, replaced: Sequence[RunView]) -> None:
    """Raises Conflict("file_doubtful"); the transaction it ends leaves nothing of the run behind."""
    theirs = run.summary["theirs"]
    before = sum(one.summary["theirs"].get("known", 0) for one in replaced)
    if run.summary["refused"]:
        return
    doubt = doubt_of(theirs["lines"], theirs["known"], theirs["outside_period"], before)
    if doubt is None:
        return
    told = {
        "doubt": doubt.value,
        "first": theirs["outside_first_on"],
        "last": theirs["outside_last_on"],
        "lines": theirs["lines"],
        "known": theirs["known"],
        "before": before,
        "replaces": [str(one.id) for one in replaced],
    }
    raise Conflict("file_doubtful", DOUBT_WORDS[doubt] % told, told)


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
