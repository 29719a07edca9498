"""Our sentences in another language by their pattern: they are written in Chinese, and quote what somebody typed. Pure."""

import re
from collections.abc import Collection, Mapping
from functools import cached_property


class Phrasebook:
    """`patterns`: a Chinese sentence with `{gaps}` → the same in English, the first that fits.

    What our own sentences put into the gaps is among `words`; anything else there, and all of the gaps named in
    `quoted`, stands as it was typed.
    """

    def __init__(
        self, patterns: Mapping[str, str], words: Mapping[str, str] | None = None, quoted: Collection[str] = ()
    ) -> None:
        self._patterns, self._words, self._quoted = patterns, words or {}, frozenset(quoted)

    def english(self, sentence: str) -> str | None:
        """The sentence in English; None for one that is not in this book."""
        for pattern, words in self._compiled:
            if found := pattern.fullmatch(sentence):
                said = {
                    gap: text if gap in self._quoted else self._words.get(text, text)
                    for gap, text in found.groupdict().items()
                }
                return words.format(**said)
        return None

    @cached_property
    def _compiled(self) -> list[tuple[re.Pattern[str], str]]:
        return [
            (re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(said)), re.S), words)
            for said, words in self._patterns.items()
        ]
