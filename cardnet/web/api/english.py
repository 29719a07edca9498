"""What a problem of the back-office API says in English: findings of files by their sentence, the rest by its code."""

import re
from collections.abc import Sequence
from dataclasses import replace

from cardnet.kernel.errors import FieldError
from cardnet.merchant_api.english import finding
from cardnet.web.api.words.problem_titles import REST, TITLES
from cardnet.web.finding_words import in_english

_HAN = re.compile(r"[\u4e00-\u9fff]")


def english(code: str, message: str, errors: Sequence[FieldError]) -> tuple[str, list[FieldError]]:
    """A problem's title and findings in English. What was English already stays."""
    title = in_english(message)
    return TITLES.get(code, REST) if _HAN.search(title) else title, [
        replace(one, message=_found(one)) for one in errors
    ]


def _found(one: FieldError) -> str:
    said = in_english(one.message)
    if not _HAN.search(said):
        return said
    return TITLES.get(one.code, "") or finding(said)
