"""Bring a database to the newest schema, and ask how far it is."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from cardnet.kernel.db import owner_engine

FOLDER = Path(__file__).parent


def upgrade(url: str) -> str:
    """Run every migration the database has not seen, as the login role; returns the newest revision."""
    config = _config()
    engine = owner_engine(url)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    engine.dispose()
    return newest()


def newest() -> str:
    """The newest revision in the tree."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return head or ""


def current(url: str) -> str:
    """The revision a database is at, `` when it is empty."""
    engine = owner_engine(url)
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return revision or ""


def _config() -> Config:
    config = Config(str(FOLDER / "alembic.ini"))
    config.set_main_option("script_location", str(FOLDER))
    return config
