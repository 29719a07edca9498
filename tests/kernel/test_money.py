import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardnet.kernel.money import allocate, share, yuan


@given(fen=st.integers(0, 10**12), basis_points=st.integers(0, 10_000))
def test_a_share_is_never_more_than_the_whole(fen, basis_points):
    assert 0 <= share(fen, basis_points) <= fen


@pytest.mark.parametrize(
    ("fen", "basis_points", "expected", "why"),
    [
        (12_345, 1_000, 1_235, "1234.5 rounds up"),
        (5_985, 1_500, 898, "897.75"),
        (1, 5_000, 1, "half a fen rounds up"),
        (1, 4_999, 0, "just under half rounds down"),
    ],
)
def test_a_share_rounds_half_up(fen, basis_points, expected, why):
    assert share(fen, basis_points) == expected, why


@given(total=st.integers(0, 10**12), weights=st.lists(st.integers(0, 10**9), min_size=1).filter(any))
def test_the_parts_of_a_split_add_up_and_stray_less_than_a_fen(total, weights):
    parts = allocate(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - total * weight) < sum(weights)


@pytest.mark.parametrize(
    ("total", "weights", "expected"),
    [
        (898, [1_995, 1_995, 1_995], [300, 299, 299]),
        (2, [1, 1, 1, 1], [1, 1, 0, 0]),
        (334, [333, 333, 1], [167, 167, 0]),
        (0, [0, 0], [0, 0]),
    ],
)
def test_an_odd_fen_goes_to_the_earlier_line(total, weights, expected):
    assert allocate(total, weights) == expected


def test_there_must_be_a_weight_to_split_by():
    with pytest.raises(ValueError, match="weights"):
        allocate(1, [0, 0])


@pytest.mark.parametrize(("fen", "expected"), [(0, "0.00"), (123_450, "1,234.50"), (-5, "-0.05"), (100, "1.00")])
def test_yuan_are_written_with_two_decimals(fen, expected):
    assert yuan(fen) == expected
