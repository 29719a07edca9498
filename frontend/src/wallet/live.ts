/** The live code: a new one every fifteen seconds and whenever the page comes back into sight. */

import { makeCode } from "../cn1/code";
import { draw } from "../cn1/qr";
import { one } from "../shared/dom";
import { nextCounter, type StoredCard } from "./store";
import { now } from "./time";

export const ROTATION_MS = 15_000;

export class LiveCode {
  private timer: number | undefined;
  private drawing = false;
  private again = false;
  private drawnAt = -Infinity;
  private running: Animation | undefined;

  constructor(
    private readonly card: () => StoredCard | undefined,
    private readonly wanted: () => boolean,
    private readonly told: (state: "shown" | "unsure" | "expired") => void,
  ) {
    document.addEventListener("visibilitychange", () => void this.refresh());
    window.addEventListener("pageshow", () => void this.refresh());
    window.addEventListener("focus", () => void this.refresh());
  }

  /** A new code whatever was drawn a moment ago: the clock was set right, the card is a new one. */
  async redraw(): Promise<void> {
    this.drawnAt = -Infinity;
    this.again = this.drawing;
    await this.refresh();
  }

  /** Draw now, and go on as long as the code is wanted and in sight. */
  async refresh(): Promise<void> {
    const card = this.card();
    if (this.drawing) return;
    window.clearTimeout(this.timer);
    if (!card || !this.wanted() || document.visibilityState !== "visible") return;
    // Focus, page show and visibility come together: one code is enough for them all.
    const since = performance.now() - this.drawnAt;
    if (since < 500) {
      this.timer = window.setTimeout(() => void this.refresh(), ROTATION_MS - since);
      return;
    }
    this.drawing = true;
    try {
      await this.show(card);
    } finally {
      this.drawing = false;
      this.drawnAt = performance.now();
    }
    if (this.again) {
      this.again = false;
      return this.redraw();
    }
    this.timer = window.setTimeout(() => void this.refresh(), ROTATION_MS);
  }

  private async show(card: StoredCard): Promise<void> {
    const start = performance.now();
    const time = await now();
    if (time.at >= card.expiresAt) {
      this.told("expired");
      return;
    }
    const text = await makeCode(card.key.privateKey, card.credential, {
      issuedAt: Math.floor(time.at / 1000),
      counter: await nextCounter(),
      random: crypto.getRandomValues(new Uint8Array(4)),
    });
    this.told(time.unsure ? "unsure" : "shown");
    draw(one<HTMLCanvasElement>("#code"), text, one("#code-frame").clientWidth);
    this.turnRing();
    // For the benchmark of pages: from the wish to the drawn code.
    performance.measure("cardnet-code", { start });
  }

  private turnRing(): void {
    const ring = document.querySelector<SVGElement>("#ring-time");
    this.running?.cancel();
    this.running = ring?.animate([{ strokeDashoffset: 0 }, { strokeDashoffset: 100 }], {
      duration: ROTATION_MS,
      fill: "forwards",
    });
  }
}
