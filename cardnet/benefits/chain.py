"""The chain of a terminal's offline records: each names the one before by its SHA-256. Pure.

What a terminal has signed cannot be changed, taken out or put in between afterwards without a number missing, two
records of one number, or a link that does not hold. A terminal without a key signs nothing: whoever has its token could
write its whole chain anew, so that nothing is asked of it.
"""

import enum
from collections.abc import Collection
from dataclasses import dataclass


class Break(enum.StrEnum):
    """Another record of the same number; a link to another record than ours; no link at all."""

    FORK = "fork"
    CHAIN = "chain"
    UNLINKED = "unlinked"


@dataclass(frozen=True)
class Link:
    """One record: its number, its SHA-256, and the SHA-256 it says came before."""

    seq: int
    digest: bytes
    follows: bytes | None


def breaks(link: Link, known: Collection[Link], *, first: bool) -> list[tuple[int, Break]]:
    """Where the chain does not hold once `link` is in it, by number.

    `known` are the records of its own number and of those next to it; `first`: nothing earlier of the terminal is known,
    and only there nothing need be named. A record that comes late is also held against the one that came before it did.
    """
    if any(one.digest != link.digest for one in known if one.seq == link.seq):
        return [(link.seq, Break.FORK)]
    before = {one.digest for one in known if one.seq == link.seq - 1}
    found = [(link, None if first else _broken(link, before))]
    found += [(one, _broken(one, {link.digest})) for one in known if one.seq == link.seq + 1]
    return [(one.seq, broken) for one, broken in found if broken]


def _broken(link: Link, before: Collection[bytes]) -> Break | None:
    if link.follows is None:
        return Break.UNLINKED
    return Break.CHAIN if before and link.follows not in before else None
