"""What breaks the chain of a terminal's offline records."""

import pytest

from cardnet.benefits.chain import Break, Link, breaks

FIRST, SECOND, THIRD = Link(1, b"a", None), Link(2, b"b", b"a"), Link(3, b"c", b"b")


@pytest.mark.parametrize(
    ("link", "known", "first", "found"),
    [
        (FIRST, [], True, []),
        (SECOND, [FIRST], False, []),
        # What came before is not here yet: whether the link holds shows when it comes.
        (THIRD, [], False, []),
        (SECOND, [THIRD], False, []),
        (Link(2, b"x", b"a"), [FIRST, THIRD], False, [(3, Break.CHAIN)]),
        (Link(2, b"b", b"x"), [FIRST, THIRD], False, [(2, Break.CHAIN)]),
        (Link(2, b"x", b"a"), [FIRST, SECOND], False, [(2, Break.FORK)]),
        (SECOND, [FIRST, SECOND], False, []),
        (Link(2, b"b", None), [FIRST], False, [(2, Break.UNLINKED)]),
        (Link(4, b"d", None), [], False, [(4, Break.UNLINKED)]),
        # The first we had heard of was not the first.
        (FIRST, [Link(2, b"b", None)], True, [(2, Break.UNLINKED)]),
        # Two of that number are known: a link to either holds.
        (THIRD, [SECOND, Link(2, b"x", b"a")], False, []),
    ],
)
def test_where_the_chain_does_not_hold(link, known, first, found):
    assert breaks(link, known, first=first) == found
