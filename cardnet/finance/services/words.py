"""What people write down beside a decision of finance."""

from cardnet.kernel.errors import FieldError, InvalidInput

MOST_WORDS = 200


def said(words: str, wanted: str) -> str:
    """The words in one line. Raises InvalidInput("words_missing") that asks for what is `wanted`."""
    found = " ".join(words.split())
    if not 0 < len(found) <= MOST_WORDS:
        sentence = f"{wanted}，最多 {MOST_WORDS} 个字。"
        raise InvalidInput("words_missing", sentence, [FieldError("/words", sentence)])
    return found
