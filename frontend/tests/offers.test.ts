import { describe, expect, it } from "vitest";

import cases from "../../tests/benefits/offline-cases.json";
import { offerOf } from "../src/cn1/appendix";
import { giveAlone, merchantShare, share, type Purchase, type Use } from "../src/till/offers";

/** As CBOR gives it: maps. */
function mapped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mapped);
  if (value === null || typeof value !== "object") return value;
  return new Map(Object.entries(value).map(([name, member]) => [name, mapped(member)]));
}

interface Case {
  name: string;
  offers: unknown[];
  purchase: Purchase;
  before: Use[];
  given: [string, number][];
}

const SHARED = cases as unknown as Case[];

function decided(one: Case, purchase: Purchase = one.purchase): [string, number][] {
  const offers = one.offers.map((offer) => offerOf(mapped(offer) as Map<unknown, unknown>)!);
  return giveAlone(offers, purchase, one.before).parts.map((part) => [part.program, part.fen]);
}

describe("what a till gives alone", () => {
  it("is what the server's engine decides", () => {
    const wrong = SHARED.filter((one) => JSON.stringify(decided(one)) !== JSON.stringify(one.given));
    expect(wrong.map((one) => [one.name, decided(one), one.given])).toEqual([]);
  });

  it("is compared closely enough to find a till that counts from one fen more", () => {
    const found = SHARED.filter((one) => {
      const purchase = { ...one.purchase, amountFen: one.purchase.amountFen + 1 };
      return JSON.stringify(decided(one, purchase)) !== JSON.stringify(one.given);
    });
    expect(found.length).toBeGreaterThan(10);
  });

  it("says why when it is nothing", () => {
    expect(giveAlone([], { amountFen: 100, service: "", day: "2026-11-24" }, []).because).toBe("provider_not_in_program");
    const none = SHARED.filter((one) => one.given.length === 0 && one.offers.length > 0);
    for (const one of none) {
      const offers = one.offers.map((offer) => offerOf(mapped(offer) as Map<unknown, unknown>)!);
      expect(giveAlone(offers, one.purchase, one.before).because).not.toBe("provider_not_in_program");
    }
  });

  it("is borne as the server splits it, an odd fen by the larger remainder and of two equal ones by the union", () => {
    const borne = (shares: [number, number], fen: number): number => merchantShare({ kind: "discount", shares }, fen);
    expect([borne([600, 1_400], 2_000), borne([600, 1_400], 1_001), borne([5_000, 5_000], 1)]).toEqual([1_400, 701, 0]);
    expect([borne([0, 10_000], 7), borne([10_000, 0], 7)]).toEqual([7, 0]);
    expect([merchantShare({ kind: "discount" }, 7), merchantShare({ kind: "subsidy" }, 7)]).toEqual([7, 0]);
  });

  it("rounds half up to the fen", () => {
    expect([share(5, 1_000), share(4, 1_000), share(12_345, 333)]).toEqual([1, 0, 411]);
  });
});
