/**
 * What the till keeps, in IndexedDB: who it is, what it trusts, the one request whose outcome is not known yet, and the
 * sales it made alone. Whatever is about money is written to the disk before anybody is told of it.
 */

import { openDB, type DBSchema, type IDBPDatabase } from "idb";

import type { Bytes } from "../cn1/code";
import type { RootsDocument } from "../cn1/pack";
import { refuse } from "./disk";
import type { StatusList } from "../cn1/status";
import type { ClockMemory } from "../shared/clock";
import type { Use } from "./offers";
import type { Back, Row } from "./today";

export interface Terminal {
  token: string;
  /** The till's own key; it signs what is redeemed offline. Absent until a pasted token has registered one. */
  key: CryptoKeyPair | undefined;
  keyId?: string;
  /** From then on (milliseconds) nothing our key signs counts: another device has been paired, or somebody stopped it. */
  keyEndsAt?: number;
  /** What the cashier has not read yet of other devices of this terminal. */
  others?: Others;
  merchant: string;
  merchantCode?: string;
  store: string;
  name: string;
  code: string;
  /** What its merchant's programs tell apart, as the server last said. */
  services?: Offered[];
}

/** The key of another device counts until then (milliseconds); two others' do and ours does not; ours ends, or ended, then. */
export type Others = { until: number } | "two" | { endsAt: number };

/** How this browser asks for its place; kept before it asks, so that a lost answer is asked for again and takes one place. */
export interface Pairing {
  /** The code or token somebody typed. */
  typed: string;
  /** What only this browser knows: with it the same code works again. */
  once: string;
  key: CryptoKeyPair;
}

/** Something bought for which programs give something: a service, or null for ordinary goods. */
export interface Offered {
  code: string | null;
  programs: string[];
}

/** A request that must be asked again with the same key until it is answered. */
export interface Pending {
  kind: "redemption" | "reversal" | "refund" | "report";
  key: string;
  path: string;
  body: Record<string, unknown>;
  amountFen: number;
  at: number;
  /** Of which terminal: no other may send it. Requests kept by an earlier version of this page do not say. */
  chain?: string;
  /** The receipt's number, for the cashier. */
  merchantRef?: string;
  /** What the drawer gives back once it is done, of which redemption, and on which day it was asked for. */
  back?: Back & { day: string };
  /** Why the server would not do it: it is sent no more, and stays until the cashier has read it. */
  refused?: string;
}

export interface Preferences {
  /** The till of a clinic mostly sells the same thing: the last choice stays. */
  service?: string;
  sound: boolean;
}

/** Documents as the server signed them; roots are pinned once and never replaced. Times in milliseconds. */
export interface Trust {
  roots: RootsDocument;
  pack?: { content: Bytes; etag: string; seq: number };
  list?: { value: StatusList; etag: string };
  offers?: { content: Bytes; etag: string; issuedAt: number };
  /** When the server last said that all of this is the newest. */
  syncedAt?: number;
  /** When the union signed the newest credential seen here, in seconds. */
  witnessedAt?: number;
}

/** The last record of a terminal's chain: the next one says its digest. */
export interface Head {
  of: string;
  seq: number;
  digest?: Bytes;
}

export interface Told {
  outcome: string;
  message: string;
  redemptionId?: string;
}

/** A sale made alone. */
export interface Queued {
  /** Terminal and number: this browser may have been another terminal before. */
  id: string;
  seq: number;
  /** What is sent: signed, as it is. */
  record: Record<string, unknown>;
  digest: Bytes;
  chain: string;
  merchantRef: string;
  /** The card's index, and the id of the proof it showed. */
  index: number;
  rid: string;
  day: string;
  at: number;
  /** Corrected time minus the clock of this device when it was made: by how much it was off shows when it is sent. */
  offset: number;
  amountFen: number;
  benefitFen: number;
  /** Of it the merchant's own. */
  discountFen: number;
  uses: Use[];
  /** `stuck`: the server will not read it; somebody must look. */
  state: "waiting" | "told" | "stuck";
  told?: Told;
  /** The cashier has undone it: a reversal follows as soon as the server has it. */
  undo: boolean;
  /** Under which key it is undone, once it could be asked for. */
  undoKey?: string;
}

/** Records on their way: the same bytes under the same key until there is an answer. */
export interface Batch {
  key: string;
  body: Record<string, unknown>;
  ids: string[];
  at: number;
}

/** The day's list as the server last told it. */
export interface KnownDay {
  chain: string;
  day: string;
  rows: Row[];
}

/** What the drawer of a terminal gave back on one day, by the key of each refund. */
export interface Returned {
  chain: string;
  day: string;
  backs: Record<string, Back>;
}

interface Kept {
  day: KnownDay;
  returned: Returned;
  terminal: Terminal;
  pairing: Pairing;
  pending: Pending;
  preferences: Preferences;
  trust: Trust;
  clock: ClockMemory;
  head: Head;
  batch: Batch;
}

interface Shelf extends DBSchema {
  kept: { key: keyof Kept; value: Kept[keyof Kept] };
  queue: { key: string; value: Queued };
  /** Ids of proofs seen here, and when. */
  seen: { key: string; value: number };
  /** Requests nobody waits for any more: they are sent when there is a network. */
  later: { key: string; value: Pending };
}

/** What the server says of a record people must look at. */
export const HELD = "held_for_review";
const STRICT = { durability: "strict" } as const;
const VERSION = 2;
/** Fewer than the bad codes of a minute for which the server locks a terminal. */
const MOST_REPORTS = 5;

let opened: Promise<IDBPDatabase<Shelf>> | undefined;

function shelf(): Promise<IDBPDatabase<Shelf>> {
  opened ??= openDB<Shelf>("cardnet-till", VERSION, {
    upgrade(db, before) {
      if (before < 1) db.createObjectStore("kept");
      if (before < 2) {
        db.createObjectStore("queue", { keyPath: "id" });
        db.createObjectStore("seen");
        db.createObjectStore("later", { keyPath: "key" });
      }
    },
    // Some systems end the connection of a page that was long in the background: the next question opens another.
    terminated: () => (opened = undefined),
  });
  // What could not be opened now is opened anew when the cashier tries again.
  opened.catch(() => (opened = undefined));
  return opened;
}

/** All that touches the disk goes through here, so that a no of the disk is never taken for one of anything else. */
async function onDisk<T>(work: (db: IDBPDatabase<Shelf>) => Promise<T>): Promise<T> {
  // A browser that keeps nothing throws at once where others answer later.
  const db = await Promise.resolve().then(shelf).catch((error: unknown) => refuse(error, "opening"));
  return work(db).catch((error: unknown) => refuse(error, "open"));
}

export async function kept<N extends keyof Kept>(name: N): Promise<Kept[N] | undefined> {
  return onDisk(async (db) => (await db.get("kept", name)) as Kept[N] | undefined);
}

export async function keep<N extends keyof Kept>(name: N, value: Kept[N]): Promise<void> {
  return onDisk(async (db) => {
    const change = db.transaction("kept", "readwrite", STRICT);
    await Promise.all([change.store.put(value, name), change.done]);
  });
}

export async function forget(name: keyof Kept): Promise<void> {
  return onDisk(async (db) => {
    const change = db.transaction("kept", "readwrite", STRICT);
    await Promise.all([change.store.delete(name), change.done]);
  });
}

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

/** Every sale made alone that is still kept, oldest first. */
export async function queue(): Promise<Queued[]> {
  return onDisk(async (db) => {
    const all = await db.getAll("queue");
    return all.sort((one, other) => one.at - other.at || one.seq - other.seq);
  });
}

/** Which chain a terminal's sales belong to. */
export function chainOf(terminal: Pick<Terminal, "merchantCode" | "code">): string {
  return `${terminal.merchantCode}/${terminal.code}`;
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

/** Requests and sales that only another terminal than `chain` can send; a report of a forged code anybody may. */
export async function stranded(chain: string): Promise<{ chain?: string }[]> {
  const open = await kept("pending");
  const requests = [...(open ? [open] : []), ...(await postponed())].filter(
    (request) => request.refused === undefined && request.kind !== "report" && request.chain !== undefined,
  );
  const waiting = (await queue()).filter((sale) => sale.state === "waiting");
  return [...waiting, ...requests].filter((one) => one.chain !== chain);
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
