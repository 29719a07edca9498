import "fake-indexeddb/auto";

import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { describe, expect, it } from "vitest";

import type { TrustPack } from "../src/cn1/pack";
import { base64url, compressedPublicKey, fromBase64url, makeDeviceKey } from "../src/cn1/keys";
import { canonical, goOnFrom, heardOfKeys, keyOver, message, record, type Sale, type Signer } from "../src/till/chain";
import { benefitOf, refundOf } from "../src/till/dialogs";
import { linesOf } from "../src/till/desk";
import type { Api } from "../src/till/api";
import { batchOf, forward, reversalOf } from "../src/till/forward";
import { outcomeOf } from "../src/till/records";
import * as requests from "../src/till/requests";
import * as sales from "../src/till/sales";
import type { Queued, Terminal } from "../src/till/shelf";
import * as store from "../src/till/store";

const key = await makeDeviceKey();
const point = await compressedPublicKey(key);

function signer(code: string): Signer {
  return { token: "", key, keyId: "k1", merchant: "面馆", merchantCode: "M1", store: "", name: "", code };
}

function sale(reference: string, more: Partial<Sale> = {}): Sale {
  const record = { merchant_ref: reference, purchase: { amount_fen: 100 }, decision: { programs: ["二", "A"] } };
  const facts = { merchantRef: reference, index: 7, rid: reference, day: "2026-11-24", at: 1, offset: 0 };
  return { record, ...facts, amountFen: 100, benefitFen: 10, discountFen: 0, uses: [], ...more };
}

describe("the chain of sales made alone", () => {
  it("numbers without a gap, signs each, and names the one before, however many are made at once", async () => {
    const terminal = signer("T1");
    const made = await Promise.all(["a", "b", "c", "d", "e"].map((one) => record(terminal, sale(one))));
    const chain = made.sort((one, other) => one.seq - other.seq);
    expect(chain.map((one) => one.seq)).toEqual([1, 2, 3, 4, 5]);
    chain.forEach((one, place) => {
      const { signature, ...unsigned } = one.record;
      const said = new TextEncoder().encode(message("M1", "T1", unsigned));
      expect(p256.verify(fromBase64url(String(signature)), said, point, { lowS: false })).toBe(true);
      expect([...one.digest]).toEqual([...sha256(said)]);
      const follows = place === 0 ? undefined : chain[place - 1]!.digest;
      expect(unsigned.prev_hash && [...fromBase64url(String(unsigned.prev_hash))]).toEqual(follows && [...follows]);
    });
    expect((await sales.seen()).has("c")).toBe(true);
  });

  it("is another terminal's own, and goes on where the server says", async () => {
    expect((await record(signer("T2"), sale("x"))).seq).toBe(1);
    const hash = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    await goOnFrom("M1/T3", 41, undefined);
    await goOnFrom("M1/T3", 41, hash);
    const next = await record(signer("T3"), sale("y"));
    expect([next.seq, next.record.prev_hash]).toEqual([42, hash]);
    // What the server has not heard of yet stands: our own head is further.
    await goOnFrom("M1/T3", 41, hash);
    const after = await record(signer("T3"), sale("z"));
    expect([after.seq, after.record.prev_hash]).toEqual([43, base64url(next.digest)]);
  });

  it("is never set back by what the server says while a sale is written, and every sale names the one before", async () => {
    const hash = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    for (const [code, serverFirst] of [["U1", true], ["U2", false]] as const) {
      const chain = `M1/${code}`;
      // A till paired anew with a server that did not say the hash yet; the sale is signed for that head.
      await goOnFrom(chain, 41, undefined);
      const head = await sales.headOf(chain);
      const signed = { ...(await record(signer(`${code}-other`), sale("x"))), id: `${chain}/42`, seq: 42, chain };
      await store.keep("head", head);
      const asked = [() => goOnFrom(chain, 41, hash), () => sales.append(signed, head)];
      const answers = await Promise.all((serverFirst ? asked : asked.reverse()).map((ask) => ask()));
      // It must be signed anew where the server's word was first: it does not name the one before it.
      expect(answers).toContain(!serverFirst);
      expect(await sales.headOf(chain)).toEqual(
        serverFirst ? { of: chain, seq: 41, digest: fromBase64url(hash) } : { of: chain, seq: 42, digest: signed.digest },
      );
      const next = await record(signer(code), sale("y"));
      const follows = serverFirst ? [42, hash] : [43, base64url(signed.digest)];
      expect([next.seq, next.record.prev_hash]).toEqual(follows);
    }
  });

  it("forgets the last four once the record was answered, and undoes what was undone meanwhile", async () => {
    const kept = await record(signer("T4"), sale("z", { last4: "123X" }));
    expect(kept.record.id_last4).toBe("123X");
    expect(canonical(kept.record)).toContain("id_last4");
    expect(await sales.undoWaiting(kept.id)).toBe(true);
    const reversal = { kind: "reversal", key: "r", path: "/reversals", body: {}, amountFen: 1, at: 1 } as const;
    await sales.settle(new Map([[kept.id, { outcome: "captured", message: "", redemptionId: "1" }]]), () => reversal);
    const after = (await sales.queue()).find((one) => one.id === kept.id)!;
    expect([after.state, "id_last4" in after.record]).toEqual(["told", false]);
    expect(await requests.postponed()).toEqual([reversal]);
    expect(await sales.undoWaiting(kept.id)).toBe(false);
  });

  it("keeps a refused undoing until the cashier has read it, and asks for it no more", async () => {
    const kept = await record(signer("T5"), sale("q"));
    await sales.undoWaiting(kept.id);
    const reversal = { kind: "reversal", key: "late", path: "/reversals", body: {}, amountFen: 100, at: 1 } as const;
    await sales.settle(new Map([[kept.id, { outcome: "captured", message: "", redemptionId: "2" }]]), () => reversal);
    const stands = async (): Promise<string> =>
      outcomeOf((await sales.queue()).find((one) => one.id === kept.id)!, await requests.postponed());
    expect(await stands()).toBe("undoing");
    let asked = 0;
    const closed = { status: 409, body: { code: "day_closed", title: "今天已日结，请办理退款。" } };
    const api = { post: async (_: string, key: string) => (key === "late" && asked++, closed) } as unknown as Api;
    await forward(api, "M1/T5", async () => {});
    await forward(api, "M1/T5", async () => {});
    expect([asked, await stands()]).toEqual([1, "not_undone"]);
    expect((await requests.postponed()).find(({ key }) => key === "late")?.refused).toBe("今天已日结，请办理退款。");
    await requests.refusalRead("late");
    expect(await stands()).toBe("captured");
  });

  it("undoes by its number what the server holds for people to look at, before it was sent and after", async () => {
    const [before, after] = [await record(signer("T6"), sale("h1")), await record(signer("T6"), sale("h2"))];
    await sales.undoWaiting(before.id);
    const held = { outcome: "held_for_review", message: "" };
    const posted: [string, unknown][] = [];
    const results = [before, after].map(() => ({ ...held, redemption: null }));
    const api = { post: async (path: string, _: string, body: unknown) => (posted.push([path, body]), { status: 200, body: { results } }) };
    await forward(api as unknown as Api, "M1/T6", async () => {});
    const kept = async (id: string): Promise<Queued> => (await sales.queue()).find((one) => one.id === id)!;
    const undoing = reversalOf(await kept(after.id), held)!;
    expect([await sales.undoHeld(after.id, undoing), await sales.undoHeld(after.id, undoing)]).toEqual([true, false]);
    expect(outcomeOf(await kept(after.id), await requests.postponed())).toBe("undoing");
    await forward(api as unknown as Api, "M1/T6", async () => {});
    const named = posted.filter(([path]) => path === "/reversals").map(([, body]) => body);
    expect(named).toEqual(["h1", "h2"].map((ref) => ({ advice_merchant_ref: ref, reason: "cashier" })));
    expect(outcomeOf(await kept(after.id), await requests.postponed())).toBe("undone");
  });

  it("leaves to each terminal what it is to undo or give back", async () => {
    const request = { kind: "refund", key: "ours", path: "/x", body: {}, amountFen: 1, at: 1, chain: "M1/T7" } as const;
    await requests.postpone(request);
    const asked: string[] = [];
    const api = { post: async (_: string, key: string) => (asked.push(key), { status: 200, body: {} }) } as unknown as Api;
    await forward(api, "M1/T8", async () => {});
    expect([asked, (await requests.stranded("M1/T8")).some((one) => one.chain === "M1/T7")]).toEqual([[], true]);
    await forward(api, "M1/T7", async () => {});
    expect([asked, (await requests.stranded("M1/T8")).some((one) => one.chain === "M1/T7")]).toEqual([["ours"], false]);
  });

  it("sends together what one clock made, ten at most", () => {
    const queued = (offset: number): Queued => ({ offset }) as Queued;
    const many = Array.from({ length: 12 }, () => queued(0));
    expect(batchOf(many, 10)).toHaveLength(10);
    expect(batchOf([queued(0), queued(900), queued(1_100), queued(0)], 10)).toHaveLength(2);
    expect(batchOf([], 10)).toEqual([]);
    // Records of an earlier version of the page do not say by how much their device was off.
    const said = { ...queued(0), record: { clock_offset_seconds: 0 } };
    expect(batchOf([queued(0), said], 10)).toHaveLength(1);
  });

  it("keeps what the drawer gave back of a refund, once however often it is told", async () => {
    const back = { id: "r1", fen: 12_100, benefitFen: 900, day: "2026-11-24" };
    const request = { kind: "refund", key: "k1", path: "/x", body: {}, amountFen: 1, at: 1, chain: "M1/T1", back } as const;
    await requests.gaveBack(request);
    await requests.gaveBack(request);
    await requests.gaveBack({ ...request, key: "k2", back: { ...back, fen: 500 } });
    const backs = { k1: { id: "r1", fen: 12_100, benefitFen: 900 }, k2: { id: "r1", fen: 500, benefitFen: 900 } };
    expect(await store.kept("returned")).toEqual({ chain: "M1/T1", day: "2026-11-24", backs });
    await requests.gaveBack({ ...request, key: "k3", back: { ...back, day: "2026-11-25" } });
    expect(Object.keys((await store.kept("returned"))!.backs)).toEqual(["k3"]);
  });

  it("sends by the device's own clock what says by how much that is off", async () => {
    const day = 86_400_000;
    const behind = { record: { code: "CN1:…", clock_offset_seconds: 3 * 86_400 }, offset: -3 * day };
    await record(signer("T9"), sale("behind", behind));
    let sentAt = 0;
    const post = async (_: string, __: string, body: { sent_at: string }) => {
      sentAt = Date.parse(body.sent_at);
      return { status: 200, body: { results: [{ outcome: "captured", message: null, redemption: null }] } };
    };
    await forward({ post } as unknown as Api, "M1/T9", async () => {});
    expect(Math.abs(sentAt - Date.now())).toBeLessThan(day);
  });

  it("says records as RFC 8785 does", () => {
    expect(canonical({ b: [1, "二\n", { d: null, c: true }], a: "€", ä: undefined })).toBe(
      '{"a":"€","b":[1,"二\\n",{"c":true,"d":null}]}',
    );
  });
});

describe("the key of this till", () => {
  const counting = (...ends: (string | null)[]) => ends.map((ends_at, place) => ({ key_id: `k${place + 1}`, ends_at }));
  const known = (): Terminal => signer("T1");

  it("counts until another device has taken its place, and the cashier is told once", () => {
    const terminal = known();
    heardOfKeys(terminal, counting(null), 1_000);
    expect([keyOver(terminal, undefined), terminal.others]).toEqual([undefined, undefined]);
    heardOfKeys(terminal, counting("2026-11-28T10:00:00+08:00", null), 1_000);
    const ends = Date.parse("2026-11-28T10:00:00+08:00");
    expect([keyOver(terminal, undefined), terminal.others]).toEqual([ends, { endsAt: ends }]);
    delete terminal.others;
    heardOfKeys(terminal, counting("2026-11-28T10:00:00+08:00", null), 2_000);
    expect(terminal.others).toBeUndefined();
  });

  it("is over at once where the server knows it no more, since it was first heard", () => {
    const terminal = known();
    heardOfKeys(terminal, [{ key_id: "k2", ends_at: null }], 1_000);
    expect([keyOver(terminal, undefined), terminal.others]).toEqual([1_000, { endsAt: 1_000 }]);
    delete terminal.others;
    heardOfKeys(terminal, [], 9_000);
    expect([keyOver(terminal, undefined), terminal.others]).toEqual([1_000, undefined]);
    // Without a key of its own there is nothing to say.
    const { keyId: _, ...keyless } = known();
    heardOfKeys(keyless, [], 1_000);
    expect(keyless).toEqual({ ...known(), keyId: undefined });
  });

  it("is over where the pack says so, whatever the server says", () => {
    const pack = { stopped: new Map([["k1", 5]]) } as unknown as TrustPack;
    const terminal = known();
    expect(keyOver(terminal, pack)).toBe(5_000);
    expect(keyOver({ ...terminal, keyEndsAt: 4_000 }, pack)).toBe(4_000);
    expect(keyOver({ ...terminal, keyId: "k2" }, pack)).toBeUndefined();
  });
});

describe("what goes back with a part of the goods", () => {
  it("is their part of the benefit, half up to the fen", () => {
    expect(benefitOf(19_000, 38_000, 13_800)).toBe(6_900);
    expect(benefitOf(1, 3, 1)).toBe(0);
    expect(benefitOf(1, 2, 1)).toBe(1);
    expect(benefitOf(99_999_999, 100_000_000, 99_999_999)).toBe(99_999_998);
  });

  it("names the drawer's sum only where nothing came back before", () => {
    const sale = { amountFen: 10_000, benefitFen: 2_000, payableFen: 8_000, backFen: 0, partly: false, lines: [] };
    expect(refundOf("part", "100", sale)?.backFen).toBe(8_000);
    expect(refundOf("whole", "", { ...sale, partly: true })).toEqual({ body: { reason: "cashier" }, backFen: undefined });
  });

  it("is no more than is left of the benefit, and nothing where the goods had none of it", () => {
    const sale = { amountFen: 10_000, benefitFen: 2_000, payableFen: 8_000, backFen: 1_500, partly: true, lines: [] };
    expect(refundOf("part", "25", sale)).toEqual({ body: { reason: "cashier", benefit_fen: 500 }, backFen: 2_000, benefitFen: 500 });
    expect(refundOf("part", "25.03", sale)).toBeUndefined();
    expect(refundOf("part", "100", sale)).toBeUndefined();
    expect(refundOf("part", "0.02", sale)).toBeUndefined();
  });

  it("is told by line, all benefits of a line together", () => {
    const lines = [{ line_no: 1, benefit_fen: 5 }, { line_no: 2, benefit_fen: 7 }];
    expect(linesOf([{ lines }, { lines: lines.slice(0, 1) }])).toEqual([
      { lineNo: 1, benefitFen: 10 },
      { lineNo: 2, benefitFen: 7 },
    ]);
  });
});
