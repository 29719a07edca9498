/** The chain of sales made alone: numbered without a gap, each signed by the till's own key and naming the one before. */

import { sha256 } from "@noble/hashes/sha2.js";

import { base64url, fromBase64url, signText } from "../cn1/keys";
import type { TrustPack } from "../cn1/pack";
import * as sales from "./sales";
import type { Queued, Terminal } from "./shelf";
import * as store from "./store";

/** A sale as it is decided, before it has its number. */
export interface Sale
  extends Pick<
    Queued,
    "merchantRef" | "index" | "rid" | "day" | "at" | "offset" | "amountFen" | "benefitFen" | "discountFen" | "uses"
  > {
  /** Fields of the advice but for number, hash, key and signature. */
  record: Record<string, unknown>;
  last4?: string | undefined;
}

/** A terminal that can sign: paired, with a key the server knows. */
export type Signer = Terminal & { key: CryptoKeyPair; keyId: string; merchantCode: string };

export function canSign(terminal: Terminal): terminal is Signer {
  return terminal.key !== undefined && terminal.keyId !== undefined && terminal.merchantCode !== undefined;
}

/** When the key of this till counts no more (milliseconds), by the server's last word or by the pack; undefined: not yet known. */
export function keyOver({ keyId, keyEndsAt }: Terminal, pack: TrustPack | undefined): number | undefined {
  const stopped = keyId === undefined ? undefined : pack?.stopped.get(keyId);
  const ends = [keyEndsAt, stopped === undefined ? undefined : stopped * 1000].filter((at) => at !== undefined);
  return ends.length > 0 ? Math.min(...ends) : undefined;
}

/** A key of the terminal that counts, as `GET /me` says. */
export interface CountingKey {
  key_id: string;
  ends_at: string | null;
}

/**
 * What the server says of a till's own key. One that is not among those that count is over since `at`: what it signed from
 * then on would be refused, and the shop would bear it. What is news of that stays until the cashier has read it.
 */
export function heardOfKeys(terminal: Terminal, counting: readonly CountingKey[], at: number): void {
  if (terminal.keyId === undefined) return;
  const mine = counting.find((one) => one.key_id === terminal.keyId);
  const before = terminal.keyEndsAt;
  const endsAt = mine ? mine.ends_at && Date.parse(mine.ends_at) : Math.min(before ?? at, at);
  if (endsAt) terminal.keyEndsAt = endsAt;
  else delete terminal.keyEndsAt;
  if (endsAt && endsAt !== before) terminal.others = { endsAt };
}

/** Number, sign and write one sale; when this returns it is on the disk. */
export async function record(terminal: Signer, sale: Sale): Promise<Queued> {
  for (;;) {
    const chain = store.chainOf(terminal);
    const head = await sales.headOf(chain);
    const seq = head.seq + 1;
    const follows = head.digest ? { prev_hash: base64url(head.digest) } : {};
    const unsigned = { ...sale.record, terminal_seq: seq, key_id: terminal.keyId, ...follows };
    const said = message(terminal.merchantCode, terminal.code, unsigned);
    const signature = base64url(await signText(terminal.key.privateKey, said));
    const { record: _, last4, ...facts } = sale;
    const queued: Queued = {
      ...facts,
      id: `${chain}/${seq}`,
      seq,
      record: { ...unsigned, signature, ...(last4 ? { id_last4: last4 } : {}) },
      digest: sha256(new TextEncoder().encode(said)).slice(),
      chain,
      state: "waiting",
      undo: false,
    };
    if (await sales.append(queued, head)) return queued;
  }
}

/**
 * This browser may be new to the terminal: its numbers go on from the highest the server has, and its first record names
 * that one by its `hash`, which an older server does not say.
 */
export async function goOnFrom(chain: string, last: number, hash: string | null | undefined): Promise<void> {
  await sales.advance(chain, last, hash ? fromBase64url(hash) : undefined);
}

/** What is signed of a record, and hashed for the next: `cardnet/merchant_api/signatures.py`, `record_bytes`. */
export function message(merchant: string, terminal: string, unsigned: Record<string, unknown>): string {
  return `cardnet-advice-v1:${merchant}:${terminal}:${canonical(unsigned)}`;
}

/** RFC 8785 of what records are made of: objects, arrays, strings, whole numbers. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    // Names are compared by UTF-16 units, as JavaScript compares strings.
    members.sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
