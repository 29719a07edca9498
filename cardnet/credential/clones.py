"""Copied keys show themselves: a phone counts its codes, and two phones with one key cannot count together."""

from collections.abc import Iterable
from dataclasses import dataclass

CLOCK_SLACK = 120
"""Seconds by which a phone's clock may have been set back between two codes that were both accepted (−30 … +60 s each)."""
CHALLENGE_SLACK = 1_300
"""The same where a challenge allowed ±600 s."""


@dataclass(frozen=True, slots=True)
class SeenCode:
    """One code of a card index as it was shown: when it says it was made, and its number.

    `challenged`: its phone's clock may have been as far off as with a challenge, since four digits answered for it or it
    was taken, or turned away, by the limits of paper.
    """

    proof_id: bytes
    issued_at: int
    challenged: bool = False

    @property
    def counter(self) -> int:
        """The phone's own number of the code."""
        return int.from_bytes(self.proof_id[:4], "big")


def far_off(issued_at: int, shown_at: int) -> bool:
    """Whether a code was shown at a time that no ordinary window lets through: nothing is known of that phone's clock."""
    return abs(shown_at - issued_at) > CLOCK_SLACK // 2


def copied(codes: Iterable[SeenCode]) -> SeenCode | None:
    """The first code that the phone behind the others cannot have made; None when all may come from one phone.

    A number stands for one code only, whenever it was made. And numbers rise with time: a code made later than another,
    by more than clocks explain, has the higher number. In whatever order the codes arrived.
    """
    in_time = sorted(set(codes), key=lambda code: (code.issued_at, code.proof_id))
    numbers: dict[int, bytes] = {}
    for code in in_time:
        if numbers.setdefault(code.counter, code.proof_id) != code.proof_id:
            return code
    for at, code in enumerate(in_time):
        for before in in_time[:at]:
            slack = CHALLENGE_SLACK if code.challenged or before.challenged else CLOCK_SLACK
            if code.issued_at - before.issued_at > slack and code.counter <= before.counter:
                return code
    return None
