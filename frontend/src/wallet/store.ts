/** What the phone keeps, in IndexedDB: the key (which nobody can read out), the credential, the clock. */

import { openDB, type DBSchema, type IDBPDatabase } from "idb";

import type { Bytes } from "../cn1/code";
import type { ClockMemory } from "../shared/clock";

export interface CardFace {
  name: string;
  unionName: string;
  number: string;
  state: string;
  validTo: string;
}

export interface StoredCard {
  key: CryptoKeyPair;
  credential: Bytes;
  index: number;
  /** Server milliseconds between which the credential works; renewed before half of it is over. */
  issuedAt: number;
  expiresAt: number;
  face: CardFace;
}

export interface Settings {
  largeType: boolean;
}

interface Shelf extends DBSchema {
  card: { key: "current" | "pending"; value: StoredCard | CryptoKeyPair };
  clock: { key: "memory"; value: ClockMemory };
  counter: { key: "codes"; value: number };
  settings: { key: "all"; value: Settings };
}

/** This browser cannot keep a key (lockdown mode, some private windows): no card here. */
export class CannotKeepKey extends Error {}

let opened: Promise<IDBPDatabase<Shelf>> | undefined;

function shelf(): Promise<IDBPDatabase<Shelf>> {
  opened ??= openDB<Shelf>("cardnet-wallet", 1, {
    upgrade(db) {
      db.createObjectStore("card");
      db.createObjectStore("clock");
      db.createObjectStore("counter");
      db.createObjectStore("settings");
    },
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

/** Keep the key before it is sent anywhere. Throws CannotKeepKey when the browser will not. */
export async function keepPendingKey(key: CryptoKeyPair): Promise<void> {
  try {
    const db = await shelf();
    await db.put("card", key, "pending");
    const back = (await db.get("card", "pending")) as CryptoKeyPair | undefined;
    if (!back?.privateKey) throw new Error("the key did not come back");
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

export async function keepCard(value: StoredCard): Promise<void> {
  await (await shelf()).put("card", value, "current");
}

export async function forgetCard(): Promise<void> {
  const change = (await shelf()).transaction(["card", "counter"], "readwrite");
  await Promise.all([change.objectStore("card").clear(), change.objectStore("counter").clear(), change.done]);
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
  return (await shelf()).get("settings", "all");
}

export async function keepSettings(value: Settings): Promise<void> {
  await (await shelf()).put("settings", value, "all");
}
