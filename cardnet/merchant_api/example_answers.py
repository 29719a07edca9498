"""Answers as they come, for the OpenAPI document and its page; the figures fit those of `examples`."""

from typing import Any

_NOW = "2026-11-21T10:00:01+08:00"
_MERCHANT = {"code": "M1001", "name": "云间工人疗养院体检中心"}
_WHO: dict[str, Any] = {
    "merchant": _MERCHANT,
    "store": {"code": "S01", "name": "体检中心"},
    "terminal": {"code": "T01", "name": "前台"},
}
_ID, _HELD = "0199a0c4-f7e1-7c3a-9b52-6d1e8f0a2b4c", "0199a0c4-f7e1-7c3a-9b52-6d1e8f0a2b4d"
_HEALTH_CHECK: dict[str, Any] = {
    "program": "HC2026",
    "name": "健康体检补贴",
    "kind": "subsidy",
    "benefit_fen": 10_000,
    "union_fen": 10_000,
    "merchant_fen": 0,
    "rule_version": 3,
    "lines": [{"line_no": 1, "benefit_fen": 10_000}],
}
_DECIDED: dict[str, Any] = {
    "merchant_ref": "R-0001",
    "amount_fen": 38_000,
    "discount_fen": 0,
    "subsidy_fen": 10_000,
    "payable_fen": 28_000,
    "event_at": _NOW,
    "benefits": [_HEALTH_CHECK],
    "not_applied": [
        {"program": "TJ-95", "reasons": [{"code": "not_best_combination", "message": "另有更优惠的组合。"}]}
    ],
    "member": {"display": "王*"},
    "assurance": "device",
    "held_until": None,
    "server_time": _NOW,
}
REASONS: list[dict[str, Any]] = [
    {
        "program": "HC2026",
        "code": "limit_count",
        "message": "2026年已享受 1 次，限 1 次。",
        "detail": {"used": 1, "max": 1, "period": "2026"},
    }
]

REDEMPTION: dict[str, Any] = {"id": _ID, "outcome": "captured", "business_date": "2026-11-21", **_DECIDED}
FOUND: dict[str, Any] = REDEMPTION | {"outcome": "partly_refunded", "refunded_fen": 6_000, "refunded_union_fen": 6_000}
OF_A_GROUP: dict[str, Any] = FOUND | {
    "outcome": "captured",
    "group_ref": "TJ-2026-11-HQ",
    "payer": "unit",
    "member_payable_fen": 0,
    "unit_payable_fen": 28_000,
    "refunded_fen": 0,
    "refunded_union_fen": 0,
}
QUOTE: dict[str, Any] = {
    "outcome": "applicable",
    "quote_token": "HUctT3KOMPeMUHvoE5bl9g…",
    "quote_expires_at": "2026-11-21T10:02:01+08:00",
    **_DECIDED,
    "merchant_ref": None,
}
CAPTURE: dict[str, Any] = REDEMPTION | {
    "id": _HELD,
    "subsidy_fen": 7_000,
    "payable_fen": 31_000,
    "benefits": [
        _HEALTH_CHECK | {"benefit_fen": 7_000, "union_fen": 7_000, "lines": [{"line_no": 1, "benefit_fen": 7_000}]}
    ],
    "captured_fen": 7_000,
    "released_fen": 3_000,
}
REVERSAL: dict[str, Any] = {"outcome": "tombstoned", "redemption_id": None, "server_time": _NOW}
REFUND: dict[str, Any] = {
    "id": "0199a0d1-2c3d-7e4f-8a5b-6c7d8e9f0a1b",
    "redemption_id": _ID,
    "outcome": "partly_refunded",
    "benefit_fen": 6_000,
    "remaining_fen": 4_000,
    "use_returned": False,
    "business_date": "2026-11-21",
    "reason": "returned",
    "server_time": _NOW,
}
REDEMPTIONS: dict[str, Any] = {
    "redemptions": [
        {
            "id": _ID,
            "outcome": "partly_refunded",
            "business_date": "2026-11-21",
            "event_at": _NOW,
            "merchant_ref": "R-0001",
            "terminal": "T01",
            "amount_fen": 38_000,
            "discount_fen": 0,
            "subsidy_fen": 10_000,
            "payable_fen": 28_000,
            "union_fen": 10_000,
            "refunded_fen": 6_000,
            "refunded_union_fen": 6_000,
            "reasons": [],
        }
    ],
    "next_cursor": None,
    "server_time": _NOW,
}
EVENTS: dict[str, Any] = {
    "events": [
        {"seq": 1041, "id": "0199a0c4-f7e2-7a11-8c22-1d2e3f4a5b6c", "type": "redemption.captured", "redemption_id": _ID, "occurred_at": _NOW},
        {
            "seq": 1042,
            "id": "0199a0d1-2c3e-7b22-9d33-2e3f4a5b6c7d",
            "type": "redemption.refunded",
            "redemption_id": _ID,
            "occurred_at": "2026-11-21T10:12:40+08:00",
            "refund_id": REFUND["id"],
            "benefit_fen": 6_000,
        },
    ],
    "next_cursor": "n_-ROH6mKuyFl9CqjO1H1Q…",
    "more": False,
    "server_time": _NOW,
}  # fmt: skip
_SETTLED: dict[str, Any] = {
    "id": "0199b5d2-11aa-7c33-8e44-3f4a5b6c7d8e",
    "number": "JS-M1001-20261130",
    "first_on": "2026-11-01",
    "last_on": "2026-11-30",
    "state": "sealed",
    "line_count": 5,
    "captured_fen": 30_000,
    "reversed_fen": 10_000,
    "refunded_fen": 4_000,
    "net_fen": 16_000,
    "sealed_at": "2026-12-01T00:15:04+08:00",
    "sha256": "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
    "kid": "0112",
}
SETTLEMENTS: dict[str, Any] = {"settlements": [_SETTLED], "next_cursor": None, "server_time": _NOW}
SETTLEMENT: dict[str, Any] = _SETTLED | {
    "steps": [{"state": "sealed", "at": "2026-12-01T00:15:04+08:00", "words": None}]
}
ADVICES: dict[str, Any] = {
    "results": [
        {
            "terminal_seq": 41,
            "merchant_ref": "OFF-0041",
            "outcome": "captured",
            "code": None,
            "message": None,
            "late_for": "2026-11-20",
            "redemption": REDEMPTION
            | {
                "merchant_ref": "OFF-0041",
                "event_at": "2026-11-20T22:10:00+08:00",
                "amount_fen": 4_500,
                "subsidy_fen": 4_500,
                "payable_fen": 0,
                "benefits": [_HEALTH_CHECK | {"benefit_fen": 4_500, "union_fen": 4_500, "lines": []}],
                "not_applied": [],
            },
        },
        {
            "terminal_seq": 43,
            "merchant_ref": "OFF-0043",
            "outcome": "refused_advice",
            "code": "limit_count",
            "message": "2026年已享受 1 次，限 1 次。",
            "late_for": None,
            "redemption": None,
            "reasons": REASONS,
        },
        {
            "terminal_seq": 41,
            "merchant_ref": "OFF-0041",
            "outcome": "duplicate",
            "code": "duplicate_merchant_reference",
            "message": "这个商户单号已经上传过，不会重复核销。",
            "late_for": None,
            "redemption": None,
            "first_redemption_id": _ID,
            "first": {"outcome": "captured", "code": None, "message": None},
        },
    ],
    "missing": [{"first_seq": 42, "last_seq": 42}],
    "server_time": _NOW,
}
ROOTS: dict[str, Any] = {
    "roots": [
        {
            "kid": "0101",
            "public": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "nbf": 1_767_196_800,
            "exp": 1_924_963_200,
        }
    ]
}
_CERTIFICATE = (
    "0oRHogEnBEIBF6BYPaMCaU0xMDAxL1QwMQYaawD7IAihAaMBASAGIVggO2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ilY"
    "QDFn62Vh7N62htytezvlaDYndj-GkeJsLYu5ec9FpoKir1cX6704Kg6G7EaSp3KqEevWphDcT0RrdYyNkMwsDgs"
)
_ENDING = {"key_id": "Gp6TJAba80jYyN2F9v8V2X", "ends_at": "2026-11-28T10:00:01+08:00"}
ENROLLED: dict[str, Any] = {
    "token": "cnt_ED0A7hlC0WtvyEsC66grWdcleFPouJw6m_cWaq9WLx4",
    "key_id": "lqQVNlL-uzkEePtEo-ROy7",
    "certificate": _CERTIFICATE,
    "replaces": _ENDING,
    **_WHO,
    "server_time": _NOW,
}
NEW_KEY: dict[str, Any] = {
    "key_id": "lqQVNlL-uzkEePtEo-ROy7",
    "algorithm": "ed25519",
    "certificate": _CERTIFICATE,
    "replaces": _ENDING,
    "server_time": _NOW,
}
ME: dict[str, Any] = {
    **_WHO,
    "limits": {"amount_fen_max": 1_000_000_000_000, "hold_seconds_max": 86_400, "lines_max": 500},
    "services": [{"code": "health_check", "programs": ["健康体检补贴"]}, {"code": None, "programs": ["门店九五折"]}],
    "last_terminal_seq": 43,
    "last_record_hash": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
    "signing_keys": [{"key_id": "lqQVNlL-uzkEePtEo-ROy7", "ends_at": None}, _ENDING],
    "next_settlement": {"cycle": "monthly", "ends_on": "2026-11-30"},
    "server_time": _NOW,
}

PROBLEMS: dict[str, dict[str, Any]] = {
    "refused": {"title": REASONS[0]["message"], "redemption_id": _ID, "reasons": REASONS},
    "invalid_state": {"detail": {"state": "reversed"}},
    "day_closed": {"detail": {"business_date": "2026-11-20"}},
    "duplicate_merchant_reference": {
        "detail": {"redemption_id": _ID, "href": f"/merchant/v1/redemptions/{_ID}"},
    },
    "refund_exceeds_captured": {
        "detail": {"remaining_fen": 4_000},
        "errors": [{"pointer": "/benefit_fen", "message": "退款合计不能超过核销金额。", "code": "invalid"}],
    },
    "invalid_fields": {
        "errors": [
            {"pointer": "/purchase/amount_fen", "message": "应为 1 到 1000000000000 的整数。", "code": "invalid"},
            {"pointer": "/colour", "message": "没有这个字段，请删去。", "code": "unknown_field"},
        ]
    },
    "clock_skew": {"server_time": _NOW},
    "scope_denied": {"detail": {"scope": "redeem"}},
}
"""What the document of a code has beside what every one has."""
