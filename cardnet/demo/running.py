"""Starting and stopping a demonstration: the database, the web server, the worker."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cardnet.config import RUNNING_DEMO, Settings
from cardnet.kernel import postgres
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound, Unavailable

DATABASE = "cardnet_demo"
DEMO_DATA = "demo-data.json"
"""What `cardnet demo-data` prints; in the data folder, readable by its owner only."""

SMS_SIGN = "云间区总工会"
"""Who signs the demonstration's messages, those of the story and those of today."""

GRACE_SECONDS = 10
"""How long a web process may finish what it is at."""
_START_SECONDS = 60
_REAL_GATEWAYS = ("CARDNET_SMS_", "CARDNET_WECHAT_")
"""What an operator may have set for the real service: invented people must not be sent real messages."""


@dataclass(frozen=True)
class Place:
    """Where a demonstration lives: its database, and whether this process started the server it is on."""

    url: str
    server: postgres.EmbeddedServer | None


@dataclass(frozen=True)
class Running:
    """A served demonstration: its address, and the processes that serve it."""

    url: str
    children: tuple[subprocess.Popen[bytes], ...]


@contextlib.contextmanager
def database(settings: Settings, *, given_url: str | None, fresh: bool) -> Iterator[Place]:
    """The demonstration's database: of `given_url`, else of the embedded server, which stops with this block."""
    if given_url:
        yield Place(given_url, None)
        return
    server = postgres.start(settings.data)
    try:
        if fresh:
            server.drop_database(DATABASE)
        yield Place(server.make_database(DATABASE), server)
    finally:
        server.stop()


def refuse_second_start(data: Path) -> None:
    """Raises Conflict when a demonstration is running in this data folder."""
    note = _read(data / RUNNING_DEMO)
    if note and _alive(note["pid"]):
        raise Conflict("demo_running", f"演示已经在运行：{note['url']}（进程 {note['pid']}）。请先按 Ctrl-C 停止它。")


def free_port(port: int) -> None:
    """Raises InvalidInput when something listens on `port` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise InvalidInput(
                "port_in_use", f"端口 {port} 已被占用：请换一个，例如 cardnet demo --port {port + 1}。"
            ) from None
        except OverflowError:
            raise InvalidInput("bad_port", f"端口 {port} 不存在：请用 1 到 65535 之间的数。") from None


@contextlib.contextmanager
def served(settings: Settings, place: Place, port: int) -> Iterator[Running]:
    """The web server and the worker as child processes; both are stopped when the block ends."""
    url = f"http://127.0.0.1:{port}"
    env = {name: value for name, value in os.environ.items() if not name.startswith(_REAL_GATEWAYS)}
    env |= {
        "CARDNET_DATABASE_URL": place.url,
        "CARDNET_DATA": str(settings.data),
        "CARDNET_SIMULATED_PHONE": "on",
        "CARDNET_SMS_SIGN": SMS_SIGN,
    }
    # In groups of their own: Ctrl-C reaches us alone, and what is left of a group can be ended as a whole.
    children = [
        subprocess.Popen(command, env=env, start_new_session=True)  # noqa: S603 - our own command lines
        for command in (web_command(port, log_level="error"), [sys.executable, "-m", "cardnet.cli", "worker"])
    ]
    note = settings.data / RUNNING_DEMO
    _write_private(note, {"pid": os.getpid(), "url": url, "database_url": place.url})
    try:
        _wait_until_ready(url, children[0])
        yield Running(url, tuple(children))
    finally:
        note.unlink(missing_ok=True)
        for child in children:
            child.send_signal(signal.SIGTERM)
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_SECONDS + 5)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def web_command(port: int, host: str = "127.0.0.1", workers: int = 2, log_level: str = "warning") -> list[str]:
    """The gunicorn command that serves cardnet."""
    return [
        *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", str(workers), "--threads", "8"),
        *(
            "--bind",
            f"{host}:{port}",
            "--log-level",
            log_level,
            "--timeout",
            "90",
            "--graceful-timeout",
            str(GRACE_SECONDS),
        ),
        "cardnet:create_app()",
    ]


def wait_for_interrupt(children: Iterable[subprocess.Popen[bytes]]) -> None:
    """Sleep until Ctrl-C, SIGTERM or the end of the terminal. Raises Unavailable("child_ended") when one of `children` ends by itself."""

    def stop(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    # A shell that starts us in the background makes us ignore Ctrl-C; whoever sends it means it.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` asks
        signal.signal(signal.SIGHUP, stop)
    with contextlib.suppress(KeyboardInterrupt):
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
        raise Unavailable("child_ended", "网页服务或后台任务意外停止了：请看上面的日志，再重新启动。")


def save_demo_data(data: Path, document: dict[str, Any]) -> None:
    """Keep what `demo-data` prints."""
    _write_private(data / DEMO_DATA, document)


def demo_data(data: Path) -> dict[str, Any]:
    """What the demonstration union holds. Raises NotFound before the first `cardnet demo` in this folder."""
    document = _read(data / DEMO_DATA)
    if document is None:
        raise NotFound(
            "no_demo",
            f"{data} 里没有演示数据：请先运行 cardnet demo；演示用了别的数据目录的，请同样设置 CARDNET_DATA。",
        )
    return document


def _wait_until_ready(url: str, web: subprocess.Popen[bytes]) -> None:
    for _ in range(_START_SECONDS * 5):
        if web.poll() is not None:
            raise InvalidInput("web_failed", "网页服务没有启动成功：请看上面的日志。")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()  # noqa: S310 - our own address
            return
        time.sleep(0.2)
    raise InvalidInput("web_slow", f"网页服务 {_START_SECONDS} 秒内没有就绪：请看上面的日志。")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return document


def _write_private(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(document, file, ensure_ascii=False, indent=1)
    new.replace(path)
