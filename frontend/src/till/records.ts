/** What this till made alone: how many wait, until when, and what became of each. */

import { copyOf, fill, one } from "../shared/dom";
import { yuan } from "../shared/money";
import { say } from "../shared/words";
import { HELD } from "./sales";
import type { Pending, Queued } from "./shelf";
import { inShort, inWords } from "./today";
import type { Trust } from "./trust";

/** Older than this the server keeps a record for the union to look at. */
const REPORT_WITHIN_MS = 72 * 3_600_000;
const BADGE_OF: Record<string, string> = { captured: "good", captured_with_exception: "good", undone: "calm" };

/**
 * Until when (milliseconds) this till may go on alone and be believed; undefined when it may not even now. `keyEndsAt`:
 * when its own key counts no more.
 */
export function aloneUntil(trust: Trust, waiting: readonly Queued[], keyEndsAt = Infinity): number | undefined {
  const { pack, list, appendix } = trust;
  if (!pack || !list || !appendix || trust.syncedAt === 0) return undefined;
  const ends = [pack.expiresAt, list.expiresAt, appendix.expiresAt, trust.syncedAt + appendix.limits.offline_sync];
  const oldest = waiting[0];
  return Math.min(...ends.map((seconds) => seconds * 1000), keyEndsAt, oldest ? oldest.at + REPORT_WITHIN_MS : Infinity);
}

/** The badge and the line below the masthead; what was `refused` is more urgent than what waits. */
export function showWaiting(waiting: readonly Queued[], refused: number, alone: WithoutNetwork, now: number, reachable: boolean): void {
  const badge = one("#waiting");
  const [oldest] = waiting;
  const sendBy = oldest ? oldest.at + REPORT_WITHIN_MS : 0;
  badge.hidden = waiting.length + refused === 0;
  badge.classList.toggle("badge--bad", refused > 0);
  badge.classList.toggle("badge--wait", refused === 0);
  const words = refused > 0 ? say("refused_badge", { count: refused }) : say("waiting_badge", { count: waiting.length });
  fill(badge, { "waiting-count": words, "waiting-by": refused > 0 || !oldest ? "" : say("waiting_by", { by: inShort(sendBy) }) });
  const place = one("#offline");
  fill(place, { "offline-why": offlineWords(alone, waiting.length, now) });
  place.hidden = reachable;
  const menu = oldest ? say("waiting_until", { count: waiting.length, until: inWords(sendBy) }) : "";
  fill(one("#menu"), { "menu-waiting": menu });
}

/** What this till can do without a network. */
export interface WithoutNetwork {
  /** Whether this browser has a key the server knows, and whether that counts. */
  key: "none" | "signs" | "over";
  /** The shop has something to give alone. */
  gives: boolean;
  until: number | undefined;
}

function offlineWords({ key, gives, until }: WithoutNetwork, waiting: number, now: number): string {
  if (key === "over") return say("offline_key_over");
  if (until === undefined || until <= now) return say("offline_not_ready");
  if (waiting) return say("offline_waiting", { count: waiting, until: inWords(until) });
  if (key === "none") return say("offline_not_ready");
  return gives ? say("offline_ready", { until: inWords(until) }) : say("offline_no_offers");
}

/** What the settings say of going on without a network. */
export function showAlone(alone: WithoutNetwork, now: number): void {
  fill(one("#menu"), { "menu-alone": aloneWords(alone, now) });
}

function aloneWords({ key, gives, until }: WithoutNetwork, now: number): string {
  if (key === "over") return say("online_key_over");
  if (key === "none") return say("online_no_key");
  if (until === undefined || until <= now) return say("alone_not");
  if (!gives) return say("alone_no_offers", { until: inWords(until) });
  return say("alone_until", { until: inWords(until) });
}

/** Whether a request nobody waits for was refused. */
export function refusal(request: Pending): boolean {
  return request.refused !== undefined;
}

/** What was to be undone or given back and the server would not: it stays until the cashier has `read` it. */
export function showRefused(requests: readonly Pending[], read: (request: Pending) => void): void {
  one("#refused").hidden = requests.length === 0;
  one("#refused-list").replaceChildren(...requests.map((request) => refusedLine(request, read)));
}

function refusedLine(request: Pending, read: (request: Pending) => void): HTMLElement {
  const item = copyOf("refused-row");
  fill(item, {
    amounts: say("was", { amount: yuan(request.amountFen) }),
    badge: say(request.kind === "refund" ? "not_refunded" : "not_undone"),
    reason: request.refused ?? "",
    when: inWords(request.at),
    ref: request.merchantRef ?? "",
  });
  one("button", item).addEventListener("click", () => read(request));
  return item;
}

/**
 * The list of what was made alone in the last days; `undo` is offered for what has not been sent or the union still
 * looks at, and `later` says how far the undoing of the rest has come.
 */
export function showRecords(sales: readonly Queued[], later: readonly Pending[], undo: (sale: Queued) => void): void {
  one("#records").hidden = sales.length === 0;
  one("#records-list").replaceChildren(...[...sales].reverse().map((sale) => line(sale, later, undo)));
}

/** What became of a sale made alone: the last part of a key of the words. */
export function outcomeOf(sale: Pick<Queued, "state" | "told" | "undo" | "undoKey">, later: readonly Pending[]): string {
  if (sale.state !== "told") return sale.undo ? "undoing" : sale.state;
  if (!sale.undoKey) return sale.told?.outcome ?? "";
  const reversal = later.find((request) => request.key === sale.undoKey);
  if (!reversal) return "undone";
  return refusal(reversal) ? "not_undone" : "undoing";
}

function line(sale: Queued, later: readonly Pending[], undo: (sale: Queued) => void): HTMLElement {
  const item = copyOf("record-row");
  const outcome = outcomeOf(sale, later);
  const badge = one("[data-part='badge']", item);
  fill(item, {
    when: inWords(sale.at),
    ref: sale.merchantRef,
    payable: say("row_charge", { amount: yuan(sale.amountFen - sale.benefitFen) }),
    amounts: say("row_amounts", { amount: yuan(sale.amountFen), off: yuan(sale.benefitFen) }),
    badge: say(`record_${outcome}`),
    reason: sale.told?.message ?? "",
  });
  badge.classList.add(`badge--${BADGE_OF[outcome] ?? (["waiting", "undoing", HELD].includes(outcome) ? "wait" : "bad")}`);
  const button = one<HTMLButtonElement>("button", item);
  button.hidden = sale.undo || (sale.state !== "waiting" && outcome !== HELD);
  button.addEventListener("click", () => undo(sale));
  return item;
}
