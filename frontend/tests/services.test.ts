import { describe, expect, it } from "vitest";

import { choicesOf, preselected } from "../src/till/services";

const ordinary = { code: null, programs: ["满减"] };
const check = { code: "health_check", programs: ["体检补贴"] };
const care = { code: "care", programs: ["护理", "体检补贴"] };
const words: Record<string, string> = { "": "普通消费", health_check: "健康体检" };
const wordOf = (code: string): string | undefined => words[code];

describe("what is bought", () => {
  it("is not asked where programs name no service", () => {
    expect(choicesOf([], wordOf)).toEqual([]);
    expect(choicesOf([ordinary], wordOf)).toEqual([]);
  });

  it("is ordinary goods or what programs name, in their words where the page has none", () => {
    expect(choicesOf([check, care], wordOf).map(({ label }) => label)).toEqual(["普通消费", "健康体检", "护理、体检补贴"]);
    const twins = choicesOf([{ ...care, code: "a" }, { ...care, code: "b" }], wordOf);
    expect(twins.map(({ label }) => label)).toEqual(["普通消费", "护理、体检补贴 a", "护理、体检补贴 b"]);
  });

  it("is chosen beforehand only where there is no doubt", () => {
    expect(preselected([check], undefined)).toBe("health_check");
    expect(preselected([check], "")).toBe("health_check");
    expect(preselected([ordinary, check], undefined)).toBe("");
    expect(preselected([ordinary, check], "health_check")).toBe("health_check");
    expect(preselected([check, care], undefined)).toBeUndefined();
    expect(preselected([check, care], "care")).toBe("care");
  });
});
