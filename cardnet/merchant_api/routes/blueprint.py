"""The blueprint, and how a call says what it is: its address, its body, its answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask import Blueprint
from flask.typing import ResponseReturnValue
from marshmallow import Schema

blueprint = Blueprint("merchant_api", __name__, url_prefix="/merchant/v1")

View = Callable[..., ResponseReturnValue]

CBOR = "application/cbor"


@dataclass(frozen=True)
class Call:
    """One call of the contract, as the OpenAPI document shows it.

    `answers` maps a status to a schema, or to a media type for an answer that is no JSON. `problems` are the codes
    beyond those any call may answer.
    """

    method: str
    path: str
    summary: str
    answers: Mapping[int, type[Schema] | str]
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    problems: tuple[str, ...] = ()
    takes_key: bool = False
    open_to_all: bool = False
    notes: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


CALLS: list[Call] = []
"""Every call, in the order of the contract."""


def serves(call: Call) -> Callable[[View], View]:
    """Register a view under its call: the route and the document cannot differ."""

    def register(view: View) -> View:
        CALLS.append(call)
        rule = call.path
        for name, converter in call.parameters.items():
            rule = rule.replace(f"{{{name}}}", f"<{converter}:{name}>")
        blueprint.add_url_rule(rule, view.__name__, view, methods=[call.method])
        return view

    return register
