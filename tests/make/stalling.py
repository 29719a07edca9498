"""The hunt for browser tests that pass by luck: a server, a page and a test that each take their time.

`CARDNET_STALL=0.6 pytest tests/browser` lets every request but those for files wait up to so many seconds before it is
done and again before it is answered, and lets what a page waits for in its own browser (its store, its keys, the word
that a dialog was closed) come up to so many seconds late: with 0.6 what comes late is often late enough to matter, with
3 it always is.
`CARDNET_SLOW_TEST=300` lets the test itself wait so many milliseconds between its steps, so that the page is always
ahead of it. Neither may change what a test finds.
"""

import os
import random
import time
from collections.abc import Callable, Iterable
from typing import Any

from playwright.sync_api import Page

STALL = float(os.environ.get("CARDNET_STALL", "0"))
SLOW_TEST = float(os.environ.get("CARDNET_SLOW_TEST", "0"))
WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]


def stalled(app: WSGI) -> WSGI:
    """The same answers, each late."""

    def late(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/static/"):
            return app(environ, start_response)
        time.sleep(random.random() * STALL)
        answer = app(environ, start_response)
        time.sleep(random.random() * STALL)
        return answer

    return late if STALL else app


LATE_IN_THE_BROWSER = """
(() => {
  if (!globalThis.isSecureContext) return;
  const late = () => new Promise((go) => setTimeout(go, Math.random() * %d));
  for (const name of ["sign", "verify", "generateKey", "importKey", "exportKey"]) {
    const done = SubtleCrypto.prototype[name];
    SubtleCrypto.prototype[name] = async function (...given) { await late(); return done.apply(this, given); };
  }
  const listen = EventTarget.prototype.addEventListener;
  IDBOpenDBRequest.prototype.addEventListener = function (what, hear, ...more) {
    const heard = what === "success" ? (event) => late().then(() => hear.call(this, event)) : hear;
    return listen.call(this, what, heard, ...more);
  };
  const told = new WeakSet();
  addEventListener("close", (event) => {
    if (told.has(event)) return;
    event.stopImmediatePropagation();
    const again = new Event("close");
    told.add(again);
    late().then(() => event.target.dispatchEvent(again));
  }, true);
})();
"""


def slow(page: Page) -> Page:
    """The page, in a browser that takes its time for what a page has to wait for."""
    if STALL:
        page.add_init_script(LATE_IN_THE_BROWSER % (STALL * 1000))
    return page
