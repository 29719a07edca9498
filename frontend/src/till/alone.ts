/** Deciding without the network: the code, the limits of the pack, and what the merchant's offers come to. Pure. */

import type { Appendix } from "../cn1/appendix";
import { judgeUse } from "../cn1/limits";
import type { TrustPack } from "../cn1/pack";
import type { StatusList } from "../cn1/status";
import { verify, type Accepted, type Outcome } from "../cn1/verify";
import { giveAlone, type Given, type NoneBecause, type Use } from "./offers";
import { shanghaiDay } from "./today";

/** What the till knows, and what it has done since it last was heard. */
export interface Knowledge {
  pack: TrustPack | undefined;
  list: StatusList | undefined;
  appendix: Appendix | undefined;
  /** Seconds; 0 for never, or since the server turned this till away. */
  syncedAt: number;
  /** Ids of proofs seen here, and when (milliseconds). */
  seen: ReadonlyMap<string, number>;
  /** Sales made alone that the server has not taken yet, and everything made alone today, whoever has it. */
  waiting: readonly Made[];
  made: readonly Made[];
}

export interface Made {
  index: number;
  day: string;
  benefitFen: number;
  uses: readonly Use[];
}

export interface Sale {
  text: string;
  amountFen: number;
  service: string;
  /** Milliseconds, corrected; `unsure` when nobody knows. */
  at: number;
  unsure: boolean;
  audiences: readonly string[];
  /** What the code must answer: digits, or the nonce of this very purchase. */
  challenge?: Uint8Array;
  /** The phone was asked to sign this purchase: one that did, for us, lifts the floor. */
  bound?: boolean;
  /** The cashier has compared the last four of a document. */
  confirmed: boolean;
}

export type Alone =
  | { kind: "given"; given: Given; accepted: Accepted }
  /** The code or the card: no network would help. */
  | { kind: "refused"; outcome: Outcome; deltaSeconds?: number; usedAt?: number }
  /** Nothing to give on this purchase. */
  | { kind: "nothing"; because: NoneBecause }
  /** The phone's clock is off, and this is more than such a code may have unless its holder types four digits. */
  | { kind: "digits" }
  /** Only the server may decide this; why, in the words of `till_words.py`. `bindable`: unless the phone signs the purchase. */
  | { kind: "online"; because: OnlineBecause; limitFen?: number; bindable?: boolean };

export type OnlineBecause =
  | "not_ready"
  | "no_key"
  | "key_over"
  | "clock"
  | "sync"
  | "list_expired"
  | "floor"
  | "terminal_full"
  | "card_full"
  | "confirm_required"
  | "unknown_key";

/** One sale, decided by this till alone. */
export function decideAlone(sale: Sale, known: Knowledge): Alone {
  const { pack, list, appendix } = known;
  const seconds = Math.floor(sale.at / 1000);
  if (!pack || seconds > pack.expiresAt || known.syncedAt === 0) return { kind: "online", because: "not_ready" };
  if (sale.unsure) return { kind: "online", because: "clock" };
  const context = {
    window: "offline" as const,
    audiences: sale.audiences,
    ...(sale.challenge ? { challenge: sale.challenge } : {}),
  };
  const judged = verify(sale.text, pack, list, seconds, context);
  if (judged.outcome !== "accepted") return refusal(judged.outcome, judged.deltaSeconds);
  const usedAt = judged.proofId ? known.seen.get(judged.rid) : undefined;
  if (usedAt !== undefined) return { kind: "refused", outcome: "replayed", usedAt };
  if (!appendix || seconds > appendix.expiresAt) return { kind: "online", because: "not_ready" };
  const late = takenAsPrinted(judged);
  const bound = sale.bound === true && judged.audience !== undefined;
  const policy = { ...pack.policy, ...appendix.limits };
  const day = shanghaiDay(sale.at);
  const mine = known.made.filter((one) => one.index === judged.index);
  const today = mine.filter((one) => one.day === day).length;
  const spent = known.waiting.reduce((sum, one) => sum + one.benefitFen, 0);
  const limitOn = (purchaseFen: number, benefitFen: number, floorFen: number | undefined, confirmed: boolean) =>
    judgeUse(
      {
        purchaseFen,
        benefitFen,
        cardUses: today,
        uses: known.waiting.length,
        givenFen: spent,
        syncedAt: known.syncedAt,
        confirmed,
        ...(floorFen === undefined ? {} : { floorFen }),
      },
      policy,
      seconds,
      judged.status,
      judged.assurance,
      bound,
    );
  const barred = limitOn(0, 0, undefined, true);
  if (barred) {
    if (barred === "limit_exceeded" && late) return { kind: "digits" };
    if (barred === "limit_exceeded") return { kind: "online", because: "card_full" };
    if (judged.status === "expired" || judged.status === "unchecked") return { kind: "online", because: "list_expired" };
    return { kind: "online", because: seconds - known.syncedAt > policy.offline_sync ? "sync" : "terminal_full" };
  }
  const ownFloor = (decided: Given): number => {
    const programs = new Set(decided.parts.map((part) => part.program));
    const floors = appendix.offers.filter((offer) => programs.has(offer.program)).map((offer) => offer.floorFen);
    return Math.max(...floors.map((floor) => floor ?? policy.offline_floor_fen));
  };
  const highestFloor = (decided: Given, code: Accepted): number => {
    const own = ownFloor(decided);
    const floor = code.assurance === "printed" ? Math.min(own, policy.printed_floor_fen) : own;
    return code.status === "stale" ? Math.floor(floor / 2) : floor;
  };
  const purchase = { amountFen: sale.amountFen, service: sale.service, day };
  const before = mine.flatMap((one) => one.uses);
  const within = appendix.offers.filter((offer) => !limitOn(sale.amountFen, 0, offer.floorFen, true));
  const given = giveAlone(within, purchase, before);
  if (given.fen === 0) {
    const beyond = giveAlone(appendix.offers, purchase, before);
    if (beyond.fen === 0) return { kind: "nothing", because: beyond.because ?? "provider_not_in_program" };
    if (late) return { kind: "digits" };
    const bindable = judged.assurance !== "printed";
    return { kind: "online", because: "floor", limitFen: highestFloor(beyond, judged), ...(bindable ? { bindable } : {}) };
  }
  const limit = limitOn(sale.amountFen, given.fen, ownFloor(given), sale.confirmed);
  if (limit === "confirm_required") return { kind: "online", because: "confirm_required" };
  if (limit) return { kind: "online", because: "terminal_full" };
  return { kind: "given", given, accepted: judged };
}

/** A phone's code whose time is off, taken by the limits of a printed card. */
export function takenAsPrinted(judged: Accepted): boolean {
  return judged.assurance === "printed" && judged.proofId !== undefined;
}

/** What the phone's or the till's ignorance explains is for the server to say; the rest is a no. */
function refusal(outcome: Outcome, deltaSeconds?: number): Alone {
  if (outcome === "unknown_key") return { kind: "online", because: "unknown_key" };
  if (outcome === "clock_error") return { kind: "online", because: "clock" };
  return { kind: "refused", outcome, ...(deltaSeconds === undefined ? {} : { deltaSeconds }) };
}

/** What is certain before the server is asked: no card of ours can have shown this. */
export const CERTAIN: ReadonlySet<Outcome> = new Set([
  "malformed",
  "unsupported_version",
  "bad_signature",
  "proof_missing",
  "key_out_of_period",
  "wrong_audience",
]);

/** Of those, what somebody has made up: the union hears of each. */
export const REPORTED: ReadonlySet<Outcome> = new Set(["bad_signature", "key_out_of_period", "proof_missing"]);

/** What four digits, shown here and typed by the member, would mend: the phone's clock is off, the card is good. */
export function challengeHelps(outcome: Outcome, deltaSeconds: number | undefined, windowSeconds: number): boolean {
  const clock = outcome === "stale_proof" || outcome === "future_proof";
  return clock && deltaSeconds !== undefined && Math.abs(deltaSeconds) <= windowSeconds;
}
