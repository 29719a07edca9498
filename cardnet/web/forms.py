"""What was wrong with a form: field name → sentence, shown beside the field and in the summary above."""

import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Flask, request

from cardnet.http import is_api
from cardnet.kernel.errors import CardnetError, InvalidInput, NotFound
from cardnet.web.finding_words import in_readers_language
from cardnet.web.language import gettext

Wrong = Mapping[str, str]
"""Field name → sentence. The empty name is about the form as a whole."""


def install(app: Flask) -> None:
    """Turn away addresses and forms with NUL in them: nobody types it, and no text of a database may hold it.

    Stands behind the check of forms (csrf), which sets the size a form may have before anything reads it.
    """
    app.before_request(_refuse_nul)


def _refuse_nul() -> None:
    if is_api(request.path):
        return
    typed = (text for form in (request.args, request.form) for _, text in form.items(multi=True))
    if "\0" in request.path or any("\0" in text for text in typed):
        raise InvalidInput("malformed_request", gettext("内容里有不能识别的字符，请重新输入。"))


def wrong_of(error: CardnetError, fields: Mapping[str, str] | None = None) -> dict[str, str]:
    """The sentences of an error, by field. `fields` maps an error's code to the field it is about."""
    named = fields or {}
    if isinstance(error, InvalidInput) and error.errors:
        return {
            named.get(e.code) or e.pointer.strip("/").split("/")[0]: in_readers_language(e.message)
            for e in error.errors
        }
    return {named.get(error.code, ""): in_readers_language(error.message)}


def whole_number(text: str) -> int | None:
    """A whole number as people type it (`1,000`, full-width digits, spaces), or None."""
    plain = text.strip().replace(",", "").replace("，", "").replace(" ", "")
    if not plain.isdecimal() or len(plain) > 9:
        return None
    return int(plain)


def safe_return(target: str | None, default: str) -> str:
    """`target` when it is a path of this site, else `default`: a link in a mail must not lead away after sign-in."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return default
    if any(ord(c) < 33 or c == "\\" for c in target):
        return default
    parts = urlsplit(target)
    return default if parts.scheme or parts.netloc else target


def whole_id(text: str) -> uuid.UUID:
    """An id out of an address or a form. Raises NotFound, as an id that names nothing would."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound("not_found", gettext("没有找到这条记录，请返回列表重新选择。")) from None
