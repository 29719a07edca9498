"""Stretches of time as people say them, in whatever language."""

_UNITS = (1, 120), (60, 7_200), (3_600, 172_800), (86_400, None)


def span(seconds: int, units: tuple[str, str, str, str]) -> tuple[int, str]:
    """How many of which unit, of seconds, minutes, hours and days; the sign is left away."""
    stretch = abs(seconds)
    for (length, below), unit in zip(_UNITS, units, strict=True):
        if below is None or stretch < below:
            return stretch // length, unit
    raise AssertionError
