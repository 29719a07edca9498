/** The appendix of the trust pack: what a merchant's tills may give alone. `cardnet/merchant_api/services/offers.py` writes it. */

import { DEFAULT_POLICY, mapOf, unseal, Untrusted, whole, type Keys, type Policy } from "./pack";

/** A limit as far as a till can keep it: how often, and how much, in one period of one card. */
export interface OfferLimit {
  window: string;
  most?: number;
  mostFen?: number;
  /** Above `mostFen` the benefit shrinks to what is left; else it falls away. */
  trims: boolean;
}

export interface Offer {
  program: string;
  name: string;
  kind: string;
  /** In what proportion union and merchant bear it; an older server does not say. */
  shares?: readonly [number, number];
  version: number;
  op: "percent_off" | "fixed_off" | "subsidy_fixed";
  /** Of `percent_off`: basis points, and the most they may come to. */
  bp: number;
  mostFen?: number;
  /** Of the other two. */
  fen: number;
  /** The program's own floor of the purchase; without one the union's. */
  floorFen?: number;
  minSpendFen?: number;
  /** Whether the least spending looks at what earlier lanes left of the price. */
  remaining: boolean;
  services?: readonly string[];
  lane: number;
  notWith: readonly string[];
  limits: readonly OfferLimit[];
}

export interface Appendix {
  merchant: string;
  issuedAt: number;
  expiresAt: number;
  offers: readonly Offer[];
  /** The offline limits of the pack's policy, as finance has set them for this merchant's tills. */
  limits: Pick<Policy, LimitName>;
}

const EXP = 4;
const IAT = 6;
const MERCHANT = -70010;
const OFFERS = -70011;
const LIMITS = -70012;
const OPS = ["percent_off", "fixed_off", "subsidy_fixed"] as const;

const LIMIT_NAMES = {
  floor_fen: "offline_floor_fen",
  card_uses: "offline_card_uses",
  uses: "offline_uses",
  given_fen: "offline_given_fen",
  sync_seconds: "offline_sync",
  printed_floor_fen: "printed_floor_fen",
  printed_card_uses: "printed_card_uses",
} as const;
type LimitName = (typeof LIMIT_NAMES)[keyof typeof LIMIT_NAMES];

/** Read a signed appendix. Throws Untrusted when it is none, of another merchant, or older than one seen before. */
export function openAppendix(content: Uint8Array, keys: Keys, merchant: string, newest = 0): Appendix {
  const claims = unseal(content, keys, "offers");
  const issuedAt = whole(claims.get(IAT));
  if (claims.get(MERCHANT) !== merchant) throw new Untrusted("the offers of another merchant");
  if (issuedAt < newest) throw new Untrusted("later offers have been seen");
  const listed = claims.get(OFFERS);
  if (!Array.isArray(listed)) throw new Untrusted("no offers");
  const limits: Record<string, number> = {};
  const given = mapOf(claims.get(LIMITS));
  for (const [name, own] of Object.entries(LIMIT_NAMES)) {
    limits[own] = given.has(name) ? whole(given.get(name)) : DEFAULT_POLICY[own];
  }
  return {
    merchant,
    issuedAt,
    expiresAt: whole(claims.get(EXP)),
    // A calculator that only a newer till knows is left to the network.
    offers: listed.map((one) => offerOf(mapOf(one))).filter((one) => one !== undefined),
    limits: limits as Appendix["limits"],
  };
}

/** One offer as the server says it; undefined when this till cannot work it out. */
export function offerOf(said: Map<unknown, unknown>): Offer | undefined {
  const calc = mapOf(said.get("calc"));
  const op = OPS.find((known) => known === calc.get("op"));
  if (!op) return undefined;
  const services = said.get("service_codes");
  return {
    program: word(said.get("program")),
    name: word(said.get("name")),
    kind: word(said.get("kind")),
    ...sharesIn(said.get("shares")),
    version: whole(said.get("rule_version")),
    op,
    bp: optional(calc.get("bp")) ?? 0,
    fen: optional(calc.get("fen")) ?? 0,
    ...named("mostFen", calc.get("max_fen")),
    ...named("floorFen", said.get("floor_fen")),
    ...named("minSpendFen", said.get("min_spend_fen")),
    remaining: said.get("threshold") === "remaining",
    ...(Array.isArray(services) ? { services: services.map(word) } : {}),
    lane: whole(said.get("lane")),
    notWith: listOf(said.get("not_with")).map(word),
    limits: listOf(said.get("limits")).map((one) => limitOf(mapOf(one))),
  };
}

function sharesIn(value: unknown): Pick<Offer, "shares"> {
  if (value === undefined) return {};
  const [union, merchant] = listOf(value).map(whole);
  if (union === undefined || merchant === undefined || union + merchant === 0) throw new Untrusted("no shares");
  return { shares: [union, merchant] };
}

function limitOf(said: Map<unknown, unknown>): OfferLimit {
  return {
    window: word(said.get("window")),
    ...named("most", said.get("max_n")),
    ...named("mostFen", said.get("max_fen")),
    trims: said.get("trims") === true,
  };
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Untrusted("no list");
  return value;
}

function word(value: unknown): string {
  if (typeof value !== "string") throw new Untrusted("no word");
  return value;
}

function optional(value: unknown): number | undefined {
  return value === undefined || value === null ? undefined : whole(value);
}

function named<N extends string>(name: N, value: unknown): Partial<Record<N, number>> {
  const number = optional(value);
  return (number === undefined ? {} : { [name]: number }) as Partial<Record<N, number>>;
}
