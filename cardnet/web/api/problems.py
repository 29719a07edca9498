"""The problems the back-office API answers with, and which calls may.

A service's own codes are many (`quota_short`, `illegal_transition`, …); the ones here stand for their status.
"""

from cardnet.http.calls import Catalogue

MEANINGS: dict[str, tuple[int, str]] = {
    "malformed_request": (400, "the body is no JSON object, or an empty file"),
    "idempotency_key_invalid": (400, "not 16–64 of [A-Za-z0-9_-]"),
    "token_invalid": (401, "no, unknown, expired or ended token, or the account is closed"),
    "role_missing": (403, "this account's roles do not allow it"),
    "out_of_scope": (403, "the unit lies outside this account's scope; other codes say what else is not allowed"),
    "not_found": (404, "no such thing, or not yours: `…_unknown` says what was looked for"),
    "conflict": (409, "the state of things forbids it now; `code` says what, e.g. `illegal_transition`"),
    "answer_shown_once": (409, "the key's request was carried out and its answer, which held a secret, is not kept"),
    "payload_too_large": (413, "over 1 MiB of JSON or 20 MiB of file"),
    "unsupported_media_type": (415, "not one of the media types of this call"),
    "invalid_fields": (422, "errors[] points at each field"),
    "unprocessable": (422, "understood and refused; `code` says why, e.g. `quota_short`"),
    "idempotency_key_reused": (422, "the key belongs to another request"),
    "internal": (500, "our mistake"),
    "file_doubtful": (409, "the file looks like another merchant's or another day's; `confirm=true` takes it"),
    "day_closing": (503, "writers of the day are still at work; asking again goes on where this stopped"),
    "maintenance": (503, "nothing is written for now; reads go on; the same request after Retry-After"),
    "outcome_unknown": (503, "it may have happened; the same request with the same key tells the truth"),
}

CATALOGUE = Catalogue(
    MEANINGS,
    any_call=("internal", "outcome_unknown"),
    signed_in=("token_invalid", "out_of_scope", "not_found", "unprocessable"),
    with_body=(
        "malformed_request", "payload_too_large", "unsupported_media_type", "invalid_fields", "conflict",
        "maintenance",
    ),
    with_key=("idempotency_key_invalid", "idempotency_key_reused", "conflict", "answer_shown_once"),
    with_roles=("role_missing",),
    retries=dict.fromkeys(("internal", "day_closing", "maintenance", "outcome_unknown"), "same_key"),
)  # fmt: skip
