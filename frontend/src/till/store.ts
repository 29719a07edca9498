/** What the till keeps, in IndexedDB: who it is, and the one sale whose outcome is not known yet. */

import { openDB, type DBSchema, type IDBPDatabase } from "idb";

export interface Terminal {
  token: string;
  /** The till's own key; it signs what is redeemed offline. Absent where a token was pasted. */
  key: CryptoKeyPair | undefined;
  merchant: string;
  store: string;
  name: string;
  code: string;
}

/** A request that must be asked again with the same key until it is answered. */
export interface Pending {
  kind: "redemption" | "reversal";
  key: string;
  body: Record<string, unknown>;
  amountFen: number;
  at: number;
}

export interface Preferences {
  service: string;
  sound: boolean;
}

interface Shelf extends DBSchema {
  kept: { key: "terminal" | "pending" | "preferences"; value: Terminal | Pending | Preferences };
}

let opened: Promise<IDBPDatabase<Shelf>> | undefined;

function shelf(): Promise<IDBPDatabase<Shelf>> {
  opened ??= openDB<Shelf>("cardnet-till", 1, { upgrade: (db) => void db.createObjectStore("kept") });
  return opened;
}

const get = async <T>(key: "terminal" | "pending" | "preferences"): Promise<T | undefined> =>
  (await (await shelf()).get("kept", key)) as T | undefined;

export const terminal = (): Promise<Terminal | undefined> => get<Terminal>("terminal");
export const pending = (): Promise<Pending | undefined> => get<Pending>("pending");
export const preferences = (): Promise<Preferences | undefined> => get<Preferences>("preferences");

export async function keepTerminal(value: Terminal): Promise<void> {
  await (await shelf()).put("kept", value, "terminal");
}

export async function forgetTerminal(): Promise<void> {
  await (await shelf()).delete("kept", "terminal");
}

export async function keepPending(value: Pending): Promise<void> {
  await (await shelf()).put("kept", value, "pending");
}

export async function settled(): Promise<void> {
  await (await shelf()).delete("kept", "pending");
}

export async function keepPreferences(value: Preferences): Promise<void> {
  await (await shelf()).put("kept", value, "preferences");
}
