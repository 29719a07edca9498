"""What browser tests stand on: a served app, a Chromium, a watch over what a page does, screenshots that are kept."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask
from playwright.sync_api import BrowserContext, Page, Playwright
from sqlalchemy.orm import Session

from cardnet.kernel.db import transaction
from cardnet.kernel.world import World

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "artifacts" / "screenshots"
DIST = ROOT / "cardnet" / "web" / "static" / "dist"

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

ARGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb")
"""Chromium as root, in a container, drawing the same colours everywhere."""

EXPECTED_ON_CONSOLE = re.compile(r"Failed to load resource: (the server responded with a status of 4|net::ERR_)")
"""Chromium itself reports every 4xx answer and every request without a network; both are tested on purpose."""


def find_chromium(playwright: Playwright) -> str | None:
    """CARDNET_CHROMIUM, the system's, or Playwright's own; None when there is none."""
    candidates = [
        os.environ.get("CARDNET_CHROMIUM"),
        *(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")),
        playwright.chromium.executable_path,
    ]
    return next((path for path in candidates if path and Path(path).exists()), None)


@dataclass
class Site:
    """A running server; `session()` arranges in the same database, committed when the block ends."""

    url: str
    app: Flask
    world: World

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.app.app_context(), transaction() as session:
            yield session


@dataclass
class Watch:
    """What a page must not do: write errors on its console, throw, or fetch from another host."""

    home: str
    wrong: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        context.on("console", lambda message: self._console(message.type, message.text))
        context.on("weberror", lambda error: self.wrong.append(f"threw: {error.error}"))
        context.on("request", lambda request: self._request(request.url))

    def _console(self, kind: str, text: str) -> None:
        if kind == "error" and not EXPECTED_ON_CONSOLE.search(text):
            self.wrong.append(f"console: {text}")

    def _request(self, url: str) -> None:
        if not url.startswith((self.home, "data:", "blob:")):
            self.wrong.append(f"other host: {url}")


def keep(page: Page, name: str, *, full: bool = False) -> Path:
    """Keep a screenshot as artifacts/screenshots/NAME.png; `full` shows what lies below the window too."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=str(path), full_page=full)
    return path


def faults_of_access(page: Page) -> list[str]:
    """What axe finds serious or critical on the page as it stands (WCAG 2.2 A and AA)."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})"
    )
    return [
        f"{fault['id']}: {node['html'][:120]} ({node['failureSummary'][:200]})"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
