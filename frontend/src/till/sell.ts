/** A sale without a server: decided, and in the chain before it is shown. */

import { say } from "../shared/words";
import { decideAlone, type Alone } from "./alone";
import type { View } from "./answer";
import { canSign, keyOver, record } from "./chain";
import type { Link } from "./link";
import * as sales from "./sales";
import type { Terminal } from "./shelf";
import * as store from "./store";
import type { TillTime } from "./time";
import { clockOf, shanghaiDay, shanghaiMoment } from "./today";
import { givenView, nothingView, onlineView, refusedView } from "./verdict";
import { audiencesOf, challengeOf, type Scan } from "./word";

/** What the cashier sees; `confirm` when the holder must say the last four first, `digits` when the phone must answer some. */
export async function sellAlone(link: Link, terminal: Terminal, scanned: Scan, time: TillTime): Promise<View | "confirm" | "digits"> {
  const { amountFen, service, text, digits, nonce, last4 } = scanned;
  const { trust } = link;
  if (!canSign(terminal)) return onlineView("no_key", amountFen, undefined, say);
  if ((keyOver(terminal, trust.pack) ?? Infinity) <= time.at) return onlineView("key_over", amountFen, undefined, say);
  const [queue, seen] = await Promise.all([sales.queue(), sales.seen()]);
  const mine = queue.filter((sale) => sale.chain === store.chainOf(terminal));
  if (mine.some((sale) => sale.merchantRef === scanned.reference)) {
    return { kind: "no", verb: say("not_done"), number: "", why: [say("reference_used")], facts: [] };
  }
  const decided: Alone = decideAlone(
    {
      ...{ text, amountFen, service, at: time.at, unsure: time.unsure, audiences: audiencesOf(terminal) },
      confirmed: last4 !== undefined,
      bound: nonce !== undefined,
      ...challengeOf(terminal, scanned),
    },
    {
      ...{ pack: trust.pack, list: trust.list, appendix: trust.appendix, syncedAt: trust.syncedAt, seen },
      waiting: mine.filter((sale) => sale.state === "waiting"),
      made: mine,
    },
  );
  if (decided.kind === "digits") return "digits";
  if (decided.kind === "online") {
    if (decided.because === "confirm_required") return "confirm";
    return onlineView(decided.because, amountFen, decided.limitFen, say, decided.bindable);
  }
  if (decided.kind === "nothing") return nothingView(decided.because, amountFen, say);
  if (decided.kind === "refused") {
    const { outcome, usedAt, deltaSeconds } = decided;
    const known = usedAt === undefined ? {} : { usedAt: clockOf(shanghaiMoment(usedAt)) };
    return refusedView(outcome, amountFen, { ...known, ...(deltaSeconds === undefined ? {} : { deltaSeconds }) }, say);
  }
  const { given, accepted } = decided;
  const day = shanghaiDay(time.at);
  const list = trust.list!;
  const kept = await record(terminal, {
    record: {
      occurred_at: shanghaiMoment(time.at),
      merchant_ref: scanned.reference,
      code: text,
      purchase: { amount_fen: amountFen, ...(service ? { service_code: service } : {}) },
      decision: { benefit_fen: given.fen, programs: given.parts.map((part) => part.program) },
      list_issued_at: shanghaiMoment(list.issuedAt * 1000),
      synced_at: shanghaiMoment(trust.syncedAt * 1000),
      clock_offset_seconds: Math.round(-time.offset / 1000) || 0,
      ...(digits ? { challenge: digits } : {}),
      ...(nonce ? { bound_nonce: nonce } : {}),
    },
    last4,
    merchantRef: scanned.reference,
    index: accepted.index,
    rid: accepted.rid,
    day,
    at: time.at,
    offset: time.offset,
    amountFen,
    benefitFen: given.fen,
    discountFen: given.parts.reduce((sum, part) => sum + part.merchantFen, 0),
    uses: given.parts.map((part) => ({ program: part.program, day, fen: part.fen })),
  });
  const facts = { id: kept.id, reference: scanned.reference, printed: accepted.assurance === "printed" };
  return givenView(given, amountFen, facts, say);
}
