/** Sales made alone, in the chain of their terminal, and the proofs they were made for. */

import type { Bytes } from "../cn1/code";
import { onDisk, STRICT, type Head, type Pending, type Queued, type Told } from "./shelf";
import { kept } from "./store";

/** What the server says of a record people must look at. */
export const HELD = "held_for_review";

/** Every sale made alone that is still kept, oldest first. */
export async function queue(): Promise<Queued[]> {
  return onDisk(async (db) => {
    const all = await db.getAll("queue");
    return all.sort((one, other) => one.at - other.at || one.seq - other.seq);
  });
}

/** Where a chain stands; before its first sale at 0. */
export async function headOf(chain: string): Promise<Head> {
  return headIn(await kept("head"), chain);
}

function headIn(found: Head | undefined, chain: string): Head {
  return found?.of === chain ? found : { of: chain, seq: 0 };
}

function sameHead(one: Head, other: Head): boolean {
  return one.seq === other.seq && String(one.digest) === String(other.digest);
}

/**
 * The server knows a terminal's chain up to `last`: this browser's head goes on from there, and is told the digest it
 * lacks. It never goes back: sales the server has not heard of yet are further.
 */
export async function advance(chain: string, last: number, digest: Bytes | undefined): Promise<void> {
  return onDisk(async (db) => {
    const change = db.transaction("kept", "readwrite", STRICT);
    const head = headIn((await change.store.get("head")) as Head | undefined, chain);
    const unlinked = head.seq === last && !head.digest && digest;
    if (head.seq < last || unlinked) await change.store.put({ of: chain, seq: last, ...(digest ? { digest } : {}) }, "head");
    await change.done;
  });
}

/**
 * Add a sale to the chain if its head is still what the sale was signed for; false when another tab, or the server's
 * word of a digest, was first. Once this is over the sale survives whatever happens to the browser.
 */
export async function append(sale: Queued, before: Head): Promise<boolean> {
  return onDisk(async (db) => {
    const change = db.transaction(["kept", "queue", "seen"], "readwrite", STRICT);
    const head = headIn((await change.objectStore("kept").get("head")) as Head | undefined, before.of);
    if (!sameHead(head, before)) {
      await change.done;
      return false;
    }
    await Promise.all([
      change.objectStore("queue").add(sale),
      change.objectStore("kept").put({ of: before.of, seq: sale.seq, digest: sale.digest }, "head"),
      change.objectStore("seen").put(sale.at, sale.rid),
      change.done,
    ]);
    return true;
  });
}

/** The answers to a batch, and the reversal of each sale the cashier has undone meanwhile; the batch is over. */
export async function settle(
  told: ReadonlyMap<string, Told>,
  reversalOf: (sale: Queued, answer: Told) => Pending | undefined,
): Promise<void> {
  return onDisk(async (db) => {
    const change = db.transaction(["kept", "queue", "later"], "readwrite", STRICT);
    const queued = change.objectStore("queue");
    for (const [id, answer] of told) {
      const sale = await queued.get(id);
      if (!sale || sale.state === "told") continue;
      const reversal = sale.undo ? reversalOf(sale, answer) : undefined;
      const undoing = reversal ? { undoKey: reversal.key } : {};
      const state = answer.outcome === "stuck" ? "stuck" : "told";
      await queued.put(withoutLast4({ ...sale, state, told: answer, ...undoing }));
      if (reversal) await change.objectStore("later").put(reversal);
    }
    await change.objectStore("kept").delete("batch");
    await change.done;
  });
}

/** What was said of the member is kept no longer than until it was sent. */
function withoutLast4(sale: Queued): Queued {
  const { id_last4: _, ...record } = sale.record;
  return { ...sale, record };
}

/** The cashier undoes a sale that still waits; false when it has been sent in the meantime. */
export async function undoWaiting(id: string): Promise<boolean> {
  return onDisk(async (db) => {
    const change = db.transaction("queue", "readwrite", STRICT);
    const sale = await change.store.get(id);
    const waits = sale?.state === "waiting";
    if (sale && waits) await change.store.put({ ...sale, undo: true });
    await change.done;
    return waits;
  });
}

/** The cashier undoes a sale the union is still looking at; false when that is under way already. */
export async function undoHeld(id: string, reversal: Pending): Promise<boolean> {
  return onDisk(async (db) => {
    const change = db.transaction(["queue", "later"], "readwrite", STRICT);
    const sale = await change.objectStore("queue").get(id);
    const stands = sale?.told?.outcome === HELD && !sale.undo;
    if (sale && stands) {
      await change.objectStore("queue").put({ ...sale, undo: true, undoKey: reversal.key });
      await change.objectStore("later").put(reversal);
    }
    await change.done;
    return stands;
  });
}

export async function saw(rid: string, at: number): Promise<void> {
  await onDisk((db) => db.put("seen", at, rid));
}

export async function seen(): Promise<Map<string, number>> {
  return onDisk(async (db) => {
    const stored = db.transaction("seen").store;
    const [rids, moments] = await Promise.all([stored.getAllKeys(), stored.getAll()]);
    return new Map(rids.map((rid, place) => [rid, moments[place]!]));
  });
}

/** Forget what is told and older than `before`, and proofs that no window would let through any more. */
export async function tidy(before: number, proofsBefore: number): Promise<void> {
  return onDisk(async (db) => {
    const change = db.transaction(["queue", "seen"], "readwrite");
    for (const sale of await change.objectStore("queue").getAll()) {
      if (sale.state === "told" && sale.at < before) await change.objectStore("queue").delete(sale.id);
    }
    for (let seen = await change.objectStore("seen").openCursor(); seen; seen = await seen.continue()) {
      if (seen.value < proofsBefore) await seen.delete();
    }
    await change.done;
  });
}
