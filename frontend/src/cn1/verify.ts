/**
 * Judging a code: a pure function of text, trust pack, status list, moment and context, with the outcomes and the order
 * of `cardnet/credential/verify.py`. Both are held together by one set of vectors and by differential fuzzing.
 */

import { sha256 } from "@noble/hashes/sha2.js";

import { decode as fromBase45 } from "./base45";
import type { Bytes } from "./code";
import { hex, readToken, type Claims, type Credential, type DeviceCode, type ReadProof } from "./codec";
import { BOUND_NONCE_BYTES, judgeUse, type Assurance, type Limit, type OfflineUse } from "./limits";
import type { IssuerKey, Policy, TrustPack } from "./pack";
import { Malformed, type Whole } from "./reader";
import { deviceSigned, ES256, issuerSigned } from "./signature";
import { ageOf, statusOf, SUSPENDED, VALID, type StatusAge, type StatusList } from "./status";

export type Outcome =
  | "malformed"
  | "unsupported_version"
  | "unknown_key"
  | "revoked_key"
  | "bad_signature"
  | "key_out_of_period"
  | "proof_missing"
  | "clock_error"
  | "expired_credential"
  | "stale_proof"
  | "future_proof"
  | "wrong_audience"
  | "wrong_challenge"
  | "revoked"
  | "suspended"
  | "replayed"
  | Limit;

/** Who is looking. While a challenge is open only its answer is accepted. */
export interface Context {
  window: "online" | "offline";
  /** The names a bound code may be made out to: merchant and terminal. */
  audiences?: readonly string[];
  challenge?: Uint8Array;
  /** Replay ids (hex) already seen. */
  seen?: { has(rid: string): boolean };
  /** The sale an offline till is about to decide alone. */
  use?: OfflineUse;
}

export interface Accepted {
  outcome: "accepted";
  index: number;
  tier: Whole;
  group?: Whole;
  /** `printed` with a proof: a phone's code whose time is off, taken by the printed card's limits. */
  assurance: Assurance;
  /** Names this one use, in hex; out of signed claims, since ECDSA signatures are malleable. */
  rid: string;
  proofId?: Bytes;
  proofAt?: number;
  credentialIssuedAt: number;
  credentialExpiresAt: number;
  kid: string;
  audience?: string;
  status: StatusAge;
}

/** `deltaSeconds`: how old the proof is (negative: ahead), for a clock's sake. */
export interface Rejected {
  outcome: Outcome;
  deltaSeconds?: number;
}

const PREFIX = "CN1:";
const MAX_CHARACTERS = 700;
const MAX_RAW = 4 * MAX_CHARACTERS;

/** Judge one code as of `seconds`. Without a list every index passes, with `status` unchecked. */
export function verify(
  text: string,
  pack: TrustPack,
  status: StatusList | undefined,
  seconds: number,
  context: Context,
): Accepted | Rejected {
  const folded = normalise(text);
  if (!folded.startsWith(PREFIX)) {
    return { outcome: /^CN[0-9]{1,3}:/.test(folded) ? "unsupported_version" : "malformed" };
  }
  const token = read(folded);
  if (!token) return { outcome: "malformed" };
  const [credential, code] = "proof" in token ? [token.credential, token] : [token, undefined];
  const now = Math.floor(seconds);
  const refused = judgeCredential(credential, code, pack, now);
  if (refused) return { outcome: refused };
  const rejected = code && judgeProof(code, pack.policy, now, context);
  if (rejected) return rejected;
  const rid = replayId(credential.claims.index, code?.proof.proofId ?? new Uint8Array(0));
  const stopped = judgeStatus(credential.claims.index, status) ?? (code && context.seen?.has(rid) ? "replayed" : undefined);
  if (stopped) return { outcome: stopped };
  const late = code !== undefined && asPrinted(code, pack.policy, now, context);
  const accepted = accept(credential, code?.proof, rid, ageOf(status, now), late);
  if (!context.use) return accepted;
  const bound = accepted.audience !== undefined && (code?.proof.nonce?.length ?? 0) >= BOUND_NONCE_BYTES;
  const limit = judgeUse(context.use, pack.policy, now, accepted.status, accepted.assurance, bound);
  return limit ? { outcome: limit } : accepted;
}

/** What a scanner or an input method did to a code, undone: line breaks, full-width letters, lower case. */
export function normalise(text: string): string {
  // Characters, as Python counts them: a pair of surrogates is one.
  if (text.length > 2 * MAX_RAW || (text.length > MAX_RAW && [...text].length > MAX_RAW)) return "";
  return text.replaceAll(/[\r\n\t]/g, "").normalize("NFKC").toUpperCase();
}

/** 16 bytes, in hex, that name one proof of one card index. */
export function replayId(index: number, proofId: Uint8Array): string {
  const named = new Uint8Array(4 + proofId.length);
  new DataView(named.buffer).setUint32(0, index);
  named.set(proofId, 4);
  return hex(sha256(named).slice(0, 16));
}

/** The four digits a till shows, as the `cnonce` of the answer. */
export function challengeNonce(digits: string): Bytes {
  return new TextEncoder().encode(digits);
}

/** A moment it certainly is not before: what the union signed has been signed. A clock below it is wrong. */
export function earliestNow(pack: TrustPack, status?: StatusList, signedAt = 0): number {
  return Math.max(pack.issuedAt, status?.issuedAt ?? 0, signedAt);
}

function read(folded: string): DeviceCode | Credential | undefined {
  if (folded.length > MAX_CHARACTERS) return undefined;
  try {
    return readToken(fromBase45(folded.slice(PREFIX.length)));
  } catch (error) {
    if (error instanceof Malformed || error instanceof RangeError) return undefined;
    throw error;
  }
}

function judgeCredential(
  credential: Credential,
  code: DeviceCode | undefined,
  pack: TrustPack,
  now: number,
): Outcome | undefined {
  const key = pack.keys.get(credential.kid);
  if (!key) return "unknown_key";
  const { claims } = credential;
  if (key.state !== "active") return "revoked_key";
  if (credential.alg !== key.alg || !issuerSigned(key, credential.signed, credential.signature)) return "bad_signature";
  if (claims.issuedAt < key.nbf || claims.issuedAt > key.exp) return "key_out_of_period";
  const misused = judgeForm(claims, key, code);
  if (misused) return misused;
  if (now < claims.issuedAt - pack.policy.credential_ahead) return "clock_error";
  return now > claims.expiresAt ? "expired_credential" : undefined;
}

/** A card key states a phone's key and a print key states none; a phone's statement needs its proof. */
function judgeForm(claims: Claims, key: IssuerKey, code: DeviceCode | undefined): Outcome | undefined {
  const bound = claims.deviceKey !== undefined;
  if (key.use !== (bound ? "card" : "print")) return "malformed";
  if (bound) return code ? undefined : "proof_missing";
  return code ? "malformed" : undefined;
}

function judgeProof(code: DeviceCode, policy: Policy, now: number, context: Context): Rejected | undefined {
  const { proof } = code;
  const point = code.credential.claims.deviceKey;
  if (code.alg !== ES256 || !point || !deviceSigned(point, code.signed, code.signature)) {
    return { outcome: "bad_signature" };
  }
  const answered = sameBytes(proof.nonce, context.challenge);
  const [past, ahead] = limits(answered && proof.nonce !== undefined, policy, context);
  const age = now - proof.issuedAt;
  if (age > past) return { outcome: "stale_proof", deltaSeconds: age };
  if (-age > ahead) return { outcome: "future_proof", deltaSeconds: age };
  if (proof.audience !== undefined && !context.audiences?.includes(proof.audience)) return { outcome: "wrong_audience" };
  return answered ? undefined : { outcome: "wrong_challenge" };
}

function limits(answered: boolean, policy: Policy, context: Context): [number, number] {
  if (answered) return [policy.challenge, policy.challenge];
  if (context.window === "online") return [policy.online_past, policy.online_ahead];
  const through = context.challenge ? 0 : policy.as_printed;
  return [Math.max(policy.offline_past, through), Math.max(policy.offline_ahead, through)];
}

/** Let through without a challenge although its time is off: a picture of it would be too, so it proves no more than paper. */
function asPrinted({ proof }: DeviceCode, policy: Policy, now: number, context: Context): boolean {
  const age = now - proof.issuedAt;
  return context.window === "offline" && !context.challenge && (age > policy.offline_past || -age > policy.offline_ahead);
}

function judgeStatus(index: number, status: StatusList | undefined): Outcome | undefined {
  const stands = status ? statusOf(status, index) : VALID;
  if (stands === SUSPENDED) return "suspended";
  // 1, and 3, which is not given out: a list we do not fully understand must not let a card pass.
  return stands === VALID ? undefined : "revoked";
}

function accept(credential: Credential, proof: ReadProof | undefined, rid: string, status: StatusAge, late: boolean): Accepted {
  const { claims } = credential;
  return {
    outcome: "accepted",
    index: claims.index,
    tier: claims.tier,
    ...(claims.group === undefined ? {} : { group: claims.group }),
    assurance: !proof || late ? "printed" : proof.nonce ? "device-challenge" : "device",
    rid,
    ...(proof ? { proofId: proof.proofId, proofAt: proof.issuedAt } : {}),
    ...(proof?.audience === undefined ? {} : { audience: proof.audience }),
    credentialIssuedAt: claims.issuedAt,
    credentialExpiresAt: claims.expiresAt,
    kid: credential.kid,
    status,
  };
}

function sameBytes(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (!one || !other) return one === other;
  return one.length === other.length && one.every((byte, place) => byte === other[place]);
}
