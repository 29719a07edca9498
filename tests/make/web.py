"""A browser that has signed in, and forms posted with their token, as a page would."""

import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def enter(client: FlaskClient, token: str) -> None:
    """Give the browser the session of a staff token (`make_session`)."""
    with client.session_transaction() as cookie:
        cookie["staff"] = token


def form_token(client: FlaskClient, path: str = "/") -> str:
    """The hidden token of the forms this browser sees."""
    found = re.search(r'name="csrf-token" content="([^"]+)"', client.get(path).text)
    assert found, f"{path} has no token"
    return found[1]


def submit(client: FlaskClient, path: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
    """Post a form the way a page of ours does."""
    return client.post(path, data={**(data or {}), "_token": form_token(client)}, **more)


def words_of(page: str) -> str:
    """The text of a page without its tags, for assertions on sentences."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
