import { expect, it } from "vitest";

import { isNews, pauseAfter } from "../src/wallet/heard";

const used = { id: "a", at: 1_000, line: null };

it("what was decided since the code came into sight is news, once", () => {
  expect(isNews(used, undefined, 1_000)).toBe(true);
  expect(isNews(used, "a", 1_000)).toBe(false);
});

it("what was decided before the code came into sight changes no code, known or not", () => {
  expect(isNews(used, undefined, 1_001)).toBe(false);
  expect(isNews(used, "b", 1_001)).toBe(false);
});

it("asks often while a till may be at it, and no oftener than the code changes afterwards", () => {
  expect(pauseAfter(0)).toBe(2_500);
  expect(pauseAfter(119_999)).toBe(2_500);
  expect(pauseAfter(120_000)).toBe(15_000);
});
