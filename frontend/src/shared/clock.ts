/**
 * The time a code carries: the server's, as well as this phone can know it (card-credential.md, "Clock").
 *
 * We keep `offset = server − Date.now()` of the best of a few round trips. Within one session the wall clock and
 * the monotonic clock must agree within two seconds since the sync; when they part, somebody set the clock (or the
 * phone slept), and a large offset is no longer worth anything. Then the time is unsure: the code carries the
 * phone's own time and the page asks to connect once.
 */

export const AGREEMENT_MS = 2_000;
/** Below this, an offset is ordinary drift and survives a restart. */
export const SMALL_OFFSET_MS = 10_000;

/** What is stored between visits. All in milliseconds of this phone's wall clock. */
export interface ClockMemory {
  offset: number;
  measuredAt: number;
  /** The latest wall time ever seen: an earlier one now means the clock was set back. */
  lastSeenAt: number;
  /** When wall and monotonic clock were last caught apart; 0 for never. */
  jumpSeenAt: number;
}

export interface Reading {
  wall: number;
  monotonic: number;
}

export interface CorrectedTime {
  at: number;
  unsure: boolean;
}

/** One question to the server: readings before and after, and the `now` it answered. */
export interface Sample {
  sent: Reading;
  received: Reading;
  server: number;
}

/** The sample with the shortest round trip wins; the server is taken to have answered half way. */
export function offsetOf(samples: readonly Sample[]): { offset: number; roundTrip: number } {
  const [first, ...rest] = samples.map((sample) => {
    const roundTrip = sample.received.monotonic - sample.sent.monotonic;
    return { offset: sample.server + roundTrip / 2 - sample.received.wall, roundTrip };
  });
  if (!first) throw new RangeError("clock: no sample");
  return rest.reduce((best, next) => (next.roundTrip < best.roundTrip ? next : best), first);
}

export class Clock {
  private anchor: Reading;
  /** After a restart the wall clock must not be behind at all; within a session it may be set right by a little. */
  private slack = 0;

  constructor(
    private memory: ClockMemory | undefined,
    start: Reading,
  ) {
    this.anchor = start;
  }

  /** A fresh measurement: from here on the offset is trusted until the clocks part. */
  synced(offset: number, now: Reading): ClockMemory {
    this.anchor = now;
    this.slack = AGREEMENT_MS;
    this.memory = { offset, measuredAt: now.wall, lastSeenAt: now.wall, jumpSeenAt: this.memory?.jumpSeenAt ?? 0 };
    return this.memory;
  }

  /** The corrected time; `remembered()` afterwards is what should be stored. */
  read(now: Reading): CorrectedTime {
    if (!this.memory) return { at: now.wall, unsure: true };
    const drift = now.wall - this.anchor.wall - (now.monotonic - this.anchor.monotonic);
    const wentBack = now.wall < this.memory.lastSeenAt - this.slack;
    if (Math.abs(drift) > AGREEMENT_MS || wentBack) {
      this.anchor = now;
      this.memory = { ...this.memory, jumpSeenAt: Math.max(now.wall, this.memory.measuredAt) };
    }
    const usable =
      now.wall >= this.memory.lastSeenAt - this.slack &&
      (Math.abs(this.memory.offset) < SMALL_OFFSET_MS || this.memory.measuredAt > this.memory.jumpSeenAt);
    this.memory = { ...this.memory, lastSeenAt: Math.max(this.memory.lastSeenAt, now.wall) };
    if (usable) this.slack = AGREEMENT_MS;
    return usable ? { at: now.wall + this.memory.offset, unsure: false } : { at: now.wall, unsure: true };
  }

  remembered(): ClockMemory | undefined {
    return this.memory;
  }
}

export function reading(): Reading {
  return { wall: Date.now(), monotonic: performance.now() };
}
