"""What browser tests stand on: a served app, a Chromium, a watch over what a page does, screenshots that are kept."""

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from PIL import Image
from playwright.sync_api import BrowserContext, Error, Locator, Page, Playwright
from sqlalchemy.orm import Session

from cardnet.access.services import open_staff_session
from cardnet.kernel.db import transaction
from cardnet.kernel.world import World
from tests.make.web import enter

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "artifacts" / "screenshots"
DIST = ROOT / "cardnet" / "web" / "static" / "dist"

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

ARGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb")
"""Chromium as root, in a container, drawing the same colours everywhere."""

SYSTEM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Chromium by the names systems have for it, the quickest first: the shell draws no window around a page."""

PATIENCE = 60_000
"""Milliseconds until something that should be on a page is missed: long, for a machine for CI may stand still."""

PATIENT_PAGE = "{ const real = AbortSignal.timeout; AbortSignal.timeout = (ms) => real.call(AbortSignal, 10 * ms); }"
"""A till waits four seconds for a server before it goes on alone. The server of a test may stand still for longer; no
network is told to a page in other ways."""

WIDE = 800
"""Pixels of a page that no phone has."""

CANNOT_CAPTURE, AGAIN_SECONDS = "Unable to capture screenshot", 0.1
"""What Chromium says when it was kept waiting for a frame, and how soon it is asked again."""

EXPECTED_ON_CONSOLE = re.compile(r"Failed to load resource: (the server responded with a status of 4|net::ERR_)")
"""Chromium itself reports every 4xx answer and every request without a network; both are tested on purpose."""


def find_chromium(playwright: Playwright) -> str | None:
    """CARDNET_CHROMIUM, the system's, or Playwright's own; None when there is none."""
    candidates = [
        os.environ.get("CARDNET_CHROMIUM"),
        *map(shutil.which, SYSTEM),
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


def signed_in(page: Page, site: Site, account_id: uuid.UUID, path: str = "/console") -> Page:
    """Open `path` as somebody who has signed in before; how that is typed is the journeys of accounts and console."""
    with site.session() as session:
        token = open_staff_session(session, site.world, account_id).token
    known = site.app.test_client()
    enter(known, token)
    cookie = known.get_cookie("session")
    assert cookie
    page.context.add_cookies([{"name": "session", "value": cookie.value, "url": site.url}])
    page.goto(path)
    return page


def picture_of(shown: Page | Locator, **how: Any) -> bytes:
    """A picture of a page or of one thing on it; `how` goes to Playwright.

    A Chromium whose machine stands still says now and then that it cannot take one. That, and nothing else, is asked
    again, for as long as a page has for anything else.
    """
    until = time.monotonic() + PATIENCE / 1_000
    while True:
        try:
            return shown.screenshot(**how)
        except Error as error:
            if CANNOT_CAPTURE not in error.message or time.monotonic() > until:
                raise
        time.sleep(AGAIN_SECONDS)


def keep(page: Page, name: str, *, full: bool = False) -> Path:
    """Keep a screenshot as artifacts/screenshots/NAME.png; `full` shows what lies below the window too.

    A phone's has every pixel, so that codes can be read off it; of a wide window, one to a pixel of the page is enough to
    look at and drawn five times as fast.
    """
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    shown = page.viewport_size
    picture_of(page, path=str(path), full_page=full, scale="css" if shown and shown["width"] >= WIDE else "device")
    return path


def faults_of_access(page: Page) -> list[str]:
    """What axe finds serious or critical on the page as it stands (WCAG 2.2 A and AA)."""
    if not page.evaluate("'axe' in window"):
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


def show(frame: Image.Image, folder: Path) -> Path:
    """The film of a camera that sees this picture from its next start on."""
    film = folder / "camera.mjpeg"
    frame.save(film, "JPEG", quality=85)
    film.write_bytes(film.read_bytes() * 3)
    return film


@contextmanager
def seeing(
    playwright: Playwright, chromium: str, site: Site, frame: Image.Image, folder: Path, height: int = 640
) -> Iterator[Page]:
    """A page of a phone whose camera sees this picture; `show` lets it see another one."""
    film = show(frame, folder)
    words = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGS, *words])
    try:
        context = browser.new_context(
            base_url=site.url, viewport={"width": 360, "height": height}, device_scale_factor=2, locale="zh-CN"
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(PATIENT_PAGE)
        context.grant_permissions(["camera"])
        yield context.new_page()
    finally:
        browser.close()
