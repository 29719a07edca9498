/** 今日: what this terminal redeemed today, and the totals the cashier compares with the drawer. */

import { partsOf, weekdayOf } from "../shared/calendar";
import { copyOf, fill, one } from "../shared/dom";
import { NoAnswer } from "../shared/http";
import { yuan } from "../shared/money";
import { say } from "../shared/words";
import type { Api } from "./api";

export interface Row {
  id: string;
  outcome: string;
  /** A list kept by an earlier version of this page does not say. */
  business_date?: string;
  event_at: string;
  merchant_ref: string | null;
  amount_fen: number;
  discount_fen: number;
  subsidy_fen: number;
  payable_fen: number;
  /** Of discount and subsidy what the union bears; a list kept by an earlier version of this page does not say. */
  union_fen?: number;
  /** Of discount and subsidy what was given back since, and the union's part of that; missing as above. */
  refunded_fen?: number;
  refunded_union_fen?: number;
  reasons?: { message: string }[];
}

export interface Totals {
  count: number;
  payable_fen: number;
  union_fen: number;
  merchant_fen: number;
  /** Of `payable_fen` some is worked out: a part came back elsewhere, and what its goods had cost nobody keeps. */
  estimated: boolean;
}

const MOST_PAGES = 20;

/** Rows with money that stands, wholly or in part; refused, reversed and expired ones moved none. */
const STANDING = ["captured", "partly_refunded"];

/**
 * Money of rows that stand, after refunds: what the drawer kept, and who bears the rest. What this till gave back of a
 * sale is in `backs` to the fen. Of what was given back elsewhere the server knows the benefit alone: the payment is
 * taken to have come back in the same part, and the totals say that they are an estimate.
 */
export function totalsOf(rows: readonly Row[], backs: readonly Back[] = []): Totals {
  const totals = { count: 0, payable_fen: 0, union_fen: 0, merchant_fen: 0, estimated: false };
  for (const row of rows) {
    if (!STANDING.includes(row.outcome)) continue;
    totals.count += 1;
    const here = backs.filter((back) => back.id === row.id);
    const elsewhere = (row.refunded_fen ?? 0) - sumOf(here, (back) => back.benefitFen ?? row.refunded_fen ?? 0);
    totals.payable_fen -= sumOf(here, (back) => back.fen);
    totals.payable_fen += row.payable_fen;
    if (elsewhere > 0) {
      totals.payable_fen -= Math.round((row.payable_fen * elsewhere) / (row.discount_fen + row.subsidy_fen));
      totals.estimated = true;
    }
    const union = (row.union_fen ?? row.subsidy_fen) - (row.refunded_union_fen ?? 0);
    totals.union_fen += union;
    totals.merchant_fen += row.discount_fen + row.subsidy_fen - (row.refunded_fen ?? 0) - union;
  }
  return totals;
}

const sumOf = (backs: readonly Back[], of: (back: Back) => number): number => backs.reduce((sum, back) => sum + of(back), 0);

/** Today's day on the Shanghai calendar. */
export function shanghaiDay(at: number): string {
  return new Date(at + 8 * 3_600_000).toISOString().slice(0, 10);
}

/** 2026-11-24T09:05:00+08:00. */
export function shanghaiMoment(at: number): string {
  return new Date(at + 8 * 3_600_000).toISOString().slice(0, 19) + "+08:00";
}

/** 11月24日 周二 09:05, as this language writes it. */
export function inWords(at: number): string {
  return say("moment", { ...partsOf(shanghaiDay(at)), time: clockOf(shanghaiMoment(at)) });
}

/** 周二 09:05: for a moment within the week, where there is little room. */
export function inShort(at: number): string {
  return `${weekdayOf(shanghaiDay(at))} ${clockOf(shanghaiMoment(at))}`;
}

/** 10:05 of "2026-11-21T10:05:01+08:00". */
export function clockOf(moment: string): string {
  return /T(\d\d:\d\d)/.exec(moment)?.[1] ?? "";
}

/** Everything this terminal did on `day`, newest first. Throws NoAnswer. */
export async function rowsOf(api: Api, terminal: string, day: string): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query: URLSearchParams = new URLSearchParams({ business_date: day, terminal, limit: "200" });
    if (cursor) query.set("cursor", cursor);
    const answer = await api.get(`/redemptions?${query}`);
    if (answer.status !== 200) throw new NoAnswer(String(answer.body.code));
    rows.push(...(answer.body.redemptions as Row[]));
    cursor = answer.body.next_cursor as string | null;
    if (!cursor) break;
  }
  return rows;
}

/** What the cashier may do about a row. */
export interface RowActs {
  undo(row: Row): void;
  refund(row: Row): void;
}

/**
 * Draw the list and its totals. `alone` are sales of the day the server does not have yet; `note` is said below when
 * there is something to say. 撤销 is offered for what can still be undone today, 退款 for what has money in it.
 */
export function showToday(
  rows: readonly Row[],
  alone: readonly AloneSale[],
  backs: readonly Back[],
  note: string,
  acts: RowActs,
): void {
  const listed = new Set(rows.map((row) => row.id));
  const totals = totalsOf(rows, backs);
  const earlier = backs.filter((back) => !listed.has(back.id));
  const sum = yuan(sumOf(earlier, (back) => back.fen));
  const returned = earlier.length > 0 ? say("returned_earlier", { count: earlier.length, amount: sum }) : "";
  fill(one("#today"), { "returned-earlier": returned, estimated: totals.estimated ? say("payable_estimated") : "" });
  for (const sale of alone) {
    totals.count += 1;
    totals.payable_fen += sale.amountFen - sale.benefitFen;
    totals.merchant_fen += sale.discountFen;
    totals.union_fen += sale.benefitFen - sale.discountFen;
  }
  fill(one("#today-totals"), {
    "total-count": String(totals.count),
    "total-payable": yuan(totals.payable_fen),
    "total-union": yuan(totals.union_fen),
    "total-merchant": yuan(totals.merchant_fen),
  });
  one("#today-list").replaceChildren(...rows.map((row) => rowLine(row, acts)));
  const place = one("#today-note");
  place.textContent = note;
  place.hidden = note === "";
}

/** What the drawer gave back today of one sale, of today or of an earlier day. */
export interface Back {
  id: string;
  fen: number;
  /** The benefit that went with it; what an earlier version of this page kept does not say. */
  benefitFen?: number;
}

/** What a sale made alone adds to the totals. */
export interface AloneSale {
  amountFen: number;
  benefitFen: number;
  /** Of it the merchant's own. */
  discountFen: number;
}

/** One row; of another day it cannot be undone, only refunded. */
export function rowLine(row: Row, acts: RowActs, undoable = true): HTMLElement {
  const item = copyOf("today-row");
  const captured = row.outcome === "captured";
  fill(item, {
    when: clockOf(row.event_at),
    ref: row.merchant_ref ?? "",
    amounts:
      row.outcome === "refused"
        ? say("row_refused", { amount: yuan(row.amount_fen) })
        : say("row_amounts", { amount: yuan(row.amount_fen), off: yuan(row.discount_fen + row.subsidy_fen) }),
    payable: row.outcome === "refused" ? "" : say("row_charge", { amount: yuan(row.payable_fen) }),
    back: row.outcome === "partly_refunded" && row.refunded_fen ? say("row_back", { amount: yuan(row.refunded_fen) }) : "",
    reason: [...new Set((row.reasons ?? []).map((reason) => reason.message))].join(" "),
  });
  for (const badge of item.querySelectorAll<HTMLElement>("[data-outcome]")) {
    badge.hidden = badge.dataset.outcome !== row.outcome;
  }
  item.classList.toggle("today__row--void", !STANDING.includes(row.outcome) && row.outcome !== "refused");
  const undo = one<HTMLButtonElement>('button[data-act="undo"]', item);
  undo.hidden = !captured || !undoable;
  undo.addEventListener("click", () => acts.undo(row));
  const refund = one<HTMLButtonElement>('button[data-act="refund"]', item);
  refund.hidden = !STANDING.includes(row.outcome);
  refund.addEventListener("click", () => acts.refund(row));
  return item;
}
