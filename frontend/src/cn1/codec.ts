/** CN1 tokens, read: a phone's code or a printed card. See `cardnet/credential/codec.py`, its twin. */

import { signatureInput, type Bytes } from "./code";
import { ARRAY, Malformed, MAP, Reader, UINT, type Whole } from "./reader";

/** What the union states about a card index; times are seconds since 1970. No `deviceKey` on a printed card. */
export interface Claims {
  index: number;
  issuedAt: number;
  expiresAt: number;
  tier: Whole;
  group?: Whole;
  deviceKey?: Bytes;
}

export interface Credential {
  alg: Whole;
  kid: string;
  claims: Claims;
  /** What the signature is over, in the original bytes. */
  signed: Bytes;
  signature: Bytes;
}

export interface ReadProof {
  issuedAt: number;
  /** A counter (4 bytes) and 4 random bytes. */
  proofId: Bytes;
  audience?: string;
  nonce?: Bytes;
}

export interface DeviceCode {
  alg: Whole;
  credential: Credential;
  proof: ReadProof;
  signed: Bytes;
  signature: Bytes;
}

const CNF = [0x08, 0xa1, 0x01, 0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20];
const TIER = [0x3a, 0x00, 0x01, 0x11, 0x70];
const NONCE = [0x18, 0x27];

/** Throws Malformed for everything else. */
export function readToken(token: Uint8Array): DeviceCode | Credential {
  const reader = new Reader(token);
  const { header, payload, signature } = reader.sign1();
  reader.end();
  const outer = new Reader(header);
  outer.literal(0xa2, 0x01);
  const alg = outer.integer();
  if (!outer.skip(0x0d)) return credentialOf(alg, outer, header, payload, signature);
  const inside = outer.sign1();
  outer.end();
  const inner = new Reader(inside.header);
  inner.literal(0xa2, 0x01);
  const credential = credentialOf(inner.integer(), inner, inside.header, inside.payload, inside.signature);
  return { alg, credential, proof: proofOf(payload), signed: signatureInput(header, payload), signature };
}

/** A credential on its own, as a phone stores it. Throws Malformed for everything else. */
export function readCredential(token: Uint8Array): Credential {
  const read = readToken(token);
  if ("proof" in read) throw new Malformed("a code, not a credential");
  return read;
}

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function credentialOf(alg: Whole, rest: Reader, header: Bytes, payload: Bytes, signature: Bytes): Credential {
  rest.literal(0x04, 0x42);
  const kid = hex(rest.take(2));
  rest.end();
  return { alg, kid, claims: claimsOf(payload), signed: signatureInput(header, payload), signature };
}

function claimsOf(payload: Bytes): Claims {
  const reader = new Reader(payload);
  const entries = reader.head(MAP);
  reader.literal(0x04);
  const expiresAt = reader.uint32();
  reader.literal(0x06);
  const issuedAt = reader.uint32();
  reader.literal(0x07, 0x44);
  const index = new DataView(reader.take(4).buffer).getUint32(0);
  const deviceKey = reader.skip(...CNF) ? pointOf(reader) : undefined;
  reader.literal(...TIER);
  const parts = reader.head(ARRAY);
  const tier = reader.head(UINT);
  const group = parts === 2 ? reader.head(UINT) : undefined;
  reader.end();
  if (entries !== 4 + (deviceKey ? 1 : 0) || (parts !== 1 && parts !== 2)) throw new Malformed("claims");
  return { index, issuedAt, expiresAt, tier, ...(group === undefined ? {} : { group }), ...(deviceKey ? { deviceKey } : {}) };
}

function proofOf(payload: Bytes): ReadProof {
  const reader = new Reader(payload);
  const entries = reader.head(MAP);
  const audience = reader.skip(0x03) ? reader.text(1, 24) : undefined;
  reader.literal(0x06);
  const issuedAt = reader.uint32();
  reader.literal(0x07, 0x48);
  const proofId = reader.take(8);
  const nonce = reader.skip(...NONCE) ? reader.bytesOf(4, 32) : undefined;
  reader.end();
  if (entries !== 2 + (audience === undefined ? 0 : 1) + (nonce ? 1 : 0)) throw new Malformed("proof");
  return { issuedAt, proofId, ...(audience === undefined ? {} : { audience }), ...(nonce ? { nonce } : {}) };
}

/** The rest of claim 8: x, and -3 (the sign of y) as a boolean; as a compressed point. */
function pointOf(reader: Reader): Bytes {
  const x = reader.take(32);
  reader.literal(0x22);
  const odd = reader.skip(0xf5);
  if (!odd) reader.literal(0xf4);
  return Uint8Array.from([odd ? 3 : 2, ...x]);
}
