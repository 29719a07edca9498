/** The live code: a new one every fifteen seconds (unless the union has set another time) and whenever the page comes back into sight. */

import { makeCode, type Proof } from "../cn1/code";
import { draw } from "../cn1/qr";
import { one } from "../shared/dom";
import { nextCounter, type StoredCard } from "./store";
import { now } from "./time";

const ROTATION_MS = 15_000;
/** A till waits for the answer to what it asked no longer than a sale takes. */
export const CHALLENGE_MS = 120_000;

/** Four digits, or one purchase and whom it is from. */
export type Answer = Required<Pick<Proof, "challenge">> & Pick<Proof, "audience">;

function rotationOf(card: StoredCard): number {
  return card.rotationMs || ROTATION_MS;
}

export class LiveCode {
  private timer: number | undefined;
  private drawing = false;
  private again = false;
  private drawnAt = -Infinity;
  private running: Animation | undefined;
  private asked: { answer: Answer; until: number } | undefined;

  constructor(
    private readonly card: () => StoredCard | undefined,
    private readonly wanted: () => boolean,
    private readonly told: (state: "shown" | "unsure" | "expired" | "answering", at: number) => void,
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

  /** What a till asks for: the codes of the next two minutes answer it. Nothing: draw without again. */
  async answer(answer: Answer | undefined): Promise<void> {
    this.asked = answer && { answer, until: performance.now() + CHALLENGE_MS };
    await this.redraw();
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
      this.timer = window.setTimeout(() => void this.refresh(), rotationOf(card) - since);
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
    this.timer = window.setTimeout(() => void this.refresh(), rotationOf(card));
  }

  private async show(card: StoredCard): Promise<void> {
    const start = performance.now();
    const time = await now();
    if (time.at >= card.expiresAt) {
      this.told("expired", time.at);
      return;
    }
    if (this.asked && performance.now() > this.asked.until) this.asked = undefined;
    const answer = this.asked?.answer;
    const text = await makeCode(card.key.privateKey, card.credential, {
      issuedAt: Math.floor(time.at / 1000),
      counter: await nextCounter(),
      random: crypto.getRandomValues(new Uint8Array(4)),
      ...answer,
    });
    this.told(answer ? "answering" : time.unsure ? "unsure" : "shown", time.at);
    draw(one<HTMLCanvasElement>("#code"), text, one("#code-frame").clientWidth);
    this.turnRing(rotationOf(card));
    // For the benchmark of pages: from the wish to the drawn code.
    performance.measure("cardnet-code", { start });
  }

  private turnRing(duration: number): void {
    const ring = document.querySelector<SVGElement>("#ring-time");
    this.running?.cancel();
    this.running = ring?.animate([{ strokeDashoffset: 0 }, { strokeDashoffset: 100 }], {
      duration,
      fill: "forwards",
    });
  }
}
