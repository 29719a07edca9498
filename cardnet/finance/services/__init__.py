"""Use cases of finance: close the day, settle, reconcile, audit."""

import importlib
from typing import TYPE_CHECKING, Any

from cardnet.finance.services import audit
from cardnet.finance.services.audit import Breach
from cardnet.finance.services.days import CloseDay, DayClose, close_day, refuse_unless_over
from cardnet.finance.services.differences import (
    ExceptionView,
    clear_timing_differences,
    exceptions_of_run,
    open_exceptions,
    open_exceptions_by_code,
)
from cardnet.finance.services.held import HoldBack, Release, hold_back, release
from cardnet.finance.services.runs import (
    ImportStatement,
    Reconcile,
    RunReconciliation,
    RunView,
    StatementFileView,
    run_view,
    runs,
    statement_of_content,
)
from cardnet.finance.services.settlements import (
    CarriedOver,
    Settle,
    SettlementView,
    SettleReceipt,
    days_to_close,
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
    from cardnet.finance.services.reconciliation import import_statement, reconcile, run_reconciliation

_WHEN_ASKED = frozenset({"import_statement", "reconcile", "run_reconciliation"})


def __getattr__(name: str) -> Any:
    """Matching stands on DuckDB, Ibis and Arrow: 200 MB and a second that a process pays when it first reconciles."""
    if name not in _WHEN_ASKED:
        raise AttributeError(name)
    return getattr(importlib.import_module("cardnet.finance.services.reconciliation"), name)


__all__ = [
    "Breach",
    "CarriedOver",
    "CloseDay",
    "DayClose",
    "ExceptionView",
    "HoldBack",
    "ImportStatement",
    "Reconcile",
    "Release",
    "RunReconciliation",
    "RunView",
    "Settle",
    "SettleReceipt",
    "SettlementView",
    "StatementFileView",
    "audit",
    "clear_timing_differences",
    "close_day",
    "days_to_close",
    "exceptions_of_run",
    "hold_back",
    "import_statement",
    "open_exceptions",
    "open_exceptions_by_code",
    "reconcile",
    "refuse_unless_over",
    "release",
    "run_reconciliation",
    "run_view",
    "runs",
    "settle",
    "settlement",
    "settlement_csv",
    "settlement_json",
    "settlement_lines",
    "settlement_of_number",
    "settlements",
    "statement_of_content",
    "verify_settlement",
]
