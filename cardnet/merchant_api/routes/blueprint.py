"""The blueprint of `/merchant/v1` and its calls."""

from flask import Blueprint

from cardnet.http.calls import Api, Call
from cardnet.merchant_api import problems

blueprint = Blueprint("merchant_api", __name__, url_prefix="/merchant/v1")

CBOR = "application/cbor"

API = Api(
    title="cardnet merchant API",
    prefix="/merchant/v1",
    description="Amounts are integer fen, moments RFC 3339 with an offset, ids UUIDv7. "
    "Fields are added, never changed: ignore members you do not know.",
    scheme="terminal",
    bearer_format="cnt_…",
    catalogue=problems.CATALOGUE,
    blueprint=blueprint,
)
CALLS = API.calls
"""Every call, in the order of the contract."""

serves = API.serves

__all__ = ["API", "CALLS", "CBOR", "Call", "blueprint", "serves"]
