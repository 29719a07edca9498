"""Every problem the merchant API answers with: code, status, meaning, and which calls may."""

from cardnet.http.calls import Call, Catalogue
from cardnet.merchant_api import example_answers, schemas

PROBLEMS: dict[str, tuple[int, str]] = {
    "malformed_request": (400, "the body is no JSON object"),
    "idempotency_key_required": (400, "no Idempotency-Key"),
    "idempotency_key_invalid": (400, "not 16–64 of [A-Za-z0-9_-]"),
    "token_invalid": (401, "no, unknown, expired or revoked terminal token"),
    "signature_invalid": (401, "the signature does not cover what it must, is not the key's, or came before"),
    "clock_skew": (401, "your clock and ours differ by more than 300 s; server_time says ours"),
    "key_revoked": (401, "this signing key has ended"),
    "pairing_code_invalid": (401, "wrong, used or expired pairing code"),
    "merchant_suspended": (403, "the merchant may not call"),
    "terminal_suspended": (403, "the terminal may not call"),
    "store_closed": (403, "the terminal's store serves nobody any more"),
    "scope_denied": (403, "this token may not make this call"),
    "not_found": (404, "no such thing, or not yours"),
    "request_in_progress": (409, "the first request with this key is still at work; send it again as Retry-After says"),
    "duplicate_merchant_reference": (409, "this merchant_ref names a live redemption; detail has its id"),
    "invalid_state": (409, "the redemption's state forbids it"),
    "hold_expired": (409, "the hold has run out and is released"),
    "revoked": (409, "the card was lost or stopped after the hold, and the union does not honour holds then"),
    "already_reversed": (409, "it was reversed, perhaps before it came"),
    "day_closed": (409, "the business day is closed; use a refund"),
    "too_many_keys": (409, "the terminal has two signing keys already"),
    "key_taken": (409, "this key was registered before"),
    "too_many_tokens": (409, "the terminal has two tokens already"),
    "payload_too_large": (413, "over 1 MiB"),
    "unsupported_media_type": (415, "not application/json"),
    "invalid_fields": (422, "errors[] points at each field"),
    "idempotency_key_reused": (422, "the key belongs to another request"),
    "refused": (422, "the member gets no benefit: recorded, with reasons"),
    "capture_exceeds_held": (422, "more than is held"),
    "refund_exceeds_captured": (422, "more than is left; detail.remaining_fen says how much is"),
    "rate_limited": (429, "wait as Retry-After says"),
    "internal": (500, "our mistake; the same key tells the truth"),
    "busy": (503, "too many at once; the same key tells the truth"),
    "day_closing": (503, "the business day is being closed; send it again in a moment"),
    "maintenance": (503, "nothing is written for now; the same key after Retry-After"),
    "outcome_unknown": (503, "it may have happened; the same key tells the truth"),
}

CATALOGUE = Catalogue(
    PROBLEMS,
    any_call=("rate_limited", "internal", "outcome_unknown"),
    signed_in=(
        "token_invalid",
        "signature_invalid",
        "clock_skew",
        "key_revoked",
        "merchant_suspended",
        "terminal_suspended",
        "store_closed",
        "scope_denied",
    ),
    with_body=("malformed_request", "payload_too_large", "unsupported_media_type", "invalid_fields", "maintenance"),
    with_key=("idempotency_key_required", "idempotency_key_invalid", "request_in_progress", "idempotency_key_reused"),
    retries={
        **dict.fromkeys(
            ("idempotency_key_reused", "refused", "capture_exceeds_held", "refund_exceeds_captured"), "new_key"
        ),
        "rate_limited": "after",
        **dict.fromkeys(
            ("request_in_progress", "internal", "busy", "day_closing", "maintenance", "outcome_unknown"), "same_key"
        ),
    },
    shapes={"refused": schemas.Refusal},
    examples=example_answers.PROBLEMS,
)


def problems_of(call: Call) -> tuple[str, ...]:
    """Every problem a call may answer with."""
    return CATALOGUE.of(call)
