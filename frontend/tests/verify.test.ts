import { p256 } from "@noble/curves/nist.js";
import { describe, expect, it } from "vitest";

import document from "../../tests/credential/cn1-outcomes.json";
import { decode } from "../src/cn1/base45";
import { readCredential, readToken } from "../src/cn1/codec";
import { openPack, rootsOf, unhex, Untrusted } from "../src/cn1/pack";
import { ageOf, openList, statusOf } from "../src/cn1/status";
import { boundNonce } from "../src/cn1/bound";
import { challengeNonce, earliestNow, verify } from "../src/cn1/verify";
import vectors from "./cn1-vectors.json";
import { answer, judgeOf, withTrueForOne, type Document } from "./judging";

const given = document as Document;
const roots = rootsOf(given.roots);
const sealed = unhex(given.pack);
const changes = document.changes;

describe("every outcome, from the vectors both verifiers share", async () => {
  const judge = await judgeOf(given);
  it.each(given.cases.map((one, number) => [`${number + 1} ${one.name}`, one] as const))("%s", (_name, one) => {
    expect(answer(judge, one)).toBe(one.says);
  });

  it("has each outcome of the design's table at least once", () => {
    const told = new Set(given.cases.map((one) => one.says.split(" ")[0]));
    expect([...told].sort()).toEqual(
      [
        "accepted", "bad_signature", "clock_error", "confirm_required", "expired_credential", "future_proof",
        "key_out_of_period", "limit_exceeded", "malformed", "online_required", "proof_missing", "replayed", "revoked",
        "revoked_key", "stale_proof", "suspended", "unknown_key", "unsupported_version", "wrong_audience",
        "wrong_challenge",
      ],
    );
  });

  it("would be caught taking CBOR's true for 1", () => {
    const odd = given.cases.filter((one) => one.name.includes("label 1 written as CBOR true"));
    const planted = odd.map((one) => answer(judge, { ...one, text: withTrueForOne(one.text) }));
    expect(odd.map((one) => one.says)).toEqual(["malformed"]);
    // The signature was made over the odd bytes, so the bug shows as another refusal: still a disagreement.
    expect(planted).not.toEqual(["malformed"]);
  });

  it("judges within the 300 ms of a till", () => {
    const code = given.cases.find((one) => one.says.startsWith("accepted device "))!;
    answer(judge, code);
    const begun = performance.now();
    for (let round = 0; round < 20; round++) answer(judge, code);
    expect((performance.now() - begun) / 20).toBeLessThan(100);
  });
});

describe("the published vectors", () => {
  it("are read as they were written", () => {
    expect(readCredential(unhex(vectors.credential)).kid).toBe(vectors.kid_card);
    const code = readToken(decode(vectors.device_code.slice(4)));
    if (!("proof" in code)) throw new Error("a code");
    expect(p256.verify(code.signature, code.signed, unhex(vectors.device_pub_compressed), { lowS: false })).toBe(true);
    expect(() => readCredential(decode(vectors.device_code.slice(4)))).toThrow();
  });
});

describe("the trust pack", () => {
  it("opens under the pinned roots only, in its time, and never goes back", () => {
    const pack = openPack(sealed, roots, given.now);
    expect(pack.keys.size).toBe(5);
    expect(() => openPack(sealed, new Map(), given.now)).toThrow(Untrusted);
    expect(() => openPack(sealed, roots, pack.expiresAt + 1)).toThrow(/expired/);
    expect(() => openPack(sealed, roots, given.now, pack.seq + 1)).toThrow(/later/);
  });

  it.each(Object.entries(document.openings))("is read by its known uses of keys, and the stopped ones: %s", (_name, one) => {
    const open = (): string => {
      const { keys, stopped } = openPack(unhex(one.pack), roots, given.now);
      const known = [...keys].map(([kid, key]) => `${kid}:${key.use}`).sort();
      return [...known, ...[...stopped].map(([keyId, at]) => `${keyId}-${at}`).sort()].join(" ");
    };
    if (one.keys === "refused") expect(open).toThrow(Untrusted);
    else expect(open()).toBe(one.keys);
  });

  it("opens with no bit of it changed", () => {
    for (let at = 0; at < sealed.length; at += 11) {
      const flipped = sealed.slice();
      flipped[at]! ^= 1;
      expect(() => openPack(flipped, roots, given.now), String(at)).toThrow(Untrusted);
    }
  });

  it("and the list tell a clock what it certainly is not before", async () => {
    const pack = openPack(sealed, roots, given.now);
    const list = await openList(unhex(given.lists["list 1"]!), pack.keys);
    expect(earliestNow(pack, list)).toBe(given.now);
    expect(earliestNow(pack, list, given.now + 5)).toBe(given.now + 5);
  });
});

describe("the status list", () => {
  it("is read under the pack's status keys only", async () => {
    const pack = openPack(sealed, roots, given.now);
    const content = unhex(given.lists["list 1"]!);
    const list = await openList(content, pack.keys);
    expect(statusOf(list, 1_234_567)).toBe(1);
    expect(statusOf(list, 1_234_568)).toBe(0);
    expect(statusOf(list, 2 ** 32 - 1)).toBe(0);
    expect(ageOf(list, list.issuedAt + 72 * 3600)).toBe("fresh");
    expect(ageOf(list, list.issuedAt + 72 * 3600 + 1)).toBe("stale");
    expect(ageOf(list, list.expiresAt + 1)).toBe("expired");
    expect(ageOf(undefined, 0)).toBe("unchecked");
    const relabelled = new Map([...pack.keys].map(([kid, key]) => [kid, { ...key, use: "card" }]));
    await expect(openList(content, relabelled)).rejects.toThrow(Untrusted);
    await expect(openList(content.slice(0, -1), pack.keys)).rejects.toThrow(Untrusted);
    await expect(openList(content, pack.keys, { ...list, seq: 9 })).rejects.toThrow(/later/);
  });

  it("follows a change, and no change made for another list", async () => {
    const pack = openPack(sealed, roots, given.now);
    const before = await openList(unhex(changes.before), pack.keys);
    const after = await openList(unhex(changes.after), pack.keys);
    expect(await openList(unhex(changes.change), pack.keys, before)).toEqual(after);
    await expect(openList(unhex(changes.change), pack.keys)).rejects.toThrow(/another list/);
    await expect(openList(unhex(changes.change), pack.keys, { ...before, seq: 6 })).rejects.toThrow(/another list/);
    const parted = { ...before, bits: before.bits.map((byte) => byte ^ 1) };
    await expect(openList(unhex(changes.change), pack.keys, parted)).rejects.toThrow(/parted/);
  });
});

describe("nonces", () => {
  it("are the bytes the server expects", () => {
    expect(challengeNonce("4711")).toEqual(unhex("34373131"));
    const nonce = boundNonce("M-17", "T01", 38_000, "00".repeat(8));
    const bound = given.cases.find((one) => one.name === "bound phone: small, fresh list")!;
    expect(nonce).toEqual(unhex(bound.challenge!));
  });

  it("a text of ten million characters is refused at once", () => {
    const pack = openPack(sealed, roots, given.now);
    const begun = performance.now();
    expect(verify("CN1:" + "A".repeat(10_000_000), pack, undefined, given.now, { window: "online" }).outcome).toBe("malformed");
    expect(performance.now() - begun).toBeLessThan(100);
  });
});
