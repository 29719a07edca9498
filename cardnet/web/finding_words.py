"""What a check of a file says, to whoever asks: on a page in the language chosen there, to a program by `Accept-Language`."""

from flask import Flask, request

from cardnet.benefits import use_english
from cardnet.http import is_api
from cardnet.http.speech import ENGLISH, asked_language
from cardnet.issuance import card_english
from cardnet.membership import english
from cardnet.web import language

_BOOKS = (english.BOOK, card_english.BOOK, use_english.BOOK)


def in_english(sentence: str) -> str:
    """A sentence of any check in English; what has none stays as it is."""
    return next((said for book in _BOOKS if (said := book.english(sentence))), sentence)


def in_readers_language(sentence: str) -> str:
    """The sentence as this reader wants it; what has no English stays as it is."""
    asked = asked_language() if is_api(request.path) else language.chosen()
    return in_english(sentence) if asked == ENGLISH else sentence


def install(app: Flask) -> None:
    """Give templates the filter `finding_words`."""
    app.jinja_env.filters["finding_words"] = in_readers_language
