/** The till's line to the server: is it there, what time is it, what is newer, and what waits to be sent. */

import { makeDeviceKey } from "../cn1/keys";
import { reading } from "../shared/clock";
import { NoAnswer, problemOf, type Answer } from "../shared/http";
import type { Api } from "./api";
import { goOnFrom, heardOfKeys, type CountingKey } from "./chain";
import { forward, TurnedAway } from "./forward";
import { namesIn, registerKey } from "./pairing";
import * as sales from "./sales";
import type { Terminal } from "./shelf";
import * as store from "./store";
import type { TillClock, TillTime } from "./time";
import type { Trust } from "./trust";

/** How often the server is looked for: while it answers, and while it does not. */
const QUIET_MS = 60_000;
const LOST_MS = 8_000;
/** How long an answer to "are you there" may take before the till goes on alone. */
const PATIENCE_MS = 4_000;
const TRUST_EVERY_MS = 15 * 60_000;
/** How often a till without a key of its own asks whether it may have one now. */
const KEY_EVERY_MS = 15 * 60_000;
const DAY_MS = 86_400_000;
const KEPT_MS = 7 * DAY_MS;

/** Who wants to know. */
export interface Listener {
  reached(yes: boolean): void;
  turnedAway(why: string): void;
  /** What `GET /me` said. */
  met(me: Record<string, unknown>): void;
  /** Sales made alone were answered. */
  queueMoved(): Promise<void>;
  /** Everything was asked, fetched and sent that could be. */
  checked(): Promise<void>;
}

export class Link {
  /** Whether the last thing we asked was answered; a till that has asked nothing yet hopes for it. */
  reachable = true;
  private timer: number | undefined;
  private trustedAt = 0;
  private askedForKeyAt = 0;
  private working: Promise<void> | undefined;

  constructor(
    readonly api: Api,
    private terminal: Terminal,
    private readonly clock: TillClock,
    readonly trust: Trust,
    private readonly listener: Listener,
  ) {}

  now(): TillTime {
    return this.clock.now(this.trust.notBefore);
  }

  /** Ask, fetch and send what there is, and do so again from time to time. */
  async check(): Promise<void> {
    this.working ??= this.work().finally(() => (this.working = undefined));
    return this.working;
  }

  /** A call was not answered: from here on the till decides alone until the server is heard again. */
  lost(): void {
    this.reach(false);
    this.plan();
  }

  /** A call was answered. */
  heard(): void {
    if (!this.reachable) void this.check();
    this.reach(true);
  }

  private async work(): Promise<void> {
    window.clearTimeout(this.timer);
    try {
      if (await this.greet()) {
        await this.fetchTrust();
        await forward(this.api, store.chainOf(this.terminal), () => this.listener.queueMoved());
      }
    } catch (error) {
      if (error instanceof TurnedAway) this.listener.turnedAway(error.why);
      else if (error instanceof NoAnswer) this.reach(false);
      else throw error;
    } finally {
      await this.clock.remember();
      await this.listener.checked();
      this.plan();
    }
  }

  private plan(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.check(), this.reachable ? QUIET_MS : LOST_MS);
  }

  private reach(yes: boolean): void {
    this.reachable = yes;
    this.listener.reached(yes);
  }

  /** Who am I, and what time is it? False when this terminal may not call. */
  private async greet(): Promise<boolean> {
    const answer = await this.askTheTime();
    this.reach(true);
    if (answer.status !== 200) {
      const away = answer.status === 401 || answer.status === 403;
      if (away) await this.trust.suspend();
      this.listener.turnedAway(away ? problemOf(answer).title : "");
      return false;
    }
    // At its start three questions in a row; from then on each new one takes the place of the oldest.
    while (!this.clock.settled) if ((await this.askTheTime()).status !== 200) break;
    await this.recognise(answer);
    this.listener.turnedAway("");
    this.listener.met(answer.body);
    return true;
  }

  /** `GET /me`, which says what time it is. */
  private async askTheTime(): Promise<Answer> {
    const sent = reading();
    const answer = await this.api.get("/me", PATIENCE_MS);
    if (answer.status === 200) await this.clock.synced(sent, reading(), Date.parse(String(answer.body.server_time)));
    return answer;
  }

  /** What pairing could not know yet: codes of our own, a key of our own, and how far our numbers have come. */
  private async recognise(answer: Answer): Promise<void> {
    const merchantCode = (answer.body.merchant as { code: string }).code;
    if (this.terminal.merchantCode !== merchantCode) Object.assign(this.terminal, { merchantCode });
    Object.assign(this.terminal, namesIn(answer.body), { services: answer.body.services ?? [] });
    // Before a key is asked for: the answer cannot know of that one.
    const counting = answer.body.signing_keys as CountingKey[] | undefined;
    if (counting) heardOfKeys(this.terminal, counting, Date.parse(String(answer.body.server_time)));
    // Two other devices may have the terminal's two keys: once the manager has stopped one, this one gets its place.
    if (!this.terminal.keyId && Date.now() - this.askedForKeyAt >= KEY_EVERY_MS) {
      this.askedForKeyAt = Date.now();
      // Kept before it is asked for: where the answer is lost the same key comes again, and takes no second place.
      this.terminal.key ??= await makeDeviceKey();
      await store.keep("terminal", this.terminal);
      const { others: _, ...signing } = await registerKey(this.api, this.terminal.key);
      Object.assign(this.terminal, signing);
      if (signing.keyId && this.terminal.others === "two") delete this.terminal.others;
    }
    await store.keep("terminal", this.terminal);
    const last = Number(answer.body.last_terminal_seq ?? 0);
    await goOnFrom(store.chainOf(this.terminal), last, answer.body.last_record_hash as string | null | undefined);
  }

  private async fetchTrust(): Promise<void> {
    const { at } = this.now();
    if (this.trust.syncedAt && Date.now() - this.trustedAt < TRUST_EVERY_MS) return;
    if (await this.trust.refresh(this.api, at)) this.trustedAt = Date.now();
    await sales.tidy(at - KEPT_MS, at - DAY_MS);
  }
}
