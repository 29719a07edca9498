"""How an API says what it is: each call with its address, body, answers and problems, registered with its route.

A route and its description are made of one `Call`, so they cannot differ.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema

from cardnet.http.api_words import ApiWords

View = Callable[..., ResponseReturnValue]


@dataclass(frozen=True)
class Retirement:
    """A call that is to go: deprecated from one day on, and not there any more from another, twelve months later or more.

    Whoever installed a till in 2019 reads neither mail nor page, but a log: each answer says both days (RFC 9745, RFC
    8594).
    """

    deprecated_on: date
    gone_on: date

    def __post_init__(self) -> None:
        if self.gone_on < _a_year_after(self.deprecated_on):
            raise ValueError("a call goes no sooner than twelve months after it was deprecated")

    @property
    def headers(self) -> dict[str, str]:
        """`Deprecation` and `Sunset`."""
        since, gone = (datetime.combine(day, time(), UTC) for day in (self.deprecated_on, self.gone_on))
        return {"Deprecation": f"@{int(since.timestamp())}", "Sunset": format_datetime(gone, usegmt=True)}


def _a_year_after(day: date) -> date:
    """The same day of the next year; of a leap day the first of March."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 3, 1)


@dataclass(frozen=True)
class Call:
    """One call of an API, as the OpenAPI document shows it.

    `answers` maps a status to a schema, or to a media type for an answer that is no JSON. `problems` are the codes
    beyond those any call may answer. `roles` says which roles of staff may call; empty: who is let in at all.
    `takes_file` is the media types of a body that is a file and no JSON. `example` is a body that works as it stands
    but for ids. `retires`: until when it may be relied on, once that is decided.
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
    roles: tuple[str, ...] = ()
    takes_file: tuple[str, ...] = ()
    tag: str = ""
    example: Mapping[str, Any] | None = None
    retires: Retirement | None = None

    @property
    def rule(self) -> str:
        """The path as the router wants it."""
        found = self.path
        for name, converter in self.parameters.items():
            found = found.replace(f"{{{name}}}", f"<{converter}:{name}>")
        return found


@dataclass(frozen=True)
class Catalogue:
    """Every problem code of an API with its status and meaning, and which calls may answer with it.

    `any_call`, `signed_in`, `with_body` and `with_key` hold for every call of that kind, next to a call's own.
    """

    meanings: Mapping[str, tuple[int, str]]
    any_call: tuple[str, ...]
    signed_in: tuple[str, ...]
    with_body: tuple[str, ...]
    with_query: tuple[str, ...] = ("invalid_fields",)
    with_key: tuple[str, ...] = ()
    with_roles: tuple[str, ...] = ()
    retries: Mapping[str, str] = field(default_factory=dict)
    """Whether and how to send it again, where that is not `never`."""
    shapes: Mapping[str, type[Schema]] = field(default_factory=dict)
    """Codes whose document has more members than a plain `Problem`."""
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What a document of a code has beside the members every one has, as it may come."""

    def of(self, call: Call) -> tuple[str, ...]:
        """Every problem a call may answer with."""
        codes = [*self.any_call, *call.problems]
        if not call.open_to_all:
            codes += self.signed_in
        if call.roles:
            codes += self.with_roles
        if call.body or call.takes_file:
            codes += self.with_body
        if call.query:
            codes += self.with_query
        if call.takes_key:
            codes += self.with_key
        return tuple(dict.fromkeys(codes))


@dataclass(frozen=True)
class Api:
    """A published API: what the head of its document says, and its calls in the order they are to be read.

    `scheme` names its bearer token and `bearer_format` shows what one looks like.
    """

    title: str
    prefix: str
    description: str
    scheme: str
    bearer_format: str
    catalogue: Catalogue
    blueprint: Blueprint
    words: ApiWords
    key_required: bool = True
    calls: list[Call] = field(default_factory=list)
    retiring: dict[str, Retirement] = field(default_factory=dict)
    """By the names of their views."""

    def __post_init__(self) -> None:
        self.blueprint.after_request(self._say_what_goes)

    def _say_what_goes(self, answer: Response) -> Response:
        if retirement := self.retiring.get((request.endpoint or "").rpartition(".")[2]):
            answer.headers.update(retirement.headers)
        return answer

    def serves(self, call: Call) -> Callable[[View], View]:
        """Register a view under its call."""

        def register(view: View) -> View:
            self.calls.append(call)
            if call.retires:
                self.retiring[view.__name__] = call.retires
            self.blueprint.add_url_rule(call.rule, view.__name__, view, methods=[call.method])
            return view

        return register
