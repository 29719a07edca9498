/** Sending what was done alone: reversals nobody waits for, then the sales, in their order, each answered for itself. */

import { problemOf } from "../shared/http";
import { newKey, type Api } from "./api";
import * as requests from "./requests";
import * as sales from "./sales";
import type { Batch, Pending, Queued, Told } from "./shelf";
import * as store from "./store";

/** As many as one call takes (`MOST_RECORDS` of cardnet/merchant_api). */
export const MOST_RECORDS = 10;
/** The server compares what time we think it is with its own: after so long a batch is sent anew, under a new key. */
export const BATCH_LIFE_MS = 60_000;
/** Records made by clocks further apart than this do not travel together. */
const SAME_CLOCK_MS = 1_000;

interface Result {
  outcome: string;
  message: string | null;
  redemption: { id: string } | null;
  first_redemption_id?: string;
  first?: { outcome: string; message: string | null };
}

/** Somebody must look at this terminal: it may not send. */
export class TurnedAway extends Error {
  constructor(
    readonly status: number,
    readonly why: string,
  ) {
    super(why);
  }
}

/**
 * Send everything that waits. `told` hears after each call that something changed. Throws NoAnswer when the network is
 * gone again, TurnedAway when the terminal may not call; what was not answered waits on.
 */
export async function forward(api: Api, chain: string, told: () => Promise<void>): Promise<void> {
  for (;;) {
    const later = (await requests.postponed()).filter((request) => mayGo(request, chain));
    for (const request of later) await sendLater(api, request);
    if (later.length > 0) await told();
    const batch = await nextBatch(chain);
    if (!batch) break;
    // A sale undone before it was sent leaves a reversal: it goes first the next time round.
    await send(api, batch);
    await told();
  }
}

/** Under the token of this terminal: what another one is to undo would be refused, and be lost. */
function mayGo(request: Pending, chain: string): boolean {
  return request.refused === undefined && (request.kind === "report" || (request.chain ?? chain) === chain);
}

async function sendLater(api: Api, request: Pending): Promise<void> {
  const answer = await api.post(request.path, request.key, request.body);
  if (answer.status === 401 || answer.status === 403) throw new TurnedAway(answer.status, problemOf(answer).title);
  // A report is refused as the code is: that it was kept is all we want.
  if (answer.status < 300) await requests.gaveBack(request);
  if (answer.status < 400 || request.kind === "report") return requests.done(request.key);
  await requests.refused(request, problemOf(answer).title);
}

/** The batch on its way, or the next one, kept before it is sent. */
async function nextBatch(chain: string): Promise<Batch | undefined> {
  const open = await store.kept("batch");
  const wall = Date.now();
  if (open && wall >= open.at && wall - open.at < BATCH_LIFE_MS) return open;
  const waiting = (await sales.queue()).filter((sale) => sale.state === "waiting" && sale.chain === chain);
  const together = batchOf(waiting, open?.ids.length === 1 ? 1 : MOST_RECORDS);
  const first = together[0];
  if (!first) {
    if (open) await store.forget("batch");
    return undefined;
  }
  // By the device's own clock, which the records say how far it was off; those of an earlier version did not.
  const sentAt = new Date(saysOffset(first) ? wall : wall + first.offset).toISOString();
  const body = { records: together.map((sale) => sale.record), sent_at: sentAt };
  const batch = { key: newKey(), body, ids: together.map((sale) => sale.id), at: wall };
  await store.keep("batch", batch);
  return batch;
}

/** The next records that may travel together: in their order, made by one clock. */
export function batchOf(waiting: readonly Queued[], most: number): Queued[] {
  const [first] = waiting;
  if (!first) return [];
  const other = waiting.findIndex(
    (sale) => saysOffset(sale) !== saysOffset(first) || Math.abs(sale.offset - first.offset) > SAME_CLOCK_MS,
  );
  return waiting.slice(0, Math.min(most, other < 0 ? waiting.length : other));
}

function saysOffset({ record }: Queued): boolean {
  return record?.clock_offset_seconds !== undefined;
}

async function send(api: Api, batch: Batch): Promise<void> {
  const answer = await api.post("/advices", batch.key, batch.body);
  if (answer.status === 401 || answer.status === 403) throw new TurnedAway(answer.status, problemOf(answer).title);
  if (answer.status === 200) {
    const results = answer.body.results as Result[];
    // The results stand in the order of the records.
    const told = new Map(results.map((result, place) => [batch.ids[place]!, toldOf(result)]));
    return sales.settle(told, reversalOf);
  }
  if (batch.ids.length > 1) {
    // One of them cannot be read: send them one by one, so that it holds up no other.
    await store.keep("batch", { ...batch, ids: batch.ids.slice(0, 1), at: 0 });
    return;
  }
  const { title } = problemOf(answer);
  await sales.settle(new Map([[batch.ids[0]!, { outcome: "stuck", message: title }]]), () => undefined);
}

function toldOf(result: Result): Told {
  // The same record had come before and its answer was lost: what was said then is what became of it.
  const { outcome, message } = result.first ?? result;
  const redemptionId = result.redemption?.id ?? result.first_redemption_id;
  return { outcome, message: message ?? "", ...(redemptionId ? { redemptionId } : {}) };
}

/** What tells the union of a forged code: a sale of it, which is refused and kept; were it good, nothing would be taken. */
export function reportOf(code: string, amountFen: number, merchantRef: string, at: number): Pending {
  const body = { code, merchant_ref: merchantRef, purchase: { amount_fen: amountFen }, capture: false, hold_seconds: 60 };
  return { kind: "report", key: newKey(), path: "/redemptions", body, amountFen, at, merchantRef };
}

/** What undoes a sale made alone that was answered; nothing where nothing was given. What is held has no redemption yet. */
export function reversalOf(sale: Queued, answer: Told): Pending | undefined {
  const { amountFen, at, merchantRef, chain } = sale;
  const held = answer.outcome === sales.HELD ? { advice_merchant_ref: merchantRef } : undefined;
  const named = answer.redemptionId ? { redemption_id: answer.redemptionId } : held;
  if (!named) return undefined;
  const body = { ...named, reason: "cashier" };
  return { kind: "reversal", key: newKey(), path: "/reversals", body, amountFen, at, chain, merchantRef };
}
