/**
 * The two signatures of CN1, checked by @noble/curves: WebCrypto has no Ed25519 on the Chrome 109 of an old shop PC,
 * and only asynchronous answers. What counts as a signature is what `cardnet/credential/cose.py` takes.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";

import type { IssuerKey } from "./pack";

export const EDDSA = -8;
export const ES256 = -7;

/** Whether the issuer's key made this signature over `signed`. */
export function issuerSigned(key: IssuerKey, signed: Uint8Array, signature: Uint8Array): boolean {
  if (key.alg === ES256) return deviceSigned(key.public, signed, signature);
  try {
    return ed25519.verify(signature, signed, key.public, { zip215: false });
  } catch {
    return false;
  }
}

/** Whether the holder of this compressed P-256 point made this ES256 signature; false too for no point at all. */
export function deviceSigned(point: Uint8Array, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    // WebCrypto gives either half of the pair (r, s), (r, n − s): both count.
    return p256.verify(signature, signed, point, { lowS: false });
  } catch {
    return false;
  }
}
