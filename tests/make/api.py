"""A program of the back office: a bearer token and calls with it."""

import json
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.kernel.world import World

BASE = "/api/v1"
NONE: dict[str, str] = {}


@dataclass(frozen=True)
class Program:
    """One account's program."""

    client: FlaskClient
    token: str
    roles: frozenset[Role]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, headers: dict[str, str] = NONE, **query: Any) -> TestResponse:
        return self.client.get(BASE + path, query_string=query, headers=self.headers | headers)

    def post(
        self, path: str, body: object = None, key: str = "", headers: dict[str, str] = NONE, **more: Any
    ) -> TestResponse:
        headers = self.headers | ({"Idempotency-Key": key} if key else {}) | headers
        return self.client.post(BASE + path, json={} if body is None else body, headers=headers, **more)

    def send_file(
        self,
        path: str,
        content: bytes,
        media_type: str = "text/csv",
        *,
        key: str = "",
        headers: dict[str, str] = NONE,
        **query: Any,
    ) -> TestResponse:
        headers = self.headers | ({"Idempotency-Key": key} if key else {}) | headers
        return self.client.post(BASE + path, data=content, content_type=media_type, query_string=query, headers=headers)


def make_program(client: FlaskClient, session: Session, world: World, principal: Principal) -> Program:
    """A token as `cardnet token` issues it."""
    return Program(client, access.issue_token(session, world, principal), principal.roles)


def assert_problem(answer: TestResponse, status: int, code: str) -> None:
    """A problem document (RFC 9457) of this status and code."""
    assert (answer.status_code, (answer.json or {}).get("code")) == (status, code), answer.text[:500]
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def said(answer: TestResponse, status: int = 200) -> Any:
    """The JSON of an answer that must have succeeded."""
    assert answer.status_code == status, answer.text[:800]
    return json.loads(answer.data)
