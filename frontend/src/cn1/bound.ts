/** The `cnonce` of a code made for one purchase. */

import { sha256 } from "@noble/hashes/sha2.js";

import type { Bytes } from "./code";
import { BOUND_NONCE_BYTES } from "./limits";

/** `nonce` is the till's own, in lower-case hex; `device.bound_nonce` says how the parts are joined. */
export function boundNonce(merchant: string, terminal: string, amountFen: number, nonce: string): Bytes {
  const said = ["cardnet-bound", merchant, terminal, String(amountFen), nonce].join("\n");
  return sha256(new TextEncoder().encode(said)).slice(0, BOUND_NONCE_BYTES);
}
