/** One terminal at work: its sale, its line to the server, the day's list, and the two words for undoing. */

import { partsOf } from "../shared/calendar";
import { fill, one } from "../shared/dom";
import { NoAnswer, problemOf } from "../shared/http";
import { yuan } from "../shared/money";
import { say } from "../shared/words";
import { refundedView, undoneView } from "./answer";
import { Api, newKey } from "./api";
import { keyOver } from "./chain";
import { refundChosen, undoConfirmed, type Refundable } from "./dialogs";
import { complain } from "./form";
import { reversalOf } from "./forward";
import { Link } from "./link";
import { showOthers, showWho } from "./pairing";
import { aloneUntil, refusal, showAlone, showRecords, showRefused, showWaiting, type WithoutNetwork } from "./records";
import * as requests from "./requests";
import { Sale } from "./sale";
import * as sales from "./sales";
import { showServices } from "./services";
import type { Pending, Preferences, Queued, Terminal } from "./shelf";
import * as store from "./store";
import type { TillClock } from "./time";
import { rowLine, rowsOf, shanghaiDay, showToday, type Back, type Row } from "./today";
import type { Trust } from "./trust";

export class Desk {
  readonly sale: Sale;
  private readonly link: Link;
  /** Whether the server was last found away. */
  private away = false;
  /** How often the day was looked at: the last look is the one that is drawn. */
  private looks = 0;

  constructor(
    private readonly terminal: Terminal,
    clock: TillClock,
    private readonly trust: Trust,
    preferences: () => Preferences,
  ) {
    this.link = new Link(new Api(terminal.token), terminal, clock, trust, {
      reached: (yes) => this.reached(yes),
      turnedAway: (why) => this.turnedAway(why),
      met: (me) => {
        showWho(terminal);
        showSettlement(me);
        showServices(terminal.services, preferences().service);
      },
      queueMoved: () => this.refresh(),
      checked: () => this.showLine(),
    });
    this.sale = new Sale(this.link, terminal, () => preferences().sound, () => this.refresh(), (why) => this.turnedAway(why));
  }

  async begin(): Promise<void> {
    await this.showLine();
    await this.sale.begin();
    await this.check();
    await this.refresh();
  }

  async check(): Promise<void> {
    await this.link.check();
  }

  lost(): void {
    this.link.lost();
  }

  /** The day's list, what was made alone, and the badge. */
  async refresh(): Promise<void> {
    const look = ++this.looks;
    await this.showLine();
    const later = await requests.postponed();
    showRefused(later.filter(refusal), (request) => void this.forget(request));
    showRecords(await this.ownQueue(), later, (sale) => void this.undoQueued(sale));
    const day = shanghaiDay(this.link.now().at);
    const fresh = await this.rowsOf(day);
    if (look !== this.looks) return;
    if (fresh) await store.keep("day", { chain: store.chainOf(this.terminal), day, rows: fresh });
    const alone = (await this.ownQueue()).filter((sale) => sale.state === "waiting" && sale.day === day && !sale.undo);
    const rows = fresh ?? (await this.knownRows(day));
    const nothing = rows.length + alone.length === 0;
    showToday(rows, alone, await this.backsOf(day), fresh ? (nothing ? say("today_none") : "") : say("today_offline"), {
      undo: (row) => void this.undo(row),
      refund: (row) => void this.refund(row),
    });
  }

  /** 撤销 of what the screen shows. */
  async undoShown(): Promise<void> {
    const { shown } = this.sale;
    if (shown?.redemptionId) return this.undoRedemption(shown.redemptionId, shown.amountFen);
    const queued = (await sales.queue()).find((sale) => sale.id === shown?.queuedId);
    if (queued) await this.undoQueued(queued);
  }

  /** A sale of another day, by the number on the receipt. */
  async find(reference: string): Promise<void> {
    complain("find-ref", "");
    const place = one("#find-result");
    place.replaceChildren();
    if (!reference) return complain("find-ref", say("find_empty"));
    try {
      const answer = await this.link.api.get(`/redemptions/by-ref/${encodeURIComponent(reference)}`);
      if (answer.status !== 200) return complain("find-ref", say("find_none"));
      const row = answer.body as unknown as Row & { business_date: string };
      const today = row.business_date === shanghaiDay(this.link.now().at);
      const acts = { undo: (found: Row) => void this.undo(found), refund: (found: Row) => void this.refund(found) };
      place.replaceChildren(rowLine(row, acts, today));
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      complain("find-ref", say("find_offline"));
    }
  }

  /** The day's list is asked for when it may have changed, not at every heartbeat. */
  private reached(yes: boolean): void {
    const back = yes && this.away;
    this.away = !yes;
    void (back ? this.refresh() : this.showLine());
  }

  private async showLine(): Promise<void> {
    const waiting = (await this.ownQueue()).filter((sale) => sale.state === "waiting");
    const refused = (await requests.postponed()).filter(refusal).length;
    const gives = (this.trust.appendix?.offers.length ?? 0) > 0;
    const { at } = this.link.now();
    const keyEndsAt = keyOver(this.terminal, this.trust.pack);
    const key = this.terminal.keyId === undefined ? "none" : (keyEndsAt ?? Infinity) <= at ? "over" : "signs";
    const alone: WithoutNetwork = { key, gives, until: aloneUntil(this.trust, waiting, keyEndsAt) };
    showWaiting(waiting, refused, alone, at, this.link.reachable);
    showAlone(alone, at);
    showOthers(this.terminal, at);
    one("#estranged").hidden = !this.trust.estranged;
  }

  /** The day as the server has it now; undefined without a network. */
  private async rowsOf(day: string): Promise<Row[] | undefined> {
    if (!this.link.reachable) return undefined;
    try {
      return await rowsOf(this.link.api, this.terminal.code, day);
    } catch (error) {
      if (error instanceof NoAnswer) return undefined;
      throw error;
    }
  }

  /** The day as it was when there was a network. */
  private async knownRows(day: string): Promise<Row[]> {
    const known = await store.kept("day");
    return known?.day === day && known.chain === store.chainOf(this.terminal) ? known.rows : [];
  }

  /** What the drawer gave back today. */
  private async backsOf(day: string): Promise<Back[]> {
    const known = await store.kept("returned");
    return known?.day === day && known.chain === store.chainOf(this.terminal) ? Object.values(known.backs) : [];
  }

  private async ownQueue(): Promise<Queued[]> {
    const chain = store.chainOf(this.terminal);
    return (await sales.queue()).filter((sale) => sale.chain === chain);
  }

  /** The cashier has read that it was refused. */
  private async forget(request: Pending): Promise<void> {
    await requests.refusalRead(request.key);
    await this.refresh();
  }

  private turnedAway(why: string): void {
    fill(one("#suspended"), { "suspended-why": why });
    one("#suspended").hidden = why === "";
  }

  private async undo(row: Row): Promise<void> {
    await this.undoRedemption(row.id, row.amount_fen);
  }

  private async undoRedemption(id: string, amountFen: number): Promise<void> {
    if (!(await undoConfirmed(amountFen))) return;
    const body = { redemption_id: id, reason: "cashier" };
    const chain = store.chainOf(this.terminal);
    const request = { kind: "reversal" as const, key: newKey(), path: "/reversals", body, amountFen, at: Date.now(), chain };
    await this.sale.request(request, performance.now(), (answer) => undoneView(answer, amountFen, say));
  }

  /** What waits cannot leave the chain: it is sent, and undone as soon as the server has it. */
  private async undoQueued(sale: Queued): Promise<void> {
    if (!(await undoConfirmed(sale.amountFen))) return;
    if (await sales.undoWaiting(sale.id)) return this.undoneLater(sale);
    const sent = (await sales.queue()).find((one) => one.id === sale.id);
    if (sent?.told?.redemptionId) return this.undoRedemption(sent.told.redemptionId, sale.amountFen);
    const reversal = sent?.told && reversalOf(sent, sent.told);
    if (!reversal || !(await sales.undoHeld(sale.id, reversal))) return;
    await this.undoneLater(sale);
    await this.link.check();
  }

  private async undoneLater(sale: Queued): Promise<void> {
    const full = say("full_price", { amount: yuan(sale.amountFen) });
    this.sale.show({ kind: "done", verb: say("undone"), number: "", why: [say("undone_later")], facts: [full] }, sale.amountFen);
    await this.refresh();
  }

  private async refund(row: Row): Promise<void> {
    try {
      const answer = await this.link.api.get(`/redemptions/${row.id}`);
      if (answer.status !== 200) {
        return this.sale.show({ kind: "no", verb: say("not_refunded"), number: "", why: [problemOf(answer).title], facts: [] }, 0);
      }
      const chosen = await refundChosen(refundable(answer.body as unknown as Redemption));
      if (!chosen) return;
      const path = `/redemptions/${row.id}/refunds`;
      const chain = store.chainOf(this.terminal);
      const day = shanghaiDay(this.link.now().at);
      const { backFen: fen, benefitFen } = chosen;
      const back = fen === undefined ? {} : { back: { id: row.id, fen, ...(benefitFen === undefined ? {} : { benefitFen }), day } };
      const sent = { key: newKey(), path, body: chosen.body, amountFen: row.amount_fen, at: Date.now(), chain };
      const request = { kind: "refund" as const, ...sent, ...back };
      await this.sale.request(request, performance.now(), (given) => refundedView(given, chosen.backFen, say));
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.link.lost();
      this.sale.show({ kind: "no", verb: say("not_refunded"), number: "", why: [say("find_offline")], facts: [] }, 0);
    }
  }
}

interface LinedBenefit {
  lines: { line_no: number; benefit_fen: number }[];
}

/** A redemption as the server has it now; the day's list may be a moment behind. */
type Redemption = Row & { benefits: LinedBenefit[] };

function refundable(now: Redemption): Refundable {
  const partly = now.outcome === "partly_refunded";
  return {
    amountFen: now.amount_fen,
    benefitFen: now.discount_fen + now.subsidy_fen,
    payableFen: now.payable_fen,
    backFen: partly ? (now.refunded_fen ?? 0) : 0,
    partly,
    lines: linesOf(now.benefits),
  };
}

/** What each line of the receipt got, of all benefits together. */
export function linesOf(benefits: readonly LinedBenefit[]): { lineNo: number; benefitFen: number }[] {
  const lines = new Map<number, number>();
  for (const { line_no: lineNo, benefit_fen: fen } of benefits.flatMap((benefit) => benefit.lines)) {
    lines.set(lineNo, (lines.get(lineNo) ?? 0) + fen);
  }
  return [...lines].map(([lineNo, benefitFen]) => ({ lineNo, benefitFen }));
}

/** 下次结算: the last day of the merchant's cycle. */
function showSettlement(me: Record<string, unknown>): void {
  const next = me.next_settlement as { cycle: string; ends_on: string } | undefined;
  const words = next ? say(`settle_${next.cycle}`, partsOf(next.ends_on)) : "";
  fill(one("#today"), { settlement: words });
}
