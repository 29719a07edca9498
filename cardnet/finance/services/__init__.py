"""Use cases of finance: close the day, settle, reconcile, audit."""

import importlib
from typing import TYPE_CHECKING, Any

from cardnet.finance.services import audit
from cardnet.finance.services.audit import Breach
from cardnet.finance.services.clearing import (
    StepView,
    TakeStep,
    steps_of_differences,
    take_step,
)
from cardnet.finance.services.confirming import (
    ConfirmSettlement,
    DisputeSettlement,
    SettlementStep,
    confirm_settlement,
    dispute_settlement,
    settlement_steps,
)
from cardnet.finance.services.days import CloseDay, DayClose, close_day, refuse_unless_over
from cardnet.finance.services.differences import (
    ExceptionView,
    clear_timing_differences,
    exception_of_id,
    exceptions_of_run,
    open_exceptions,
    open_exceptions_by_code,
    proposals_waiting,
)
from cardnet.finance.services.held import (
    HeldLine,
    HeldView,
    HoldBack,
    HoldBackSale,
    Release,
    held_back,
    held_of_merchant,
    held_page,
    hold_back,
    hold_back_sale,
    release,
    release_denied,
)
from cardnet.finance.services.runs import (
    ImportStatement,
    Reconcile,
    RunReconciliation,
    RunView,
    SetAside,
    StatementFileView,
    run_view,
    runs,
    runs_replaced,
    statement_of_content,
)
from cardnet.finance.services.settlements import (
    CarriedOver,
    Settle,
    SettlementView,
    SettleReceipt,
    days_to_close,
    given_in_settlement,
    seal_faults,
    settle,
    settlement,
    settlement_csv,
    settlement_json,
    settlement_lines,
    settlement_of_number,
    settlements,
    verify_settlement,
)

if TYPE_CHECKING:
    from cardnet.finance.services.reconciliation import reconcile, run_reconciliation
    from cardnet.finance.services.statement_files import import_statement
    from cardnet.finance.services.taking_back import set_aside

_WHEN_ASKED = {
    "import_statement": "statement_files",
    "reconcile": "reconciliation",
    "run_reconciliation": "reconciliation",
    "set_aside": "taking_back",
}


def __getattr__(name: str) -> Any:
    """Matching stands on DuckDB, Ibis and Arrow: 200 MB and a second that a process pays when it first reconciles."""
    if name not in _WHEN_ASKED:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"cardnet.finance.services.{_WHEN_ASKED[name]}"), name)


__all__ = [
    "Breach",
    "CarriedOver",
    "CloseDay",
    "ConfirmSettlement",
    "DayClose",
    "DisputeSettlement",
    "ExceptionView",
    "HeldLine",
    "HeldView",
    "HoldBack",
    "HoldBackSale",
    "ImportStatement",
    "Reconcile",
    "Release",
    "RunReconciliation",
    "RunView",
    "SetAside",
    "Settle",
    "SettleReceipt",
    "SettlementStep",
    "SettlementView",
    "StatementFileView",
    "StepView",
    "TakeStep",
    "audit",
    "clear_timing_differences",
    "close_day",
    "confirm_settlement",
    "days_to_close",
    "dispute_settlement",
    "exception_of_id",
    "exceptions_of_run",
    "given_in_settlement",
    "held_back",
    "held_of_merchant",
    "held_page",
    "hold_back",
    "hold_back_sale",
    "import_statement",
    "open_exceptions",
    "open_exceptions_by_code",
    "proposals_waiting",
    "reconcile",
    "refuse_unless_over",
    "release",
    "release_denied",
    "run_reconciliation",
    "run_view",
    "runs",
    "runs_replaced",
    "seal_faults",
    "set_aside",
    "settle",
    "settlement",
    "settlement_csv",
    "settlement_json",
    "settlement_lines",
    "settlement_of_number",
    "settlement_steps",
    "settlements",
    "statement_of_content",
    "steps_of_differences",
    "take_step",
    "verify_settlement",
]
