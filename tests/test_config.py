import pytest

from cardnet.config import settings_from
from cardnet.kernel.errors import InvalidInput


def test_nothing_set_is_enough_but_for_the_database(tmp_path):
    settings = settings_from({"CARDNET_DATA": str(tmp_path)})
    assert settings.rate_limits
    with pytest.raises(InvalidInput, match="CARDNET_DATABASE_URL"):
        settings.database()


def test_a_running_demonstration_lends_its_database(tmp_path):
    (tmp_path / "running.json").write_text('{"database_url": "postgresql://demo"}')
    assert settings_from({"CARDNET_DATA": str(tmp_path)}).database() == "postgresql://demo"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CARDNET_CLOCK", "yesterday"),
        ("CARDNET_CLOCK", "2026-11-24T09:00:00"),
        ("CARDNET_POOL_SIZE", "-1"),
        ("CARDNET_RATE_LIMITS", "perhaps"),
        ("CARDNET_DATABASE_URL", "sqlite:///x.db"),
        ("CARDNET_DATABASE_URL", "云间"),
        ("CARDNET_DATABASE_URL", "postgresql://host:notaport/db"),
        ("CARDNET_DATABASE_URL", "postgresql://[::1/db"),
        ("CARDNET_CLOCK", "9999-12-31T23:59:59+00:00"),
        ("CARDNET_CLOCK", "0001-01-01T00:00:00+08:00"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(tmp_path, name, value):
    with pytest.raises(InvalidInput, match=name):
        settings_from({"CARDNET_DATA": str(tmp_path), name: value})
