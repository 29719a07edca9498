"""Every call's way in and out: whose token, which role, what was sent; one transaction, one service, one answer.

The order is fixed: token → role → shape → the use case. What a page may do and see is decided in the same places:
the roles of the call, the scope in the services.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from marshmallow import Schema
from sqlalchemy.orm import Session
from werkzeug.exceptions import UnsupportedMediaType

from cardnet.access import services as access
from cardnet.access.rules import Principal
from cardnet.http.calls import Api, Call
from cardnet.http.requests import JSON, bearer, cursor_of, place_of, read_body, read_query
from cardnet.http.speech import Speaker, speaks, wanted_by_header
from cardnet.http.wire import Malformed, load
from cardnet.issuance import services as issuance
from cardnet.kernel import audit
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import NotAllowed, NotSignedIn
from cardnet.kernel.world import World
from cardnet.membership.rules import UnionNode
from cardnet.web.api import answering, problems
from cardnet.web.api.english import english
from cardnet.web.api.words import WORDS
from cardnet.web.console.units import unit_typed
from cardnet.wiring import current_world

MOST_FILE_BYTES = 20 << 20
"""As large a file as the pages take."""

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

API = Api(
    title="cardnet back-office API",
    prefix="/api/v1",
    description="What console and finance pages do, through the same services, with the same roles and scopes. "
    "A bearer token comes from `cardnet token USER`. Amounts are integer fen, moments RFC 3339 with an offset, days "
    "ISO 8601. Documents' numbers and phones are masked. Fields are added, never changed: ignore members you do not "
    "know. What the check of a file found is said in Chinese, in English when `Accept-Language` asks for it; branch on "
    "codes, never on text. A unit or record outside your scope looks absent (404) or is refused (403), as on the pages.",
    scheme="staff",
    bearer_format="cna_…",
    catalogue=problems.CATALOGUE,
    words=WORDS,
    blueprint=blueprint,
    key_required=False,
)


@dataclass(frozen=True)
class File:
    """An answer that is a file. Nothing of it may stay in a cache: it holds people."""

    content: bytes
    media_type: str
    name: str


@dataclass(frozen=True)
class Then:
    """Work with transactions of its own, done when the call's has committed, and how to read the answer afterwards."""

    work: Callable[[], object]
    read: Callable[[Session], Any]


@dataclass(frozen=True)
class Asked:
    """A call in hand. `officer` is whose token it is; `body`, `query` and `file` have passed their schema."""

    session: Session
    world: World
    officer: Principal
    call: Call
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    file: bytes = b""

    def acting(self) -> tuple[Principal, uuid.UUID | None]:
        """As whom to read, and on whose behalf: that of `on_behalf_of` when the call has one.

        Raises NotAllowed("delegation_unknown", "delegation_out_of_window").
        """
        giver = self.body.get("on_behalf_of") or self.query.get("on_behalf_of")
        if giver is None or giver == self.officer.account_id:
            return self.officer, None
        return issuance.stand_in(self.session, self.world, self.officer, giver), giver

    def unit(self, code: str | None) -> UnionNode | None:
        """The union of this code within the scope acted in, None without one. Raises NotFound("unit_unknown")."""
        return unit_typed(self.session, self.acting()[0], code or "")

    def path(self, code: str | None) -> str:
        """The path of that union, the officer's own without one."""
        unit = self.unit(code)
        return unit.path if unit else self.officer.scope_path

    @property
    def bound(self) -> list[Any]:
        """What a cursor of this list is bound to: the caller, the call and its filter."""
        filters = sorted((name, str(value)) for name, value in self.query.items() if name not in ("cursor", "limit"))
        return [str(self.officer.account_id), self.call.path, filters]

    def place(self) -> Any:
        """Where this page starts, as the page before said it; None for the first."""
        return place_of(self.session, self.bound, self.query.get("cursor"))

    def place_of_id(self) -> uuid.UUID | None:
        """The same where the place is an id."""
        place = self.place()
        return None if place is None else uuid.UUID(place)

    def by_key(self, items: list[Any], key: Callable[[Any], Any], total: int | None = None) -> dict[str, Any]:
        """A page of a list read with one row more than asked for; the next one starts after `key` of the last shown."""
        limit = self.query["limit"]
        shown = items[:limit]
        more = cursor_of(self.session, self.bound, key(shown[-1])) if len(items) > limit else None
        return {"items": shown, "next_cursor": more} | ({} if total is None else {"total": total})

    def by_position(self, read: Callable[[int, int], tuple[Any, int]]) -> dict[str, Any]:
        """A page of a list that is read by limit and offset."""
        limit, offset = self.query["limit"], self.place() or 0
        items, total = read(limit, offset)
        after = offset + limit
        more = cursor_of(self.session, self.bound, after) if after < total else None
        return {"items": list(items)[:limit], "next_cursor": more, "total": total}


@blueprint.record_once
def _speak_english(state: BlueprintSetupState) -> None:
    speaks(state.app, API.prefix, Speaker(wanted_by_header, english))


View = Callable[..., Any]


def serves(call: Call, *, shown_once: bool = False) -> Callable[[View], View]:
    """Register a view under its call. `shown_once` says that its answer holds a secret, which no repeat shows again.

    The view takes an `Asked` and the parameters of the path, and returns what the answer's schema dumps, a `File`, or
    a `Then`.
    """
    body = call.body() if call.body else None
    query = call.query() if call.query else None

    def register(view: View) -> View:
        @wraps(view)
        def answered(**parameters: Any) -> ResponseReturnValue:
            with audit.coming_from(request.remote_addr):
                return _answer(call, view, body, query, parameters, shown_once=shown_once)

        answered.roles = frozenset(call.roles)  # type: ignore[attr-defined] # read by the test of every route × every role
        API.serves(call)(answered)
        return view

    return register


def _answer(
    call: Call, view: View, body: Schema | None, query: Schema | None, parameters: dict[str, Any], *, shown_once: bool
) -> Response:
    world = current_world()
    if call.takes_file:
        request.max_content_length = MOST_FILE_BYTES
    with transaction() as session:
        officer = caller(session, world, call)
        asked = Asked(
            session,
            world,
            officer,
            call,
            load(body, read_body()) if body else {},
            read_query(query) if query else {},
            _file(call) if call.takes_file else b"",
        )
        if not call.takes_key or (key := answering.read_key()) is None:
            said = view(asked, **parameters)
            if not isinstance(said, Then):
                return _response(call, said)
        else:
            print_of = answering.fingerprint(call, parameters, asked.body, asked.query, asked.file)
            once = answering.Once(officer.account_id, key, print_of, shown_once)
            return answering.answer_once(session, world, once, lambda: _response(call, view(asked, **parameters)))
    said.work()
    with transaction() as session:
        return _response(call, said.read(session))


def caller(session: Session, world: World, call: Call) -> Principal:
    """Whose token this is. Raises NotSignedIn("token_invalid"), NotAllowed("role_missing")."""
    token = bearer()
    principal = access.principal_of_token(session, world, token) if token else None
    if principal is None:
        raise NotSignedIn(
            "token_invalid",
            "没有令牌，或令牌无效、已过期。请用 cardnet token 取得令牌，以 Authorization: Bearer cna_… 发送。",
        )
    if call.roles and not principal.roles & frozenset(call.roles):
        raise NotAllowed("role_missing", "您的账号没有办理这项事务的权限。如需办理，请联系本单位管理员。")
    return principal


def _file(call: Call) -> bytes:
    if request.mimetype not in call.takes_file or request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType
    content = request.get_data(cache=False)
    if not content:
        raise Malformed("malformed_request", "请求里没有文件内容，请把文件放在请求正文里发送。")
    return content


def _response(call: Call, said: Any) -> Response:
    (status, schema), *_ = call.answers.items()
    if isinstance(said, File):
        answer = Response(said.content, status, content_type=said.media_type)
        answer.headers.set("Content-Disposition", "attachment", filename=said.name)
    elif isinstance(schema, str):
        answer = Response(said or b"", status, content_type=schema or None)
    else:
        answer = Response(answering.json_bytes(schema().dump(said)), status, content_type=JSON)
    answer.headers["Cache-Control"] = "no-store"
    return answer
