"""Every table of the system in one metadata: importing a package's models registers them."""

import importlib
import pkgutil
from pathlib import Path

from cardnet.kernel.db import metadata

_HOLD_TABLES = ("models", "audit", "outbox", "store", "job_progress", "file_jobs", "maintenance")

for _package in pkgutil.iter_modules([str(Path(__file__).parents[1])], "cardnet."):
    if _package.ispkg:
        for _module in pkgutil.iter_modules(importlib.import_module(_package.name).__path__, f"{_package.name}."):
            if _module.name.rsplit(".", 1)[1] in _HOLD_TABLES:
                importlib.import_module(_module.name)

__all__ = ["metadata"]
