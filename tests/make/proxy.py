"""A proxy before PostgreSQL that loses answers to what commits: the database has done it, the client never hears."""

import contextlib
import random
import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

_STORED = b"application/json"
"""What a till's answer is stored as: it travels in the journey that commits, and in no other."""


@dataclass(frozen=True)
class Trouble:
    """How often out of a thousand: a commit's answer lost, a line cut in the middle of anything, a delay of up to 20 ms."""

    lost: int = 0
    cut: int = 0
    delayed: int = 0
    seed: int = 0


class LossyProxy:
    """Listens on a port of this machine and passes everything on, but for the commits it is told to lose."""

    def __init__(self, database_url: str, trouble: Trouble | None = None) -> None:
        self._trouble, self._chance = trouble or Trouble(), random.Random((trouble or Trouble()).seed)
        parts = urlsplit(database_url)
        folder = parse_qs(parts.query).get("host", [None])[0]
        self._upstream: tuple[int, object] = (
            (socket.AF_UNIX, f"{folder}/.s.PGSQL.{parts.port or 5432}")
            if folder
            else (socket.AF_INET, (parts.hostname, parts.port or 5432))
        )
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://{parts.username}@127.0.0.1:{self._listener.getsockname()[1]}{parts.path}"
        self._lose, self._lock = 0, threading.Lock()
        self.lost = self.cut = self.delayed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_next_commit(self) -> None:
        """The answer to the next journey that commits is not passed on: the line is cut instead."""
        with self._lock:
            self._lose += 1

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            family, place = self._upstream
            server = socket.socket(family)
            server.connect(place)
            committing = threading.Event()
            for source, sink, answers in ((client, server, False), (server, client, True)):
                passing = (source, sink, answers, committing)
                threading.Thread(target=self._pass_on, args=passing, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, answers: bool, committing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65_536):
                if not answers and _STORED in chunk:
                    committing.set()
                elif answers and committing.is_set():
                    committing.clear()
                    if self._loses():
                        break
                if self._is_bad():
                    break
                sink.sendall(chunk)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _loses(self) -> bool:
        with self._lock:
            if not self._lose and not self._happens(self._trouble.lost):
                return False
            self._lose = max(0, self._lose - 1)
            self.lost += 1
            return True

    def _is_bad(self) -> bool:
        """Whether the line breaks here; it may only be slow."""
        with self._lock:
            slow = self._chance.random() * 0.02 if self._happens(self._trouble.delayed) else 0
            broken = self._happens(self._trouble.cut)
            self.cut += broken
            self.delayed += slow > 0
        time.sleep(slow)
        return broken

    def _happens(self, of_a_thousand: int) -> bool:
        return of_a_thousand > 0 and self._chance.randrange(1_000) < of_a_thousand
