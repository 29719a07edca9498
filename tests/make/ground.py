"""Where a server of the tests keeps its data."""

import contextlib
import os
import shutil
import time
from pathlib import Path

MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30
"""The RAM disk of most systems, and the bytes that must be free there."""
LEFT_SECONDS = 3_600
"""After how long what a killed run has left is taken away."""


def server_folder(name: str) -> Path:
    """A folder in memory where there is room, else on disk. Its name is the process whose server it is.

    A database is a thousand files. On ext4 a copy that follows upon the dropping of another takes fifteen times as
    long: files dropped a minute ago are passed over one by one when new ones look for a place.
    """
    root = MEMORY / f"cardnet-test-{os.geteuid()}"
    clear(root)
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM:
        return root / name
    return disk_folder(name)


def clear(root: Path) -> None:
    """Give back the memory of runs that were killed; a server that still runs misses its folder and ends."""
    for left in root.glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError):  # another run has just taken it away
            if not Path("/proc", left.name).exists() and time.time() - left.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def disk_folder(name: str) -> Path:
    """As root where it is harmless that every folder above is opened to the server's own user."""
    root = Path("/var/lib/cardnet-test") if os.geteuid() == 0 else Path.home() / ".cache" / "cardnet-test"
    return root / name
