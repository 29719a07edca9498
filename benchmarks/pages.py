"""In Chromium: how long the wallet takes to draw a code, and the till to answer, without a network and with one.

Without one the answer is written to the disk; with one it is the server's, asked over a real connection by the till's own
page from the code that came to the verdict that stands on the screen. The first time is told apart: nothing is compiled
yet. A slow phone is the same page with a quarter of the processor.
"""

import os
import platform
import shutil
import statistics
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.ground.offers import make_offers
from benchmarks.ground.sales import Ground, ground
from benchmarks.harness import ROOT, gunicorn, report
from tests.make.browser import ARGS, find_chromium

FRONTEND = ROOT / "frontend"
ORIGIN = "https://pages.invalid/"
ROUNDS = 60
SLOW = 4
DRAWN_MS, ANSWERED_MS = 50, 300
STARTS_MS = 120_000


def main() -> int:
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        script = _bundle(Path(folder))
        browser = playwright.chromium.launch(executable_path=find_chromium(playwright), args=list(ARGS))
        for name, slower in (("", 1), ("_slow_phone", SLOW)):
            drawn, answered = (_measured(browser, script, what, slower) for what in ("drawn", "answered"))
            _say(f"code_drawn{name}", drawn, DRAWN_MS)
            _say(f"till_offline_answer{name}", answered, ANSWERED_MS)
        with (
            ground("pages", 2 * ROUNDS, lambda session, world: make_offers(session, world, 1)) as field,
            gunicorn("wsgi:app", ROOT, field.env) as web,
        ):
            for name, slower in (("", 1), ("_slow_phone", SLOW)):
                _say(f"till_online_answer{name}", _sold(browser, field, web.port, slower), None)
        browser.close()
    return 0


def _bundle(folder: Path) -> str:
    """The page's script as one file, made by the bundler that makes the pages."""
    node = shutil.which("node", path=os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ["PATH"]]))
    if node is None or not (FRONTEND / "node_modules").exists():
        raise SystemExit("Node or frontend/node_modules is missing: run make pages.")
    words = [
        "node_modules/.bin/rolldown",
        "benchmarks/pages.ts",
        "--file",
        str(folder / "pages.js"),
        "--format",
        "iife",
    ]
    subprocess.run([node, *words, "--platform", "browser", "--minify"], cwd=FRONTEND, check=True, capture_output=True)
    return (folder / "pages.js").read_text()


def _measured(browser: Browser, script: str, what: str, slower: int) -> list[float]:
    """Milliseconds of each round on a fresh page."""
    page: Page = browser.new_page(viewport={"width": 360, "height": 640})
    # A page of its own origin over https: WebCrypto and IndexedDB ask for that, a network they do not need.
    page.route("**/*", lambda route: route.fulfill(content_type="text/html", body="<!doctype html><body>"))
    page.goto(ORIGIN)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.add_script_tag(content=script)
    took: list[float] = page.evaluate(f"window.pages.{what}({ROUNDS})")
    page.close()
    return took


def _sold(browser: Browser, field: Ground, port: int, slower: int) -> list[float]:
    """Milliseconds from the code to the verdict on the screen, of each sale at a paired till."""
    context = browser.new_context(viewport={"width": 360, "height": 640})
    # Each worker of the server loads the app at its first request.
    context.set_default_timeout(STARTS_MS)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/till")
    page.locator("#pairing-code").fill(field.tills[0].token)
    page.locator("#pair-form button").click()
    page.locator("#sale").wait_for()
    page.locator("#services-row input").first.wait_for(state="attached")
    page.locator("details.more summary").click()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    chosen, field.holders = field.holders[:ROUNDS], field.holders[ROUNDS:]
    took: list[float] = []
    for holder in chosen:
        page.locator('#services-row input[value="health_check"]').check()
        page.locator("#amount").fill("380")
        page.locator("#paste").fill(holder.code(field.world.now(), field.world))
        page.locator("#paste-use").click()
        page.locator('#answer[data-kind="yes"]').wait_for()
        took.append(page.evaluate("performance.getEntriesByName('cardnet-answer').at(-1).duration"))
        page.locator("#answer-next").click()
    context.close()
    return took


def _say(name: str, took: list[float], reach: int | None) -> None:
    ordered = sorted(took)
    p95 = ordered[int(0.95 * len(ordered))]
    report(
        name=name,
        value=round(p95, 1),
        unit="ms, p95",
        median=round(statistics.median(took), 1),
        first=round(took[0], 1),
        **({} if reach is None else {"reach": reach}),
        machine={"cpus": os.cpu_count(), "python": platform.python_version(), "load": round(os.getloadavg()[0], 2)},
    )


if __name__ == "__main__":
    raise SystemExit(main())
