import { describe, expect, it } from "vitest";

import document from "../../tests/credential/cn1-outcomes.json";
import type { Appendix, Offer } from "../src/cn1/appendix";
import { DEFAULT_POLICY, unhex } from "../src/cn1/pack";
import { challengeHelps, decideAlone, type Knowledge, type Sale } from "../src/till/alone";
import { judgeOf, type Document } from "./judging";

const judge = await judgeOf(document as unknown as Document);
const cases = (document as unknown as Document).cases;
const device = cases.find((one) => one.says.startsWith("accepted device ") && one.window === "offline" && !one.use)!;
const signed = cases.find((one) => one.name === "bound phone: above the floor, fresh list")!;
const printed = cases.find((one) => one.says.startsWith("accepted printed ") && !one.use)!;
/** Nobody is withdrawn. */
const list = { bits: new Uint8Array(0), seq: 1, issuedAt: device.at, expiresAt: device.at + 7 * 86_400, ttl: 3_600 };

const OFFER: Offer = {
  program: "D-10", name: "九折", kind: "discount", version: 1, op: "percent_off", bp: 1_000, fen: 0,
  remaining: false, lane: 10, notWith: [], limits: [],
};

function known(more: Partial<Knowledge> = {}, offers: readonly Offer[] = [OFFER]): Knowledge {
  const appendix: Appendix = {
    merchant: "M1", issuedAt: device.at, expiresAt: device.at + 72 * 3_600, offers, limits: DEFAULT_POLICY,
  };
  const base = { pack: judge.pack, list, appendix, syncedAt: device.at, seen: new Map(), waiting: [], made: [] };
  return { ...base, ...more };
}

function sale(amountFen: number, more: Partial<Sale> = {}): Sale {
  const { text, at, audiences } = device;
  return { text, amountFen, service: "", at: at * 1_000, unsure: false, audiences, confirmed: false, ...more };
}

const MADE = { index: 0, day: "2000-01-01", benefitFen: 500, uses: [] };

describe("a till alone", () => {
  it("gives up to the floor of the purchase, and one fen more is for the server", () => {
    const at = decideAlone(sale(5_000), known());
    expect(at.kind === "given" && at.given.fen).toBe(500);
    expect(decideAlone(sale(5_001), known())).toEqual({ kind: "online", because: "floor", limitFen: 5_000, bindable: true });
    const own = decideAlone(sale(20_000), known({}, [{ ...OFFER, floorFen: 20_000 }]));
    expect(own.kind === "given" && own.given.fen).toBe(2_000);
  });

  it("goes above the floor for a purchase the phone has signed, and not for digits", () => {
    const { text, at, audiences, challenge } = signed;
    const answered = { text, at: at * 1_000, audiences, challenge: unhex(challenge!) };
    const fresh = known({ list: { ...list, issuedAt: at, expiresAt: at + 60 }, syncedAt: at });
    const given = decideAlone(sale(38_000, { ...answered, bound: true }), fresh);
    expect(given.kind === "given" && given.given.fen).toBe(3_800);
    expect(decideAlone(sale(38_000, answered), fresh)).toMatchObject({ kind: "online", because: "floor" });
  });

  it("gives nothing an offer with its own floor would not carry", () => {
    const wide = { ...OFFER, program: "S", kind: "subsidy", lane: 20, op: "subsidy_fixed" as const, fen: 300, floorFen: 20_000 };
    const both = decideAlone(sale(8_000), known({}, [OFFER, wide]));
    expect(both.kind === "given" && both.given.parts.map((part) => part.program)).toEqual(["S"]);
  });

  it("fills its own limits: a card a day, sales and money between two syncs, three days", () => {
    const first = decideAlone(sale(1_000), known());
    if (first.kind !== "given") throw new Error(first.kind);
    const day = new Date(device.at * 1_000 + 8 * 3_600_000).toISOString().slice(0, 10);
    const mine = { ...MADE, index: first.accepted.index, day };
    expect(decideAlone(sale(1_000), known({ made: [mine] })).kind).toBe("given");
    expect(decideAlone(sale(1_000), known({ made: [mine, mine] }))).toEqual({ kind: "online", because: "card_full" });
    const forty = Array.from({ length: 40 }, () => MADE);
    expect(decideAlone(sale(1_000), known({ waiting: forty.slice(1) })).kind).toBe("given");
    expect(decideAlone(sale(1_000), known({ waiting: forty }))).toEqual({ kind: "online", because: "terminal_full" });
    const much = { ...MADE, benefitFen: 100_000 - 100 };
    expect(decideAlone(sale(1_000), known({ waiting: [much] })).kind).toBe("given");
    expect(decideAlone(sale(1_010), known({ waiting: [much] }))).toEqual({ kind: "online", because: "terminal_full" });
    const long = device.at - 72 * 3_600;
    expect(decideAlone(sale(1_000), known({ syncedAt: long })).kind).toBe("given");
    expect(decideAlone(sale(1_000), known({ syncedAt: long - 1 }))).toEqual({ kind: "online", because: "sync" });
  });

  it("halves what it gives by an old list, and gives nothing by none", () => {
    const old = { ...list, issuedAt: device.at - 72 * 3_600 - 1 };
    expect(decideAlone(sale(2_500), known({ list: old })).kind).toBe("given");
    expect(decideAlone(sale(2_501), known({ list: old }))).toEqual({ kind: "online", because: "floor", limitFen: 2_500, bindable: true });
    expect(decideAlone(sale(1_000), known({ list: undefined }))).toEqual({ kind: "online", because: "list_expired" });
  });

  it("asks who holds a printed card, and gives it less", () => {
    const card = { text: printed.text, at: printed.at * 1_000, audiences: printed.audiences };
    const fresh = known({ list: { ...list, issuedAt: printed.at, expiresAt: printed.at + 60 }, syncedAt: printed.at });
    expect(decideAlone(sale(1_000, card), fresh)).toEqual({ kind: "online", because: "confirm_required" });
    expect(decideAlone(sale(1_000, { ...card, confirmed: true }), fresh).kind).toBe("given");
    expect(decideAlone(sale(1_001, { ...card, confirmed: true }), fresh)).toEqual({
      kind: "online", because: "floor", limitFen: 1_000,
    });
  });

  it("takes no proof twice, and says when it was used", () => {
    const first = decideAlone(sale(1_000), known());
    if (first.kind !== "given") throw new Error(first.kind);
    const seen = new Map([[first.accepted.rid, 1_234]]);
    expect(decideAlone(sale(1_000), known({ seen }))).toEqual({ kind: "refused", outcome: "replayed", usedAt: 1_234 });
  });

  it("decides nothing by a clock it cannot trust, nor by documents that ran out", () => {
    expect(decideAlone(sale(1_000, { unsure: true }), known())).toEqual({ kind: "online", because: "clock" });
    expect(decideAlone(sale(1_000), known({ pack: undefined }))).toEqual({ kind: "online", because: "not_ready" });
    expect(decideAlone(sale(1_000), known({ syncedAt: 0 }))).toEqual({ kind: "online", because: "not_ready" });
    const stale = { ...known().appendix!, expiresAt: device.at - 1 };
    expect(decideAlone(sale(1_000), known({ appendix: stale }))).toEqual({ kind: "online", because: "not_ready" });
  });
});

describe("a code whose time is off, where the district lets it pass without digits", () => {
  const off = (amountFen: number, more: Partial<Sale> = {}) => sale(amountFen, { at: (device.at + 300) * 1_000, ...more });
  const lets = known({ pack: { ...judge.pack, policy: { ...DEFAULT_POLICY, as_printed: 600 } } });

  it("is refused by default, and gets what a printed card gets where it is let", () => {
    expect(decideAlone(off(1_000), known())).toEqual({ kind: "refused", outcome: "stale_proof", deltaSeconds: 300 });
    expect(decideAlone(off(1_000), lets)).toEqual({ kind: "online", because: "confirm_required" });
    const given = decideAlone(off(1_000, { confirmed: true }), lets);
    expect(given.kind === "given" && [given.given.fen, given.accepted.assurance]).toEqual([100, "printed"]);
  });

  it("asks for the digits above that, and takes no proof twice", () => {
    expect(decideAlone(off(1_001, { confirmed: true }), lets)).toEqual({ kind: "digits" });
    const first = decideAlone(off(1_000, { confirmed: true }), lets);
    if (first.kind !== "given") throw new Error(first.kind);
    const day = new Date((device.at + 300) * 1_000 + 8 * 3_600_000).toISOString().slice(0, 10);
    const again = { ...lets, made: [{ ...MADE, index: first.accepted.index, day }] };
    expect(decideAlone(off(1_000, { confirmed: true }), again)).toEqual({ kind: "digits" });
    const seen = new Map([[first.accepted.rid, 1_234]]);
    expect(decideAlone(off(1_000), { ...lets, seen })).toEqual({ kind: "refused", outcome: "replayed", usedAt: 1_234 });
  });
});

describe("a challenge", () => {
  it("helps a phone whose clock is off by ten minutes at most, and nothing else", () => {
    expect(challengeHelps("stale_proof", 600, 600)).toBe(true);
    expect(challengeHelps("future_proof", -600, 600)).toBe(true);
    expect(challengeHelps("stale_proof", 601, 600)).toBe(false);
    expect(challengeHelps("bad_signature", undefined, 600)).toBe(false);
  });
});
