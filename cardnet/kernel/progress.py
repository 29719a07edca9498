"""How far a long piece of work is, told to whoever watches, and the way to stop it."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""`progress(stage, done, total)`, called between the pieces of a long piece of work; it may raise `JobCancelled`."""


class JobCancelled(Exception):
    """Somebody asked the work to stop: its transaction is rolled back, so that nothing of it remains."""


def unseen(stage: str, done: int, total: int) -> None:
    """The progress nobody watches."""
