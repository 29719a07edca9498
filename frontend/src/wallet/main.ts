/** The wallet: a card that works without a network, and what it was used for. */

import { base64url, compressedPublicKey } from "../cn1/keys";
import { keepAwake, keepForOffline, offerInstall } from "../shared/app";
import { fill, onClick, one } from "../shared/dom";
import { NoAnswer } from "../shared/http";
import { say } from "../shared/words";
import { fromFragment, group, startActivation, startRebinding } from "./activate";
import { LiveCode } from "./live";
import { showRecords } from "./records";
import { askConsents, showMine, startMine } from "./mine";
import * as server from "./server";
import * as store from "./store";
import { now, synchronise } from "./time";

const TABS = ["card", "records", "more"] as const;
type Tab = (typeof TABS)[number];

let card: store.StoredCard | undefined;
/** Besides the tabs: before there is a card, and the questions right after it is there. */
type Page = Tab | "activate" | "agree";
let tab: Page = "activate";

const live = new LiveCode(
  () => card,
  () => tab === "card" && usable(),
  (state) => {
    one("#code").hidden = state === "expired";
    one("#code-expired").hidden = state !== "expired";
    one(".panel").classList.toggle("panel--words", state === "expired");
    one("#time-unsure").hidden = state !== "unsure";
    one("#code-hint").hidden = state !== "shown";
  },
);
const adjustScreen = keepAwake(() => tab === "card" && card !== undefined);

/** A card that was suspended or replaced shows why in place of a code nobody would accept. */
function usable(): boolean {
  return card?.face.state === "active";
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
  if (next === "records") void showRecords();
  if (next === "more") void showMine();
}

function showFace(): void {
  if (!card) return;
  const { face } = card;
  fill(one("#face"), { name: face.name, union: face.unionName, number: group(face.number) });
  for (const badge of document.querySelectorAll<HTMLElement>("#face [data-state]")) {
    badge.hidden = badge.dataset.state !== (usable() ? "active" : face.state === "suspended" ? "suspended" : "ended");
  }
  fill(one("#more"), {
    "more-name": face.name,
    "more-union": face.unionName,
    "more-number": group(face.number),
    "more-valid": inWords(face.validTo),
  });
  one("#code-frame").hidden = !usable();
  one("#code-stopped").hidden = usable();
  one("#still").hidden = !usable();
  if (!usable()) {
    one(".panel").classList.add("panel--words");
    one("#code-hint").hidden = true;
    one("#time-unsure").hidden = true;
  }
}

/** "2031-12-31" → 2031年12月31日. */
function inWords(day: string): string {
  const [year = "", month = "", date = ""] = day.split("-");
  return say("valid_to", { year, month: Number(month), day: Number(date) });
}

function applyType(large: boolean): void {
  document.documentElement.classList.toggle("large", large);
  one<HTMLInputElement>("#large-type").checked = large;
  void live.refresh();
}

let refreshing: Promise<void> | undefined;

/** Talk to the server when there is one; several reasons at once are one conversation. */
function refreshFromServer(): Promise<void> {
  refreshing ??= talkToServer().finally(() => (refreshing = undefined));
  return refreshing;
}

/** The time, the state of the card, a fresh credential. */
async function talkToServer(): Promise<void> {
  if (!card) return;
  try {
    if (await synchronise()) void live.redraw();
    const status = await server.status(card.index);
    // Taken off this phone while we asked: it must not come back.
    if (!card) return;
    // An index that was revoked under this phone: another phone was bound.
    const state = status.bound ? status.state : "ended";
    card = { ...card, face: { ...card.face, state, validTo: status.validTo } };
    await store.keepCard(card);
    showFace();
    one("#still").textContent = status.still || say("still_nothing");
    await renewWhenHalfOver();
    online(true);
  } catch (error) {
    // A session that ended takes nothing from the card: it still draws codes until its credential ends.
    if (error instanceof NoAnswer) online(false);
    else if (error instanceof server.Refused) online(true);
    else throw error;
  }
  void live.refresh();
}

async function renewWhenHalfOver(): Promise<void> {
  if (!card) return;
  const { at } = await now();
  if (card.expiresAt - at > (card.expiresAt - card.issuedAt) / 2) return;
  const fresh = await server.renew(base64url(await compressedPublicKey(card.key)));
  if (!card) return;
  // Another index is a renewed card: the phone goes on to it by itself.
  const { credential, index, now: issuedAt, expiresAt, face } = fresh;
  card = { ...card, credential, index, issuedAt, expiresAt, face };
  await store.keepCard(card);
  showFace();
  void live.redraw();
}

function online(yes: boolean): void {
  one("#offline").hidden = yes;
}

/** The card of a member who is signed in here but whose key the system cleared away; empty when there is none. */
async function numberToBindAgain(): Promise<string> {
  try {
    return (await server.status()).number;
  } catch {
    return "";
  }
}

async function cardIsHere(largeType?: boolean): Promise<void> {
  card = await store.card();
  if (largeType !== undefined) await store.keepSettings({ largeType });
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
  await new Promise<void>((resolve) => {
    askConsents(resolve);
    open("agree");
  });
  await cardIsHere(largeType);
}

async function start(): Promise<void> {
  void keepForOffline("/wallet/sw.js", "/wallet", () => card !== undefined);
  const settings = await store.settings().catch(() => undefined);
  applyType(settings?.largeType ?? false);
  offerInstall(one("#install"));
  one("#in-wechat").hidden = !/MicroMessenger/i.test(navigator.userAgent);

  const filled = fromFragment(location.hash);
  // Number and code must not stay in the address or the history.
  if (location.hash) history.replaceState(null, "", location.pathname);

  card = await store.card();
  if (card) {
    showFace();
    open("card");
    void refreshFromServer();
  } else {
    open("activate");
    const number = filled.number ? "" : await numberToBindAgain();
    if (number) startRebinding(number, () => cardIsHere());
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
  startMine(refreshFromServer);
  onClick("#stopped-replace", () => open("more"));
  onClick("#refresh", refreshFromServer);
  onClick("#forget", () => one<HTMLDialogElement>("#forget-dialog").showModal());
  onClick("#forget-no", () => one<HTMLDialogElement>("#forget-dialog").close());
  onClick("#forget-yes", async () => {
    card = undefined;
    await server.signOut().catch(() => undefined);
    await store.forgetCard();
    location.reload();
  });
  window.addEventListener("online", () => void refreshFromServer());
  window.addEventListener("offline", () => online(false));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void refreshFromServer();
  });
}

void start();
