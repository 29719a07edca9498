/** The till: amount, code, and an answer nobody can misread. */

import { keepAwake, keepForOffline, offerInstall } from "../shared/app";
import { fill, onClick, one } from "../shared/dom";
import { Api } from "./api";
import { warmUp } from "../shared/camera";
import { cleanCode, looksLikeCode } from "../shared/codetext";
import { complain } from "./form";
import { listenForScanner } from "./listen";
import { startPairing } from "./pairing";
import { sayOnline, Sale } from "./sale";
import { signal } from "../shared/signals";
import * as store from "./store";

let preferences: store.Preferences = { service: "", sound: true };
let sale: Sale | undefined;

async function begin(terminal: store.Terminal): Promise<void> {
  one("#pair").hidden = true;
  one("#work").hidden = false;
  one("#menu-open").hidden = false;
  fill(one("#who"), { merchant: terminal.merchant, place: [terminal.store, terminal.name].filter(Boolean).join(" · ") });
  chooseService(preferences.service);
  sale = new Sale(new Api(terminal.token), terminal, () => preferences);
  void keepAwake(() => true)();
  void warmUp();
  await sale.begin();
}

/** The till of a clinic mostly sells the same thing: the last choice stays. */
function chooseService(service: string): void {
  const chosen = document.querySelector<HTMLInputElement>(`input[name="service"][value="${CSS.escape(service)}"]`);
  if (chosen) chosen.checked = true;
}

async function unpair(): Promise<void> {
  await store.forgetTerminal();
  location.reload();
}

/** Which of the two panes a narrow screen shows. */
function openPane(name: string): void {
  one("#work").dataset.pane = name;
  for (const tab of document.querySelectorAll<HTMLElement>("#panes-tabs [data-pane]")) {
    if (tab.dataset.pane === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  if (name === "today") void sale?.refreshToday();
}

function wireSale(): void {
  one("#sale").addEventListener("submit", (event) => {
    event.preventDefault();
    void sale?.redeem();
  });
  one("#amount").addEventListener("input", () => complain("amount", ""));
  one("#amount").addEventListener("beforeinput", (event) => {
    // A letter is never part of an amount: it is a scanner that was not recognised, or a slip.
    if (/[A-Z:$%*]/i.test(event.data?.normalize("NFKC") ?? "")) event.preventDefault();
  });
  for (const choice of document.querySelectorAll<HTMLInputElement>('input[name="service"]')) {
    choice.addEventListener("change", () => prefer({ service: choice.value }));
  }
  onClick("#code-drop", () => {
    sale?.forgetCode();
    one("#amount").focus();
  });
  onClick("#scan", () => sale?.openCamera());
  onClick("#camera-close", () => one<HTMLDialogElement>("#camera").close());
  listenForScanner((text) => void sale?.codeArrived(text));
}

function wirePaste(): void {
  const paste = one<HTMLInputElement>("#paste");
  const use = (): void => void sale?.codeArrived(cleanCode(paste.value));
  paste.addEventListener("input", () => complain("paste", ""));
  paste.addEventListener("paste", (event) => {
    const text = cleanCode(event.clipboardData?.getData("text") ?? "");
    if (!looksLikeCode(text)) return;
    event.preventDefault();
    void sale?.codeArrived(text);
  });
  paste.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    use();
  });
  onClick("#paste-use", use);
}

function wireAnswer(): void {
  onClick("#answer-next", () => sale?.next());
  onClick("#answer-undo", () => sale?.undoLast());
  onClick("#answer-again", () => sale?.askAgain());
  onClick("#answer-cancel", () => sale?.giveUp());
}

function wireSettings(): void {
  onClick("#menu-open", () => one<HTMLDialogElement>("#menu").showModal());
  onClick("#menu-close", () => one<HTMLDialogElement>("#menu").close());
  onClick("#unpair", unpair);
  onClick("#suspended-unpair", unpair);
  const sound = one<HTMLInputElement>("#sound");
  sound.checked = preferences.sound;
  sound.addEventListener("change", () => {
    prefer({ sound: sound.checked });
    if (sound.checked) signal("yes", true);
  });
  for (const tab of document.querySelectorAll<HTMLElement>("#panes-tabs [data-pane]")) {
    tab.addEventListener("click", () => openPane(tab.dataset.pane ?? "sale"));
  }
}

function prefer(changed: Partial<store.Preferences>): void {
  preferences = { ...preferences, ...changed };
  void store.keepPreferences(preferences);
}

async function start(): Promise<void> {
  void keepForOffline("/till/sw.js", "/till", () => sale?.idle() ?? true);
  preferences = { ...preferences, ...(await store.preferences()) };
  wireSale();
  wirePaste();
  wireAnswer();
  wireSettings();
  offerInstall(one("#install"));
  window.addEventListener("online", () => void sale?.greet());
  window.addEventListener("offline", () => sayOnline(false));
  const terminal = await store.terminal();
  if (terminal) await begin(terminal);
  else startPairing(begin);
}

void start();
