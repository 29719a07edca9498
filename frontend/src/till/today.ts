/** 今日: what this terminal redeemed today, and the totals the cashier compares with the drawer. */

import { copyOf, fill, one } from "../shared/dom";
import { NoAnswer } from "../shared/http";
import { yuan } from "../shared/money";
import { say } from "../shared/words";
import type { Api } from "./api";

export interface Row {
  id: string;
  outcome: string;
  event_at: string;
  merchant_ref: string | null;
  amount_fen: number;
  discount_fen: number;
  subsidy_fen: number;
  payable_fen: number;
  reasons?: { message: string }[];
}

export interface Totals {
  count: number;
  payable_fen: number;
  subsidy_fen: number;
  discount_fen: number;
}

const MOST_PAGES = 20;

/** Money of rows that stand; refused, reversed and expired ones moved none. */
export function totalsOf(rows: readonly Row[]): Totals {
  const totals = { count: 0, payable_fen: 0, subsidy_fen: 0, discount_fen: 0 };
  for (const row of rows) {
    if (row.outcome !== "captured") continue;
    totals.count += 1;
    totals.payable_fen += row.payable_fen;
    totals.subsidy_fen += row.subsidy_fen;
    totals.discount_fen += row.discount_fen;
  }
  return totals;
}

/** Today's day on the Shanghai calendar. */
export function shanghaiDay(at: number): string {
  return new Date(at + 8 * 3_600_000).toISOString().slice(0, 10);
}

/** 10:05 of "2026-11-21T10:05:01+08:00". */
export function clockOf(moment: string): string {
  return /T(\d\d:\d\d)/.exec(moment)?.[1] ?? "";
}

async function rowsOfToday(api: Api, terminal: string, day: string): Promise<Row[]> {
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

/** Draw the list. `undo` is offered for what can still be undone today. */
export async function showToday(api: Api, terminal: string, day: string, undo: (row: Row) => void): Promise<void> {
  const note = one("#today-note");
  try {
    const rows = await rowsOfToday(api, terminal, day);
    const totals = totalsOf(rows);
    fill(one("#today-totals"), {
      "total-count": String(totals.count),
      "total-payable": yuan(totals.payable_fen),
      "total-subsidy": yuan(totals.subsidy_fen),
      "total-discount": yuan(totals.discount_fen),
    });
    one("#today-list").replaceChildren(...rows.map((row) => line(row, undo)));
    note.textContent = rows.length === 0 ? say("today_none") : "";
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    note.textContent = say("today_offline");
  }
  note.hidden = note.textContent === "";
}

function line(row: Row, undo: (row: Row) => void): HTMLElement {
  const item = copyOf("today-row");
  const captured = row.outcome === "captured";
  fill(item, {
    when: clockOf(row.event_at),
    ref: row.merchant_ref ?? "",
    amounts: say("row_amounts", { amount: yuan(row.amount_fen), off: yuan(row.discount_fen + row.subsidy_fen) }),
    payable: row.outcome === "refused" ? "" : say("row_charge", { amount: yuan(row.payable_fen) }),
    reason: [...new Set((row.reasons ?? []).map((reason) => reason.message))].join(" "),
  });
  for (const badge of item.querySelectorAll<HTMLElement>("[data-outcome]")) {
    badge.hidden = badge.dataset.outcome !== row.outcome;
  }
  item.classList.toggle("today__row--void", !captured && row.outcome !== "refused");
  const button = one<HTMLButtonElement>("button", item);
  button.hidden = !captured;
  button.addEventListener("click", () => undo(row));
  return item;
}
