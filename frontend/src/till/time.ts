/** The till's clock: measured with every answer of the server, remembered when there is none. */

import { AGREEMENT_MS, Clock, offsetOf, reading, type Reading, type Sample } from "../shared/clock";
import * as store from "./store";

/** A signed document from so far ahead of our clock means that the clock is behind. */
const BEHIND_SECONDS = 300;

export interface TillTime {
  /** Milliseconds, corrected. */
  at: number;
  /** Corrected minus what the device shows. */
  offset: number;
  /** Nobody knows what time it is: the device's clock was set, or is behind what was signed before now. */
  unsure: boolean;
}

/** Of so many questions the quickest counts. */
export const SAMPLES = 3;

/** The last questions, newest last; those asked before the device's clock was set tell nothing any more. */
export function stillComparable(samples: readonly Sample[], newest: Sample): Sample[] {
  const apart = ({ received }: Sample): number => received.wall - received.monotonic;
  const same = samples.filter((sample) => Math.abs(apart(sample) - apart(newest)) <= AGREEMENT_MS);
  return [...same, newest].slice(-SAMPLES);
}

export class TillClock {
  private samples: Sample[] = [];

  private constructor(private readonly clock: Clock) {}

  static async load(): Promise<TillClock> {
    return new TillClock(new Clock(await store.kept("clock"), reading()));
  }

  /** Whether enough questions of this session were answered to take the quickest of them. */
  get settled(): boolean {
    return this.samples.length >= SAMPLES;
  }

  /** `server`: the second the server named; it is taken to have answered in the middle of it, half way. */
  async synced(sent: Reading, received: Reading, server: number): Promise<void> {
    this.samples = stillComparable(this.samples, { sent, received, server: server + 500 });
    await store.keep("clock", this.clock.synced(offsetOf(this.samples).offset, received));
  }

  /** `notBefore`: seconds that have certainly passed. */
  now(notBefore: number): TillTime {
    const now = reading();
    const { at, unsure } = this.clock.read(now);
    return { at, offset: at - now.wall, unsure: unsure || at / 1000 < notBefore - BEHIND_SECONDS };
  }

  /** What this session has seen of the device's clock, for the next one. */
  async remember(): Promise<void> {
    const memory = this.clock.remembered();
    if (memory) await store.keep("clock", memory);
  }
}
