"""Money is a whole number of fen (CNY / 100). These are the only two places where it is divided."""

from collections.abc import Sequence

MAX_FEN = 10**12
"""Ten thousand million yuan: above any amount a union handles, far below what a bigint or JSON can carry."""


def share(fen: int, basis_points: int) -> int:
    """`basis_points` / 10,000 of `fen`, rounded half up to the fen.

    Half up, because that is what a member checks on the receipt by hand.
    """
    return (fen * basis_points + 5_000) // 10_000


def allocate(total_fen: int, weights: Sequence[int]) -> list[int]:
    """Split `total_fen` in proportion to `weights`; the parts always add up to the whole.

    Largest remainder; an odd fen goes to the earlier line, so the order of lines is part of the input.
    Raises ValueError when there is something to split and no weight to split it by.
    """
    whole = sum(weights)
    if total_fen == 0:
        return [0] * len(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative and not all zero")
    parts = [total_fen * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total_fen * weights[i] % whole), i))
    for i in by_remainder[: total_fen - sum(parts)]:
        parts[i] += 1
    return parts


def yuan(fen: int) -> str:
    """`fen` as people write it: `1,234.50`. Exact; the sign stands in front."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"
