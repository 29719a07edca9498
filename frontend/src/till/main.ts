/** The till: amount, code, and an answer nobody can misread. */

import { base64url, compressedPublicKey, makeDeviceKey } from "../cn1/keys";
import { keepAwake, keepForOffline, offerInstall } from "../shared/app";
import { fill, onClick, one } from "../shared/dom";
import { NoAnswer, problemOf } from "../shared/http";
import { fenOf, yuan } from "../shared/money";
import { say } from "../shared/words";
import { undoneView, viewOf, type View } from "./answer";
import { Api, enrol, newKey } from "./api";
import { NoCamera, scan, warmUp } from "./camera";
import { cleanCode, looksLikeCode } from "./codetext";
import { listenForScanner } from "./listen";
import { signal } from "./signals";
import * as store from "./store";
import { shanghaiDay, showToday, type Row } from "./today";

/** A code older than this will be refused online (35 s), so the cashier is told to scan a new one. */
const CODE_LIFE_MS = 30_000;

let terminal: store.Terminal | undefined;
let api: Api | undefined;
let preferences: store.Preferences = { service: "", sound: true };
let code: { text: string; at: number } | undefined;
let asking = false;
/** Of the last answer: what 撤销 would undo. */
let undoable: { id: string; amountFen: number } | undefined;
/** Server time minus ours, so that "today" is the server's day. */
let ahead = 0;

const amount = () => one<HTMLInputElement>("#amount");
const reference = () => one<HTMLInputElement>("#reference");

// ── pairing ──────────────────────────────────────────────────────────────────────────────────────────────────────

function complain(field: string, sentence: string): void {
  const error = one(`#${field}-error`);
  error.hidden = sentence === "";
  one("span", error).textContent = sentence;
  one<HTMLInputElement>(`#${field}`).setAttribute("aria-invalid", String(sentence !== ""));
  error.closest(".field")?.classList.toggle("field--wrong", sentence !== "");
  if (sentence) one(`#${field}`).focus();
}

async function pair(): Promise<void> {
  const typed = one<HTMLInputElement>("#pairing-code").value.trim();
  const name = one<HTMLInputElement>("#till-name").value.trim() || say("default_name");
  if (typed.startsWith("cnt_")) return pairWithToken(typed);
  if (typed.replace(/[\s-]/g, "").length !== 10) return complain("pairing-code", say("pairing_code_wrong"));
  const key = await makeDeviceKey();
  const answer = await enrol(typed, name, base64url(await compressedPublicKey(key)));
  if (answer.status >= 300) return complain("pairing-code", problemOf(answer).title);
  await paired(String(answer.body.token), answer.body, key);
}

/** A token handed over by the manager, for a till that moves to another browser. */
async function pairWithToken(token: string): Promise<void> {
  const answer = await new Api(token).get("/me");
  if (answer.status !== 200) return complain("pairing-code", problemOf(answer).title);
  await paired(token, answer.body, undefined);
}

async function paired(token: string, body: Record<string, unknown>, key: CryptoKeyPair | undefined): Promise<void> {
  const named = (part: string): { code: string; name: string } => body[part] as { code: string; name: string };
  terminal = {
    token,
    key,
    merchant: named("merchant").name,
    store: named("store").name,
    name: named("terminal").name || named("terminal").code,
    code: named("terminal").code,
  };
  await store.keepTerminal(terminal);
  await navigator.storage?.persist?.().catch(() => false);
  await begin();
}

async function unpair(): Promise<void> {
  await store.forgetTerminal();
  location.reload();
}

// ── the sale ─────────────────────────────────────────────────────────────────────────────────────────────────────

async function begin(): Promise<void> {
  if (!terminal) return;
  api = new Api(terminal.token);
  one("#pair").hidden = true;
  one("#work").hidden = false;
  fill(one("#who"), { merchant: terminal.merchant, place: [terminal.store, terminal.name].filter(Boolean).join(" · ") });
  one("#menu-open").hidden = false;
  chooseService(preferences.service);
  clearSale();
  void warmUp();
  await greet();
  const open = await store.pending();
  if (open) await ask(open);
}

/** Who am I, is the server there, what time is it. */
async function greet(): Promise<void> {
  if (!api) return;
  try {
    const answer = await api.get("/me");
    online(true);
    if (answer.status === 401) return showSuspended(problemOf(answer).title);
    if (answer.status === 403) return showSuspended(problemOf(answer).title);
    ahead = Date.parse(String(answer.body.server_time)) - Date.now();
    await refreshToday();
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    online(false);
  }
}

function showSuspended(why: string): void {
  one("#suspended").hidden = false;
  fill(one("#suspended"), { "suspended-why": why });
}

function online(yes: boolean): void {
  one("#offline").hidden = yes;
}

function chooseService(service: string): void {
  const chosen = document.querySelector<HTMLInputElement>(`input[name="service"][value="${CSS.escape(service)}"]`);
  if (chosen) chosen.checked = true;
}

function clearSale(): void {
  amount().value = "";
  reference().value = "";
  forgetCode();
  complain("amount", "");
  one("#answer").hidden = true;
  one("#work").inert = false;
  amount().focus();
}

function forgetCode(): void {
  code = undefined;
  one("#code-held").hidden = true;
  one("#code-wanted").hidden = false;
}

/** A code came in, by whichever way: redeem at once when the amount is there, else wait for it. */
async function codeArrived(text: string): Promise<void> {
  if (!api || asking || document.querySelector("dialog[open]:not(#camera)")) return;
  if (!one("#answer").hidden) clearSale();
  if (!looksLikeCode(text)) return complain("paste", say("not_a_code"));
  complain("paste", "");
  code = { text, at: Date.now() };
  one<HTMLInputElement>("#paste").value = "";
  if (amount().value.trim() === "") {
    one("#code-held").hidden = false;
    one("#code-wanted").hidden = true;
    tick();
    amount().focus();
    return;
  }
  await redeem();
}

/** Counts down the life of a code that waits for its amount. */
function tick(): void {
  if (!code) return;
  const left = CODE_LIFE_MS - (Date.now() - code.at);
  if (left <= 0) {
    forgetCode();
    complain("paste", "");
    one("#code-late").hidden = false;
    return;
  }
  one("#code-late").hidden = true;
  one("#code-left").textContent = say("seconds_left", { seconds: Math.ceil(left / 1000) });
  setTimeout(tick, 250);
}

async function redeem(): Promise<void> {
  const amountFen = fenOf(amount().value);
  if (amountFen === undefined) return complain("amount", say("amount_wrong"));
  complain("amount", "");
  if (!code) return void openCamera();
  one("#code-late").hidden = true;
  if (!navigator.onLine) {
    return show({ kind: "unknown", verb: say("offline_verb"), number: "", why: [say("offline_why")], facts: [] }, false);
  }
  const service = one<HTMLInputElement>('input[name="service"]:checked').value;
  const purchase: Record<string, unknown> = { amount_fen: amountFen };
  if (service) purchase.service_code = service;
  const body = { code: code.text, merchant_ref: reference().value.trim() || ownReference(), purchase };
  forgetCode();
  await ask({ kind: "redemption", key: newKey(), body, amountFen, at: Date.now() });
}

/** A receipt number of our own for shops that type none: day, time and four random letters. */
function ownReference(): string {
  const shanghai = new Date(Date.now() + ahead + 8 * 3_600_000).toISOString();
  const letters = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
  const random = [...crypto.getRandomValues(new Uint8Array(4))].map((byte) => letters[byte % letters.length]).join("");
  return `${terminal?.code ?? "T"}-${shanghai.slice(2, 10).replaceAll("-", "")}-${shanghai.slice(11, 19).replaceAll(":", "")}${random}`;
}

/** Send what must be answered, and keep it until it is: closing the page loses nothing. */
async function ask(request: store.Pending): Promise<void> {
  if (!api || asking) return;
  asking = true;
  one("#asking").hidden = false;
  one("#answer").hidden = true;
  one("#work").inert = true;
  try {
    await store.keepPending(request);
    const path = request.kind === "redemption" ? "/redemptions" : "/reversals";
    const answer = await api.post(path, request.key, request.body);
    await store.settled();
    online(true);
    if (answer.status === 401 || answer.status === 403) showSuspended(problemOf(answer).title);
    const view =
      request.kind === "redemption" ? viewOf(answer, request.amountFen, say) : undoneView(answer, request.amountFen, say);
    undoable = view.redemptionId ? { id: view.redemptionId, amountFen: request.amountFen } : undefined;
    show(view, false);
    await refreshToday();
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    online(false);
    show({ kind: "unknown", verb: say("unknown_verb"), number: "", why: [say("unknown_why")], facts: [] }, true);
  } finally {
    asking = false;
    one("#asking").hidden = true;
  }
}

function show(view: View, mayAskAgain: boolean): void {
  const screen = one("#answer");
  screen.dataset.kind = view.kind;
  fill(screen, { verb: view.verb, number: view.number, unit: view.number ? say("yuan") : "" });
  one("#answer-why").replaceChildren(...view.why.map(paragraph));
  one("#answer-facts").replaceChildren(...view.facts.map(paragraph));
  for (const icon of screen.querySelectorAll<HTMLElement>("[data-icon]")) {
    icon.hidden = icon.dataset.icon !== view.kind;
  }
  one("#answer-undo").hidden = !view.redemptionId;
  one("#answer-again").hidden = !mayAskAgain;
  one("#answer-cancel").hidden = !mayAskAgain;
  one("#answer-next").hidden = mayAskAgain;
  one("#answer-help").hidden = view.kind !== "no";
  screen.hidden = false;
  one("#work").inert = true;
  one(mayAskAgain ? "#answer-again" : "#answer-next").focus();
  signal(view.kind === "yes" || view.kind === "done" ? "yes" : "no", preferences.sound);
}

function paragraph(text: string): HTMLElement {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}

/** Nobody knows whether it happened: ask for it to be undone, whatever it was. */
async function cancelUnknown(): Promise<void> {
  const open = await store.pending();
  if (!open) return clearSale();
  const body = open.kind === "redemption" ? { original_idempotency_key: open.key, reason: "timeout" } : open.body;
  await ask({ kind: "reversal", key: newKey(), body, amountFen: open.amountFen, at: Date.now() });
}

async function undo(id: string, amountFen: number): Promise<void> {
  if (!(await confirmed(amountFen))) return;
  await ask({ kind: "reversal", key: newKey(), body: { redemption_id: id, reason: "cashier" }, amountFen, at: Date.now() });
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

async function refreshToday(): Promise<void> {
  if (!api || !terminal) return;
  await showToday(api, terminal.code, shanghaiDay(Date.now() + ahead), (row: Row) => void undo(row.id, row.amount_fen));
}

// ── the camera ───────────────────────────────────────────────────────────────────────────────────────────────────

async function openCamera(): Promise<void> {
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
    fill(dialog, { "camera-note": say(`camera_${error.trouble}`) });
    return;
  }
  dialog.close();
  if (found) await codeArrived(found);
}

// ── start ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Which of the two panes a narrow screen shows. */
function openPane(name: "sale" | "today"): void {
  one("#work").dataset.pane = name;
  for (const tab of document.querySelectorAll<HTMLElement>("#panes-tabs [data-pane]")) {
    if (tab.dataset.pane === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  if (name === "today") void refreshToday();
}

function wire(): void {
  one("#pair-form").addEventListener("submit", (event) => {
    event.preventDefault();
    complain("pairing-code", "");
    pair().catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
      complain("pairing-code", say("pair_offline"));
    });
  });
  one("#sale").addEventListener("submit", (event) => {
    event.preventDefault();
    void redeem();
  });
  amount().addEventListener("input", () => complain("amount", ""));
  for (const choice of document.querySelectorAll<HTMLInputElement>('input[name="service"]')) {
    choice.addEventListener("change", () => {
      preferences = { ...preferences, service: choice.value };
      void store.keepPreferences(preferences);
    });
  }
  one("#paste").addEventListener("input", () => complain("paste", ""));
  one("#paste").addEventListener("paste", (event) => {
    const text = cleanCode(event.clipboardData?.getData("text") ?? "");
    if (!looksLikeCode(text)) return;
    event.preventDefault();
    void codeArrived(text);
  });
  onClick("#paste-use", () => codeArrived(cleanCode(one<HTMLInputElement>("#paste").value)));
  one("#paste").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    void codeArrived(cleanCode(one<HTMLInputElement>("#paste").value));
  });
  onClick("#code-drop", () => {
    forgetCode();
    amount().focus();
  });
  onClick("#scan", openCamera);
  onClick("#camera-close", () => one<HTMLDialogElement>("#camera").close());
  onClick("#answer-next", clearSale);
  onClick("#answer-undo", () => undoable && undo(undoable.id, undoable.amountFen));
  onClick("#answer-again", async () => {
    const open = await store.pending();
    if (open) await ask(open);
    else clearSale();
  });
  onClick("#answer-cancel", cancelUnknown);
  onClick("#menu-open", () => one<HTMLDialogElement>("#menu").showModal());
  onClick("#menu-close", () => one<HTMLDialogElement>("#menu").close());
  onClick("#unpair", unpair);
  onClick("#suspended-unpair", unpair);
  one("#sound").addEventListener("change", (event) => {
    preferences = { ...preferences, sound: (event.target as HTMLInputElement).checked };
    void store.keepPreferences(preferences);
    if (preferences.sound) signal("yes", true);
  });
  for (const tab of document.querySelectorAll<HTMLElement>("#panes-tabs [data-pane]")) {
    tab.addEventListener("click", () => openPane(tab.dataset.pane as "sale" | "today"));
  }
  window.addEventListener("online", () => void greet());
  window.addEventListener("offline", () => online(false));
  offerInstall(one("#install"));
  listenForScanner((text) => void codeArrived(text));
}

async function start(): Promise<void> {
  void keepForOffline("/till/sw.js", "/till", () => !asking && amount().value === "" && !one("#answer").checkVisibility());
  void keepAwake(() => terminal !== undefined)();
  wire();
  preferences = { ...preferences, ...(await store.preferences()) };
  one<HTMLInputElement>("#sound").checked = preferences.sound;
  terminal = await store.terminal();
  if (terminal) await begin();
  else one("#pair").hidden = false;
}

void start();
