"""Bodies that work as they stand but for codes and ids, for the OpenAPI document and its page."""

from typing import Any

_PURCHASE = {
    "amount_fen": 38_000,
    "service_code": "health_check",
    "lines": [{"line_no": 1, "amount_fen": 38_000, "category": "health"}],
}

QUOTE: dict[str, Any] = {"code": "CN1:…", "purchase": _PURCHASE}
REDEEM: dict[str, Any] = {"code": "CN1:…", "merchant_ref": "R-0001", "capture": True, "purchase": _PURCHASE}
CAPTURE: dict[str, Any] = {"benefit_fen": 7_000}
REFUND: dict[str, Any] = {"lines": [{"line_no": 1}], "reason": "returned"}
REVERSE: dict[str, Any] = {"original_idempotency_key": "sale-0199a0c4f7e1", "reason": "timeout"}
ENROL: dict[str, Any] = {"pairing_code": "7KQM2XWPAH", "name": "Till 1"}
NEW_KEY: dict[str, Any] = {"public_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
ADVISE: dict[str, Any] = {
    "records": [
        {
            "terminal_seq": 41,
            "occurred_at": "2026-11-20T22:10:00+08:00",
            "merchant_ref": "OFF-0041",
            "code": "CN1:…",
            "purchase": {"amount_fen": 4_500, "service_code": "health_check"},
            "decision": {"benefit_fen": 4_500, "programs": ["HC2026"]},
        }
    ]
}
