"""Two phones with one key cannot count together; one phone always can, whatever its clock does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardnet.credential.clones import CLOCK_SLACK, SeenCode, copied


def seen(at: int, counter: int, chance: bytes = b"abcd", *, challenged: bool = False) -> SeenCode:
    return SeenCode(counter.to_bytes(4, "big") + chance, at, challenged)


@pytest.mark.parametrize(
    ("codes", "found", "why"),
    [
        ([], None, "nothing was shown"),
        ([seen(0, 1), seen(15, 2), seen(86_400, 3)], None, "it rises"),
        ([seen(0, 1), seen(15, 900), seen(30, 4_000)], None, "codes that were drawn and not shown leave gaps"),
        ([seen(86_400, 9), seen(0, 1), seen(40, 2)], None, "an offline till forwards late"),
        ([seen(100, 5), seen(100, 6)], None, "two codes within one second"),
        ([seen(100, 5), seen(100, 5)], None, "one code shown twice"),
        ([seen(100, 5, b"aaaa"), seen(100, 5, b"bbbb")], seen(100, 5, b"bbbb"), "one number for two codes"),
        ([seen(0, 5), seen(90_000, 5, b"bbbb")], seen(90_000, 5, b"bbbb"), "one number for two codes, days apart"),
        ([seen(0, 50), seen(90, 51), seen(3_600, 47)], seen(3_600, 47), "it falls"),
        ([seen(3_600, 47), seen(0, 50)], seen(3_600, 47), "it falls, told late"),
        ([seen(1_000, 7), seen(1_000 - CLOCK_SLACK, 8)], None, "the phone's clock was set back by two minutes"),
        ([seen(1_000, 7), seen(1_000 - CLOCK_SLACK - 1, 8)], seen(1_000, 7), "by more than any till accepts"),
        ([seen(1_000, 7, challenged=True), seen(100, 8)], None, "a challenge accepts ten minutes"),
        ([seen(9_000, 7, challenged=True), seen(100, 8)], seen(9_000, 7, challenged=True), "and not two hours"),
    ],
)
def test_what_one_phone_can_have_made(codes, found, why):
    assert copied(codes) == found, why


@given(
    steps=st.lists(st.tuples(st.integers(0, 100_000), st.integers(1, 500), st.integers(-30, 60)), max_size=40),
    order=st.randoms(use_true_random=False),
)
def test_an_honest_phone_is_never_suspected(steps, order):
    """Its counter rises with real time; its clock is off by what a till accepts, another amount each time."""
    at, counter, codes = 0, 0, []
    for wait, drawn, off in steps:
        at, counter = at + wait, counter + drawn
        codes.append(seen(at + off, counter))
    order.shuffle(codes)
    assert copied(codes) is None


@given(
    original=st.integers(1, 1_000),
    behind=st.integers(1, 200),
    uses=st.lists(st.booleans(), min_size=12, max_size=40),
)
def test_a_copy_in_use_beside_its_original_is_found(original, behind, uses):
    """Both go on counting from the moment of the copy, each a few codes a day; whoever is behind betrays both."""
    counters = {True: original, False: max(1, original - behind)}
    codes = []
    for day, copy in enumerate([*uses, True, False] * 2):
        counters[copy] += 1 if copy else 2
        codes.append(seen(day * 86_400, counters[copy], b"copy" if copy else b"orig"))
    falls = any(later.counter <= earlier.counter for at, earlier in enumerate(codes) for later in codes[at + 1 :])
    assert (copied(codes) is not None) == falls
