"""A demonstration that was broken off while it was being loaded."""

import sys
import time
from pathlib import Path

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


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen(["sleep", "600"]).pid, file=open(sys.argv[1], "w"), flush=True)
time.sleep(600)
"""


def test_what_does_not_end_by_itself_is_ended_with_all_it_started(tmp_path, monkeypatch):
    """As a web process that waits for its own lock, and a process of its that outlives it."""
    noted = tmp_path / "started"
    monkeypatch.setattr(running, "web_command", lambda *_, **__: [sys.executable, "-c", STUBBORN, str(noted)])
    monkeypatch.setattr(running, "GRACE_SECONDS", -4.9)

    def started(_url, web):
        while not (noted.exists() and noted.read_text()):
            assert web.poll() is None

    monkeypatch.setattr(running, "_wait_until_ready", started)
    settings = Settings(data=tmp_path, database_url="postgresql://127.0.0.1:1/none")
    with running.served(settings, running.Place("postgresql://127.0.0.1:1/none", None), 1) as stage:
        pass
    assert [child.poll() is None for child in stage.children] == [False, False]
    until = time.monotonic() + 60
    while lives(int(noted.read_text())):
        assert time.monotonic() < until, "what it started lives on"


def lives(pid: int) -> bool:
    """Whether the process is there and has not ended: whoever is killed takes a moment to be gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
