"""Ground of the browser tests: the app served over HTTP on a database of its own, and the system's Chromium.

`site` is a running server (`site.url`, `site.session()`, `site.world`); `new_page(width, height, …)` opens a page in
a context of its own. A test whose page writes an error on the console or loads from another host fails.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from werkzeug.serving import make_server

from cardnet.kernel.postgres import Server
from cardnet.kernel.world import clock_started_at
from tests.conftest import make_app
from tests.make.browser import ARGS, DIST, PATIENCE, PATIENT_PAGE, Site, Watch, find_chromium
from tests.make.stalling import SLOW_TEST, STALL, slow, stalled

OPENING = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
"""2026-11-24 09:00 in Shanghai: the day of the demonstration. The clock runs on from there."""


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not (STALL or SLOW_TEST):  # the hunt wants every failure (docs/decisions/0016)
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def served(server: Server, template: str, data_folder: Path) -> Callable[[], AbstractContextManager[Site]]:
    """`with served() as site:` serves the app on a database of its own, with a clock that runs, on a free port."""

    @contextmanager
    def serve() -> Iterator[Site]:
        world = clock_started_at(OPENING)
        name = f"cardnet_site_{uuid.uuid4().hex[:12]}"
        app = make_app(server.make_database(name, template), data_folder, world)
        http = make_server("127.0.0.1", 0, stalled(app), threaded=True)
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield Site(f"http://127.0.0.1:{http.server_port}", app, world)
        http.shutdown()
        thread.join()
        with app.app_context():
            app.extensions["cardnet.sessions"].bind.dispose()
        server.drop_database(name)

    return serve


@pytest.fixture
def site(served: Callable[[], AbstractContextManager[Site]]) -> Iterator[Site]:
    """A site for one test. A module whose tests do not disturb each other may have one for all: it then defines
    `site` again with `scope="module"`.
    """
    with served() as running:
        yield running


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    # How long a page may take is no part of these tests, and a machine for CI may stand still for seconds.
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> str:
    """The path of a Chromium; without one the test fails, saying what to do."""
    if found := find_chromium(playwright):
        return found
    pytest.fail("没有 Chromium：请运行 scripts/browser.sh，或把 CARDNET_CHROMIUM 设为它的路径。")


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=chromium, args=list(ARGS), slow_mo=SLOW_TEST)
    yield running
    running.close()


@pytest.fixture
def new_page(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens a page in a new context: `new_page(360, 640)`; more goes to the context (`color_scheme="dark"`)."""
    watch = Watch(site.url)
    contexts: list[BrowserContext] = []

    def make(width: int = 360, height: int = 640, **more: Any) -> Page:
        more.setdefault("device_scale_factor", 2)
        context = browser.new_context(
            base_url=site.url, viewport={"width": width, "height": height}, locale="zh-CN",
            timezone_id="Asia/Shanghai", **more,
        )  # fmt: skip
        context.set_default_timeout(PATIENCE)
        context.add_init_script(PATIENT_PAGE)
        watch.follow(context)
        contexts.append(context)
        return slow(context.new_page())

    yield make
    for context in contexts:
        context.close()
    assert watch.wrong == []


@pytest.fixture(scope="session")
def built_pages() -> None:
    """The scripts of wallet and till; without them their tests fail, saying what to do."""
    for name in ("wallet", "till"):
        if not (DIST / name / "manifest.json").exists():
            pytest.fail("手机页面还没有编译：请运行 make pages。")
