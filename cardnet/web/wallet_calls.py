"""What every call of the wallet shares: its JSON read field by field, who the phone belongs to, the server's clock."""

import base64
import binascii
import uuid
from datetime import datetime
from typing import Any

from flask import Response, jsonify, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.kernel.errors import FieldError, InvalidInput, NotSignedIn
from cardnet.wiring import current_world

COOKIE = "cardnet_member"


class Body:
    """The JSON object of a request, its fields read one by one with a finding for each that is wrong."""

    def __init__(self) -> None:
        body = request.get_json()
        if not isinstance(body, dict):
            raise InvalidInput("invalid_fields", _("请求正文应为一个 JSON 对象。"))
        self._body: dict[str, Any] = body

    def text(self, name: str, longest: int) -> str:
        """Printable text of 1 to `longest` characters."""
        value = self._body.get(name)
        # Unprintable also means half of a surrogate pair, which no database and no hash would take.
        if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
            raise self._invalid(name, _("应为 1–%(longest)d 个字符。", longest=longest))
        return value

    def words(self, name: str, longest: int) -> str:
        """Text that may be missing or empty."""
        return self.text(name, longest) if self._body.get(name) else ""

    def flag(self, name: str) -> bool | None:
        """True, false, or None when it is not there."""
        value = self._body.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._invalid(name, _("应为 true 或 false。"))
        return value

    def bytes(self, name: str) -> bytes:
        """base64url."""
        text = self.text(name, 200)
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise self._invalid(name, _("应为 base64url。")) from None

    def whole(self, name: str, most: int) -> int:
        """A whole number from 0 to `most`."""
        value = self._body.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise self._invalid(name, _("应为 0 到 %(most)d 的整数。", most=most))
        return value

    def perhaps_whole(self, name: str, most: int) -> int | None:
        """The same, or None when it is not there."""
        return None if self._body.get(name) is None else self.whole(name, most)

    @staticmethod
    def _invalid(name: str, message: str) -> InvalidInput:
        return InvalidInput(
            "invalid_fields", _("有字段不符合要求，请检查后再发送。"), [FieldError(f"/{name}", message)]
        )


def member_of(session: Session) -> uuid.UUID:
    """Whose phone asks. Raises NotSignedIn("member_session_ended")."""
    person_id = access.person_of_member_session(session, current_world(), request.cookies.get(COOKIE, ""))
    if person_id is None:
        raise NotSignedIn("member_session_ended", _("这部手机的登录已过期，请重新激活会员卡。"))
    return person_id


def answer(body: dict[str, Any], now: datetime) -> Response:
    """The JSON of an answer with the server's clock in milliseconds; kept in no cache."""
    made = jsonify({**body, "now": int(now.timestamp() * 1000)})
    made.headers["Cache-Control"] = "no-store"
    return made
