/** The trust pack: which keys count and by which rules codes are judged. `cardnet/credential/pack.py` is its twin. */

import { decode as fromCbor } from "cborg";

import { signatureInput, type Bytes } from "./code";
import { hex } from "./codec";
import { Reader } from "./reader";
import { EDDSA, ES256, issuerSigned } from "./signature";

export interface IssuerKey {
  alg: number;
  use: string;
  public: Bytes;
  nbf: number;
  exp: number;
  state: string;
}

/** Numbers are seconds unless the name says otherwise. */
export interface Policy {
  rotation: number;
  offline_past: number;
  offline_ahead: number;
  online_past: number;
  online_ahead: number;
  challenge: number;
  /** Offline, nothing asked: a proof at most this far out is taken as a printed card would be; 0: never. */
  as_printed: number;
  credential_ahead: number;
  device_life: number;
  printed_life_months: number;
  offline_floor_fen: number;
  offline_card_uses: number;
  offline_uses: number;
  offline_given_fen: number;
  offline_sync: number;
  printed_floor_fen: number;
  printed_card_uses: number;
}

/** Keys by the hex of their kid. */
export type Keys = ReadonlyMap<string, IssuerKey>;

export interface TrustPack {
  seq: number;
  issuedAt: number;
  expiresAt: number;
  keys: Keys;
  policy: Policy;
  statusUris: readonly string[];
  /** Keys of terminals (`keyid`) that count no more, and since when. */
  stopped: ReadonlyMap<string, number>;
}

/** A signed document is not what it should be. */
export class Untrusted extends Error {}

export const DEFAULT_POLICY: Policy = {
  rotation: 15,
  offline_past: 60,
  offline_ahead: 30,
  online_past: 35,
  online_ahead: 15,
  challenge: 600,
  as_printed: 0,
  credential_ahead: 300,
  device_life: 14 * 86_400,
  printed_life_months: 24,
  offline_floor_fen: 5_000,
  offline_card_uses: 2,
  offline_uses: 40,
  offline_given_fen: 100_000,
  offline_sync: 72 * 3600,
  printed_floor_fen: 1_000,
  printed_card_uses: 1,
};

const EXP = 4;
const IAT = 6;
const SEQ = -70002;
const KEYS = -70003;
const POLICY = -70004;
const STATUS_URIS = -70005;
const STOPPED = -70006;
/** Keys of uses that came later: the first verifiers refuse them among KEYS, but pass over this claim. */
const MORE_KEYS = -70009;
const USES = ["card", "print", "status", "settlement", "offers", "terminal-ca", "receipt", "root"];
const STATES = ["active", "revoked"];
const KEY_FIELDS = 7;

/**
 * Read a pack under the pinned roots. Throws Untrusted when it is none, expired, or older than one seen before: keep
 * the highest `seq`, or a revoked key would come back with an old pack.
 */
export function openPack(content: Uint8Array, roots: Keys, seconds: number, highestSeq = 0): TrustPack {
  const claims = unseal(content, roots, "root");
  const keys = new Map<string, IssuerKey>();
  const kids = new Set<string>();
  const more = claims.has(MORE_KEYS) ? arrayOf(claims.get(MORE_KEYS)) : [];
  const entries = [...arrayOf(claims.get(KEYS)), ...more].map(mapOf);
  for (const entry of entries) {
    const kid = kidOf(entry);
    kids.add(kid);
    // A use that only a newer verifier knows does not keep an older one from the other keys.
    if (USES.includes(textOf(entry.get("use")))) keys.set(kid, keyOf(entry));
  }
  const policy = { ...DEFAULT_POLICY };
  for (const [name, value] of mapOf(claims.get(POLICY))) {
    // A parameter that only a newer verifier knows does not keep an older one from its keys.
    if (typeof name === "string" && Object.hasOwn(policy, name)) policy[name as keyof Policy] = whole(value);
  }
  const pack = {
    seq: whole(claims.get(SEQ)),
    issuedAt: whole(claims.get(IAT)),
    expiresAt: whole(claims.get(EXP)),
    keys,
    policy,
    statusUris: arrayOf(claims.get(STATUS_URIS)).map(String),
    stopped: claims.has(STOPPED) ? stoppedIn(claims.get(STOPPED)) : new Map<string, number>(),
  };
  if (kids.size !== entries.length) throw new Untrusted("a kid stands twice");
  if (seconds > pack.expiresAt) throw new Untrusted("the trust pack is expired");
  if (pack.seq < highestSeq) throw new Untrusted("a later trust pack has been seen");
  return pack;
}

export interface RootsDocument {
  roots: { kid: string; public: string; nbf: number; exp: number }[];
}

/** The roots of a ceremony (`roots.json`), or those the server gave when this till was paired: pinned from then on. */
export function rootsOf(document: RootsDocument): Keys {
  return new Map(
    document.roots.map(({ kid, public: point, nbf, exp }) => [
      kid,
      { alg: EDDSA, use: "root", public: unhex(point), nbf, exp, state: "active" },
    ]),
  );
}

/** The claims of a document, when one of `keys` with that use signed it in its period. Throws Untrusted. */
export function unseal(content: Uint8Array, keys: Keys, use: string): Map<unknown, unknown> {
  try {
    const reader = new Reader(content);
    const { header, payload, signature } = reader.sign1();
    reader.end();
    const head = new Reader(header);
    head.literal(0xa2, 0x01);
    const alg = head.integer();
    head.literal(0x04, 0x42);
    const kid = hex(head.take(2));
    head.end();
    const key = keys.get(kid);
    const claims = mapOf(fromCbor(payload, { useMaps: true, strict: true, rejectDuplicateMapKeys: true }));
    const issuedAt = claims.get(IAT);
    if (!key || key.alg !== alg || typeof issuedAt !== "number") throw new Untrusted("the header does not fit the key");
    if (key.use !== use || key.state !== "active" || issuedAt < key.nbf || issuedAt > key.exp) {
      throw new Untrusted("the key may not sign this");
    }
    if (!issuerSigned(key, signatureInput(header, payload), signature)) throw new Untrusted("the signature does not fit");
    return claims;
  } catch (error) {
    throw error instanceof Untrusted ? error : new Untrusted(`not a signed document: ${String(error)}`);
  }
}

export function mapOf(value: unknown): Map<unknown, unknown> {
  if (!(value instanceof Map)) throw new Untrusted("not a map");
  return value;
}

export function bytesOf(value: unknown): Bytes {
  if (!(value instanceof Uint8Array)) throw new Untrusted("not bytes");
  return value.slice();
}

export function whole(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new Untrusted("not a whole number");
  return value;
}

export function unhex(text: string): Bytes {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function arrayOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Untrusted("not an array");
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw new Untrusted("not a word");
  return value;
}

function kidOf(entry: Map<unknown, unknown>): string {
  const kid = bytesOf(entry.get("kid"));
  if (kid.length !== 2) throw new Untrusted("a key's kid");
  return hex(kid);
}

function keyOf(entry: Map<unknown, unknown>): IssuerKey {
  const key = {
    alg: whole(entry.get("alg")),
    use: textOf(entry.get("use")),
    public: bytesOf(entry.get("pub")),
    nbf: whole(entry.get("nbf")),
    exp: whole(entry.get("exp")),
    state: stateOf(entry.get("state")),
  };
  if (entry.size !== KEY_FIELDS) throw new Untrusted("a key's fields");
  if (![EDDSA, ES256].includes(key.alg) || key.public.length !== (key.alg === EDDSA ? 32 : 33)) {
    throw new Untrusted("a key's algorithm");
  }
  return key;
}

function stoppedIn(value: unknown): Map<string, number> {
  return new Map([...mapOf(value)].map(([keyId, at]) => [textOf(keyId), whole(at)]));
}

function stateOf(value: unknown): string {
  if (!STATES.includes(textOf(value))) throw new Untrusted("an unknown state");
  return textOf(value);
}
