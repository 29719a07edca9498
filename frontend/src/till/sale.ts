/** One sale after another: amount and code in either order, the answer, online or alone. */

import { hex } from "../cn1/codec";
import { NoCamera, scan } from "../shared/camera";
import { looksLikeCode } from "../shared/codetext";
import { shown } from "../shared/dialogs";
import { fill, one } from "../shared/dom";
import { NoAnswer, problemOf, type Answer } from "../shared/http";
import { fenOf } from "../shared/money";
import { addressOf } from "../shared/purchase";
import { say } from "../shared/words";
import { REPORTED } from "./alone";
import { last4Question, refundedView, undoneView, viewOf, type View } from "./answer";
import { newKey } from "./api";
import { ask } from "./ask";
import { askedForLast4, questionOpen, sayUnheard } from "./dialogs";
import { RefusedByDisk } from "./disk";
import { complain } from "./form";
import { reportOf } from "./forward";
import type { Link } from "./link";
import * as requests from "./requests";
import * as sales from "./sales";
import { answerShown, hideAnswer, showAnswer, showBusy } from "./screen";
import { sellAlone } from "./sell";
import { chosenService } from "./services";
import type { Pending, Terminal } from "./shelf";
import * as store from "./store";
import type { TillTime } from "./time";
import { shanghaiMoment } from "./today";
import { boundView, challengeView, onlineView, postponedView, refusedView } from "./verdict";
import { judge, ownWord, type Scan } from "./word";

/** A code older than this will be refused online (35 s), so the cashier is told to ask for a new one. */
const CODE_LIFE_MS = 30_000;
const TICK_MS = 250;
/** How long a cashier waits for word on a request that is given up. */
const PATIENCE_MS = 4_000;
const NONCE_BYTES = 8;
const REFERENCE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";

const amount = (): HTMLInputElement => one<HTMLInputElement>("#amount");
const reference = (): HTMLInputElement => one<HTMLInputElement>("#reference");

/** What stands behind the answer on the screen: who may undo what. */
export interface Shown {
  redemptionId: string | undefined;
  queuedId: string | undefined;
  amountFen: number;
}

export class Sale {
  shown: Shown | undefined;
  private code: { text: string; at: number } | undefined;
  private asking = false;
  /** The code that was used last. */
  private last: string | undefined;
  /** Four digits the member is to type; until then no other code will do. */
  private digits: string | undefined;
  /** The purchase the member's phone is asked to sign; another amount is another purchase. */
  private bound: { nonce: string; amountFen: number } | undefined;
  /** What is on the screen is about this sale: the next code is for it too. */
  private sameSale = false;
  /** The receipt number of our own that this sale has. */
  private ownRef: string | undefined;

  constructor(
    private readonly link: Link,
    private readonly terminal: Terminal,
    private readonly sound: () => boolean,
    /** A sale was answered: the day's list is another one. */
    private readonly moved: () => Promise<void>,
    private readonly turnedAway: (why: string) => void,
  ) {}

  /** Nothing typed, nothing asked: a newer version of the page may take over. */
  idle(): boolean {
    return !this.asking && !this.code && amount().value === "" && !answerShown();
  }

  /** Is a request still open from before the page was closed? Then its answer comes first. */
  async begin(): Promise<void> {
    // A cashier is quicker than the start of the page: what is typed already stays.
    if (this.idle()) this.next();
    const open = await store.kept("pending");
    if (open) await this.request(open, performance.now());
  }

  /** 下一位. */
  next(): void {
    amount().value = "";
    reference().value = "";
    this.digits = undefined;
    this.bound = undefined;
    this.ownRef = undefined;
    this.forgetCode();
    complain("amount", "");
    complain("service", "");
    one("#code-late").hidden = true;
    hideAnswer();
    amount().focus();
  }

  /** What a button of an amber answer says. */
  async choose(act: string): Promise<void> {
    if (act === "next") return this.next();
    if (act === "bind") return this.askToSign();
    hideAnswer();
    if (act === "scan") return this.openCamera();
    amount().focus();
  }

  /** A code came in, by whichever way: redeem at once when the amount is there, else wait for it. */
  async codeArrived(text: string): Promise<void> {
    if (questionOpen()) return sayUnheard(this.sound());
    one<HTMLDialogElement>("#camera").close();
    // The very code that is being asked about may well be read twice; any other is somebody's who waits.
    if (this.asking) return text === this.last ? undefined : sayUnheard(this.sound());
    // Until an open outcome is settled there is no next customer.
    if (answerShown() && (await store.kept("pending"))) return sayUnheard(this.sound());
    if (answerShown() && !this.sameSale) this.next();
    hideAnswer();
    if (!looksLikeCode(text)) {
      one<HTMLDetailsElement>("details.more").open = true;
      return complain("paste", say("not_a_code"));
    }
    complain("paste", "");
    one<HTMLInputElement>("#paste").value = "";
    this.code = { text, at: Date.now() };
    const priced = fenOf(amount().value) !== undefined;
    if (priced && chosenService() !== undefined) return this.redeem();
    one("#code-held").hidden = false;
    one("#code-wanted").hidden = true;
    this.countDown();
    if (priced) complain("service", say("service_wanted"));
    else if (amount().value.trim() !== "") complain("amount", say("amount_wrong"));
    else amount().focus();
  }

  forgetCode(): void {
    this.code = undefined;
    one("#code-held").hidden = true;
    one("#code-wanted").hidden = false;
  }

  /** 核销: everything is there, or the one thing that is missing is asked for. */
  async redeem(): Promise<void> {
    if (this.asking) return;
    const amountFen = fenOf(amount().value);
    if (amountFen === undefined) return complain("amount", say("amount_wrong"));
    complain("amount", "");
    const service = chosenService();
    if (service === undefined) return complain("service", say("service_wanted"));
    if (!this.code) return this.openCamera();
    one("#code-late").hidden = true;
    const { text, at } = this.code;
    this.last = text;
    this.forgetCode();
    const ref = reference().value.trim() || (this.ownRef ??= this.ownReference());
    const heldFor = (Date.now() - at) / 1000;
    const nonce = this.bound?.amountFen === amountFen ? this.bound.nonce : undefined;
    const digits = nonce ? undefined : this.digits;
    const scanned = { text, amountFen, service, reference: ref, digits, nonce, heldFor, begun: performance.now() };
    await this.oneAtATime("not_done", () => this.decide(scanned));
  }

  async openCamera(): Promise<void> {
    const dialog = one<HTMLDialogElement>("#camera");
    if (dialog.open) return;
    fill(dialog, { "camera-note": say("camera_aim") });
    const left = shown(dialog);
    let found: string | undefined;
    try {
      const other = (): void => fill(dialog, { "camera-note": say("camera_other") });
      found = await scan(one<HTMLVideoElement>("#camera-video"), left, other);
    } catch (error) {
      if (!(error instanceof NoCamera)) throw error;
      return fill(dialog, { "camera-note": say(`camera_${error.trouble}`) });
    }
    dialog.close();
    if (found) await this.codeArrived(found);
  }

  /** Ask once more what became of the open request. */
  async askAgain(): Promise<void> {
    const open = await store.kept("pending");
    if (open) await this.request(open, performance.now());
    else this.next();
  }

  /** Nobody knows whether it happened: have it undone, whatever it was, now or as soon as there is a network. */
  async giveUp(): Promise<void> {
    const open = await store.kept("pending");
    if (!open) return this.next();
    const body = open.kind === "redemption" ? { original_idempotency_key: open.key, reason: "no_answer" } : open.body;
    const key = open.kind === "redemption" ? newKey() : open.key;
    const path = open.kind === "redemption" ? "/reversals" : open.path;
    const kind = open.kind === "redemption" ? "reversal" : open.kind;
    const ref = open.body.merchant_ref ?? open.merchantRef;
    const named = { ...(typeof ref === "string" ? { merchantRef: ref } : {}), ...(open.back ? { back: open.back } : {}) };
    const chain = open.chain ?? store.chainOf(this.terminal);
    const request = { kind, key, path, body, amountFen: open.amountFen, at: Date.now(), chain, ...named };
    await this.oneAtATime("unknown_verb", async () => {
      await requests.postpone(request);
      showBusy(kind === "refund" ? kind : "reversal");
      try {
        const answer = await this.link.api.send(path, key, body, PATIENCE_MS);
        if (answer.status < 300) await requests.gaveBack(request);
        await requests.done(key);
        this.link.heard();
        this.show(viewFor(request)(answer), open.amountFen);
        void this.moved();
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        this.show(postponedView(open.kind === "redemption" ? open.amountFen : undefined, say), open.amountFen);
      } finally {
        showBusy(undefined);
      }
    });
  }

  /** Show an answer of ours; `performance` has how long it took from the scan. */
  show(view: View, amountFen: number, begun?: number): void {
    const kept = view.redemptionId !== undefined || view.queuedId !== undefined;
    this.sameSale = view.sameSale ?? false;
    this.shown = kept ? { redemptionId: view.redemptionId, queuedId: view.queuedId, amountFen } : undefined;
    showAnswer(view, { mayAskAgain: view.kind === "unknown", sound: this.sound() });
    if (begun !== undefined) performance.measure("cardnet-answer", { start: begun });
  }

  /** Send a request and show what came of it; `toView` as `viewOf`. */
  async request(open: Pending, begun: number, toView: (answer: Answer) => View = viewFor(open)): Promise<void> {
    await this.oneAtATime(VERB_OF[open.kind], () => this.send(open, begun, toView));
  }

  /** What comes while something is decided is not heard; nobody waits for the day's list, which follows by itself. */
  private async oneAtATime(notDone: string, work: () => Promise<void>): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof RefusedByDisk)) throw error;
      // Nothing leaves this till that is not on the disk: so nothing was asked, and the cashier hears so.
      showBusy(undefined);
      const open = notDone === "unknown_verb";
      const why = [say(`disk_${error.why}`), say(open ? "disk_still_open" : "disk_not_sent")];
      this.show({ kind: open ? "unknown" : "no", verb: say(notDone), number: "", why, facts: [] }, 0);
    } finally {
      this.asking = false;
    }
  }

  private async send(open: Pending, begun: number, toView: (answer: Answer) => View = viewFor(open)): Promise<void> {
    showBusy(open.kind === "report" ? "redemption" : open.kind);
    try {
      const answer = await ask(this.link, open);
      if (answer.status === 401 || answer.status === 403) this.turnedAway(problemOf(answer).title);
      const question = open.kind === "redemption" ? last4Question(answer) : undefined;
      showBusy(undefined);
      const last4 = question && (await askedForLast4(question));
      // A refusal is final under its key, so the confirmed sale is a new request.
      if (last4) return await this.send(confirmed(open, last4), performance.now(), toView);
      this.show(toView(answer), open.amountFen, begun);
      void this.moved();
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.link.lost();
      this.show({ kind: "unknown", verb: say("unknown_verb"), number: "", why: [say("unknown_why")], facts: [] }, open.amountFen);
    } finally {
      showBusy(undefined);
    }
  }

  /** First what is certain here, then the server; the till alone where there is none. */
  private async decide(shown: Scan): Promise<void> {
    const online = this.link.reachable && navigator.onLine;
    const time = this.link.now();
    // A fresh code needs no answer, also while one is asked for.
    const plain = { ...shown, digits: undefined, nonce: undefined };
    const asked = shown.digits !== undefined || shown.nonce !== undefined;
    const fresh = asked && judge(this.link, this.terminal, plain, time, online)?.outcome === "accepted";
    const scanned = fresh ? plain : shown;
    const own = await ownWord(this.link, this.terminal, scanned, time, online);
    if (own.kind === "late") return this.askForFresh();
    if (own.kind === "digits" && this.bound) return this.askToSign();
    if (own.kind === "digits") return this.show(this.challenge(scanned), scanned.amountFen, scanned.begun);
    if (own.kind === "no") {
      this.show(refusedView(own.outcome, scanned.amountFen, {}, say), scanned.amountFen, scanned.begun);
      return REPORTED.has(own.outcome) ? this.report(scanned) : undefined;
    }
    if (!online) return this.alone(scanned, time);
    // Sent is used: whatever comes of it, this till takes the same proof no second time by itself.
    if (own.rid) await sales.saw(own.rid, time.at);
    const { text, amountFen, service, reference: merchantRef, digits, nonce, begun } = scanned;
    const purchase = service ? { amount_fen: amountFen, service_code: service } : { amount_fen: amountFen };
    const answered = { ...(digits ? { challenge: digits } : {}), ...(nonce ? { bound_nonce: nonce } : {}) };
    const body = { code: text, merchant_ref: merchantRef, purchase, ...answered };
    const chain = store.chainOf(this.terminal);
    await this.send({ kind: "redemption", key: newKey(), path: "/redemptions", body, amountFen, at: Date.now(), chain }, begun);
  }

  /** Somebody showed a code nobody can have been given: the cashier has read it, the union is told. */
  private async report({ text, amountFen, reference: merchantRef }: Scan): Promise<void> {
    await requests.report(reportOf(text, amountFen, merchantRef, Date.now()));
    void this.link.check();
  }

  /** The code was good when it came, and waited too long: the amount stays, a new code is wanted. */
  private askForFresh(): void {
    one("#code-late").hidden = false;
    one("#scan").focus();
  }

  /** Show the square of this purchase: the phone that signs it may have what a plain code may not. */
  private askToSign(): void {
    const amountFen = fenOf(amount().value);
    if (amountFen === undefined) return this.next();
    const chance = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    this.bound = { nonce: hex(chance), amountFen };
    const { merchant: name, merchantCode: merchant = "", code: terminal } = this.terminal;
    const square = addressOf({ merchant, terminal, amountFen, nonce: this.bound.nonce, name }, location.origin);
    this.show(boundView(square, amountFen, say), amountFen);
  }

  private challenge({ amountFen, digits }: Scan): View {
    const [chance] = crypto.getRandomValues(new Uint32Array(1));
    this.digits ??= String(chance! % 10_000).padStart(4, "0");
    return challengeView(this.digits, digits !== undefined, amountFen, say);
  }

  /** Without a server: decide by pack, list and offers; what is given is in the chain before it is shown. */
  private async alone(scanned: Scan, time: TillTime): Promise<void> {
    const view = await sellAlone(this.link, this.terminal, scanned, time);
    if (view === "digits") return this.show(this.challenge(scanned), scanned.amountFen, scanned.begun);
    if (view !== "confirm") {
      this.show(view, scanned.amountFen, scanned.begun);
      return void this.moved();
    }
    const last4 = await askedForLast4(say("code_confirm_required"));
    if (last4) return this.alone({ ...scanned, last4, begun: performance.now() }, this.link.now());
    this.show(onlineView("confirm_required", scanned.amountFen, undefined, say), scanned.amountFen);
  }

  /** Counts down the life of a code that waits for its amount. */
  private countDown(): void {
    if (!this.code) return;
    const left = CODE_LIFE_MS - (Date.now() - this.code.at);
    one("#code-late").hidden = left > 0;
    if (left <= 0) return this.forgetCode();
    one("#code-left").textContent = stillWanted(Math.ceil(left / 1000));
    setTimeout(() => this.countDown(), TICK_MS);
  }

  /** A receipt number of our own for shops that type none: terminal, day, time and four random letters. */
  private ownReference(): string {
    const now = shanghaiMoment(this.link.now().at);
    const day = now.slice(2, 10).replaceAll("-", "");
    const time = now.slice(11, 19).replaceAll(":", "");
    const chance = crypto.getRandomValues(new Uint8Array(4));
    const letters = [...chance].map((byte) => REFERENCE_LETTERS[byte % REFERENCE_LETTERS.length]).join("");
    return `${this.terminal.code}-${day}-${time}${letters}`;
  }
}

/** What stands on the screen where a request could not even be kept. */
const VERB_OF = { redemption: "not_done", reversal: "not_undone", refund: "not_refunded", report: "not_done" } as const;

/** How long a waiting code lasts, and what is wanted before it can be used. */
function stillWanted(seconds: number): string {
  if (fenOf(amount().value) === undefined) return say("seconds_left", { seconds });
  return chosenService() === undefined ? say("seconds_left_service", { seconds }) : say("seconds_left_redeem", { seconds });
}

/** The same sale once its holder has said the last four. */
function confirmed(open: Pending, last4: string): Pending {
  return { ...open, key: newKey(), body: { ...open.body, id_last4: last4 }, at: Date.now() };
}

/** How the answer to a request reads that was open when the page was closed. */
function viewFor(open: Pending): (answer: Answer) => View {
  const amountFen = open.amountFen;
  if (open.kind === "redemption") return (answer) => viewOf(answer, amountFen, say);
  return (answer) => (open.kind === "refund" ? refundedView(answer, open.back?.fen, say) : undoneView(answer, amountFen, say));
}
