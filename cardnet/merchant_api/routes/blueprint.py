"""The blueprint of `/merchant/v1` and its calls."""

from flask import Blueprint, Response
from flask.blueprints import BlueprintSetupState

from cardnet.http.calls import Api, Call
from cardnet.http.speech import Speaker, asked_language, speaks, wanted_by_header
from cardnet.merchant_api import problems
from cardnet.merchant_api.chinese import WORDS
from cardnet.merchant_api.english import english, language_of

blueprint = Blueprint("merchant_api", __name__, url_prefix="/merchant/v1")


@blueprint.record_once
def _speak_english(state: BlueprintSetupState) -> None:
    speaks(state.app, API.prefix, Speaker(wanted_by_header, english))


@blueprint.after_request
def _name_the_language(answer: Response) -> Response:
    """`Content-Language` of what has words; a replay is in the language it was first made in."""
    if not (answer.mimetype or "").endswith("json"):
        return answer
    replayed = "Idempotency-Replayed" in answer.headers
    language = language_of(answer.get_data()) if replayed else asked_language()
    if language:
        answer.headers["Content-Language"] = language
    return answer


CBOR = "application/cbor"

API = Api(
    title="cardnet merchant API",
    prefix="/merchant/v1",
    description="Amounts are integer fen, moments RFC 3339 with an offset, ids UUIDv7. "
    "Fields are added, never changed: ignore members you do not know. With `Accept-Signature` (tag `cardnet-receipt-v1`) "
    "the answer is signed by the trust pack's receipt key (see the guide).",
    scheme="terminal",
    bearer_format="cnt_…",
    catalogue=problems.CATALOGUE,
    words=WORDS,
    blueprint=blueprint,
)
CALLS = API.calls
"""Every call, in the order of the contract."""

serves = API.serves

__all__ = ["API", "CALLS", "CBOR", "Call", "blueprint", "serves"]
