/** Requests to the server: the one that is given up, those nobody waits for any more, and what became of them. */

import { queue } from "./sales";
import { onDisk, STRICT, type Pending, type Returned } from "./shelf";
import { kept } from "./store";

/** Fewer than the bad codes of a minute for which the server locks a terminal. */
const MOST_REPORTS = 5;

/** What waits for a network is asked for later; the cashier goes on. */
export async function postpone(request: Pending): Promise<void> {
  return onDisk(async (db) => {
    const change = db.transaction(["kept", "later"], "readwrite", STRICT);
    await Promise.all([
      change.objectStore("later").put(request),
      change.objectStore("kept").delete("pending"),
      change.done,
    ]);
  });
}

/** A refund was done: what the drawer gave back is remembered for the day, once however often it is told. */
export async function gaveBack({ key, back, chain }: Pending): Promise<void> {
  return onDisk(async (db) => {
    if (!back || chain === undefined) return;
    const change = db.transaction("kept", "readwrite", STRICT);
    const before = (await change.store.get("returned")) as Returned | undefined;
    const backs = before?.chain === chain && before.day === back.day ? before.backs : {};
    const { day, ...given } = back;
    const value: Returned = { chain, day, backs: { ...backs, [key]: given } };
    await Promise.all([change.store.put(value, "returned"), change.done]);
  });
}

/** A forged code was shown: the union is told as soon as there is a network. Many of them say no more than a few. */
export async function report(request: Pending): Promise<void> {
  return onDisk(async (db) => {
    const waiting = (await postponed()).filter((one) => one.kind === "report");
    if (waiting.length < MOST_REPORTS) await db.put("later", request);
  });
}

/** The server said no: the cashier is to hear of it. */
export async function refused(request: Pending, why: string): Promise<void> {
  await onDisk((db) => db.put("later", { ...request, refused: why }));
}

/** The cashier has read a refusal: the sale it was about stands as if nobody had undone it. */
export async function refusalRead(key: string): Promise<void> {
  return onDisk(async (db) => {
    const change = db.transaction(["later", "queue"], "readwrite", STRICT);
    const queued = change.objectStore("queue");
    for (const { undoKey, ...sale } of await queued.getAll()) {
      if (undoKey === key) await queued.put({ ...sale, undo: false });
    }
    await change.objectStore("later").delete(key);
    await change.done;
  });
}

/** Requests nobody waits for, oldest first: still to be sent, or refused. */
export async function postponed(): Promise<Pending[]> {
  return onDisk(async (db) => {
    const all = await db.getAll("later");
    return all.sort((one, other) => one.at - other.at);
  });
}

export async function done(key: string): Promise<void> {
  await onDisk((db) => db.delete("later", key));
}

/** Requests and sales that only another terminal than `chain` can send; a report of a forged code anybody may. */
export async function stranded(chain: string): Promise<{ chain?: string }[]> {
  const open = await kept("pending");
  const requests = [...(open ? [open] : []), ...(await postponed())].filter(
    (request) => request.refused === undefined && request.kind !== "report" && request.chain !== undefined,
  );
  const waiting = (await queue()).filter((sale) => sale.state === "waiting");
  return [...waiting, ...requests].filter((one) => one.chain !== chain);
}
