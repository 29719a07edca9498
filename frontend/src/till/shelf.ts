/**
 * The till's shelves in IndexedDB: what stands on them, and how they are opened. Whatever is about money is written to
 * the disk before anybody is told of it.
 */

import { openDB, type DBSchema, type IDBPDatabase } from "idb";

import type { Bytes } from "../cn1/code";
import type { RootsDocument } from "../cn1/pack";
import type { StatusList } from "../cn1/status";
import type { ClockMemory } from "../shared/clock";
import { refuse } from "./disk";
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
export interface TrustDocuments {
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

export interface Kept {
  day: KnownDay;
  returned: Returned;
  terminal: Terminal;
  pairing: Pairing;
  pending: Pending;
  preferences: Preferences;
  trust: TrustDocuments;
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

export const STRICT = { durability: "strict" } as const;
const VERSION = 2;

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
export async function onDisk<T>(work: (db: IDBPDatabase<Shelf>) => Promise<T>): Promise<T> {
  // A browser that keeps nothing throws at once where others answer later.
  const db = await Promise.resolve().then(shelf).catch((error: unknown) => refuse(error, "opening"));
  return work(db).catch((error: unknown) => refuse(error, "open"));
}
