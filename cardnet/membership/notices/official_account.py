"""The official account (公众号): a template message to an openid that is bound to the person.

WeChat's own interface: `POST /cgi-bin/stable_token` gives an access token, `POST /cgi-bin/message/template/send` sends.
Its `client_msg_id` makes the same message sent again within ten minutes one message; later it may come twice.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cardnet.membership.notices.gateway import Answer, post_json
from cardnet.membership.notices.rules import Accepted, Later, Message, Outcome, RefusedForGood

_TOKEN_OVER = frozenset({40001, 40014, 42001})
_NEVER = frozenset({40003, 43004, 43019, 43101})
"""Unknown openid, does not follow the account (any more), has blocked or refused it."""


@dataclass
class OfficialAccount:
    """The account's id and secret, and the number of the template with one field, `words`."""

    url: str
    app_id: str
    secret: str = field(repr=False)
    template: str
    seconds: float = 5
    _token: str = field(default="", repr=False)

    def send(self, message: Message) -> Outcome:
        """One request, or two when the access token has run out meanwhile."""
        for _ in range(2):
            token = self._token or self._fetch()
            if isinstance(token, Later):
                return token
            self._token = token
            answer = self._send(token, message)
            if isinstance(answer, Later):
                return answer
            code = answer.document.get("errcode")
            if code not in _TOKEN_OVER:
                return _outcome(answer, code)
            self._token = ""
        return Later("token_refused")

    def _fetch(self) -> str | Later:
        asked = {"grant_type": "client_credential", "appid": self.app_id, "secret": self.secret}
        answer = self._post("/cgi-bin/stable_token", asked)
        if isinstance(answer, Later):
            return answer
        token = answer.document.get("access_token")
        return token if isinstance(token, str) and token else Later("token_refused")

    def _send(self, token: str, message: Message) -> Answer | Later:
        document = {
            "touser": message.address,
            "template_id": self.template,
            "client_msg_id": message.key.replace("-", ""),
            "data": {"words": {"value": message.words}},
        }
        return self._post(f"/cgi-bin/message/template/send?access_token={quote(token, safe='')}", document)

    def _post(self, path: str, document: dict[str, Any]) -> Answer | Later:
        body = json.dumps(document, ensure_ascii=False).encode()
        return post_json(self.url.rstrip("/") + path, body, {}, self.seconds)


def _outcome(answer: Answer, code: object) -> Outcome:
    if answer.status != 200:
        return Later(f"http_{answer.status}", answer.retry_after)
    if code == 0 and answer.document.get("msgid") is not None:
        return Accepted(str(answer.document["msgid"])[:100])
    if code in _NEVER:
        return RefusedForGood(f"wechat_{code}")
    return Later(f"wechat_{code}" if isinstance(code, int) else "answer_unreadable")
