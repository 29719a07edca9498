/** The phone's key: P-256, made here, never extractable. */

import type { Bytes } from "./code";

const P256 = { name: "ECDSA", namedCurve: "P-256" } as const;

export async function makeDeviceKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(P256, false, ["sign", "verify"]);
}

/** The 33-byte compressed point (SEC 1 §2.3.3): parity of y, then x. */
export function compress(uncompressed: Uint8Array): Bytes {
  if (uncompressed.length !== 65 || uncompressed[0] !== 4) throw new RangeError("point: not uncompressed P-256");
  const point = new Uint8Array(33);
  point[0] = 2 + (uncompressed[64]! & 1);
  point.set(uncompressed.subarray(1, 33), 1);
  return point;
}

export async function compressedPublicKey(pair: CryptoKeyPair): Promise<Bytes> {
  return compress(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
}

/** ES256 (r‖s) over the ASCII bytes of `text`: proves that we hold the key we ask the union to sign. */
export async function signText(key: CryptoKey, text: string): Promise<Bytes> {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, bytes));
}

export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function fromBase64url(text: string): Bytes {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
