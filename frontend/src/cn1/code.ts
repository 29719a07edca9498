/**
 * The code a phone shows: CN1 of card-credential.md.
 *
 * An outer COSE_Sign1 (RFC 9052) signed ES256 by the phone, whose protected header carries the issuer's
 * credential as `kcwt` (label 13), and whose payload is a small proof with the time and a one-time id.
 */

import { encode as cbor, rfc8949EncodeOptions } from "cborg";

import { encode as base45 } from "./base45";

export type Bytes = Uint8Array<ArrayBuffer>;

export interface Proof {
  /** Corrected UTC seconds. */
  issuedAt: number;
  /** Rises by one with every code of this key, so that a copied key shows itself. */
  counter: number;
  /** Four random bytes, so that an id cannot be guessed ahead. */
  random: Uint8Array;
  /** Merchant or terminal this one code is for (bound mode). */
  audience?: string;
  /** What the terminal asked the member to type. */
  challenge?: Uint8Array;
}

const TAG_SIGN1 = 0xd2;
const ARRAY_OF_4 = 0x84;
const EMPTY_MAP = 0xa0;
const ALG_ES256_THEN_KCWT = [0xa2, 0x01, 0x26, 0x0d];

/** `{?3: aud, 6: iat, 7: cti, ?39: cnonce}`, deterministic. */
export function proofBytes(proof: Proof): Bytes {
  if (proof.random.length !== 4) throw new RangeError("proof: four random bytes");
  const id = new Uint8Array(8);
  new DataView(id.buffer).setUint32(0, proof.counter);
  id.set(proof.random, 4);
  const claims = new Map<number, unknown>([
    [6, proof.issuedAt],
    [7, id],
  ]);
  if (proof.audience !== undefined) claims.set(3, proof.audience);
  if (proof.challenge !== undefined) claims.set(39, proof.challenge);
  return cbor(claims, rfc8949EncodeOptions);
}

/** `{1: -7, 13: credential}`; the credential goes in as the bytes the union signed. */
export function protectedBytes(credential: Uint8Array): Bytes {
  return join(Uint8Array.from(ALG_ES256_THEN_KCWT), credential);
}

/** What ES256 signs: the Sig_structure of RFC 9052 §4.4, external data empty. */
export function signatureInput(header: Uint8Array, payload: Uint8Array): Bytes {
  return cbor(["Signature1", header, new Uint8Array(0), payload], rfc8949EncodeOptions);
}

/** The text of the QR around a finished signature. */
export function codeText(header: Uint8Array, payload: Uint8Array, signature: Uint8Array): string {
  const token = join(
    Uint8Array.of(TAG_SIGN1, ARRAY_OF_4),
    cbor(header),
    Uint8Array.of(EMPTY_MAP),
    cbor(payload),
    cbor(signature),
  );
  return "CN1:" + base45(token);
}

/** Sign one code. The key never leaves the browser; WebCrypto gives the signature as r‖s. */
export async function makeCode(key: CryptoKey, credential: Uint8Array, proof: Proof): Promise<string> {
  const header = protectedBytes(credential);
  const payload = proofBytes(proof);
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    key,
    signatureInput(header, payload),
  );
  return codeText(header, payload, new Uint8Array(signature));
}

function join(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
