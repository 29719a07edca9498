import { describe, expect, it } from "vitest";

import { toSend } from "../src/scan/read";

describe("what a hand-out's camera sends", () => {
  it("sends a member's code as it is", () => {
    const code = "CN1:" + "0A".repeat(60);
    expect(toSend(` ${code.toLowerCase()}\n`)).toBe(code);
  });

  it("sends only the number of an activation slip, never its code", () => {
    const sent = toSend("https://card.example.org/wallet#n=8123456789012&c=ABCD2345");
    expect(sent).toBe("#n=8123456789012");
    expect(toSend("https://card.example.org/wallet#c=ABCD2345&n=8123 4567 89012")).toBe("#n=8123456789012");
    expect(toSend("https://card.example.org/wallet#c=ABCD2345")).toBe("#n=");
  });

  it("sends what was typed, and no more of anything than a form takes", () => {
    expect(toSend(" 8123 4567 89012 ")).toBe("8123 4567 89012");
    expect(toSend("x".repeat(5_000))).toHaveLength(1_000);
  });
});
