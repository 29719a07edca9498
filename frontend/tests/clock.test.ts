import { describe, expect, it } from "vitest";

import { Clock, offsetOf, type ClockMemory, type Reading } from "../src/shared/clock";

const at = (wall: number, monotonic: number): Reading => ({ wall, monotonic });
const NOON = 1_795_250_000_000;
const memory = (more: Partial<ClockMemory> = {}): ClockMemory => ({
  offset: 400,
  measuredAt: NOON - 60_000,
  lastSeenAt: NOON - 30_000,
  jumpSeenAt: 0,
  ...more,
});

describe("the offset", () => {
  it("comes from the best of three round trips, however far the others are off", () => {
    const trip = (start: number, length: number, server: number) => ({
      sent: at(NOON + start, start),
      received: at(NOON + start + length, start + length),
      server: NOON + server,
    });
    expect(offsetOf([trip(0, 900, 9_000), trip(1_000, 40, 3_020), trip(2_000, 300, 9_000)])).toEqual({
      offset: 2_000,
      roundTrip: 40,
    });
  });

  it("comes from the quickest of the round trips, half of it taken for the way back", () => {
    const slow = { sent: at(NOON, 0), received: at(NOON + 900, 900), server: NOON + 5_000 };
    const quick = { sent: at(NOON + 1_000, 1_000), received: at(NOON + 1_100, 1_100), server: NOON + 5_050 };
    expect(offsetOf([slow, quick])).toEqual({ offset: 4_000, roundTrip: 100 });
  });

  it("needs at least one answer", () => {
    expect(() => offsetOf([])).toThrow(RangeError);
  });
});

describe("the time of a code", () => {
  it("is unsure on a phone that never met the server", () => {
    expect(new Clock(undefined, at(NOON, 0)).read(at(NOON, 0))).toEqual({ at: NOON, unsure: true });
  });

  it("is the server's while both clocks of the phone agree", () => {
    const clock = new Clock(undefined, at(NOON, 0));
    clock.synced(-90_000, at(NOON, 100));
    expect(clock.read(at(NOON + 60_000, 60_100))).toEqual({ at: NOON - 30_000, unsure: false });
  });

  it("is unsure once somebody sets a clock that was far off", () => {
    const clock = new Clock(undefined, at(NOON, 0));
    clock.synced(-90_000, at(NOON, 0));
    expect(clock.read(at(NOON - 85_000, 5_000)).unsure).toBe(true);
    expect(clock.read(at(NOON - 84_000, 6_000))).toEqual({ at: NOON - 84_000, unsure: true });
  });

  it("stays sure after a sleep when the phone's clock was right anyway", () => {
    const clock = new Clock(undefined, at(NOON, 0));
    clock.synced(800, at(NOON, 0));
    expect(clock.read(at(NOON + 3_600_000, 5_000))).toEqual({ at: NOON + 3_600_800, unsure: false });
  });

  it("uses the stored offset after a restart", () => {
    expect(new Clock(memory(), at(NOON, 0)).read(at(NOON, 0))).toEqual({ at: NOON + 400, unsure: false });
    const demonstration = memory({ offset: 259_200_000 });
    expect(new Clock(demonstration, at(NOON, 0)).read(at(NOON, 0)).unsure).toBe(false);
  });

  it("is unsure after a restart with a clock set back", () => {
    const clock = new Clock(memory({ offset: 259_200_000 }), at(NOON - 600_000, 0));
    expect(clock.read(at(NOON - 600_000, 0)).unsure).toBe(true);
  });

  it("does not trust a large offset measured before a jump, also after the next restart", () => {
    const clock = new Clock(memory({ offset: 60_000 }), at(NOON, 0));
    clock.read(at(NOON + 100_000, 1_000));
    const later = new Clock(clock.remembered(), at(NOON + 200_000, 0));
    expect(later.read(at(NOON + 200_000, 0)).unsure).toBe(true);
  });

  it("is sure again after the next sync", () => {
    const clock = new Clock(memory({ offset: 60_000, jumpSeenAt: NOON - 1_000 }), at(NOON, 0));
    expect(clock.read(at(NOON, 0)).unsure).toBe(true);
    clock.synced(55_000, at(NOON + 10, 10));
    expect(clock.read(at(NOON + 1_010, 1_010))).toEqual({ at: NOON + 56_010, unsure: false });
  });

  it.each([
    ["agree to two seconds", 2_000, false],
    ["are two seconds behind", -2_000, false],
    ["have parted by more", 2_001, true],
    ["have parted by more, backwards", -2_001, true],
  ])("within a session, when wall and monotonic clock %s", (_, drift, unsure) => {
    const clock = new Clock(undefined, at(NOON, 0));
    clock.synced(60_000, at(NOON, 0));
    expect(clock.read(at(NOON + 30_000 + drift, 30_000)).unsure).toBe(unsure);
  });

  it.each([
    ["not a millisecond behind the last value seen", 0, 400, 0, false],
    ["a second behind it", -1_000, 400, 0, true],
    ["an offset just below ten seconds, measured before a jump", 0, 9_999, NOON - 30_000, false],
    ["an offset of ten seconds, measured before a jump", 0, 10_000, NOON - 30_000, true],
    ["an offset of ten seconds, measured after the last jump", 0, 10_000, NOON - 90_000, false],
  ])("after a restart, with %s", (_, behind, offset, jumpSeenAt, unsure) => {
    const wall = NOON - 30_000 + behind;
    const clock = new Clock(memory({ offset, jumpSeenAt }), at(wall, 0));
    expect(clock.read(at(wall, 0))).toEqual({ at: unsure ? wall : wall + offset, unsure });
  });

  it("stays unsure until the clock has caught up with what it showed before, then a small offset counts again", () => {
    const clock = new Clock(memory(), at(NOON - 31_000, 0));
    expect(clock.read(at(NOON - 31_000, 0)).unsure).toBe(true);
    expect(clock.read(at(NOON - 30_500, 500)).unsure).toBe(true);
    expect(clock.read(at(NOON - 30_000, 1_000))).toEqual({ at: NOON - 29_600, unsure: false });
  });
});
