/** Hearing what came of the code on the screen, while there is a network; without one the code changes by its clock alone. */

import { NoAnswer } from "../shared/http";
import { result, Refused, type RedemptionLine } from "./server";

/** A till is quick: so soon after the code came into sight most of them have answered. */
const SOON_MS = 120_000;
const SOON_EVERY_MS = 2_500;
/** Afterwards as often as the code changes by itself. */
const LATER_EVERY_MS = 15_000;

export interface Newest {
  id: string;
  /** When it was decided, in milliseconds of the server. */
  at: number;
  /** In words, where it was not known before and is recent. */
  line: RedemptionLine | null;
}

/** How long to wait for the next question, `shown` milliseconds after the code came into sight. */
export function pauseAfter(shown: number): number {
  return shown < SOON_MS ? SOON_EVERY_MS : LATER_EVERY_MS;
}

/** Whether what the server names was decided over a code of this showing: what came before is no news. */
export function isNews(newest: Newest, known: string | undefined, since: number): boolean {
  return newest.id !== known && newest.at >= since;
}

export class Results {
  private known: string | undefined;
  /** When the code came into sight: monotonic for the pauses, corrected for what the server says. */
  private begun: { monotonic: number; at: number } | undefined;
  private timer: number | undefined;

  /** `inSight`: a code of a usable card is on a visible screen; `came` hears each result once. */
  constructor(
    private readonly inSight: () => boolean,
    private readonly came: (line: RedemptionLine | null) => void,
  ) {
    document.addEventListener("visibilitychange", () => this.stop());
  }

  /** A code was drawn at `at`, corrected: ask from now on, as long as it is in sight. */
  watch(at: number): void {
    const monotonic = performance.now();
    if (this.begun) {
      // The clock may have been set right since: the showing began when it began, whatever it was called then.
      this.begun.at = at - (monotonic - this.begun.monotonic);
      return;
    }
    this.begun = { monotonic, at };
    this.plan();
  }

  stop(): void {
    window.clearTimeout(this.timer);
    this.begun = undefined;
  }

  private plan(): void {
    if (!this.begun) return;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(), pauseAfter(performance.now() - this.begun.monotonic));
  }

  private async ask(): Promise<void> {
    if (!this.inSight() || !navigator.onLine) return this.stop();
    try {
      const newest = await result(this.known);
      if (!this.begun) return;
      const news = newest !== undefined && isNews(newest, this.known, this.begun.at);
      this.known = newest?.id;
      if (news) this.came(newest.line);
      this.plan();
    } catch (error) {
      // Without a network or a session nothing is heard; the next code that is drawn asks again.
      if (!(error instanceof NoAnswer || error instanceof Refused)) throw error;
      this.stop();
    }
  }
}
