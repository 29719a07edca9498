"""A process that dies in the middle of a request, and what its caller heard of it before."""

import json
import os
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import create_engine

from cardnet.http import maintenance
from cardnet.kernel import failpoints
from cardnet.kernel.db import SessionFactory, act_as_app_role
from cardnet.kernel.world import World

Tell = Callable[[Any], None]


@dataclass(frozen=True)
class Death:
    """Whether it was killed, and every document it sent before."""

    killed: bool
    heard: list[Any]


def in_a_process(app: Flask, world: World, point: str, act: Callable[[Flask, Tell], None]) -> Death:
    """Fork, arm the failpoint, run `act(app, tell)`; what is told is heard even when the process dies right after."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            _live(app, world, point, act, write)
        except BaseException as error:  # noqa: BLE001 - nothing of this process may go on in pytest
            _send(write, {"error": repr(error)})
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        heard = list(_received(pipe))
    _, status = os.waitpid(pid, 0)
    failed = [one for one in heard if isinstance(one, dict) and "error" in one]
    assert not failed, failed
    return Death(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, heard)


def nobody_at_work(url: str) -> None:
    """Wait until PostgreSQL has noticed that its client was killed; until then what that one had is locked."""
    until = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(_AT_WORK).fetchone() != (0,):
            assert time.monotonic() < until, "somebody is at work still"
            time.sleep(0.02)


_AT_WORK = """
select count(*) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle' and backend_type = 'client backend'"""


def _live(app: Flask, world: World, point: str, act: Callable[[Flask, Tell], None], write: int) -> None:
    # Connections of the parent are not ours, and its ids would be made twice.
    with own_engine(app):
        app.extensions["cardnet.world"] = world
        with app.app_context():
            maintenance.forget()
            maintenance.current()
        if point:
            failpoints.arm(point)
        act(app, lambda document: _send(write, document))


@contextmanager
def own_engine(app: Flask) -> Iterator[None]:
    """The app with connections of its own."""
    before = app.extensions["cardnet.sessions"]
    engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"], **app.config["SQLALCHEMY_ENGINE_OPTIONS"])
    act_as_app_role(engine)
    app.extensions["cardnet.sessions"] = SessionFactory(engine, **before.info)
    yield
    engine.dispose()


def _send(write: int, document: Any) -> None:
    data = json.dumps(document).encode()
    os.write(write, struct.pack(">I", len(data)) + data)


def _received(pipe: Any) -> Iterator[Any]:
    while head := pipe.read(4):
        yield json.loads(pipe.read(struct.unpack(">I", head)[0]))
