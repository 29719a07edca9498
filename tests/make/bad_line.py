"""The line between a till and the server: it cuts, delays, sends a request twice, and loses answers on their way back."""

import contextlib
import http.client
import json
import random
import socket
import threading
import time
from typing import Any

_FATES = ("cut", "lost", "doubled", "late", "whole")


def send(port: int, token: str, body: Any, key: str) -> tuple[int, Any] | None:
    """A redemption on a line of its own: status and document, or None when the line broke."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    try:
        line.request("POST", "/merchant/v1/redemptions", json.dumps(body), {**headers, "Connection": "close"})
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        line.close()


class BadLine:
    """Passes each request on to `port`. `weights` are those of cut, lost, doubled, late and whole.

    What happens to the n-th request that comes is a matter of the seed alone; `met` counts it.
    """

    def __init__(self, port: int, weights: tuple[int, int, int, int, int], seed: int = 0) -> None:
        self._upstream, self._weights, self._chance = port, weights, random.Random(seed)
        self._lock = threading.Lock()
        self.met = dict.fromkeys(_FATES, 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                till, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(till,), daemon=True).start()

    def _pass_on(self, till: socket.socket) -> None:
        with till, contextlib.suppress(OSError):
            request = _whole_request(till)
            with self._lock:
                (fate,) = self._chance.choices(_FATES, self._weights)
                self.met[fate] += 1
            if fate == "cut":
                return
            if fate == "late":
                time.sleep(0.02)
            twin = threading.Thread(target=self._ask, args=(request,), daemon=True)
            if fate == "doubled":
                twin.start()
            answer = self._ask(request)
            if fate != "lost":
                till.sendall(answer)

    def _ask(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self._upstream), 60) as server:
            server.sendall(request)
            return b"".join(iter(lambda: server.recv(65_536), b""))


def _whole_request(till: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        got += till.recv(65_536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        chunk = till.recv(65_536)
        got, body = got + chunk, body + chunk
    return got
