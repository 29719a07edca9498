/** The till's questions: one dialog each, answered by a value or not at all. */

import { answered } from "../shared/dialogs";
import { fill, one } from "../shared/dom";
import { fenOf, yuan } from "../shared/money";
import { signal } from "../shared/signals";
import { say } from "../shared/words";
import { last4Of } from "./answer";
import { complain } from "./form";

/** How long a cashier can read that a scan was not taken, in milliseconds. */
const UNHEARD_MS = 5_000;
let unheardUntil = 0;

/** Whether a question waits for its answer; the camera is none. */
export function questionOpen(): boolean {
  return document.querySelector("dialog[open]:not(#camera)") !== null;
}

/** A code came while something else is under way. It is not taken, and the cashier sees and hears so, above everything. */
export function sayUnheard(sound: boolean): void {
  const note = one("#unheard");
  note.togglePopover(false);
  note.togglePopover(true);
  signal("wait", sound);
  clearTimeout(unheardUntil);
  unheardUntil = window.setTimeout(() => note.togglePopover(false), UNHEARD_MS);
}

/** A printed card was shown: its holder says the last four; undefined when they cannot. */
export async function askedForLast4(question: string): Promise<string | undefined> {
  const dialog = one<HTMLDialogElement>("#last4-dialog");
  const field = one<HTMLInputElement>("#last4");
  fill(dialog, { "last4-question": question });
  field.value = "";
  complain("last4", "");
  const check = (): boolean => {
    if (!last4Of(field.value)) complain("last4", say("last4_wrong"));
    return last4Of(field.value) !== undefined;
  };
  return (await answered(dialog, check)) ? last4Of(field.value) : undefined;
}

/** 撤销 is for a whole sale of today. */
export function undoConfirmed(amountFen: number): Promise<boolean> {
  const dialog = one<HTMLDialogElement>("#undo-dialog");
  fill(dialog, { "undo-amount": say("undo_question", { amount: yuan(amountFen) }) });
  return answered(dialog);
}

/** What can be given back of a redemption. */
export interface Refundable {
  amountFen: number;
  benefitFen: number;
  payableFen: number;
  /** Of the benefit what was given back before; what the goods had cost then, nobody knows any more. */
  backFen: number;
  partly: boolean;
  lines: readonly { lineNo: number; benefitFen: number }[];
}

/** The body of the refund, and what the drawer gives back where the till can tell. */
export interface Refund {
  body: Record<string, unknown>;
  backFen: number | undefined;
  /** Of the benefit what goes with it; undefined where the server works it out. */
  benefitFen?: number;
}

/** 退款: the whole without a word more, what the goods that came back had cost, or lines of the receipt. */
export async function refundChosen(sale: Refundable): Promise<Refund | undefined> {
  const dialog = one<HTMLDialogElement>("#refund-dialog");
  const field = one<HTMLInputElement>("#refund-amount");
  const lines = one("#refund-lines");
  const of = say("refund_of", { amount: yuan(sale.amountFen), off: yuan(sale.benefitFen) });
  const before = sale.partly ? say("refund_before", { off: yuan(sale.backFen) }) : "";
  fill(dialog, { "refund-of": `${of}${before}`, "refund-all": sale.partly ? say("refund_rest") : say("refund_whole") });
  one("#refund-way-lines").hidden = sale.lines.length < 2;
  lines.replaceChildren(...sale.lines.map(lineChoice));
  field.value = "";
  complain("refund-amount", "");
  one<HTMLInputElement>('input[name="refund-way"][value="whole"]').checked = true;
  const show = (): void => {
    const back = refundOf(way(dialog), field.value, sale)?.backFen;
    fill(dialog, { "refund-back": back === undefined ? "" : say("refund_back", { amount: yuan(back) }) });
  };
  showWay("whole");
  show();
  dialog.onchange = () => {
    showWay(way(dialog));
    show();
  };
  field.oninput = show;
  const check = (): boolean => {
    const fine = refundOf(way(dialog), field.value, sale) !== undefined;
    if (!fine && way(dialog) === "part") complain("refund-amount", wrongPart(fenOf(field.value), sale));
    one("#refund-lines-error").hidden = fine || way(dialog) !== "lines";
    return fine;
  };
  return (await answered(dialog, check)) ? refundOf(way(dialog), field.value, sale) : undefined;
}

function way(dialog: HTMLElement): string {
  return one<HTMLInputElement>('input[name="refund-way"]:checked', dialog).value;
}

function showWay(chosen: string): void {
  one("#refund-part").hidden = chosen !== "part";
  one("#refund-lines").hidden = chosen !== "lines";
  one("#refund-lines-error").hidden = true;
}

function lineChoice(line: Refundable["lines"][number]): HTMLElement {
  const label = document.createElement("label");
  const box = document.createElement("input");
  const words = document.createElement("span");
  label.className = "choice";
  box.type = "checkbox";
  box.value = String(line.lineNo);
  words.textContent = say("refund_line", { number: line.lineNo, off: yuan(line.benefitFen) });
  label.append(box, words);
  return label;
}

/** The refund of one of the three ways; undefined where what was typed or ticked comes to nothing. */
export function refundOf(chosen: string, typed: string, sale: Refundable): Refund | undefined {
  const reason = "cashier";
  if (chosen === "whole") return wholeOf(sale, reason);
  if (chosen === "lines") {
    const ticked = document.querySelectorAll<HTMLInputElement>("#refund-lines input:checked");
    const lines = [...ticked].map((box) => ({ line_no: Number(box.value) }));
    return lines.length > 0 ? { body: { reason, lines }, backFen: undefined } : undefined;
  }
  return partOf(fenOf(typed), sale, reason);
}

/** Everything that has not come back yet. */
function wholeOf(sale: Refundable, reason: string): Refund {
  const body = { reason };
  return sale.partly ? { body, backFen: undefined } : { body, backFen: sale.payableFen, benefitFen: sale.benefitFen };
}

/** Goods of `priceFen` came back: they take their part of the benefit with them. */
function partOf(priceFen: number | undefined, sale: Refundable, reason: string): Refund | undefined {
  if (priceFen === undefined || priceFen > sale.amountFen) return undefined;
  if (priceFen === sale.amountFen) return sale.partly ? undefined : wholeOf(sale, reason);
  const benefitFen = benefitOf(priceFen, sale.amountFen, sale.benefitFen);
  if (benefitFen <= 0 || benefitFen > sale.benefitFen - sale.backFen) return undefined;
  return { body: { reason, benefit_fen: benefitFen }, backFen: priceFen - benefitFen, benefitFen };
}

/** Why goods of this price cannot be given back, and what to do. */
function wrongPart(priceFen: number | undefined, { amountFen, benefitFen, backFen }: Refundable): string {
  if (priceFen === undefined || priceFen > amountFen) return say("refund_amount_wrong", { most: yuan(amountFen) });
  const asked = benefitOf(priceFen, amountFen, benefitFen);
  if (asked === 0) return say("refund_amount_nothing", { amount: yuan(priceFen) });
  return say("refund_amount_beyond", { left: yuan(benefitFen - backFen), asked: yuan(asked) });
}

/** The part of a benefit that goods of `priceFen` had, rounded half up to the fen. */
export function benefitOf(priceFen: number, amountFen: number, benefitFen: number): number {
  const twice = 2n * BigInt(benefitFen) * BigInt(priceFen) + BigInt(amountFen);
  return Number(twice / (2n * BigInt(amountFen)));
}
