/** What the phone keeps, in IndexedDB: the key (which nobody can read out), the credential, the clock. */

import { openDB, type DBSchema, type IDBPDatabase } from "idb";

import type { Bytes } from "../cn1/code";
import type { ClockMemory } from "../shared/clock";
import type { Stop } from "./stopped";

export interface CardFace {
  name: string;
  unionName: string;
  number: string;
  state: string;
  validTo: string;
  /** What the union's own rules call the holder; a card kept by an earlier version of this page does not say. */
  tier?: number;
}

export interface StoredCard {
  key: CryptoKeyPair;
  credential: Bytes;
  index: number;
  /** Server milliseconds between which the credential works; renewed before half of it is over. */
  issuedAt: number;
  expiresAt: number;
  /** How often the code changes; phones that have not asked since this could be set have none. */
  rotationMs?: number;
  face: CardFace;
  /** Why it shows no code, as the server said last. */
  stopped?: Stop | undefined;
}

export interface Settings {
  largeType: boolean;
}

interface Shelf extends DBSchema {
  card: { key: "current" | "pending"; value: StoredCard | CryptoKeyPair };
  clock: { key: "memory"; value: ClockMemory };
  counter: { key: "codes"; value: number };
  /** The settings under `all`; what the member saw last, and the line under the code, each under its own name. */
  settings: { key: string; value: unknown };
}

/** This browser cannot keep a key (lockdown mode, some private windows): no card here. */
export class CannotKeepKey extends Error {}

let opened: Promise<IDBPDatabase<Shelf>> | undefined;

function shelf(): Promise<IDBPDatabase<Shelf>> {
  opened ??= openDB<Shelf>("cardnet-wallet", 1, {
    // Keys live here and nowhere else: a later version may add stores, and must never remake these.
    upgrade(db) {
      db.createObjectStore("card");
      db.createObjectStore("clock");
      db.createObjectStore("counter");
      db.createObjectStore("settings");
    },
    // Some systems end the connection of a page that was long in the background: the next question opens another.
    terminated: () => (opened = undefined),
  });
  return opened;
}

export async function card(): Promise<StoredCard | undefined> {
  try {
    return (await (await shelf()).get("card", "current")) as StoredCard | undefined;
  } catch {
    return undefined;
  }
}

/**
 * Keep the key before it is sent anywhere; where one is kept already, as by another tab, that one counts and is
 * returned. Throws CannotKeepKey when the browser will not.
 */
export async function keepPendingKey(key: CryptoKeyPair): Promise<CryptoKeyPair> {
  try {
    const db = await shelf();
    const change = db.transaction("card", "readwrite");
    const there = (await change.store.get("pending")) as CryptoKeyPair | undefined;
    if (!there?.privateKey) await change.store.put(key, "pending");
    await change.done;
    const back = (await db.get("card", "pending")) as CryptoKeyPair | undefined;
    if (!back?.privateKey) throw new Error("the key did not come back");
    return back;
  } catch (error) {
    throw new CannotKeepKey(String(error));
  }
}

/** The key of an activation whose answer was lost: trying again with it cannot bind a second phone. */
export async function pendingKey(): Promise<CryptoKeyPair | undefined> {
  try {
    return (await (await shelf()).get("card", "pending")) as CryptoKeyPair | undefined;
  } catch {
    return undefined;
  }
}

/** The activation is through: the card takes the pending key's place, and its codes are counted from one. */
export async function keepNewCard(value: StoredCard): Promise<void> {
  const change = (await shelf()).transaction(["card", "counter"], "readwrite");
  await Promise.all([
    change.objectStore("card").put(value, "current"),
    change.objectStore("card").delete("pending"),
    change.objectStore("counter").put(0, "codes"),
    change.done,
  ]);
}

/** Keep `value` for the card of `index`; false where another tab has bound this phone anew since, or has forgotten it. */
export async function keepCard(index: number, value: StoredCard): Promise<boolean> {
  const change = (await shelf()).transaction("card", "readwrite");
  const there = (await change.store.get("current")) as StoredCard | undefined;
  const same = there?.index === index;
  if (same) await change.store.put(value, "current");
  await change.done;
  return same;
}

export async function forgetCard(): Promise<void> {
  const change = (await shelf()).transaction(["card", "counter", "settings"], "readwrite");
  await Promise.all([
    change.objectStore("card").clear(),
    change.objectStore("counter").clear(),
    change.objectStore("settings").delete(IDBKeyRange.bound(SEEN, `${SEEN}\uffff`)),
    change.done,
  ]);
}

/** The next number of a code, never given twice, also with two tabs open. */
export async function nextCounter(): Promise<number> {
  const change = (await shelf()).transaction("counter", "readwrite");
  const next = ((await change.store.get("codes")) ?? 0) + 1;
  await Promise.all([change.store.put(next, "codes"), change.done]);
  return next;
}

export async function clockMemory(): Promise<ClockMemory | undefined> {
  return (await shelf()).get("clock", "memory");
}

export async function keepClock(memory: ClockMemory): Promise<void> {
  await (await shelf()).put("clock", memory, "memory");
}

export async function settings(): Promise<Settings | undefined> {
  return (await (await shelf()).get("settings", "all")) as Settings | undefined;
}

export async function keepSettings(value: Settings): Promise<void> {
  await (await shelf()).put("settings", value, "all");
}

const SEEN = "seen:";

/** Keep an answer of the server for a visit without a network; it leaves the phone with the card. */
export async function keepSeen(name: string, value: unknown): Promise<void> {
  await (await shelf()).put("settings", value, SEEN + name);
}

export async function seen(name: string): Promise<unknown> {
  return (await shelf()).get("settings", SEEN + name);
}
