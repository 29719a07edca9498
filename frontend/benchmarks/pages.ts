/** What `python -m benchmarks pages` runs in Chromium: the wallet's way to a drawn code, the till's to an offline answer. */

import vectors from "../../tests/credential/cn1-outcomes.json";
import { makeCode } from "../src/cn1/code";
import { makeDeviceKey } from "../src/cn1/keys";
import { openPack, rootsOf, unhex } from "../src/cn1/pack";
import { draw } from "../src/cn1/qr";
import { openList } from "../src/cn1/status";
import { verify } from "../src/cn1/verify";
import { nextCounter } from "../src/wallet/store";
import published from "../tests/cn1-vectors.json";

const PHONE_WIDTH = 296;

/** Milliseconds from the wish to the drawn code: counter out of IndexedDB, signature, symbol, canvas. */
async function drawn(rounds: number): Promise<number[]> {
  const key = await makeDeviceKey();
  const credential = unhex(published.credential);
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

/** Milliseconds from the scanned text to the till's own answer; pack and list are opened when they are fetched. */
async function answered(rounds: number): Promise<number[]> {
  const pack = openPack(unhex(vectors.pack), rootsOf(vectors.roots), vectors.now);
  const lists = new Map<string, Awaited<ReturnType<typeof openList>>>();
  for (const [name, content] of Object.entries(vectors.lists)) lists.set(name, await openList(unhex(content), pack.keys));
  const good = vectors.cases.filter((one) => one.says.startsWith("accepted device ") && one.window === "offline");
  return timed(rounds, async (round) => {
    const one = good[round % good.length]!;
    const audiences = one.audiences;
    const judged = verify(one.text, pack, one.list ? lists.get(one.list) : undefined, one.at, { window: "offline", audiences });
    if (judged.outcome !== "accepted") throw new Error(`${one.name}: ${judged.outcome}`);
  });
}

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
