/**
 * What a till gives alone: the best legal combination of its merchant's offers, worked out as the server's engine
 * (`cardnet/benefits/rules.py`) would for a card that has used nothing but what this till itself gave it.
 * `tests/benefits/offline-cases.json` holds both to the same answers.
 */

import type { Offer } from "../cn1/appendix";

export interface Purchase {
  amountFen: number;
  /** Empty for ordinary goods. */
  service: string;
  /** The Shanghai day. */
  day: string;
}

/** A benefit this till gave to the same card before. */
export interface Use {
  program: string;
  day: string;
  fen: number;
}

export interface Part {
  program: string;
  name: string;
  kind: string;
  version: number;
  fen: number;
  /** Of it the merchant's own; the rest is the union's. */
  merchantFen: number;
}

export type NoneBecause =
  | "provider_not_in_program"
  | "service_not_covered"
  | "below_min_spend"
  | "limit_count"
  | "limit_amount"
  | "no_effect";

/** `because` is there when nothing is given: the reason that comes nearest to giving something. */
export interface Given {
  parts: readonly Part[];
  fen: number;
  because?: NoneBecause;
}

const NEAREST: readonly NoneBecause[] = [
  "limit_amount",
  "limit_count",
  "no_effect",
  "below_min_spend",
  "service_not_covered",
  "provider_not_in_program",
];

interface Chosen {
  offer: Offer;
  fen: number;
}

/** `fen` × `bp` / 10,000, rounded half up: what a member checks on the receipt by hand. */
export function share(fen: number, bp: number): number {
  return Math.floor((fen * bp + 5_000) / 10_000);
}

/** What of `fen` the merchant bears: the larger remainder gets the odd fen, of two equal ones the union (`Terms.split`). */
export function merchantShare({ kind, shares }: Pick<Offer, "kind" | "shares">, fen: number): number {
  const [union, merchant] = shares ?? (kind === "discount" ? [0, 1] : [1, 0]);
  const whole = union + merchant;
  const unions = Math.floor((fen * union) / whole);
  const merchants = Math.floor((fen * merchant) / whole);
  const odd = unions + merchants < fen;
  return merchants + (odd && (fen * merchant) % whole > (fen * union) % whole ? 1 : 0);
}

/** The benefits of one purchase. The order of `offers` does not matter. */
export function giveAlone(offers: readonly Offer[], purchase: Purchase, before: readonly Use[]): Given {
  const open = offers.filter((offer) => !closed(offer, purchase));
  const lanes = [...new Set(open.map((offer) => offer.lane))].sort((one, other) => one - other);
  const byLane = lanes.map((lane) => open.filter((offer) => offer.lane === lane));
  let best: Chosen[] = [];
  for (const chosen of combinations(byLane, purchase, before, [], purchase.amountFen)) {
    if (ranksBefore(chosen, best)) best = chosen;
  }
  const parts = best.map(({ offer, fen }) => ({
    program: offer.program,
    name: offer.name,
    kind: offer.kind,
    version: offer.version,
    fen,
    merchantFen: merchantShare(offer, fen),
  }));
  if (parts.length > 0) return { parts, fen: total(best) };
  const found = new Set(offers.map((offer) => reason(offer, purchase, before)));
  return { parts, fen: 0, because: NEAREST.find((one) => found.has(one)) ?? "provider_not_in_program" };
}

function reason(offer: Offer, purchase: Purchase, before: readonly Use[]): NoneBecause | undefined {
  const price = closed(offer, purchase) ?? worth(offer, purchase, before, purchase.amountFen);
  return typeof price === "string" ? price : undefined;
}

/** Why an offer is not for this purchase, whatever else is given. */
function closed(offer: Offer, purchase: Purchase): NoneBecause | undefined {
  if (offer.services && !offer.services.includes(purchase.service)) return "service_not_covered";
  return !offer.remaining && purchase.amountFen < (offer.minSpendFen ?? 0) ? "below_min_spend" : undefined;
}

/** What an offer comes to on `baseFen`, or why it comes to nothing. */
function worth(offer: Offer, purchase: Purchase, before: readonly Use[], baseFen: number): number | NoneBecause {
  if (offer.remaining && baseFen < (offer.minSpendFen ?? 0)) return "below_min_spend";
  const whole = offer.op === "percent_off" ? share(baseFen, offer.bp) : offer.fen;
  let fen = Math.min(whole, offer.mostFen ?? Infinity, baseFen);
  for (const limit of offer.limits) {
    const period = periodOf(limit.window, purchase.day);
    const uses = before.filter((use) => use.program === offer.program && period === periodOf(limit.window, use.day));
    const used = limit.window === "per_use" ? [] : uses;
    if (limit.most !== undefined && used.length >= limit.most) return "limit_count";
    const room = (limit.mostFen ?? Infinity) - used.reduce((sum, use) => sum + use.fen, 0);
    if (fen <= room) continue;
    if (room <= 0 || !limit.trims) return "limit_amount";
    fen = room;
  }
  return fen > 0 ? fen : "no_effect";
}

/** The name of the period a day falls in; one for a lifetime. */
function periodOf(window: string, day: string): string {
  const length = { calendar_year: 4, month: 7, day: 10 }[window];
  return day.slice(0, length ?? 0);
}

function* combinations(
  lanes: readonly (readonly Offer[])[],
  purchase: Purchase,
  before: readonly Use[],
  chosen: Chosen[],
  leftFen: number,
): Generator<Chosen[]> {
  const [lane, ...rest] = lanes;
  if (!lane) return yield chosen;
  yield* combinations(rest, purchase, before, chosen, leftFen);
  for (const offer of lane) {
    if (chosen.some((one) => forbidden(one.offer, offer))) continue;
    const fen = worth(offer, purchase, before, leftFen);
    if (typeof fen === "number") yield* combinations(rest, purchase, before, [...chosen, { offer, fen }], leftFen - fen);
  }
}

function forbidden(one: Offer, other: Offer): boolean {
  return one.notWith.includes(other.program) || other.notWith.includes(one.program);
}

const total = (chosen: readonly Chosen[]): number => chosen.reduce((sum, one) => sum + one.fen, 0);

/** More for the member, then fewer benefits, then the smallest list of program codes. */
function ranksBefore(one: readonly Chosen[], other: readonly Chosen[]): boolean {
  if (total(one) !== total(other)) return total(one) > total(other);
  if (one.length !== other.length) return one.length < other.length;
  const [mine, yours] = [one, other].map((chosen) => chosen.map(({ offer }) => offer.program).sort());
  const at = mine!.findIndex((program, place) => program !== yours![place]);
  return at >= 0 && mine![at]! < yours![at]!;
}
