"""Wire formats of `/merchant/v1`. Published: fields are added, never changed. Unknown fields are refused.

The request schemas read what comes in; the answer schemas describe what goes out, for the OpenAPI document and the
tests (`routes` writes answers from plain values, in the order the schemas name the fields).
"""

from cardnet.merchant_api.schemas.lists import ListQuery, RedemptionList, RedemptionRow
from cardnet.merchant_api.schemas.purchases import (
    HOLD_SECONDS,
    MOST_LINES,
    CaptureRequest,
    Choice,
    Fen,
    Last4,
    PurchaseLineRequest,
    PurchaseRequest,
    QuoteRequest,
    RedeemRequest,
    RefundRequest,
    ReturnedLine,
    ReverseRequest,
)
from cardnet.merchant_api.schemas.redemptions import (
    Benefit,
    Capture,
    LineShare,
    MemberFace,
    NotApplied,
    Quote,
    Reason,
    Redemption,
    Refund,
    Refusal,
    RefusalReason,
    Reversal,
)
from cardnet.merchant_api.schemas.terminals import EnrolledTerminal, EnrolRequest, Limits, Me, Named

__all__ = [
    "HOLD_SECONDS",
    "MOST_LINES",
    "Benefit",
    "Capture",
    "CaptureRequest",
    "Choice",
    "EnrolRequest",
    "EnrolledTerminal",
    "Fen",
    "Last4",
    "Limits",
    "LineShare",
    "ListQuery",
    "Me",
    "MemberFace",
    "Named",
    "NotApplied",
    "PurchaseLineRequest",
    "PurchaseRequest",
    "Quote",
    "QuoteRequest",
    "Reason",
    "RedeemRequest",
    "Redemption",
    "RedemptionList",
    "RedemptionRow",
    "Refund",
    "RefundRequest",
    "Refusal",
    "RefusalReason",
    "ReturnedLine",
    "Reversal",
    "ReverseRequest",
]
