/** One sale after another: amount and code in either order, the answer, 撤销. */

import { fill, one } from "../shared/dom";
import { NoAnswer, problemOf } from "../shared/http";
import { fenOf, yuan } from "../shared/money";
import { say } from "../shared/words";
import { last4Of, last4Question, undoneView, viewOf } from "./answer";
import { newKey, type Api } from "./api";
import { NoCamera, scan } from "../shared/camera";
import { looksLikeCode } from "../shared/codetext";
import { complain } from "./form";
import { answerShown, hideAnswer, showAnswer, showBusy } from "./screen";
import * as store from "./store";
import { shanghaiDay, showToday } from "./today";

/** A code older than this will be refused online (35 s), so the cashier is told to ask for a new one. */
const CODE_LIFE_MS = 30_000;
const TICK_MS = 250;
const REFERENCE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";

const amount = (): HTMLInputElement => one<HTMLInputElement>("#amount");
const reference = (): HTMLInputElement => one<HTMLInputElement>("#reference");

export function sayOnline(yes: boolean): void {
  one("#offline").hidden = yes;
}

export class Sale {
  private code: { text: string; at: number } | undefined;
  private asking = false;
  /** Of the last answer: what 撤销 would undo. */
  private undoable: { id: string; amountFen: number } | undefined;
  /** Server time minus ours, so that "today" is the server's day. */
  private ahead = 0;

  constructor(
    private readonly api: Api,
    private readonly terminal: store.Terminal,
    private readonly preferences: () => store.Preferences,
  ) {}

  /** Nothing typed, nothing asked: a newer version of the page may take over. */
  idle(): boolean {
    return !this.asking && !this.code && amount().value === "" && !answerShown();
  }

  /** Who am I, is the server there, what time is it, and is a sale still open from before the page was closed. */
  async begin(): Promise<void> {
    this.next();
    await this.greet();
    const open = await store.pending();
    if (open) await this.ask(open);
  }

  async greet(): Promise<void> {
    try {
      const answer = await this.api.get("/me");
      sayOnline(true);
      if (this.turnedAway(answer.status, problemOf(answer).title)) return;
      this.ahead = Date.parse(String(answer.body.server_time)) - Date.now();
      await this.refreshToday();
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      sayOnline(false);
    }
  }

  /** 下一位. */
  next(): void {
    amount().value = "";
    reference().value = "";
    this.forgetCode();
    complain("amount", "");
    one("#code-late").hidden = true;
    hideAnswer();
    amount().focus();
  }

  /** A code came in, by whichever way: redeem at once when the amount is there, else wait for it. */
  async codeArrived(text: string): Promise<void> {
    if (this.asking || document.querySelector("dialog[open]:not(#camera)")) return;
    // Until an open outcome is settled there is no next customer.
    if (answerShown() && (await store.pending())) return;
    if (answerShown()) this.next();
    if (!looksLikeCode(text)) {
      one<HTMLDetailsElement>("details.more").open = true;
      return complain("paste", say("not_a_code"));
    }
    complain("paste", "");
    one<HTMLInputElement>("#paste").value = "";
    this.code = { text, at: Date.now() };
    if (amount().value.trim() !== "") return this.redeem();
    one("#code-held").hidden = false;
    one("#code-wanted").hidden = true;
    this.countDown();
    amount().focus();
  }

  forgetCode(): void {
    this.code = undefined;
    one("#code-held").hidden = true;
    one("#code-wanted").hidden = false;
  }

  /** 核销: everything is there, or the one thing that is missing is asked for. */
  async redeem(): Promise<void> {
    const amountFen = fenOf(amount().value);
    if (amountFen === undefined) return complain("amount", say("amount_wrong"));
    complain("amount", "");
    if (!this.code) return this.openCamera();
    one("#code-late").hidden = true;
    const { text } = this.code;
    this.forgetCode();
    if (!navigator.onLine) {
      const view = { kind: "unknown" as const, verb: say("offline_verb"), number: "", why: [say("offline_why")], facts: [] };
      return showAnswer(view, { mayAskAgain: false, sound: this.preferences().sound });
    }
    const service = one<HTMLInputElement>('input[name="service"]:checked').value;
    const purchase = service ? { amount_fen: amountFen, service_code: service } : { amount_fen: amountFen };
    const body = { code: text, merchant_ref: reference().value.trim() || this.ownReference(), purchase };
    await this.ask({ kind: "redemption", key: newKey(), body, amountFen, at: Date.now() });
  }

  async openCamera(): Promise<void> {
    const dialog = one<HTMLDialogElement>("#camera");
    if (dialog.open) return;
    const stop = new AbortController();
    dialog.addEventListener("close", () => stop.abort(), { once: true });
    fill(dialog, { "camera-note": say("camera_aim") });
    dialog.showModal();
    let found: string | undefined;
    try {
      const other = (): void => fill(dialog, { "camera-note": say("camera_other") });
      found = await scan(one<HTMLVideoElement>("#camera-video"), stop.signal, other);
    } catch (error) {
      if (!(error instanceof NoCamera)) throw error;
      return fill(dialog, { "camera-note": say(`camera_${error.trouble}`) });
    }
    dialog.close();
    if (found) await this.codeArrived(found);
  }

  /** Ask once more what became of the open sale. */
  async askAgain(): Promise<void> {
    const open = await store.pending();
    if (open) await this.ask(open);
    else this.next();
  }

  /** Nobody knows whether it happened: have it undone, whatever it was. */
  async giveUp(): Promise<void> {
    const open = await store.pending();
    if (!open) return this.next();
    const body = open.kind === "redemption" ? { original_idempotency_key: open.key, reason: "no_answer" } : open.body;
    const key = open.kind === "redemption" ? newKey() : open.key;
    await this.ask({ kind: "reversal", key, body, amountFen: open.amountFen, at: Date.now() });
  }

  async undoLast(): Promise<void> {
    if (this.undoable) await this.undo(this.undoable.id, this.undoable.amountFen);
  }

  async refreshToday(): Promise<void> {
    const day = shanghaiDay(Date.now() + this.ahead);
    await showToday(this.api, this.terminal.code, day, (row) => void this.undo(row.id, row.amount_fen));
  }

  private async undo(redemptionId: string, amountFen: number): Promise<void> {
    if (!(await confirmed(amountFen))) return;
    const body = { redemption_id: redemptionId, reason: "cashier" };
    await this.ask({ kind: "reversal", key: newKey(), body, amountFen, at: Date.now() });
  }

  /** Send what must be answered, and keep it until it is: closing the page loses nothing. */
  private async ask(request: store.Pending): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    const { sound } = this.preferences();
    let again: store.Pending | undefined;
    showBusy(true);
    const start = performance.now();
    try {
      await store.keepPending(request);
      const path = request.kind === "redemption" ? "/redemptions" : "/reversals";
      const answer = await this.api.post(path, request.key, request.body);
      await store.settled();
      sayOnline(true);
      this.turnedAway(answer.status, problemOf(answer).title);
      const question = request.kind === "redemption" ? last4Question(answer) : undefined;
      if (question) {
        showBusy(false);
        const last4 = await askedForLast4(question);
        // A refusal is final under its key, so the confirmed sale is a new request.
        if (last4) again = { ...request, key: newKey(), body: { ...request.body, id_last4: last4 }, at: Date.now() };
        if (again) return;
      }
      const toView = request.kind === "redemption" ? viewOf : undoneView;
      const view = toView(answer, request.amountFen, say);
      this.undoable = view.redemptionId ? { id: view.redemptionId, amountFen: request.amountFen } : undefined;
      showAnswer(view, { mayAskAgain: false, sound });
      // For the benchmark of pages: from the scan to the answer.
      performance.measure("cardnet-answer", { start });
      await this.refreshToday();
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      sayOnline(false);
      const view = { kind: "unknown" as const, verb: say("unknown_verb"), number: "", why: [say("unknown_why")], facts: [] };
      showAnswer(view, { mayAskAgain: true, sound });
    } finally {
      this.asking = false;
      showBusy(false);
      if (again) await this.ask(again);
    }
  }

  /** Counts down the life of a code that waits for its amount. */
  private countDown(): void {
    if (!this.code) return;
    const left = CODE_LIFE_MS - (Date.now() - this.code.at);
    one("#code-late").hidden = left > 0;
    if (left <= 0) return this.forgetCode();
    one("#code-left").textContent = say("seconds_left", { seconds: Math.ceil(left / 1000) });
    setTimeout(() => this.countDown(), TICK_MS);
  }

  private turnedAway(status: number, why: string): boolean {
    const away = status === 401 || status === 403;
    if (away) fill(one("#suspended"), { "suspended-why": why });
    one("#suspended").hidden = !away;
    return away;
  }

  /** A receipt number of our own for shops that type none: terminal, day, time and four random letters. */
  private ownReference(): string {
    const shanghai = new Date(Date.now() + this.ahead + 8 * 3_600_000).toISOString();
    const day = shanghai.slice(2, 10).replaceAll("-", "");
    const time = shanghai.slice(11, 19).replaceAll(":", "");
    const chance = crypto.getRandomValues(new Uint8Array(4));
    const letters = [...chance].map((byte) => REFERENCE_LETTERS[byte % REFERENCE_LETTERS.length]).join("");
    return `${this.terminal.code}-${day}-${time}${letters}`;
  }
}

/** A printed card was shown: its holder says the last four; undefined when they cannot. */
function askedForLast4(question: string): Promise<string | undefined> {
  const dialog = one<HTMLDialogElement>("#last4-dialog");
  const field = one<HTMLInputElement>("#last4");
  fill(dialog, { "last4-question": question });
  field.value = "";
  complain("last4", "");
  dialog.returnValue = "";
  const submit = (event: SubmitEvent): void => {
    if ((event.submitter as HTMLButtonElement | null)?.value === "no" || last4Of(field.value)) return;
    event.preventDefault();
    complain("last4", say("last4_wrong"));
  };
  const form = one<HTMLFormElement>("form", dialog);
  form.addEventListener("submit", submit);
  dialog.showModal();
  field.focus();
  return new Promise((answer) => {
    const close = (): void => {
      form.removeEventListener("submit", submit);
      answer(dialog.returnValue === "yes" ? last4Of(field.value) : undefined);
    };
    dialog.addEventListener("close", close, { once: true });
  });
}

function confirmed(amountFen: number): Promise<boolean> {
  const dialog = one<HTMLDialogElement>("#undo-dialog");
  fill(dialog, { "undo-amount": say("undo_question", { amount: yuan(amountFen) }) });
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
  });
}
