/** What `python -m benchmarks pages` runs in Chromium: the wallet's way to a drawn code, the till's to an answer of its own. */

import vectors from "../../tests/credential/cn1-outcomes.json";
import { makeCode } from "../src/cn1/code";
import { makeDeviceKey } from "../src/cn1/keys";
import type { Offer } from "../src/cn1/appendix";
import { DEFAULT_POLICY, openPack, rootsOf, unhex } from "../src/cn1/pack";
import { draw, warmUp } from "../src/cn1/qr";
import { decideAlone } from "../src/till/alone";
import { record } from "../src/till/chain";
import * as sales from "../src/till/sales";
import { nextCounter } from "../src/wallet/store";
import published from "../tests/cn1-vectors.json";

const PHONE_WIDTH = 296;

/** Milliseconds from the wish to the drawn code: counter out of IndexedDB, signature, symbol, canvas. */
async function drawn(rounds: number): Promise<number[]> {
  const key = await makeDeviceKey();
  const credential = unhex(published.credential);
  // As the page does while it waits for the disk.
  warmUp();
  const canvas = document.body.appendChild(document.createElement("canvas"));
  return timed(rounds, async () => {
    const text = await makeCode(key.privateKey, credential, {
      issuedAt: Math.floor(Date.now() / 1000),
      counter: await nextCounter(),
      random: crypto.getRandomValues(new Uint8Array(4)),
    });
    draw(canvas, text, PHONE_WIDTH);
  });
}

/**
 * Milliseconds from the scanned text to what the till may show: judged by pack and list, reckoned by the offers, signed,
 * and written to the disk behind all that was sold alone before.
 */
async function answered(rounds: number): Promise<number[]> {
  const pack = openPack(unhex(vectors.pack), rootsOf(vectors.roots), vectors.now);
  const good = vectors.cases.filter((one) => one.says.startsWith("accepted device ") && one.window === "offline");
  const key = await makeDeviceKey();
  const terminal = { token: "", key, keyId: "k", merchant: "", merchantCode: "M1", store: "", name: "", code: "T1" };
  return timed(rounds, async (round) => {
    const one = good[round % good.length]!;
    const at = one.at * 1_000;
    const [queue, seen] = await Promise.all([sales.queue(), sales.seen()]);
    const decided = decideAlone(
      { ...NOODLES, text: one.text, at, unsure: false, audiences: one.audiences, confirmed: false },
      {
        ...{ pack, list: { ...NOBODY, issuedAt: one.at, expiresAt: one.at + 60 }, syncedAt: one.at },
        appendix: { merchant: "M1", issuedAt: one.at, expiresAt: one.at, offers: OFFERS, limits: NO_LIMITS },
        ...{ seen: new Map([...seen].slice(0, 0)), waiting: queue, made: queue },
      },
    );
    if (decided.kind !== "given") throw new Error(`${one.name}: ${JSON.stringify(decided)}`);
    await record(terminal, {
      record: { merchant_ref: String(round), code: one.text, purchase: { amount_fen: NOODLES.amountFen } },
      ...{ merchantRef: String(round), index: decided.accepted.index, rid: decided.accepted.rid, day: "", at, offset: 0 },
      ...{ amountFen: NOODLES.amountFen, benefitFen: decided.given.fen, discountFen: 0, uses: [] },
    });
  });
}

const NOODLES = { amountFen: 4_800, service: "" };
const NOBODY = { bits: new Uint8Array(65_536), seq: 1, ttl: 3_600 };
const NO_LIMITS = { ...DEFAULT_POLICY, offline_uses: 1e6, offline_card_uses: 1e6, offline_given_fen: 1e9 };
/** Eight offers in two lanes: 25 combinations are reckoned. */
const OFFERS: Offer[] = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => ({
  ...{ program: `P${number}`, name: "", kind: "discount", version: 1, op: "percent_off", bp: 100 * number, fen: 0 },
  ...{ remaining: false, lane: 10 * (number % 2), notWith: [], limits: [] },
}));

async function timed(rounds: number, act: (round: number) => Promise<void>): Promise<number[]> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    await act(round);
    took.push(performance.now() - begun);
  }
  return took;
}

Object.assign(window, { pages: { drawn, answered } });
