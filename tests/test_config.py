import pytest
from flask import request

from cardnet import create_app
from cardnet.config import Settings, settings_from
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


@pytest.mark.parametrize(("proxies", "seen"), [(0, "10.0.0.1"), (1, "203.0.113.7"), (2, "198.51.100.9")])
def test_only_as_many_proxies_are_believed_as_stand_in_front(suite_database, data_folder, world, proxies, seen):
    settings = Settings(data=data_folder, database_url=suite_database, testing=True, trusted_proxies=proxies)
    app = create_app(settings, world)
    found = []
    app.before_request(lambda: found.append(request.remote_addr))
    headers = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7"}
    app.test_client().get("/healthz", headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert found == [seen]
