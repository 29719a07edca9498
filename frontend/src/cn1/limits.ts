/** How much a till may give away while nobody can be asked. `cardnet/credential/limits.py` is its twin. */

import type { Policy } from "./pack";
import type { StatusAge } from "./status";

export type Limit = "limit_exceeded" | "online_required" | "confirm_required";
export type Assurance = "device" | "device-challenge" | "printed";

/** A challenge this long binds a purchase; the four digits of a till bind only a moment. */
export const BOUND_NONCE_BYTES = 16;

/** One sale at a till without a network, and what the till has done since it last was heard. */
export interface OfflineUse {
  purchaseFen: number;
  benefitFen: number;
  /** This card, here, today. */
  cardUses: number;
  /** Everything since the till's queue was taken, and when that was (seconds). */
  uses: number;
  givenFen: number;
  syncedAt: number;
  /** The program's own floor; without one the pack's. */
  floorFen?: number;
  /** The cashier has compared name and photo or the last four of a document. */
  confirmed?: boolean;
}

export function judgeUse(
  use: OfflineUse,
  policy: Policy,
  now: number,
  age: StatusAge,
  assurance: Assurance,
  bound: boolean,
): Limit | undefined {
  if (age === "expired" || age === "unchecked" || now - use.syncedAt > policy.offline_sync) return "online_required";
  const part = age === "stale" ? 2 : 1;
  const portion = (number: number) => Math.floor(number / part);
  const printed = assurance === "printed";
  const cardUses = printed ? policy.printed_card_uses : policy.offline_card_uses;
  // Halved, one use a day would be none at all, and the list's age is no fault of the member's.
  if (use.cardUses >= Math.max(1, portion(cardUses))) return "limit_exceeded";
  if (use.uses >= portion(policy.offline_uses)) return "online_required";
  if (use.givenFen + use.benefitFen > portion(policy.offline_given_fen)) return "online_required";
  const own = use.floorFen ?? policy.offline_floor_fen;
  const floor = printed ? Math.min(own, policy.printed_floor_fen) : own;
  if (use.purchaseFen > portion(floor) && !bound) return "online_required";
  return printed && !use.confirmed ? "confirm_required" : undefined;
}
