"""How long numbers and codes are written, so that they can be read aloud and typed."""


def in_groups(text: str, size: int = 4) -> str:
    """A card number as wallet, pages and paper show it: `4012 3456 7890 1`."""
    return " ".join(text[start : start + size] for start in range(0, len(text), size))
