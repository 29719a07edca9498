/** What a till says of a code before anybody is asked. */

import { boundNonce } from "../cn1/bound";
import { challengeNonce, verify, type Accepted, type Outcome, type Rejected } from "../cn1/verify";
import { NoAnswer } from "../shared/http";
import { CERTAIN, challengeHelps, takenAsPrinted } from "./alone";
import type { Link } from "./link";
import type { Terminal } from "./shelf";
import type { TillTime } from "./time";

/** One thing sold and the code shown for it. */
export interface Scan {
  text: string;
  amountFen: number;
  service: string;
  reference: string;
  digits: string | undefined;
  /** The nonce (hex) of this very purchase, where the phone was asked to sign it. */
  nonce: string | undefined;
  /** How long the code waited for its amount, in seconds. */
  heldFor: number;
  last4?: string | undefined;
  /** `performance.now()` when everything was there. */
  begun: number;
}

/** `ask`: the server's to say, or ours where there is none; `rid` names the proof when it is a phone's. */
export type OwnWord =
  | { kind: "ask"; rid?: string }
  | { kind: "late" }
  | { kind: "digits" }
  | { kind: "no"; outcome: Outcome };

/** The names a bound code may be made out to. */
export function audiencesOf(terminal: Terminal): string[] {
  return [terminal.merchantCode ?? "", terminal.code].filter(Boolean);
}

/** What needs no server: no code of ours, a forged one, one that waited too long, a clock that digits would mend. */
export async function ownWord(
  link: Link,
  terminal: Terminal,
  scanned: Scan,
  time: TillTime,
  online: boolean,
): Promise<OwnWord> {
  const { trust, api } = link;
  let judged = judge(link, terminal, scanned, time, online);
  if (online && judged?.outcome === "unknown_key" && (await refreshed(() => trust.refreshPack(api, time.at / 1000)))) {
    judged = judge(link, terminal, scanned, time, online);
  }
  if (!judged || !trust.pack) return { kind: "ask" };
  if (judged.outcome === "accepted") await trust.witnessed(judged.credentialIssuedAt);
  const { policy } = trust.pack;
  if (judged.outcome === "accepted") {
    // Good when it came, and only our waiting made it old.
    const age = time.at / 1000 - (judged.proofAt ?? 0);
    if (takenAsPrinted(judged) && age > 0 && age - scanned.heldFor <= policy.offline_past) return { kind: "late" };
    return judged.proofId ? { kind: "ask", rid: judged.rid } : { kind: "ask" };
  }
  const delta = "deltaSeconds" in judged ? (judged.deltaSeconds ?? 0) : 0;
  const past = online ? policy.online_past : policy.offline_past;
  if (judged.outcome === "stale_proof" && delta - scanned.heldFor <= past) return { kind: "late" };
  if (judged.outcome === "wrong_challenge" || challengeHelps(judged.outcome, delta, policy.challenge)) {
    return { kind: "digits" };
  }
  return CERTAIN.has(judged.outcome) ? { kind: "no", outcome: judged.outcome } : { kind: "ask" };
}

/** The code by the pack alone; undefined where there is none, or no time to judge by. */
export function judge(
  link: Link,
  terminal: Terminal,
  scanned: Scan,
  time: TillTime,
  online: boolean,
): Accepted | Rejected | undefined {
  const { pack } = link.trust;
  if (!pack || time.unsure) return undefined;
  return verify(scanned.text, pack, undefined, time.at / 1000, {
    window: online ? "online" : "offline",
    audiences: audiencesOf(terminal),
    ...challengeOf(terminal, scanned),
  });
}

/** What the code must answer, if anything was asked. */
export function challengeOf(terminal: Terminal, { digits, nonce, amountFen }: Scan): { challenge?: Uint8Array } {
  if (nonce) return { challenge: boundNonce(terminal.merchantCode ?? "", terminal.code, amountFen, nonce) };
  return digits ? { challenge: challengeNonce(digits) } : {};
}

async function refreshed(refresh: () => Promise<boolean>): Promise<boolean> {
  try {
    return await refresh();
  } catch (error) {
    if (error instanceof NoAnswer) return false;
    throw error;
  }
}
