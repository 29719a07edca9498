import { expect, it } from "vitest";

import { offsetOf, type Sample } from "../src/shared/clock";
import { partsOf, weekdayOf } from "../src/shared/calendar";
import { SAMPLES, stillComparable } from "../src/till/time";

/** A question sent at `wall`, answered after `took`, by a server that is `ahead`. */
const asked = (wall: number, took: number, ahead: number, monotonic = wall): Sample => ({
  sent: { wall, monotonic },
  received: { wall: wall + took, monotonic: monotonic + took },
  server: wall + took / 2 + ahead,
});

it("of the last three questions the quickest tells the time", () => {
  const all = [asked(0, 40, 9_000), asked(1_000, 900, 7_000), asked(2_000, 60, 5_000), asked(3_000, 80, 6_000)];
  const kept = all.reduce<Sample[]>((before, one) => stillComparable(before, one), []);
  expect(kept).toEqual(all.slice(-SAMPLES));
  expect(offsetOf(kept).offset).toBe(5_000);
});

it("questions from before the device's clock was set tell nothing any more", () => {
  const before = [asked(0, 10, 0), asked(1_000, 10, 0)];
  const after = asked(3_602_000, 700, -3_600_000, 2_000);
  expect(stillComparable(before, after)).toEqual([after]);
});

it("names the day of the week", () => {
  expect(weekdayOf("2026-11-24")).toBe("周二");
  expect(weekdayOf("2031-12-31")).toBe("周三");
  expect(partsOf("2026-02-03")).toEqual({ year: "2026", month: 2, monthName: "2月", day: 3, weekday: "周二" });
});
