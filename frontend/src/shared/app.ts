/** What both apps do at their start: hold themselves ready for the next visit without a network. */

import { call } from "./http";

/**
 * Register the worker at `script` for `scope`. When a newer version has taken over, `mayReload` is asked at the next
 * quiet moment (the page was hidden and comes back), so that nobody's typing is lost.
 */
export async function keepForOffline(script: string, scope: string, mayReload: () => boolean): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const had = navigator.serviceWorker.controller !== null;
  let stale = false;
  navigator.serviceWorker.addEventListener("controllerchange", () => (stale = had));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && stale && mayReload()) location.reload();
  });
  try {
    await navigator.serviceWorker.register(script, { scope, updateViaCache: "none" });
  } catch {
    // A browser that forbids workers (private windows of some) still shows the page while there is a network.
  }
}

/** Keep the screen on while `wanted()`; a page cannot make it brighter. */
export function keepAwake(wanted: () => boolean): () => Promise<void> {
  let lock: WakeLockSentinel | undefined;
  const adjust = async (): Promise<void> => {
    if (!("wakeLock" in navigator)) return;
    try {
      if (wanted() && document.visibilityState === "visible") {
        if (!lock || lock.released) lock = await navigator.wakeLock.request("screen");
      } else {
        await lock?.release();
        lock = undefined;
      }
    } catch {
      // Refused on low battery: the screen then follows the phone's own setting.
    }
  };
  // One after the other: what was asked for meanwhile would be held without anybody wanting it.
  let last = Promise.resolve();
  const inTurn = (): Promise<void> => (last = last.then(adjust));
  document.addEventListener("visibilitychange", () => void inTurn());
  return inTurn;
}

export interface InstallOffer extends Event {
  prompt(): Promise<unknown>;
}

/** Show `button` when the browser offers to put the app on the home screen. */
export function offerInstall(button: HTMLElement): void {
  let offer: InstallOffer | undefined;
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    offer = event as InstallOffer;
    button.hidden = false;
  });
  button.addEventListener("click", () => {
    void offer?.prompt();
    button.hidden = true;
  });
  window.addEventListener("appinstalled", () => (button.hidden = true));
}

/** How long a page of another language may take to come on the slowest network. */
const LANGUAGE_MS = 30_000;

/**
 * Ask for the page in another language. It comes with a new worker for `scope`; that is waited for, so that the next
 * load shows it, unless nothing new comes or it fails. Throws NoAnswer without a network.
 */
export async function changeLanguage(language: string, scope: string): Promise<void> {
  await call("/wallet/api/language", { body: { language } });
  const worker = await navigator.serviceWorker?.getRegistration(scope);
  if (worker) {
    const taken = new Promise((resolve) => {
      navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    });
    await worker.update().catch(() => undefined);
    const coming = worker.installing ?? worker.waiting;
    if (coming) await Promise.race([taken, failed(coming), pause(LANGUAGE_MS)]);
  }
  location.reload();
}

function failed(worker: ServiceWorker): Promise<void> {
  return new Promise((resolve) => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "redundant") resolve();
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
