/** The till: amount, code, and an answer nobody can misread. */

import { changeLanguage, keepAwake, keepForOffline, offerInstall } from "../shared/app";
import { warmUp } from "../shared/camera";
import { cleanCode, looksLikeCode } from "../shared/codetext";
import { fill, onClick, one } from "../shared/dom";
import { NoAnswer } from "../shared/http";
import { signal } from "../shared/signals";
import { say } from "../shared/words";
import { Desk } from "./desk";
import { RefusedByDisk } from "./disk";
import { complain } from "./form";
import { listenForScanner } from "./listen";
import { othersRead, showWho, startPairing } from "./pairing";
import type { Sale } from "./sale";
import { listenForService, showServices } from "./services";
import type { Preferences, Terminal } from "./shelf";
import * as store from "./store";
import { TillClock } from "./time";
import { Trust } from "./trust";

let preferences: Preferences = { sound: true };
let sale: Sale | undefined;
let desk: Desk | undefined;

async function begin(terminal: Terminal): Promise<void> {
  const clock = await TillClock.load();
  const trust = new Trust(terminal);
  await trust.load(Math.floor(clock.now(0).at / 1000));
  desk = new Desk(terminal, clock, trust, () => preferences);
  sale = desk.sale;
  // Shown only now: what a cashier scans into a page without a sale would be lost.
  one("#pair").hidden = true;
  one("#work").hidden = false;
  one("#menu-open").hidden = false;
  showWho(terminal);
  showServices(terminal.services, preferences.service);
  onClick("#others-read", () => othersRead(terminal));
  void keepAwake(() => true)();
  void warmUp();
  await desk.begin();
}

/** What waits here stays, and is sent once this browser is paired with the same terminal again. */
async function unpair(): Promise<void> {
  await store.forget("terminal");
  location.reload();
}

async function speak(language: string): Promise<void> {
  try {
    await changeLanguage(language, "/till");
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    fill(one("#menu"), { "menu-note": say("needs_network") });
  }
}

/** Which of the two panes a narrow screen shows. */
function openPane(name: string): void {
  one("#work").dataset.pane = name;
  for (const tab of document.querySelectorAll<HTMLElement>("#panes-tabs [data-pane]")) {
    if (tab.dataset.pane === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  if (name === "today") void desk?.refresh();
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
  listenForService((service) => prefer({ service }));
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
  onClick("#answer-undo", () => desk?.undoShown());
  one("#answer-choices").addEventListener("click", (event) => {
    const { act } = (event.target as HTMLElement).dataset;
    if (act) void sale?.choose(act);
  });
  onClick("#answer-again", () => sale?.askAgain());
  onClick("#answer-cancel", () => sale?.giveUp());
}

function wireSettings(): void {
  onClick("#menu-open", () => one<HTMLDialogElement>("#menu").showModal());
  onClick("#menu-close", () => one<HTMLDialogElement>("#menu").close());
  onClick("#waiting", () => openPane("today"));
  onClick("#unpair", unpair);
  onClick("#suspended-unpair", unpair);
  for (const button of document.querySelectorAll<HTMLElement>("[data-language]")) {
    button.addEventListener("click", () => void speak(button.dataset.language ?? ""));
  }
  const sound = one<HTMLInputElement>("#sound");
  sound.checked = preferences.sound;
  sound.addEventListener("change", () => {
    prefer({ sound: sound.checked });
    if (sound.checked) signal("yes", true);
  });
  one("#find-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void desk?.find(one<HTMLInputElement>("#find-ref").value.trim());
  });
  for (const tab of document.querySelectorAll<HTMLElement>("#panes-tabs [data-pane]")) {
    tab.addEventListener("click", () => openPane(tab.dataset.pane ?? "sale"));
  }
}

function prefer(changed: Partial<Preferences>): void {
  preferences = { ...preferences, ...changed };
  void store.keep("preferences", preferences);
}

async function start(): Promise<void> {
  void keepForOffline("/till/sw.js", "/till", () => sale?.idle() ?? true);
  preferences = { ...preferences, ...(await store.kept("preferences")) };
  wireSale();
  wirePaste();
  wireAnswer();
  wireSettings();
  offerInstall(one("#install"));
  window.addEventListener("online", () => void desk?.check());
  window.addEventListener("offline", () => desk?.lost());
  const terminal = await store.kept("terminal");
  if (terminal) await begin(terminal);
  else startPairing(begin);
}

start().catch((error: unknown) => {
  // Without storage no sale could be kept: better no till than one that forgets.
  if (!(error instanceof RefusedByDisk)) throw error;
  one('#cannot-keep [data-part="why"]').textContent = say(`disk_${error.why}`);
  one("#cannot-keep").hidden = false;
});
