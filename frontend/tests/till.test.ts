import { describe, expect, it } from "vitest";

import { fenOf, yuan } from "../src/shared/money";
import { cleanCode, looksLikeCode } from "../src/shared/codetext";
import { characterOf, LONGEST_PAUSE_MS, Wedge, type Heard } from "../src/till/wedge";
import vectors from "./cn1-vectors.json";

const SHIFTED: Record<string, string> = { $: "Digit4", "%": "Digit5", "*": "Digit8", "+": "Equal", ":": "Semicolon" };
const PLAIN: Record<string, string> = { " ": "Space", "-": "Minus", ".": "Period", "/": "Slash" };

/** The keys a US-layout scanner presses for `text`. */
function keysOf(text: string): { code: string; shift: boolean }[] {
  return [...text].map((character) => {
    if (/\d/.test(character)) return { code: `Digit${character}`, shift: false };
    if (/[A-Z]/.test(character)) return { code: `Key${character}`, shift: true };
    const shift = character in SHIFTED;
    return { code: (shift ? SHIFTED : PLAIN)[character]!, shift };
  });
}

function type(wedge: Wedge, text: string, gap: number, from = 0): Heard[] {
  return keysOf(text).map((key, place) => wedge.hear({ ...key, at: from + place * gap }));
}

describe("a scanner that types", () => {
  it("gives the code exactly, by the places of the keys", () => {
    const wedge = new Wedge();
    const heard = type(wedge, vectors.device_code, 4);
    expect(heard.slice(0, 3).map((one) => one.kind)).toEqual(["maybe", "maybe", "maybe"]);
    expect(new Set(heard.slice(3).map((one) => one.kind))).toEqual(new Set(["typing"]));
    const end = wedge.hear({ code: "Enter", shift: false, at: 373 * 4 });
    expect(end).toEqual({ kind: "code", text: vectors.device_code });
  });

  it("may press Shift between the characters and end with Tab", () => {
    const wedge = new Wedge();
    let at = 0;
    const heard: Heard[] = [];
    for (const key of keysOf("CN1:RRQ59BSLKL 4RRQN29P")) {
      heard.push(wedge.hear({ code: "ShiftLeft", shift: true, at: at++ }));
      heard.push(wedge.hear({ ...key, at: at++ }));
    }
    // Once the first letter came, a Shift is part of the scan: it must not look like the cashier's own typing.
    expect(heard.slice(1).map((one) => one.kind)).not.toContain("no");
    expect(wedge.hear({ code: "Tab", shift: false, at })).toEqual({ kind: "code", text: "CN1:RRQ59BSLKL 4RRQN29P" });
  });

  it("is not taken for a cashier typing an amount or a word", () => {
    const wedge = new Wedge();
    expect(type(wedge, "380.00", 5).every((heard) => heard.kind === "no")).toBe(true);
    expect(wedge.hear({ code: "Enter", shift: false, at: 40 })).toEqual({ kind: "no" });
    const slow = type(wedge, "CN1:", LONGEST_PAUSE_MS + 1, 1_000);
    expect(slow.some((heard) => heard.kind === "typing")).toBe(false);
  });

  it("starts anew after a pause", () => {
    const wedge = new Wedge();
    type(wedge, "CN1:HALF", 4);
    type(wedge, "CN1:WHOLE", 4, 10_000);
    expect(wedge.hear({ code: "Enter", shift: false, at: 10_040 })).toEqual({ kind: "code", text: "CN1:WHOLE" });
  });

  it("goes on after the page stood still in the middle of a code", () => {
    const wedge = new Wedge();
    type(wedge, "CN1:ONE", 4);
    type(wedge, "CODE", 4, 2_000);
    expect(wedge.hear({ code: "Enter", shift: false, at: 2_020 })).toEqual({ kind: "code", text: "CN1:ONECODE" });
  });

  it("begins with its own first letter, not with one the cashier typed before", () => {
    const wedge = new Wedge();
    type(wedge, "C", 4);
    expect(type(wedge, "CN1:X", 4, 500)[0]).toEqual({ kind: "maybe", first: true });
    expect(wedge.hear({ code: "Enter", shift: false, at: 600 })).toEqual({ kind: "code", text: "CN1:X" });
  });

  it("knows every character of the QR alphanumeric set and no other", () => {
    for (const character of "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:") {
      expect(characterOf(keysOf(character)[0]!)).toBe(character);
    }
    expect(characterOf({ code: "Digit1", shift: true })).toBeUndefined();
    expect(characterOf({ code: "BracketLeft", shift: false })).toBeUndefined();
    expect(characterOf({ code: "Numpad7", shift: false })).toBe("7");
  });
});

describe("a pasted code", () => {
  it("loses line ends and full-width forms", () => {
    expect(cleanCode(" ｃｎ１：ab c\r\n")).toBe("CN1:AB C");
    expect(looksLikeCode(cleanCode(vectors.device_code + "\n"))).toBe(true);
    expect(looksLikeCode("https://example.invalid")).toBe(false);
    expect(looksLikeCode("CN1:" + "A".repeat(697))).toBe(false);
  });
});

describe("money", () => {
  it("is read from what cashiers type", () => {
    const cases: [string, number | undefined][] = [
      ["380", 38_000],
      ["380.5", 38_050],
      ["1,380.50", 138_050],
      ["３８０．５", 38_050],
      ["¥12.30", 1_230],
      ["0.01", 1],
      ["0", undefined],
      ["", undefined],
      ["1.234", undefined],
      ["-5", undefined],
      ["1e3", undefined],
      ["1000000.01", undefined],
    ];
    for (const [text, fen] of cases) expect(fenOf(text), text).toBe(fen);
  });

  it("is written with thousands and two decimals", () => {
    expect(yuan(0)).toBe("0.00");
    expect(yuan(28_000)).toBe("280.00");
    expect(yuan(123_456_789)).toBe("1,234,567.89");
    expect(yuan(-5)).toBe("−0.05");
  });
});
