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

MORE: dict[str, dict[str, Any]] = {
    "POST /quotes": {"实体卡": {"code": "CN1:…", "id_last4": "1234", "purchase": {"amount_fen": 900}}},
    "POST /redemptions": {
        "用试算的令牌先预留": {
            "quote_token": "HUctT3KOMPeMUHvoE5bl9g…",
            "merchant_ref": "R-0002",
            "purchase": _PURCHASE | {"service_on": "2026-11-20"},
            "capture": False,
            "hold_seconds": 3_600,
        },
        "会员手机时间不准，输入了四位数": {
            "code": "CN1:…",
            "challenge": "4071",
            "merchant_ref": "R-0003",
            "purchase": {"amount_fen": 4_500},
        },
        "集体体检，由单位付": {
            "code": "CN1:…",
            "merchant_ref": "R-0004",
            "purchase": _PURCHASE,
            "group_ref": "TJ-2026-11-HQ",
            "payer": "unit",
        },
    },
    "POST /redemptions/{id}/refunds": {"按金额": {"benefit_fen": 6_000, "reason": "returned"}, "退回剩下的全部": {}},
    "POST /reversals": {
        "按核销编号": {"redemption_id": "0199a0c4-f7e1-7c3a-9b52-6d1e8f0a2b4c", "reason": "wrong amount"},
        "离线销售": {"advice_merchant_ref": "OFF-0041", "reason": "cancelled"},
    },
    "POST /terminals/enrol": {
        "登记公钥": ENROL | {"public_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    },
    "POST /advices": {
        "终端签名的记录": {
            "records": [
                {
                    "terminal_seq": 42,
                    "occurred_at": "2026-11-20T22:15:00+08:00",
                    "merchant_ref": "OFF-0042",
                    "code": "CN1:…",
                    "bound_nonce": "9f86d081884c7d65",
                    "purchase": {"amount_fen": 38_000, "service_code": "health_check"},
                    "decision": {"benefit_fen": 10_000, "programs": ["HC2026"]},
                    "list_issued_at": "2026-11-20T21:40:00+08:00",
                    "synced_at": "2026-11-20T21:41:12+08:00",
                    "clock_offset_seconds": -3,
                    "prev_hash": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
                    "key_id": "lqQVNlL-uzkEePtEo-ROy7",
                    "signature": "A" * 86,
                }
            ],
            "sent_at": "2026-11-21T10:00:00+08:00",
        }
    },
}
"""Other bodies of a call, each under what it is for."""
