/** What the wallet asks the server (cardnet/web/wallet.py). Every answer carries `now` in milliseconds. */

import { fromBase64url } from "../cn1/keys";
import type { Bytes } from "../cn1/code";
import { reading, type Sample } from "../shared/clock";
import { call, problemOf, type Answer, type Problem } from "../shared/http";
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
}

export interface Redemptions {
  totalBenefit: string;
  uses: number;
  lines: RedemptionLine[];
}

export async function activate(request: Record<string, string>): Promise<Activation> {
  const body = good(await call("/wallet/api/activate", { body: request, timeoutMs: 15_000 }));
  return { ...credentialOf(body), largeType: body.large_type === true };
}

export async function renew(publicKey: string): Promise<Credential> {
  return credentialOf(good(await call("/wallet/api/renew", { body: { public_key: publicKey } })));
}

export async function rebind(request: Record<string, string>): Promise<Credential> {
  return credentialOf(good(await call("/wallet/api/rebind", { body: request, timeoutMs: 15_000 })));
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
    still: String(body.still ?? ""),
  };
}

export async function redemptions(): Promise<Redemptions> {
  const body = good(await call("/wallet/api/redemptions"));
  const lines = body.lines as (Omit<RedemptionLine, "occurredAt"> & { occurred_at: string })[];
  return {
    totalBenefit: String(body.total_benefit),
    uses: Number(body.uses),
    lines: lines.map(({ occurred_at, ...line }) => ({ ...line, occurredAt: occurred_at })),
  };
}

export interface Me {
  phone: { number: string; verified: boolean; can_send: boolean };
  consents: Record<Purpose, boolean>;
  /** Where a replacement or renewal stands, in one line; empty when there is none. */
  application: string;
  /** When the renewed card begins, in words; empty when there is none. */
  renewed: string;
  may_replace: boolean;
}

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

export async function askForReplacement(why: string, words: string): Promise<Me> {
  return asMe(await call("/wallet/api/replacement", { body: { why, words } }));
}

export async function answerConsents(answers: Partial<Record<Purpose | "at_activation", boolean>>): Promise<Me> {
  return asMe(await call("/wallet/api/consents", { body: answers }));
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

export async function chooseLanguage(language: string): Promise<void> {
  good(await call("/wallet/api/language", { body: { language } }));
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
  };
}
