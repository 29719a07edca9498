"""Ports for servers that must be told theirs before they start."""

import random
import socket

FIRST, LAST = 20_000, 29_999
"""Below those a system gives to whoever calls out: no other connection of this machine can take one meanwhile."""


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    while True:
        port = random.randint(FIRST, LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
