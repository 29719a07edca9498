/** The status list: two bits per card index. `cardnet/credential/status.py` is its twin. */

import { sha256 } from "@noble/hashes/sha2.js";

import type { Bytes } from "./code";
import { hex } from "./codec";
import { bytesOf, mapOf, unseal, Untrusted, whole, type Keys } from "./pack";

export type StatusAge = "fresh" | "stale" | "expired" | "unchecked";

export const VALID = 0;
export const SUSPENDED = 2;

const STALE_SECONDS = 72 * 3600;
const EXP = 4;
const IAT = 6;
const TTL = 65534;
const STATUS_LIST = 65533;
const SEQ = -70002;
const SINCE = -70006;
const CHANGES = -70007;
const DIGEST = -70008;
/** No list of ours comes near 64 MiB; a bomb does. */
const MOST_BYTES = 1 << 26;
const ENTRY = 5;

/** `bits` has four indexes a byte, the first in the two lowest bits. Keep it as it is, in IndexedDB for example. */
export interface StatusList {
  bits: Bytes;
  seq: number;
  issuedAt: number;
  expiresAt: number;
  /** Ask again after so many seconds. */
  ttl: number;
}

/** The two bits of an index; 0 beyond the end of the list. */
export function statusOf(list: StatusList, index: number): number {
  return ((list.bits[index >>> 2] ?? 0) >> (2 * (index & 3))) & 3;
}

export function ageOf(list: StatusList | undefined, seconds: number): StatusAge {
  if (!list) return "unchecked";
  if (seconds > list.expiresAt) return "expired";
  return seconds - list.issuedAt > STALE_SECONDS ? "stale" : "fresh";
}

/** Read a signed list, or a signed change of `before`. Throws Untrusted; then ask for the whole list. */
export async function openList(content: Uint8Array, keys: Keys, before?: StatusList): Promise<StatusList> {
  const claims = unseal(content, keys, "status");
  const head = {
    seq: claims.has(SEQ) ? whole(claims.get(SEQ)) : 0,
    issuedAt: whole(claims.get(IAT)),
    expiresAt: whole(claims.get(EXP)),
    ttl: whole(claims.get(TTL)),
  };
  if (before && (head.seq < before.seq || head.issuedAt < before.issuedAt)) {
    throw new Untrusted("a later status list has been seen");
  }
  if (claims.has(CHANGES)) {
    if (!before || whole(claims.get(SINCE)) !== before.seq) throw new Untrusted("a change of another list");
    const bits = changed(before.bits, whole(claims.get(STATUS_LIST)), bytesOf(claims.get(CHANGES)));
    if (hex(sha256(bits).slice(0, 16)) !== hex(bytesOf(claims.get(DIGEST)))) throw new Untrusted("the lists have parted");
    return { ...head, bits };
  }
  const listed = mapOf(claims.get(STATUS_LIST));
  if (listed.get("bits") !== 2) throw new Untrusted("not a list of two bits");
  return { ...head, bits: await unpacked(bytesOf(listed.get("lst"))) };
}

/** Entries of five bytes: the index, and its new status. */
function changed(bits: Bytes, size: number, changes: Bytes): Bytes {
  if (size < bits.length || size > MOST_BYTES || changes.length % ENTRY) throw new Untrusted("not a change");
  const grown = new Uint8Array(size);
  grown.set(bits);
  const view = new DataView(changes.buffer, changes.byteOffset);
  for (let at = 0; at < changes.length; at += ENTRY) {
    const index = view.getUint32(at);
    const place = index >>> 2;
    const shift = 2 * (index & 3);
    if (place >= size || changes[at + 4]! > 3) throw new Untrusted("not a change");
    grown[place] = (grown[place]! & ~(3 << shift)) | (changes[at + 4]! << shift);
  }
  return grown;
}

async function unpacked(packed: Bytes): Promise<Bytes> {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(next.value);
      length += next.value.length;
      if (length > MOST_BYTES) throw new Untrusted("a list too long");
    }
  } catch (error) {
    throw error instanceof Untrusted ? error : new Untrusted(`not a list: ${String(error)}`);
  }
  const bits = new Uint8Array(length);
  parts.reduce((at, part) => (bits.set(part, at), at + part.length), 0);
  return bits;
}
