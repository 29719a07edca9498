"""Finance: business days, settlements, reconciliation; programs and redemptions."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from cardnet.benefits import services as benefits
from cardnet.finance import services
from cardnet.finance.closing import close_until
from cardnet.finance.rules import ClearingStep, DifferenceGroup, Resolution
from cardnet.finance.services import Reconcile, RunReconciliation, SetAside, Settle
from cardnet.http.calls import Call
from cardnet.kernel.calendar import day_of
from cardnet.ledger import services as ledger
from cardnet.merchants import services as merchants
from cardnet.web.api.edge import Asked, File, Then, serves
from cardnet.web.api.rosters import SHEETS
from cardnet.web.api.schemas import office as wire
from cardnet.web.api.schemas.common import NoBody, PageQuery
from cardnet.web.finance import MAKERS, READERS
from cardnet.web.finance_differences import CLEARERS
from cardnet.web.finance_transfers import grant_lines
from cardnet.wiring import current_world

_ID = {"id": "uuid"}
_PATIENCE_SECONDS = 5
"""A program is not kept waiting longer for writers of the day; asking again goes on where it stopped."""


@serves(Call("GET", "/programs", "Programs of benefits", {200: wire.Programs}, roles=READERS, tag="programs"))
def list_programs(asked: Asked) -> dict[str, Any]:
    """GET /programs."""
    return {"items": benefits.programs(asked.session)}


@serves(Call("GET", "/programs/{code}/versions", "The versions of a program's rule", {200: wire.RuleVersions},
             parameters={"code": "string"}, roles=READERS, tag="programs"))  # fmt: skip
def list_versions(asked: Asked, code: str) -> dict[str, Any]:
    """GET /programs/{code}/versions."""
    return {"items": benefits.rule_versions(asked.session, benefits.program_of_code(asked.session, code).code)}


@serves(Call("GET", "/redemptions", "Redemptions of one merchant, newest first", {200: wire.Redemptions},
             query=wire.RedemptionsQuery, roles=READERS, tag="redemptions"))  # fmt: skip
def list_redemptions(asked: Asked) -> dict[str, Any]:
    """GET /redemptions."""
    session, query, place = asked.session, asked.query, asked.place()
    merchant_id = merchants.merchant_of_code(session, query["merchant"]).id
    if query["merchant_ref"]:
        found = [benefits.redemption_of_reference(session, merchant_id, query["merchant_ref"])]
    else:
        before = uuid.UUID(place) if place else None
        found = benefits.redemptions_of_merchant(
            session, merchant_id, before, query["limit"] + 1, day=query["business_date"]
        )
    return asked.by_key(found, lambda record: str(record.id))


@serves(Call("GET", "/redemptions/{id}", "One redemption", {200: wire.Redemption}, parameters=_ID, roles=READERS,
             tag="redemptions"))  # fmt: skip
def show_redemption(asked: Asked, id: uuid.UUID) -> benefits.RedemptionRecord:  # noqa: A002 - the contract's own name
    """GET /redemptions/{id}."""
    return benefits.redemption(asked.session, id, None)


@serves(Call("GET", "/late-transfers", "What the old union granted after a member had left it, entered late",
             {200: wire.LateGrants}, roles=READERS, tag="redemptions",
             notes="The member's name is masked; amounts in fen."))  # fmt: skip
def late_transfers(asked: Asked) -> dict[str, Any]:
    """GET /late-transfers."""
    found = benefits.grants_of_old_union(asked.session, path=asked.officer.scope_path)
    lines = grant_lines(asked.session, found)
    return {"items": [{**line, "from_union": line["from"], "to_union": line["to"]} for line in lines]}


@serves(Call("GET", "/days", "Business days that are not closed", {200: wire.Days}, roles=READERS, tag="days"))
def days(asked: Asked) -> dict[str, Any]:
    """GET /days."""
    yesterday = day_of(asked.world.now()) - timedelta(days=1)
    return {
        "yesterday": {"day": yesterday, "state": ledger.day_state(asked.session, yesterday)},
        "open_days": ledger.days_not_closed(asked.session, yesterday),
    }


@serves(
    Call(
        "POST", "/days/close", "Close a day and seal the settlements that are due", {200: wire.Closed},
        body=wire.CloseRequest, problems=("day_closing",), roles=MAKERS, tag="days", example={"day": "2026-11-20"},
        notes="Closing a closed day changes nothing and says what is sealed. `day_closing`: writers of the day are "
        "still at work; ask again, it goes on where it stopped.",
    )
)  # fmt: skip
def close_day(asked: Asked) -> Then:
    """POST /days/close."""
    day, officer, everyone = asked.body["day"], asked.officer.account_id, asked.body["everyone"]
    services.refuse_unless_over(asked.world, day)
    return Then(
        lambda: close_until(day, officer, _PATIENCE_SECONDS),
        lambda session: services.settle(session, current_world(), Settle(day, officer, everyone)),
    )


@serves(Call("GET", "/settlements", "Settlements, newest first", {200: wire.Settlements}, query=wire.SettlementsQuery,
             roles=READERS, tag="settlements"))  # fmt: skip
def list_settlements(asked: Asked) -> dict[str, Any]:
    """GET /settlements."""
    session, code = asked.session, asked.query["merchant"]
    merchant_id = merchants.merchant_of_code(session, code).id if code else None

    def read(limit: int, offset: int) -> tuple[Any, int]:
        found = services.settlements(session, merchant_id, offset + limit + 1)
        return found[offset:], len(found)

    page = asked.by_position(read)
    # Read one page ahead and no further: how many there are in all nobody counted.
    return {name: page[name] for name in ("items", "next_cursor")}


@serves(Call("GET", "/settlements/{id}", "One settlement", {200: wire.Settlement}, parameters=_ID, roles=READERS,
             tag="settlements"))  # fmt: skip
def show_settlement(asked: Asked, id: uuid.UUID) -> services.SettlementView:  # noqa: A002
    """GET /settlements/{id}."""
    return services.settlement(asked.session, id)


@serves(Call("GET", "/settlements/{id}/lines", "Its lines", {200: wire.SettlementLines}, query=PageQuery,
             parameters=_ID, roles=READERS, tag="settlements"))  # fmt: skip
def settlement_lines(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """GET /settlements/{id}/lines."""
    view = services.settlement(asked.session, id)
    return asked.by_position(
        lambda limit, offset: (services.settlement_lines(asked.session, view.id, limit, offset), view.totals.lines)
    )


@serves(Call("GET", "/settlements/{id}/statement.json", "The signed statement", {200: "application/json"},
             parameters=_ID, roles=READERS, tag="settlements"))  # fmt: skip
def signed_statement(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /settlements/{id}/statement.json."""
    view = services.settlement(asked.session, id)
    return File(services.settlement_json(asked.session, view.id), "application/json", f"{view.number}.json")


@serves(Call("GET", "/settlements/{id}/statement.csv", "The same lines for a spreadsheet", {200: "text/csv"},
             parameters=_ID, roles=READERS, tag="settlements"))  # fmt: skip
def statement_sheet(asked: Asked, id: uuid.UUID) -> File:  # noqa: A002
    """GET /settlements/{id}/statement.csv."""
    view = services.settlement(asked.session, id)
    return File(services.settlement_csv(asked.session, view.id), "text/csv; charset=utf-8", f"{view.number}.csv")


@serves(Call("GET", "/reconciliations", "Reconciliations, newest first", {200: wire.Runs}, roles=READERS,
             tag="reconciliation"))  # fmt: skip
def list_runs(asked: Asked) -> dict[str, Any]:
    """GET /reconciliations."""
    return {"items": services.runs(asked.session, limit=500)}


@serves(
    Call(
        "POST", "/reconciliations", "Take a merchant's record in and compare it", {201: wire.Run},
        query=wire.StatementQuery, takes_file=SHEETS, roles=MAKERS, tag="reconciliation",
        problems=("file_doubtful",),
        notes="The body is the file itself. The same file again is `file_already_imported`, and says which run has it. A "
        "file that looks like another merchant's or another day's and would take the place of a run that counts is "
        "`file_doubtful`, and nothing changes; `confirm=true` takes it all the same.",
    )
)  # fmt: skip
def reconcile(asked: Asked) -> services.RunView:
    """POST /reconciliations."""
    query = asked.query
    merchant_id = merchants.merchant_of_code(asked.session, query["merchant"]).id
    days = query["first_on"], query["last_on"]
    command = Reconcile(
        merchant_id, asked.file, query["filename"], *days, asked.officer.account_id, may_replace=query["confirm"]
    )
    run, _ = services.reconcile(asked.session, asked.world, command)
    return _run(asked.session, run.id)


@serves(Call("GET", "/reconciliations/{id}", "One reconciliation: both totals and the groups", {200: wire.Run},
             parameters=_ID, roles=READERS, tag="reconciliation"))  # fmt: skip
def show_run(asked: Asked, id: uuid.UUID) -> services.RunView:  # noqa: A002
    """GET /reconciliations/{id}."""
    return _run(asked.session, id)


@serves(Call("GET", "/reconciliations/{id}/differences", "Its differences, ours beside theirs",
             {200: wire.Differences}, query=wire.DifferencesQuery, parameters=_ID, roles=READERS,
             tag="reconciliation"))  # fmt: skip
def differences(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """GET /reconciliations/{id}/differences."""
    run = _run(asked.session, id)
    group = DifferenceGroup(asked.query["group"]) if asked.query["group"] else None
    counted = {one["group"]: one["count"] for one in run.summary["groups"]}
    total = counted[group] if group else run.differences

    def read(limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        return _told(asked.session, services.exceptions_of_run(asked.session, run.id, group, limit, offset)), total

    return asked.by_position(read)


@serves(Call("POST", "/differences/{id}/steps", "Note, propose, approve, return or reopen a difference",
             {200: wire.Difference}, body=wire.StepRequest, parameters=_ID, roles=CLEARERS, tag="reconciliation",
             takes_key=True,
             example={"step": "propose", "resolution": "merchant_corrects", "words": "小票写 20.00 元，商户同意更正。"},
             notes="No step moves money. The maker proposes with a `resolution` and words; another person, the checker, "
             "approves, which closes it, or returns it with words. What people closed can be reopened, with words."))  # fmt: skip
def clear_difference(asked: Asked, id: uuid.UUID) -> dict[str, Any]:  # noqa: A002
    """POST /differences/{id}/steps."""
    body = asked.body
    resolution = Resolution(body["resolution"]) if body["resolution"] else None
    step, proposal = ClearingStep(body["step"]), body["proposal"]
    command = services.TakeStep(id, step, body["words"], asked.officer, resolution, proposal)
    services.take_step(asked.session, asked.world, command)
    return _told(asked.session, [services.exception_of_id(asked.session, id)])[0]


@serves(Call("POST", "/reconciliations/{id}/again", "Compare the same files with our lines as they are now",
             {201: wire.Run}, body=NoBody, parameters=_ID, roles=MAKERS, tag="reconciliation", takes_key=True,
             example={}))  # fmt: skip
def reconcile_again(asked: Asked, id: uuid.UUID) -> services.RunView:  # noqa: A002
    """POST /reconciliations/{id}/again."""
    run = _run(asked.session, id)
    files = tuple(file.id for file in run.files)
    command = RunReconciliation(run.merchant_id, files, run.first_on, run.last_on, asked.officer.account_id)
    fresh, _ = services.run_reconciliation(asked.session, asked.world, command)
    return _run(asked.session, fresh.id)


@serves(Call("POST", "/reconciliations/{id}/set-aside", "Take a reconciliation back that should not count",
             {200: wire.Run}, body=wire.SetAsideRequest, parameters=_ID, roles=MAKERS, tag="reconciliation",
             example={"reason": "wrong month"},
             notes="What it had taken the place of counts again; its open differences are closed."))  # fmt: skip
def set_aside_run(asked: Asked, id: uuid.UUID) -> services.RunView:  # noqa: A002
    """POST /reconciliations/{id}/set-aside."""
    command = SetAside(id, asked.body["reason"], asked.officer.account_id)
    services.set_aside(asked.session, asked.world, command)
    return _run(asked.session, id)


def _told(session: Session, found: Sequence[services.ExceptionView]) -> list[dict[str, Any]]:
    steps = services.steps_of_differences(session, [one.id for one in found])
    derived = ("difference_fen", "explanation")
    return [
        {**vars(one), **{name: getattr(one, name) for name in derived}, "steps": steps.get(one.id, [])} for one in found
    ]


def _run(session: Session, run_id: uuid.UUID) -> services.RunView:
    return services.run_view(session, run_id)
