/** The wallet: a card that works without a network, and what it was used for. */

import { base64url, compressedPublicKey, signText } from "../cn1/keys";
import { drawAddress, warmUp } from "../cn1/qr";
import { keepAwake, keepForOffline, offerInstall } from "../shared/app";
import { fill, onClick, one } from "../shared/dom";
import { NoAnswer } from "../shared/http";
import { purchaseIn } from "../shared/purchase";
import { say } from "../shared/words";
import { fromFragment, group, startActivation, startRebinding, warnIfNoKey } from "./activate";
import { dayInWords, inWords } from "./days";
import { LiveCode } from "./live";
import { showBenefits, startBenefits } from "./benefits";
import { askAbout, startChallenge } from "./challenge";
import { Results } from "./heard";
import { askConsents, showMine, startMine } from "./mine";
import * as server from "./server";
import { showLostAddress, showStop, stop, type Stop } from "./stopped";
import * as store from "./store";
import { now, synchronise } from "./time";
import { showThisYear, startYear } from "./year";

const TABS = ["card", "benefits", "records", "more"] as const;
type Tab = (typeof TABS)[number];

let card: store.StoredCard | undefined;
/** Besides the tabs: before there is a card, and the questions right after it is there. */
type Page = Tab | "activate" | "agree";
let tab: Page = "activate";

/** How wide the square of the address for reporting a loss is, in pixels. */
const LOST_SQUARE = 124;

/** So long before the credential ends the member is asked to connect once. */
const TELL_BEFORE_MS = 4 * 86_400_000;

const live = new LiveCode(
  () => card,
  () => tab === "card" && usable(),
  (state, at) => {
    // Stopped while the code was being signed.
    if (!usable()) return;
    one("#code").hidden = state === "expired";
    one("#code-expired").hidden = state !== "expired";
    one(".panel").classList.toggle("panel--words", state === "expired");
    one("#time-unsure").hidden = state !== "unsure";
    one("#code-answers").hidden = state !== "answering";
    // Told in time: while there is a network the credential is renewed long before this.
    const ending = state === "shown" && card !== undefined && card.expiresAt - at < TELL_BEFORE_MS;
    one("#code-ending").hidden = !ending;
    if (ending) one("#code-ending span").textContent = say("ending", { until: dayInWords(card!.expiresAt) });
    told = state === "shown" && !ending;
    one("#code-hint").hidden = !told || !one("#code-result").hidden;
    if (state !== "expired") results.watch(at);
  },
);
/** Whether the line under the code is the usual one. */
let told = false;

/** The code was used, or turned down: another one takes its place at once, and the member reads what came of it. */
const results = new Results(
  () => tab === "card" && usable() && document.visibilityState === "visible",
  (line) => {
    showResult(line);
    void live.redraw();
    void refreshFromServer();
  },
);

/** So long the line stays where the usual one was. */
const RESULT_MS = 20_000;
let resultTimer: number | undefined;

function showResult(line: server.RedemptionLine | null): void {
  const place = one("#code-result");
  window.clearTimeout(resultTimer);
  const used = line?.outcome === "captured" || line?.outcome === "held";
  place.hidden = line === null || !(used || line.outcome === "refused");
  one("#code-hint").hidden = !told || !place.hidden;
  if (line === null || place.hidden) return;
  const shop = [...line.merchant].length > SHORT_NAME ? `${[...line.merchant].slice(0, SHORT_NAME - 1).join("")}…` : line.merchant;
  place.classList.toggle("hint--good", used);
  place.classList.toggle("hint--wait", !used);
  one("span", place).textContent = say(used ? "result_used" : "result_refused", { shop, benefit: line.benefit });
  one("button", place).textContent = say(used ? "result_not_me" : "result_why");
  resultTimer = window.setTimeout(() => showResult(null), RESULT_MS);
}

/** Of a shop's name what one line has room for. */
const SHORT_NAME = 7;

const adjustScreen = keepAwake(() => tab === "card" && card !== undefined);

/** A card that was stopped, or whose place another phone took, shows why in place of a code nobody would accept. */
function usable(): boolean {
  return card !== undefined && stopOf(card) === undefined;
}

function stopOf({ face, stopped }: store.StoredCard): Stop | undefined {
  if (stopped || face.state === "active") return stopped;
  return face.state === "suspended" ? { state: "suspended", why: "office" } : { state: "ended", why: "unknown" };
}

function open(next: Page): void {
  tab = next;
  one("#activate").hidden = next !== "activate";
  one("#agree").hidden = next !== "agree";
  one("#tabs").hidden = next === "activate" || next === "agree";
  for (const name of TABS) {
    one(`#${name}`).hidden = name !== next;
    const link = one(`#tabs [data-tab="${name}"]`);
    if (name === next) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  window.scrollTo(0, 0);
  void adjustScreen();
  if (next === "card") void live.refresh();
  else results.stop();
  if (next === "benefits") void showBenefits();
  if (next === "records") void showThisYear();
  if (next === "more") void showMine();
}

function showFace(): void {
  if (!card) return;
  const { face } = card;
  const stopped = stopOf(card);
  fill(one("#face"), { name: face.name, union: face.unionName, number: group(face.number) });
  for (const badge of document.querySelectorAll<HTMLElement>("#face [data-state]")) {
    badge.hidden = badge.dataset.state !== (stopped ? (stopped.state === "suspended" ? "suspended" : "ended") : "active");
  }
  fill(one("#more"), {
    "more-name": face.name,
    "more-union": face.unionName,
    "more-number": group(face.number),
    "more-valid": inWords(face.validTo),
  });
  for (const word of document.querySelectorAll<HTMLElement>("#face [data-tier]")) {
    word.hidden = Number(word.dataset.tier) !== face.tier;
  }
  showStop(stopped);
  one("#code-frame").hidden = stopped !== undefined;
  one("#still").hidden = stopped !== undefined;
  one(".panel").classList.toggle("panel--words", stopped !== undefined || !one("#code-expired").hidden);
  if (stopped) {
    one("#code-hint").hidden = true;
    for (const line of ["#time-unsure", "#code-ending", "#code-answers", "#code-result"]) one(line).hidden = true;
  }
}

function applyType(large: boolean): void {
  document.documentElement.classList.toggle("large", large);
  one<HTMLInputElement>("#large-type").checked = large;
  void live.refresh();
}

/** 联网更新: it ends with a code, with the reason why there is none any more, or with a sentence that says what to do. */
async function refreshNow(): Promise<void> {
  const note = one("#refresh-note");
  note.hidden = true;
  await refreshFromServer();
  if (!usable() || one("#code-expired").hidden) return;
  note.hidden = false;
  one("#refresh-how").hidden = true;
  note.textContent = say(one("#offline").hidden ? "refresh_failed" : "needs_network");
}

let refreshing: Promise<void> | undefined;

/** Talk to the server when there is one; several reasons at once are one conversation. */
function refreshFromServer(): Promise<void> {
  refreshing ??= talkToServer().finally(() => (refreshing = undefined));
  return refreshing;
}

/** How this phone's own key stands: also heard by a phone that lost its session together with the card. */
async function askBinding(): Promise<void> {
  if (!card) return;
  const { index, key } = card;
  const at = Math.round((await now()).at);
  const proof = base64url(await signText(key.privateKey, `cardnet-binding:${index}:${at}`));
  const found = await server.binding(index, at, proof).catch((error: unknown) => {
    // Asked too often from here: what was known stays.
    if (error instanceof server.Refused) return undefined;
    throw error;
  });
  if (card?.index !== index || !found) return;
  if (found.why === "renewed") return renew();
  const stopped = found.state === "live" ? undefined : { state: found.state, why: found.why };
  const changed = stopped?.state !== stop()?.state || stopped?.why !== stop()?.why;
  await change(index, { ...card, stopped, face: stopped ? card.face : { ...card.face, state: "active" } });
  online(true);
  // What another tab said of the session is another thing now.
  if (changed && stopped && stopped.state !== "suspended" && tab !== "card") open(tab);
}

/** The time, the state of the card, a fresh credential. */
async function talkToServer(): Promise<void> {
  if (!card) return;
  try {
    if (await synchronise()) void live.redraw();
    await withSession(askBinding);
    if (!usable()) return;
    await withSession(askStatus);
    await withSession(renewWhenHalfOver);
    online(true);
  } catch (error) {
    // The card draws codes until its credential ends, whatever was answered.
    if (error instanceof NoAnswer) online(false);
    else if (error instanceof server.Refused) online(true);
    else throw error;
  }
  void live.refresh();
}

/** What needs a session, once more after the key has opened another where it is over. */
async function withSession(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof server.Refused) || error.problem.code !== "member_session_ended") throw error;
    if (await renewByKey()) await work();
  }
}

async function askStatus(): Promise<void> {
  if (!card) return;
  const { index } = card;
  const status = await server.status(index);
  // Taken off this phone while we asked: it must not come back.
  if (card?.index !== index) return;
  // An index that was revoked under this phone: another phone was bound.
  const state = status.bound ? status.state : "ended";
  await change(index, { ...card, rotationMs: status.rotationMs, face: { ...card.face, state, validTo: status.validTo } });
  showStill(status.still);
  await store.keepSeen("still", status.still);
}

function showStill(still: unknown): void {
  one("#still").textContent = (typeof still === "string" && still) || say("still_nothing");
}

async function renewWhenHalfOver(): Promise<void> {
  if (!card) return;
  const { at } = await now();
  if (card.expiresAt - at > (card.expiresAt - card.issuedAt) / 2) return;
  await renew();
}

async function renew(): Promise<void> {
  if (!card) return;
  const { index, key } = card;
  await refusedMeansStopped(async () => take(index, await server.renew(base64url(await compressedPublicKey(key)))));
}

/** The key alone says whose phone this is; true once it is signed in again. */
async function renewByKey(): Promise<boolean> {
  if (!card) return false;
  const { index, key } = card;
  const at = Math.round((await now()).at);
  const proof = base64url(await signText(key.privateKey, `cardnet-renew:${index}:${at}`));
  return refusedMeansStopped(async () => take(index, await server.renewByKey(index, at, proof)));
}

async function take(before: number, fresh: server.Credential): Promise<void> {
  // A credential is worth nothing beside another key.
  if (card?.index !== before) return;
  // Another index is a renewed card: the phone goes on to it by itself.
  const { credential, index, now: issuedAt, expiresAt, rotationMs, face } = fresh;
  await change(before, { ...card, credential, index, issuedAt, expiresAt, rotationMs, face, stopped: undefined });
  void live.redraw();
}

/** What a server says that will not renew: from then on the page says so and what to do, where the code was. */
const STOPPED_BY: Record<string, Stop> = {
  card_expired: { state: "ended", why: "expired" },
  card_suspended: { state: "suspended", why: "office" },
  not_bound: { state: "ended", why: "unknown" },
  binding_unknown: { state: "ended", why: "unknown" },
};

async function refusedMeansStopped(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    const stopped = error instanceof server.Refused ? STOPPED_BY[error.problem.code] : undefined;
    if (!stopped || !card) throw error;
    await change(card.index, { ...card, stopped });
    return false;
  }
}

/** The card of `index` is this now. Where another tab has put another in its place, or none, that is what holds. */
async function change(index: number, now: store.StoredCard): Promise<void> {
  card = now;
  if (!(await store.keepCard(index, now))) return location.reload();
  showFace();
}

function online(yes: boolean): void {
  one("#offline").hidden = yes;
}

/** The card of a member who is signed in here but whose key is gone; empty when there is none. Throws NoAnswer. */
async function numberToBindAgain(): Promise<string> {
  try {
    return (await server.status()).number;
  } catch (error) {
    if (error instanceof server.Refused) return "";
    throw error;
  }
}

async function cardIsHere(largeType?: boolean): Promise<void> {
  card = await store.card();
  // What the member chose on this phone stays; what the server thinks right is for a phone that knows of no choice.
  if (largeType !== undefined && !(await store.settings())) await store.keepSettings({ largeType });
  // The first code shall carry the server's time already.
  await synchronise().catch(() => false);
  applyType((await store.settings())?.largeType ?? false);
  showFace();
  open("card");
  await refreshFromServer();
}

/** A first activation asks what the member agrees to before the card is shown. */
async function activated(largeType: boolean): Promise<void> {
  applyType(largeType);
  await store.keepSettings({ largeType });
  await new Promise<void>((resolve) => {
    askConsents(resolve);
    open("agree");
  });
  await cardIsHere();
}

const COME_BACK = "cardnet-tab";

/** The tab the page was reloaded from for its other language, else the code. */
function tabToComeBackTo(): Tab {
  const kept = sessionStorage.getItem(COME_BACK);
  sessionStorage.removeItem(COME_BACK);
  return TABS.find((name) => name === kept) ?? "card";
}

/** A till asks for one purchase: only a card that shows codes can answer. */
function answerTill(asked: string): void {
  const purchase = purchaseIn(asked);
  if (!purchase || !usable()) return;
  if (tab !== "card") open("card");
  void askAbout(purchase, (answer) => live.answer(answer));
}

/** What this phone held is over: forget it, and bind it anew; at once where somebody is signed in. */
async function bindAgain(): Promise<void> {
  const before = stop()?.why === "replaced" ? "" : (card?.face.number ?? "");
  // Without an answer nobody knows whether one tap is enough: nothing is forgotten before.
  const number = await numberToBindAgain().catch(() => undefined);
  const note = one("#rebind-note");
  note.hidden = number !== undefined;
  note.textContent = say("needs_network");
  if (number === undefined) return;
  card = undefined;
  await store.forgetCard();
  if (number) {
    open("activate");
    return startRebinding(number, cardIsHere).requestSubmit();
  }
  if (before) history.replaceState(null, "", `${location.pathname}#n=${before}`);
  location.reload();
}

async function start(): Promise<void> {
  void keepForOffline("/wallet/sw.js", "/wallet", () => card !== undefined);
  const kept = store.settings().catch(() => undefined);
  // The disk answers when it does: the first code is drawn the sooner for it.
  warmUp();
  const settings = await kept;
  applyType(settings?.largeType ?? false);
  offerInstall(one("#install"));
  const inWechat = /MicroMessenger/i.test(navigator.userAgent);
  one("#in-wechat").hidden = !inWechat;
  // Promised only of browsers it was tried in: what WeChat keeps, it throws away when it likes.
  one("#offline-promise").hidden = inWechat;
  one("#offline-wechat").hidden = !inWechat;
  if (inWechat) one("#offline").textContent = say("offline_in_wechat");

  const asked = location.hash;
  const filled = fromFragment(asked);
  // Number and code must not stay in the address or the history.
  if (location.hash) history.replaceState(null, "", location.pathname);

  card = await store.card();
  if (card) {
    showFace();
    showStill(await store.seen("still"));
    // Asked at each start: a browser may say yes only once the page is on the home screen.
    void navigator.storage?.persist?.().catch(() => false);
    open(tabToComeBackTo());
    void refreshFromServer();
  } else {
    open("activate");
    void warnIfNoKey();
    const number = filled.number ? "" : await numberToBindAgain().catch(() => "");
    if (number) startRebinding(number, cardIsHere);
    else startActivation(filled, activated);
  }

  for (const name of TABS) {
    onClick(`#tabs [data-tab="${name}"]`, () => open(name));
  }
  one("#large-type").addEventListener("change", (event) => {
    const largeType = (event.target as HTMLInputElement).checked;
    applyType(largeType);
    void store.keepSettings({ largeType });
  });
  startMine(refreshFromServer, () => sessionStorage.setItem(COME_BACK, tab));
  startBenefits();
  startYear();
  startChallenge((answer) => live.answer(answer));
  if (card) answerTill(asked);
  // The page was open already when the camera opened the square of a till.
  window.addEventListener("hashchange", () => {
    answerTill(location.hash);
    if (location.hash) history.replaceState(null, "", location.pathname);
  });
  onClick("#stopped-replace", () => open("more"));
  onClick("#stopped-rebind", bindAgain);
  showLostAddress((canvas, text) => drawAddress(canvas, text, LOST_SQUARE));
  onClick("#refresh", refreshNow);
  onClick("#code-result button", () => open("records"));
  onClick("#forget", () => one<HTMLDialogElement>("#forget-dialog").showModal());
  onClick("#forget-no", () => one<HTMLDialogElement>("#forget-dialog").close());
  onClick("#forget-yes", async () => {
    card = undefined;
    await server.signOut().catch(() => undefined);
    await store.forgetCard();
    location.reload();
  });
  window.addEventListener("online", () => {
    void refreshFromServer();
    if (tab === "more") void showMine();
  });
  window.addEventListener("offline", () => {
    online(false);
    if (tab === "more") void showMine();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void refreshFromServer();
  });
}

void start();
