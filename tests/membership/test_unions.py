"""The tree of unions."""

import pytest

from cardnet.kernel.errors import NotFound
from cardnet.membership import services


def test_a_code_nobody_has_is_answered_with_the_way_to_mend_it(session):
    with pytest.raises(NotFound) as raised:
        services.union_of_code(session, "YJ-99-999")
    assert raised.value.code == "unit_unknown"
    assert "YJ-99-999" in raised.value.message
