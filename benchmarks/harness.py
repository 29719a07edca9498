"""What the HTTP benchmarks share: a PostgreSQL of their own, gunicorn, a client of sixteen connections, one JSON line."""

import json
import os
import platform
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg

from cardnet.kernel.postgres import EmbeddedServer, start

ROOT = Path(__file__).parents[1]
CONNECTIONS = 16
WORKERS, THREADS = 2, 8


@dataclass
class Run:
    """What one round of requests met: seconds each took, and how often each status came."""

    seconds: float = 0.0
    web_seconds: float = 0.0
    database_seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    samples: dict[int, bytes] = field(default_factory=dict)

    def add(self, other: "Run") -> None:
        self.seconds += other.seconds
        self.took += other.took
        for status, number in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + number
        self.samples |= other.samples

    @property
    def cpu_ms(self) -> float:
        """CPU time of web server and database for one request: what a busy neighbour on the machine cannot spoil."""
        return 1_000 * (self.web_seconds + self.database_seconds) / len(self.took)

    @property
    def per_second(self) -> float:
        return len(self.took) / self.seconds

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.took)
        return 1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@contextmanager
def postgres(name: str) -> Iterator[EmbeddedServer]:
    """A server of this benchmark's own, durable as in production, gone afterwards."""
    # As root the server runs under a user of its own, who must be able to reach the folder.
    above = os.environ.get("CARDNET_BENCH_DATA") or ("/var/lib" if os.geteuid() == 0 else str(Path.home() / ".cache"))
    Path(above).mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=f"cardnet-bench-{name}-", dir=above))
    running = start(folder)
    try:
        yield running
    finally:
        running.stop()
        subprocess.run(["rm", "-rf", str(folder)], check=False)


@dataclass(frozen=True)
class Web:
    """A web server: its port, and the process all its workers descend from."""

    port: int
    pid: int


def cpu_of(*roots: int) -> float:
    """Seconds of CPU that these processes and all below them have used so far."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
        used[int(entry.name)] = sum(map(int, fields[11:15]))
    chosen = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in chosen} - chosen:
        chosen |= more
    return sum(used.get(pid, 0) for pid in chosen) / os.sysconf("SC_CLK_TCK")


@contextmanager
def gunicorn(app: str, folder: Path, env: dict[str, str]) -> Iterator[Web]:
    """`app` served as the floor's own comment says: gthread, two workers of eight threads."""
    port = _free_port()
    log = Path(mkdtemp(prefix="cardnet-bench-log-")) / "gunicorn.log"
    command = [sys.executable, "-m", "gunicorn", "-k", "gthread", "-w", str(WORKERS), "--threads", str(THREADS)]
    command += ["-b", f"127.0.0.1:{port}", "--chdir", str(folder), "--log-level", "warning", app]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **env}, stdout=output, stderr=output, cwd=folder)
    try:
        _wait_for(port, process, log)
        yield Web(port, process.pid)
    finally:
        process.terminate()
        process.wait(20)
        if trouble := log.read_text(errors="replace").strip():
            print(f"# {app}: {trouble[-2_000:]}", file=sys.stderr)


def request_bytes(port: int, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> bytes:
    """A whole POST, ready to send: the client spends no time on it while it measures."""
    content = json.dumps(body, ensure_ascii=False).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content


def drive(
    web: Web, server: EmbeddedServer, requests: Sequence[bytes], seconds: float, connections: int = CONNECTIONS
) -> Run:
    """Send the requests once each over `connections` kept-open connections, until they or the time run out."""
    waiting = iter(requests)
    lock, barrier = threading.Lock(), threading.Barrier(connections + 1)
    runs = [Run() for _ in range(connections)]

    def client(run: Run) -> None:
        line = _Line(web.port)
        barrier.wait()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            with lock:
                request = next(waiting, None)
            if request is None:
                break
            begun = time.perf_counter()
            status, body = line.send(request)
            run.took.append(time.perf_counter() - begun)
            run.statuses[status] = run.statuses.get(status, 0) + 1
            if status not in run.samples:
                run.samples[status] = body
        line.close()

    threads = [threading.Thread(target=client, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    web_used, database_used = cpu_of(web.pid), cpu_of(server.pid)
    barrier.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    whole = Run(took, cpu_of(web.pid) - web_used, cpu_of(server.pid) - database_used)
    for run in runs:
        whole.add(run)
    return whole


class _Line:
    """One HTTP/1.1 connection that knows just enough; opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket = self._open()

    def _open(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self.port), 30)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def send(self, request: bytes) -> tuple[int, bytes]:
        for _ in range(3):
            try:
                self.socket.sendall(request)
                return self._receive()
            except (ConnectionError, BrokenPipeError):
                self.socket.close()
                self.socket = self._open()
        return 0, b""

    def _receive(self) -> tuple[int, bytes]:
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._read()
        head = data[:end].lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        while len(data) < end + 4 + length:
            data += self._read()
        if b"connection: close" in head:
            self.socket.close()
            self.socket = self._open()
        return int(data[9:12]), data[end + 4 :]

    def _read(self) -> bytes:
        got = self.socket.recv(65_536)
        if not got:
            raise ConnectionError("closed")
        return got

    def close(self) -> None:
        self.socket.close()


def machine(server: EmbeddedServer) -> dict[str, Any]:
    """What the figures were measured on."""
    with psycopg.connect(server.base_url) as connection:
        row = connection.execute("show server_version").fetchone()
    return {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "postgresql": row[0] if row else "",
        "load": round(os.getloadavg()[0], 2),
    }


def report(**figures: Any) -> None:
    """The benchmark's one line."""
    print(json.dumps(figures, ensure_ascii=False), flush=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(log.read_text(errors="replace"))
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"nothing listens on {port}")
