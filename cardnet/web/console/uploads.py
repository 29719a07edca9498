"""A roster between its check and its submission: sealed in the data folder, its uploader's only, gone after a day.

The check itself stores nothing in the database. What is kept here is the file as it came and what was found, so
that the officer can read the findings page by page and submit without choosing the file again.
"""

import json
import os
import re
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cardnet.kernel.errors import NotFound
from cardnet.kernel.vault import Vault
from cardnet.kernel.world import World
from cardnet.web.language import gettext

KEPT = timedelta(days=1)
_FIELD = "roster.upload"
_NAME = re.compile(r"[0-9a-f-]{36}\.(?:file|report)")


@dataclass(frozen=True)
class Upload:
    """One uploaded roster; `report` is what the result page shows."""

    id: uuid.UUID
    officer_id: uuid.UUID
    filename: str
    unit_code: str
    at: datetime
    report: dict[str, Any]


class Uploads:
    """The folder of uploads of one installation."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._folder = folder / "uploads"
        self._vault = vault

    def keep(self, upload: Upload, content: bytes) -> None:
        """Seal and store; and clear away what is older than a day."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clear(upload.at)
        meta = {
            **asdict(upload),
            "id": str(upload.id),
            "officer_id": str(upload.officer_id),
            "at": upload.at.isoformat(),
        }
        self._write(self._path(upload.id, "file"), content, upload.at)
        self._write(self._path(upload.id, "report"), json.dumps(meta, ensure_ascii=False).encode(), upload.at)

    def find(self, world: World, upload_id: uuid.UUID, officer_id: uuid.UUID) -> Upload:
        """The officer's own upload. Raises NotFound("upload_unknown") when there is none or its day is over."""
        meta = json.loads(self._read(self._path(upload_id, "report")))
        at = datetime.fromisoformat(meta["at"])
        if meta["officer_id"] != str(officer_id) or world.now() - at > KEPT:
            raise _unknown()
        return Upload(upload_id, officer_id, meta["filename"], meta["unit_code"], at, meta["report"])

    def content(self, upload: Upload) -> bytes:
        """The file as it came."""
        return self._read(self._path(upload.id, "file"))

    def drop(self, upload: Upload) -> None:
        """It was submitted: nothing of it stays here."""
        for kind in ("file", "report"):
            self._path(upload.id, kind).unlink(missing_ok=True)

    def _path(self, upload_id: uuid.UUID, kind: str) -> Path:
        return self._folder / f"{upload_id}.{kind}"

    def _write(self, path: Path, content: bytes, at: datetime) -> None:
        path.touch(mode=0o600)
        path.write_bytes(self._vault.seal(_FIELD, content))
        # The world's clock, not the disk's: under CARDNET_CLOCK the two are years apart.
        os.utime(path, (at.timestamp(), at.timestamp()))

    def _read(self, path: Path) -> bytes:
        try:
            return self._vault.open_bytes(_FIELD, path.read_bytes())
        except (FileNotFoundError, ValueError):
            raise _unknown() from None

    def _clear(self, now: datetime) -> None:
        for path in self._folder.iterdir():
            if _NAME.fullmatch(path.name) and now.timestamp() - path.stat().st_mtime > KEPT.total_seconds():
                path.unlink(missing_ok=True)


def _unknown() -> NotFound:
    return NotFound("upload_unknown", gettext("这次上传已过期或已提交，请重新上传采集表。"))
