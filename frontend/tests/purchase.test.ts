import { describe, expect, it } from "vitest";

import { boundNonce } from "../src/cn1/bound";
import { hex } from "../src/cn1/codec";
import { addressOf, purchaseIn } from "../src/shared/purchase";

const PURCHASE = { merchant: "M2002", terminal: "T10", amountFen: 35_000, nonce: "00112233445566ff", name: "醉白面馆 & 茶" };

describe("the square of a till", () => {
  it("says who, where and how much behind the #, where no server sees it", () => {
    const address = addressOf(PURCHASE, "https://card.example");
    expect(address).toMatch(/^https:\/\/card\.example\/wallet#m=M2002&t=T10&a=35000&x=00112233445566ff&s=/);
    expect(purchaseIn(address)).toEqual(PURCHASE);
    expect(purchaseIn(address.slice(address.indexOf("#")))).toEqual(PURCHASE);
  });

  it("is nothing else than that", () => {
    const said = (more: string) => purchaseIn(`#m=M1&t=T1&a=100&x=00112233&s=&${more}`);
    expect(said("")).toBeDefined();
    for (const [name, values] of Object.entries({
      m: ["", "M".repeat(25), "商户"], t: ["", "T 1"], a: ["0", "-1", "1.5", "1e3", "100000001", "99999999999"], x: ["", "0011223", "001122", "0011223G", "00".repeat(33)],
    })) {
      for (const value of values) {
        const address = new URLSearchParams({ m: "M1", t: "T1", a: "100", x: "00112233", [name]: value });
        expect([name, value, purchaseIn(`#${address.toString()}`)]).toEqual([name, value, undefined]);
      }
    }
    expect(purchaseIn("CN1:ABC")).toBeUndefined();
    expect(purchaseIn("#n=1234567890128&c=ABCD2345")).toBeUndefined();
  });

  it("is signed as the server reads it", () => {
    // `device.bound_nonce("M2002", "T10", 35_000, bytes.fromhex("00112233445566ff"))`
    expect(hex(boundNonce("M2002", "T10", 35_000, "00112233445566ff"))).toBe("8d982dbe9607ab8e12eb191ecf8ff3a7");
  });
});
