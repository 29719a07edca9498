/** Why this phone shows no code: the state the server gave of its own binding, and the words for it in the page. */

import { fill, one } from "../shared/dom";
import { say } from "../shared/words";

export interface Stop {
  state: "suspended" | "moved" | "ended";
  /** loss, office, consent, agreed; replaced, cancelled, expired, stopped, unknown; empty where the state says it all. */
  why: string;
}

let current: Stop | undefined;

export function stop(): Stop | undefined {
  return current;
}

/** Show why there is no code, or nothing of it when there is one. */
export function showStop(now: Stop | undefined): void {
  current = now;
  one("#code-stopped").hidden = now === undefined;
  one("#rebind-note").hidden = true;
  one("#lose").hidden = one("#lose-what").hidden = now !== undefined;
  if (!now) return;
  const key = keyOf(now);
  for (const part of document.querySelectorAll<HTMLElement>("#code-stopped [data-stop]")) {
    part.hidden = !(part.dataset.stop ?? "").split(" ").includes(key);
  }
}

/** What a tab says that needs a session when there is none any more. */
export function signedOutWords(): string {
  if (!current) return say("records_signed_out");
  return say("stopped_here", { what: one(`#code-stopped h2[data-stop="${keyOf(current)}"]`).textContent ?? "" });
}

function keyOf(now: Stop): string {
  const key = now.state === "moved" ? "moved" : now.why;
  return document.querySelector(`#code-stopped h2[data-stop="${CSS.escape(key)}"]`) ? key : "unknown";
}

/** Where any other phone reports this card lost: the whole address, and its square. */
export function showLostAddress(draw: (canvas: HTMLCanvasElement, text: string) => void): void {
  const address = `${location.origin}/lost`;
  fill(one("#lost-where"), { "lost-address": address });
  draw(one<HTMLCanvasElement>("#lost-square"), address);
}
