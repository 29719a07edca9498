"""The language of pages: Chinese as written in the source, English from `translations/`.

After changing a sentence: `pybabel extract -F cardnet/web/babel.cfg -k lazy_gettext -o /tmp/cardnet.pot cardnet/web`,
`pybabel update -i /tmp/cardnet.pot -d cardnet/web/translations --no-fuzzy-matching`, translate what is empty in
`messages.po`, then `pybabel compile -d cardnet/web/translations`. A test says what is missing.
"""

import flask_babel
from flask import Flask, request, session

LANGUAGES = {"zh_Hans": "中文", "en": "English"}
HTML_LANG = {"zh_Hans": "zh-Hans-CN", "en": "en"}


def install(app: Flask) -> None:
    """Set up translation; the source strings are Chinese, so Chinese needs no catalogue."""
    app.config["BABEL_DEFAULT_LOCALE"] = "zh_Hans"
    app.config["BABEL_DEFAULT_TIMEZONE"] = "Asia/Shanghai"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "web/translations"
    flask_babel.Babel(app, locale_selector=chosen)
    app.jinja_env.globals.update(languages=LANGUAGES, chosen_language=chosen, html_lang=lambda: HTML_LANG[chosen()])


def chosen() -> str:
    """What this visitor chose, else Chinese. The browser's wish is not asked: offices run English browsers."""
    wanted: str = session.get("language", "") if request else ""
    return wanted if wanted in LANGUAGES else "zh_Hans"


def gettext(msgid: str, **values: object) -> str:
    """The sentence in the visitor's language. The name is the one that the extraction of `babel.cfg` looks for."""
    return str(flask_babel.gettext(msgid, **values))
