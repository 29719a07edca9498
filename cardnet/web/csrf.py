"""Forms of pages carry a token of the session; a form that was not opened here changes nothing.

`{{ csrf_field() }}` stands in every `<form method="post">`; scripts send the same token as `X-CSRF-Token`.
APIs take bearer tokens and JSON, so they need none; where a cookie signs in a JSON call (wallet, till), the
browser's own `Sec-Fetch-Site` must say that the call comes from this site.
"""

import hmac
from collections.abc import Callable
from typing import Any

from flask import Flask, current_app, request, session
from markupsafe import Markup, escape

from cardnet.http import is_api
from cardnet.kernel.errors import NotAllowed
from cardnet.wiring import current_world

FIELD = "_token"
_SAFE = ("GET", "HEAD", "OPTIONS")
_KEY = "csrf"


def install(app: Flask) -> None:
    """Check every unsafe request of a page, and give templates `csrf_field()` and `csrf_token()`."""
    app.before_request(_protect)
    app.jinja_env.globals.update(csrf_field=field, csrf_token=token)


def token() -> str:
    """The token of this session; made at the first form."""
    if _KEY not in session:
        session[_KEY] = current_world().random_bytes(24).hex()
    made: str = session[_KEY]
    return made


def field() -> Markup:
    """The hidden input of a form."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, escape(token()))


def takes_upload(max_bytes: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a view whose form carries a file, so that its body may be larger than an ordinary form's."""

    def mark(view: Callable[..., Any]) -> Callable[..., Any]:
        view.max_upload_bytes = max_bytes  # type: ignore[attr-defined]
        return view

    return mark


def _protect() -> None:
    if request.method in _SAFE or request.endpoint is None:
        return
    if is_api(request.path):
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise NotAllowed("cross_site", "请从本站的页面操作。")
        return
    view = current_app.view_functions[request.endpoint]
    if limit := getattr(view, "max_upload_bytes", None):
        # Reading the token parses the whole form: the route's own limit must stand before that.
        request.max_content_length = limit
    given = request.headers.get("X-CSRF-Token") or request.form.get(FIELD, "")
    if not hmac.compare_digest(given.encode(), session.get(_KEY, "").encode()) or not given:
        raise NotAllowed("form_expired", "这张表单已经过期，或者不是从本站打开的。请返回上一页，刷新后再提交一次。")
