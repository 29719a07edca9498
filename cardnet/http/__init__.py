"""HTTP for every edge: errors become problem JSON or a page, requests get an id, health can be asked.

APIs answer RFC 9457 `application/problem+json` with a stable `code`; people get a page in their language.
"""

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

import psycopg
import structlog
from flask import Flask, Request, Response, g, render_template, request
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)
from werkzeug.routing import RequestRedirect

from cardnet.http import maintenance
from cardnet.http.speech import told
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import CardnetError, FieldError, InvalidInput, TooManyRequests, Unavailable
from cardnet.wiring import current_world

API_PREFIXES = ("/merchant/v1", "/api/v1", "/wallet/api", "/till/api")
MAX_BODY_BYTES = 1 << 20
"""A JSON body or form; an upload route raises `request.max_content_length` for itself."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_log = structlog.get_logger("cardnet.http")


def install(app: Flask) -> None:
    """Give the app its error handlers, request ids, security headers and health routes."""
    _configure_logs()
    app.json = _Json(app)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.session_interface = _PageSessions()
    app.before_request(_name_the_request)
    maintenance.install(app)
    app.after_request(_add_headers)
    app.register_error_handler(CardnetError, _cardnet_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(PoolTimeout, _database_error)
    app.register_error_handler(Exception, _unexpected)
    app.add_url_rule("/healthz", "healthz", lambda: {"status": "ok"})
    app.add_url_rule("/readyz", "readyz", _ready)
    app.add_url_rule("/metrics", "metrics", lambda: Response(generate_latest(), content_type=CONTENT_TYPE_LATEST))


class _Json(DefaultJSONProvider):
    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            return super().loads(s, **kwargs)
        except RecursionError:
            # A hundred thousand opening brackets are no document of ours, and no fault of ours either.
            raise ValueError("nested too deeply") from None


def _configure_logs() -> None:
    """One JSON document a line. Tracebacks carry no local variables: they would carry names and numbers of people."""
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            tracebacks,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class _PageSessions(SecureCookieSessionInterface):
    """Flask's own sessions, for pages: a till's call carries none, and looking for one costs as much as checking its body."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith("/merchant/v1/"):
            return self.make_null_session(app)
        return super().open_session(app, request)


def is_api(path: str) -> bool:
    """Whether errors on this path are for a program."""
    return path.startswith(API_PREFIXES)


def problem(
    status: int,
    code: str,
    message: str,
    *,
    retry: str = "never",
    errors: Iterable[FieldError] = (),
    headers: dict[str, str] | None = None,
    **members: Any,
) -> Response:
    """A problem document (RFC 9457) with our members `code`, `retry`, `request_id` and `errors`, in the language asked for."""
    title, findings, language = told(code, message, list(errors))
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "code": code,
        "retry": retry,
        "request_id": g.get("request_id", ""),
        **members,
    }
    if findings:
        body["errors"] = [vars(finding) for finding in findings]
    answer = Response(json.dumps(body, ensure_ascii=False), status, content_type="application/problem+json")
    answer.headers["Content-Language"] = language
    answer.headers.update(headers or {})
    return answer


def _name_the_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else str(current_world().new_id())


def _add_headers(answer: Response) -> Response:
    answer.headers.add("X-Request-Id", g.get("request_id", ""))
    answer.headers.add("X-Content-Type-Options", "nosniff")
    if is_api(request.path):
        return answer
    answer.headers.setdefault("Referrer-Policy", "same-origin")
    answer.headers.setdefault(
        "Content-Security-Policy",
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    )
    return answer


def _cardnet_error(error: CardnetError) -> Response:
    headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, TooManyRequests) else {}
    if isinstance(error, Unavailable) or error.retry == "same_key":
        headers["Retry-After"] = str(getattr(error, "retry_after_seconds", 1))
    if error.status == 401 and is_api(request.path):
        headers["WWW-Authenticate"] = "Bearer"
    errors = error.errors if isinstance(error, InvalidInput) else ()
    return _answer(error.status, error.code, error.message, error.retry, errors, headers, error.detail)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, InternalServerError):
        # Out of an after_request: nobody knows what was done before.
        return _unexpected(error.original_exception or error)
    if isinstance(error, RequestEntityTooLarge):
        code, message = "payload_too_large", "内容太大，请缩小后再发送。"
    elif isinstance(error, UnsupportedMediaType):
        code, message = "unsupported_media_type", "请以 application/json 发送。"
    else:
        code, message = _HTTP_CODES.get(status, ("malformed_request", "请求无法识别，请检查后再发送。"))
    headers = {"Allow": ", ".join(error.valid_methods or ())} if isinstance(error, MethodNotAllowed) else {}
    if isinstance(error, RequestRedirect):
        return Response("", status, headers={"Location": error.new_url})
    return _answer(status, code, message, "never", (), headers, {})


_HTTP_CODES = {
    400: ("malformed_request", "请求无法识别，请检查后再发送。"),
    404: ("not_found", "没有找到这个页面或这条记录，请核对地址。"),
    405: ("method_not_allowed", "这个地址不支持这种请求方式。"),
    429: ("rate_limited", "请求太频繁，请稍候再试。"),
}


def _database_error(error: DBAPIError | PoolTimeout) -> Response:
    original = error.orig if isinstance(error, DBAPIError) else None
    retryable = (
        isinstance(error, OperationalError | PoolTimeout)
        or isinstance(original, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected)
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
    )
    if not retryable:
        return _unexpected(error)
    _log.warning("database_unavailable", error=type(original or error).__name__, path=request.path)
    # The COMMIT may have reached the database: only the same request sent again tells the truth.
    message = "服务暂时连不上，请用同一请求再试一次。"
    return _answer(503, "outcome_unknown", message, "same_key", (), {"Retry-After": "1"}, {})


def _unexpected(error: BaseException) -> Response:
    _log.error("unexpected", error=type(error).__name__, path=request.path, exc_info=error)
    return _answer(500, "internal", "系统出了差错，已经记录；请稍后再试。", "same_key", (), {}, {})


def _answer(
    status: int,
    code: str,
    message: str,
    retry: str,
    errors: Iterable[FieldError],
    headers: dict[str, str],
    detail: dict[str, Any],
) -> Response:
    if is_api(request.path):
        members = {"detail": detail} if detail else {}
        return problem(status, code, message, retry=retry, errors=errors, headers=headers, **members)
    page = render_template("error.html", status=status, code=code, message=message, errors=list(errors))
    answer = Response(page, status)
    answer.headers.update(headers)
    return answer


def _ready() -> Response | dict[str, str]:
    with transaction() as session:
        session.execute(text("select 1"))
    return {"status": "ready"}
