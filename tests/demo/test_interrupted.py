"""A demonstration that was broken off while it was being loaded."""

import pytest

from cardnet.config import Settings
from cardnet.demo import running, story
from cardnet.kernel.errors import Conflict


def test_a_story_broken_off_is_not_taken_for_a_whole_one(fresh_database, tmp_path, monkeypatch):
    """`cardnet demo --fresh` was stopped halfway: the database is new and half told, the file is of the old one."""
    running.save_demo_data(tmp_path, {"accounts": ["of the database before"]})

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(story.officers, "hire", lambda _: None)
    monkeypatch.setattr(story.trading, "mint_keys", stop)
    with pytest.raises(KeyboardInterrupt):
        story.load(fresh_database, Settings(data=tmp_path, database_url=fresh_database))
    with pytest.raises(Conflict, match="not_a_demo"):
        story.load(fresh_database, Settings(data=tmp_path, database_url=fresh_database))
