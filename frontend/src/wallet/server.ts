/** What the wallet asks the server (cardnet/web/wallet.py). Every answer carries `now` in milliseconds. */

import { fromBase64url } from "../cn1/keys";
import type { Bytes } from "../cn1/code";
import { reading, type Sample } from "../shared/clock";
import { call, problemOf, type Answer, type Problem } from "../shared/http";
import type { Newest } from "./heard";
import type { Stop } from "./stopped";
import type { CardFace } from "./store";

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.code);
  }
}

export interface Credential {
  credential: Bytes;
  index: number;
  expiresAt: number;
  now: number;
  /** How often the code changes, as the union has it now. */
  rotationMs: number;
  face: CardFace;
}

export interface Activation extends Credential {
  largeType: boolean;
}

export interface Status {
  number: string;
  state: string;
  validTo: string;
  /** This phone's index still stands for the card. */
  bound: boolean;
  rotationMs: number;
  /** One line under the code: what the member can still use this year; empty when there is nothing to say. */
  still: string;
}

export interface RedemptionLine {
  id: string;
  outcome: string;
  merchant: string;
  occurredAt: string;
  what: string;
  why: string;
  benefit: string;
  payable: string;
  /** `may` be denied, is (`open`), or what was found (`confirmed`, `explained`); empty where nothing was used. */
  denial: string;
  denialAnswer: string;
}

export interface Redemptions {
  lines: RedemptionLine[];
}

/** One program in words; `why` is empty where it is open. */
export interface BenefitLine {
  program: string;
  name: string;
  what: string;
  terms: string;
  left: string;
  where: string;
  owed: boolean;
  why: string;
}

export interface Place {
  merchant: string;
  store: string;
  address: string;
  phone: string;
  hours: string;
  offers: string[];
  /** The town or street it stands in; empty where nobody has said it. */
  area: string;
  /** Whether the member's own union belongs to that town or street. */
  near: boolean;
}

export interface Benefits {
  open: BenefitLine[];
  closed: BenefitLine[];
  places: Place[];
}

export interface YearMonth {
  name: string;
  sum: string;
  /** Of the largest month, 0 to 1,000. */
  share: number;
}

export interface Year {
  year: number;
  total: string;
  times: number;
  kinds: { name: string; sum: string; parts: string }[];
  months: YearMonth[];
  things: string[];
  feeling: string;
}

export async function activate(request: Record<string, string>, place: Taking = {}): Promise<Activation> {
  const body = good(await call("/wallet/api/activate", { body: { ...request, ...place }, timeoutMs: 15_000 }));
  return { ...credentialOf(body), largeType: body.large_type === true };
}

export async function renew(publicKey: string): Promise<Credential> {
  return credentialOf(good(await call("/wallet/api/renew", { body: { public_key: publicKey } })));
}

/** The same without a session, proven by the key itself; it signs this phone in again. */
export async function renewByKey(index: number, at: number, proof: string): Promise<Credential> {
  return credentialOf(good(await call("/wallet/api/renew-by-key", { body: { index, at, proof } })));
}

export async function rebind(request: Record<string, string>, place: Taking = {}): Promise<Activation> {
  const body = good(await call("/wallet/api/rebind", { body: { ...request, ...place }, timeoutMs: 15_000 }));
  return { ...credentialOf(body), largeType: body.large_type === true };
}

/** How the card of `index` stands; without an index, the person's card that this phone may be bound to. */
export async function status(index?: number): Promise<Status> {
  const query = index === undefined ? "" : `?index=${index}`;
  const body = good(await call(`/wallet/api/card${query}`, { timeoutMs: 4_000 }));
  const card = body.card as Record<string, string>;
  return {
    number: card.number ?? "",
    state: card.state ?? "",
    validTo: card.valid_to ?? "",
    bound: body.bound === true,
    rotationMs: Number(body.rotation_seconds) * 1_000,
    still: String(body.still ?? ""),
  };
}

export interface BindingState {
  state: "live" | Stop["state"];
  /** `renewed`: live, but under a newer index that renewing fetches. */
  why: string;
}

/** How this phone's own binding stands, proven by its key; it needs no session. */
export async function binding(index: number, at: number, proof: string): Promise<BindingState> {
  try {
    return good(await call("/wallet/api/binding", { body: { index, at, proof } })) as unknown as BindingState;
  } catch (error) {
    // The server knows no such key any more: its index went to another phone long ago.
    if (error instanceof Refused && error.problem.code === "binding_unknown") return { state: "ended", why: "unknown" };
    throw error;
  }
}

export async function redemptions(): Promise<Redemptions> {
  return asRedemptions(await call("/wallet/api/redemptions"));
}

/** “不是我用的”. */
export async function deny(id: string, words: string): Promise<Redemptions> {
  return asRedemptions(await call(`/wallet/api/redemptions/${id}/deny`, { body: { words } }));
}

export async function takeBack(id: string): Promise<Redemptions> {
  return asRedemptions(await call(`/wallet/api/redemptions/${id}/take-back`, { body: {} }));
}

/** What the member's card was used for last; its line only where it is not `known`. */
export async function result(known: string | undefined): Promise<Newest | undefined> {
  const query = known === undefined ? "" : `?after=${known}`;
  const { newest } = good(await call(`/wallet/api/result${query}`, { timeoutMs: 4_000 }));
  if (newest === null) return undefined;
  const { id, at, line } = newest as { id: string; at: number; line: SentLine | null };
  return { id, at, line: line && asLine(line) };
}

type SentLine = Record<string, string> & { occurred_at: string; denial_answer: string };

function asLine({ occurred_at, denial_answer, ...line }: SentLine): RedemptionLine {
  return { ...line, occurredAt: occurred_at, denialAnswer: denial_answer } as unknown as RedemptionLine;
}

function asRedemptions(answer: Answer): Redemptions {
  return { lines: (good(answer).lines as SentLine[]).map(asLine) };
}

export async function benefits(): Promise<Benefits> {
  return good(await call("/wallet/api/benefits")) as unknown as Benefits;
}

export async function year(): Promise<Year> {
  return good(await call("/wallet/api/year")) as unknown as Year;
}

export async function answerYear(feeling: string): Promise<Year> {
  return good(await call("/wallet/api/year/feeling", { body: { feeling } })) as unknown as Year;
}

export interface Me {
  phone: { number: string; verified: boolean; can_send: boolean };
  consents: Record<Purpose, boolean>;
  /** Whether the official account can be bound here, and since when it is, in words; not in answers kept by an earlier version. */
  account?: { offered: boolean; bound: string };
  /** Where a replacement or renewal stands, in one line; empty when there is none. */
  application: string;
  /** When the renewed card begins, in words; empty when there is none. */
  renewed: string;
  may_replace: boolean;
  /** Whether a printed card of theirs counts. Answers kept by an earlier version of this page do not say. */
  has_print?: boolean;
  /** Where the card is bound; answers kept by an earlier version of this page do not say. */
  phones?: { index: number; day: string }[];
}

/** The phones a card is on, when the server asks which one goes (`choose_phone`). */
export interface Crowd {
  phones: { index: number; boundAt: number }[];
  mayAdd: boolean;
}

/** What was asked back, if this is that question. */
export function crowdOf(error: unknown): Crowd | undefined {
  if (!(error instanceof Refused) || !["choose_phone", "phone_unknown"].includes(error.problem.code)) return undefined;
  const { phones = [], may_add: mayAdd } = error.problem.detail as {
    phones?: { index: number; bound_at: string }[];
    may_add?: boolean;
  };
  return { phones: phones.map((one) => ({ index: one.index, boundAt: Date.parse(one.bound_at) })), mayAdd: mayAdd === true };
}

/** Whether a slip was refused because its card is on a phone already, or on as many as it may be. */
export function isInUse(error: unknown): boolean {
  if (!(error instanceof Refused)) return false;
  const { code, detail } = error.problem;
  return code === "phones_full" || (code === "illegal_transition" && detail.state === "active");
}

/** Whose place this phone takes; `beside` keeps them both. */
export type Taking = { instead_of?: number; beside?: true };

export const PURPOSES = ["card", "cover_operator", "notices"] as const;
export type Purpose = (typeof PURPOSES)[number];

export interface Look {
  what: string;
  who: string;
  union: string;
  when: string;
}

export async function me(): Promise<Me> {
  return asMe(await call("/wallet/api/me"));
}

export async function reportLoss(): Promise<Me> {
  return asMe(await call("/wallet/api/loss", { body: {} }));
}

export async function stopPrint(): Promise<Me> {
  return asMe(await call("/wallet/api/void-print", { body: {} }));
}

export async function stopPhone(index: number): Promise<Me> {
  return asMe(await call("/wallet/api/phones/stop", { body: { index } }));
}

export async function askForReplacement(why: string, words: string): Promise<Me> {
  return asMe(await call("/wallet/api/replacement", { body: { why, words } }));
}

export async function answerConsents(answers: Partial<Record<Purpose | "at_activation", boolean>>): Promise<Me> {
  return asMe(await call("/wallet/api/consents", { body: answers }));
}

export async function askAccountCode(): Promise<{ code: string; minutes: number }> {
  const body = good(await call("/wallet/api/account/code", { body: {} }));
  return { code: String(body.code), minutes: Number(body.minutes) };
}

export async function unbindAccount(): Promise<Me> {
  return asMe(await call("/wallet/api/account/unbind", { body: {} }));
}

export async function looks(): Promise<Look[]> {
  return good(await call("/wallet/api/looks")).lines as Look[];
}

/** Without a number, the one on record. */
export async function askPhoneCode(phone: string): Promise<{ phone: string; minutes: number }> {
  const body = good(await call("/wallet/api/phone/code", { body: { phone } }));
  return { phone: String(body.phone), minutes: Number(body.minutes) };
}

export async function confirmPhone(code: string): Promise<Me> {
  return asMe(await call("/wallet/api/phone", { body: { code } }));
}

export async function askRebindCode(cardNumber: string, last4: string): Promise<void> {
  good(await call("/wallet/api/rebind-code", { body: { card_number: cardNumber, id_last4: last4 } }));
}

function asMe(answer: Answer): Me {
  return good(answer) as unknown as Me;
}

export async function signOut(): Promise<void> {
  await call("/wallet/api/sign-out", { body: {} });
}

export async function timeSample(): Promise<Sample> {
  const sent = reading();
  const body = good(await call("/wallet/api/time", { timeoutMs: 4_000 }));
  return { sent, received: reading(), server: Number(body.now) };
}

function good(answer: Answer): Record<string, unknown> {
  if (answer.status >= 300) throw new Refused(problemOf(answer));
  return answer.body;
}

function credentialOf(body: Record<string, unknown>): Credential {
  return {
    credential: fromBase64url(String(body.credential)),
    index: Number(body.index),
    expiresAt: Date.parse(String(body.expires_at)),
    now: Number(body.now),
    rotationMs: Number(body.rotation_seconds) * 1_000,
    face: faceOf(body.card),
  };
}

function faceOf(value: unknown): CardFace {
  const face = value as Record<string, string>;
  return {
    name: face.name ?? "",
    unionName: face.union_name ?? "",
    number: face.number ?? "",
    state: face.state ?? "",
    validTo: face.valid_to ?? "",
    tier: Number(face.tier ?? 0),
  };
}
