"""The tree of unions."""

import pytest

from cardnet.kernel.errors import NotFound
from cardnet.membership import services
from cardnet.membership.rules import path_before


def test_a_code_nobody_has_is_answered_with_the_way_to_mend_it(session):
    with pytest.raises(NotFound) as raised:
        services.union_of_code(session, "YJ-99-999")
    assert raised.value.code == "unit_unknown"
    assert "YJ-99-999" in raised.value.message


@pytest.mark.parametrize(
    ("path", "moves", "before"),
    [
        ("/C/D1/B1/", [], "/C/D1/B1/"),
        ("/C/D1/B1/", ["/C/D2/B1/"], "/C/D2/B1/"),
        ("/C/D1/B1/W1/", ["/C/D2/B1/"], "/C/D2/B1/W1/"),
        ("/C/D1/B1/", ["/C/D2/B10/", "/C/D2/1/"], "/C/D1/B1/"),
        # B1 went to D2 last, and D2 below E before that.
        ("/C/E/D2/B1/", ["/C/D1/B1/", "/C/D2/"], "/C/D1/B1/"),
        ("/C/E/D2/B1/", ["/C/D2/", "/C/D1/B1/"], "/C/D1/B1/"),
        ("/C/E/D2/B1/", ["/C/D2/"], "/C/D2/B1/"),
    ],
)
def test_where_a_union_stood_before_moves(path, moves, before):
    assert path_before(path, moves) == before
