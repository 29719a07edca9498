/** 我的卡: what a member does for themselves. Everything here needs the network and says so when there is none. */

import { copyOf, fill, onClick, one } from "../shared/dom";
import { changeLanguage } from "../shared/app";
import { NoAnswer } from "../shared/http";
import { say } from "../shared/words";
import { showAccount, startAccount } from "./account";
import { sayWrong, sentenceFor, whileBusy } from "./forms";
import * as server from "./server";
import { stop } from "./stopped";
import { card, keepSeen, seen } from "./store";

const dialog = (id: string): HTMLDialogElement => one<HTMLDialogElement>(`#${id}`);

/** The answers that stand, for a box that is taken back. */
let known: server.Me | undefined;

/**
 * Wire the page once; `changed` is called when the card's state may be another one now, `leaving` before the page is
 * loaded in another language.
 */
export function startMine(changed: () => Promise<void>, leaving: () => void): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog")?.close());
  }
  startLoss(changed);
  startReplacement();
  startPrint();
  startPhones();
  startPhone();
  startConsents(changed);
  startAccount({ take, note });
  startLooks();
  startLanguage(leaving);
}

/** Show what the server knows of this member; without a network what it said last, which nobody can change then. */
export async function showMine(): Promise<void> {
  try {
    await take(await server.me());
    note("");
  } catch (error) {
    if (!(error instanceof NoAnswer)) {
      show(undefined, false);
      return note(sentenceFor(error));
    }
    const before = (await seen("me")) as server.Me | undefined;
    show(before, false);
    note(say(before ? "seen_change_online" : "records_offline"));
  }
}

/** A fresh answer: shown, and kept for a visit without a network. */
async function take(me: server.Me): Promise<void> {
  show(me, true);
  await keepSeen("me", me);
  await showPhones(me);
}

/** What is not known is not shown; what is not `fresh` cannot be changed. */
function show(me: server.Me | undefined, fresh: boolean): void {
  known = me;
  for (const part of document.querySelectorAll<HTMLElement>("#more [data-known]")) part.hidden = !me;
  showAccount(me, fresh);
  one("#mine-looks").hidden = !fresh;
  if (!fresh) one("#mine-phones").hidden = true;
  one("#replace").hidden = !fresh || !me?.may_replace;
  one("#void-print").hidden = !fresh || !me?.has_print;
  one("#phone-change").hidden = !fresh || !me?.phone.can_send;
  for (const purpose of server.PURPOSES) consentBox(purpose).disabled = !fresh;
  fill(one("#mine"), { application: me?.application ?? "", renewed: me?.renewed ?? "" });
  if (!me) return;
  const { number, verified, can_send: canSend } = me.phone;
  fill(one("#mine-phone"), { "phone-number": number || say("phone_none") });
  one("#phone-good").hidden = !(verified && number);
  one("#phone-wait").hidden = verified || !number;
  one("#phone-same").hidden = !fresh || !canSend || verified || !number;
  for (const purpose of server.PURPOSES) consentBox(purpose).checked = me.consents[purpose];
}

/** One line at the top of the page: what was done, or why not. */
function note(sentence: string, good = false): void {
  const place = one("#mine-note");
  place.hidden = sentence === "";
  one("span", place).textContent = sentence;
  place.classList.toggle("notice--good", good);
  place.classList.toggle("notice--wait", !good);
  if (sentence) place.scrollIntoView({ block: "nearest" });
}

/** Do it, show the new state, say what was done or why not. */
async function act(work: () => Promise<server.Me>, said: string, withoutNetwork?: string): Promise<boolean> {
  try {
    await take(await work());
    note(said, true);
    return true;
  } catch (error) {
    note(sentenceFor(error, withoutNetwork));
    return false;
  }
}

function startLoss(changed: () => Promise<void>): void {
  onClick("#lose", () => dialog("loss-dialog").showModal());
  onClick("#loss-yes", async () => {
    dialog("loss-dialog").close();
    if (await act(server.reportLoss, say("loss_done"), say("loss_needs_network"))) await changed();
  });
}

function startReplacement(): void {
  const form = one<HTMLFormElement>("#replace-form");
  onClick("#replace", () => dialog("replace-dialog").showModal());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const why = String(new FormData(form).get("why") ?? "");
    if (!why) return sayWrong(form, say("choose_why"));
    sayWrong(form, "");
    void whileBusy(form, say("working"), async () => {
      await take(await server.askForReplacement(why, one<HTMLInputElement>("#replace-words").value.trim()));
      dialog("replace-dialog").close();
      note(say("replacement_sent"), true);
    });
  });
}

/** A printed code can be copied by anybody: who carries a phone may do without it. */
function startPrint(): void {
  onClick("#void-print", () => dialog("print-dialog").showModal());
  onClick("#print-yes", async () => {
    dialog("print-dialog").close();
    await act(server.stopPrint, say("print_stopped"));
  });
}

/** The other phone that is asked about, while the box is open. */
let other: number | undefined;

/** Another phone on the same card can be stopped from here; this one is stopped by reporting a loss. */
function startPhones(): void {
  onClick("#stop-yes", async () => {
    dialog("stop-dialog").close();
    const index = other;
    if (index !== undefined) await act(() => server.stopPhone(index), say("phone_stopped"));
  });
}

/** Where the card is bound, this phone told from the other. */
async function showPhones(me: server.Me): Promise<void> {
  const phones = me.phones ?? [];
  const here = (await card())?.index;
  one("#mine-phones").hidden = phones.length === 0;
  one("#phones-list").replaceChildren(
    ...phones.map((phone) => {
      const line = copyOf("bound-phone");
      fill(line, { "phone-words": say(phone.index === here ? "phone_here" : "phone_of", { day: phone.day }) });
      const stop = one<HTMLButtonElement>("button", line);
      stop.hidden = phone.index === here;
      stop.addEventListener("click", () => {
        other = phone.index;
        dialog("stop-dialog").showModal();
      });
      return line;
    }),
  );
}

const digits = (text: string): string => text.normalize("NFKC").replace(/\D/g, "");

function startPhone(): void {
  const box = dialog("phone-dialog");
  const number = one<HTMLFormElement>("#phone-form");
  const code = one<HTMLFormElement>("#phone-code-form");
  const typed = one<HTMLInputElement>("#phone");
  const open = (): void => {
    number.hidden = false;
    code.hidden = true;
    sayWrong(number, "");
    sayWrong(code, "");
    one<HTMLInputElement>("#phone-code").value = "";
    box.showModal();
  };
  const send = (phone: string): Promise<void> =>
    whileBusy(number, say("sending"), async () => {
      const sent = await server.askPhoneCode(phone);
      one("#phone-sent").textContent = say("code_sent", sent);
      number.hidden = true;
      code.hidden = false;
      one<HTMLInputElement>("#phone-code").focus();
    });
  onClick("#phone-change", open);
  onClick("#phone-same", () => {
    open();
    void send("");
  });
  number.addEventListener("submit", (event) => {
    event.preventDefault();
    const phone = digits(typed.value).replace(/^86(?=1\d{10}$)/, "");
    if (!/^1\d{10}$/.test(phone)) return sayWrong(number, say("phone_wrong"));
    sayWrong(number, "");
    void send(phone);
  });
  code.addEventListener("submit", (event) => {
    event.preventDefault();
    const six = digits(one<HTMLInputElement>("#phone-code").value);
    if (six.length !== 6) return sayWrong(code, say("code_six"));
    sayWrong(code, "");
    void whileBusy(code, say("checking"), async () => {
      await take(await server.confirmPhone(six));
      box.close();
      note(say("phone_done"), true);
    });
  });
}

const consentBox = (purpose: server.Purpose): HTMLInputElement => one<HTMLInputElement>(`#consent-${purpose}`);

function startConsents(changed: () => Promise<void>): void {
  const answer = async (purpose: server.Purpose, given: boolean): Promise<void> => {
    const done = await act(() => server.answerConsents({ [purpose]: given }), say("saved"));
    if (!done) consentBox(purpose).checked = !given;
    if (purpose !== "card") return;
    await changed();
    if (!done) return;
    if (!given) note(say("consent_taken_back"), true);
    else if (stop()) note(say("agreed_next"));
  };
  for (const purpose of server.PURPOSES) {
    consentBox(purpose).addEventListener("change", (event) => {
      const given = (event.target as HTMLInputElement).checked;
      // Without the agreement to the card there is no card: that is asked once more.
      if (purpose === "card" && !given) return dialog("consent-dialog").showModal();
      void answer(purpose, given);
    });
  }
  dialog("consent-dialog").addEventListener("close", () => {
    consentBox("card").checked = known?.consents.card ?? true;
  });
  onClick("#consent-yes", async () => {
    await answer("card", false);
    dialog("consent-dialog").close();
  });
}

/**
 * The three questions after an activation, each for itself; the card goes on whatever is answered to the other two.
 * Nothing is ticked before the member ticks it, and no to the first is said by its own button.
 */
export function askConsents(done: () => void): void {
  const form = one<HTMLFormElement>("#agree-form");
  const box = (purpose: server.Purpose): HTMLInputElement => one<HTMLInputElement>(`#agree-${purpose}`);
  const no = one<HTMLButtonElement>("#agree-no");
  const unanswered = (yes: boolean): void => {
    one("#agree-error").hidden = !yes;
    box("card").setAttribute("aria-invalid", String(yes));
  };
  const answer = (): void => {
    const answers = Object.fromEntries(server.PURPOSES.map((purpose) => [purpose, box(purpose).checked]));
    no.onclick = null;
    form.onsubmit = (event) => event.preventDefault();
    // An answer that finds no network is asked for again in 我的卡; the card is bound already.
    void server
      .answerConsents({ ...answers, at_activation: true })
      .catch((error: unknown) => {
        if (!(error instanceof NoAnswer || error instanceof server.Refused)) throw error;
      })
      .finally(done);
  };
  for (const purpose of server.PURPOSES) box(purpose).checked = false;
  unanswered(false);
  box("card").onchange = () => unanswered(false);
  form.onsubmit = (event) => {
    event.preventDefault();
    if (box("card").checked) return answer();
    unanswered(true);
    box("card").focus();
  };
  no.onclick = () => {
    box("card").checked = false;
    answer();
  };
}

function startLooks(): void {
  onClick("#looks-show", async () => {
    try {
      const lines = await server.looks();
      one("#looks-list").replaceChildren(...lines.map(lookOf));
      one("#looks-none").hidden = lines.length > 0;
      one("#looks-show").hidden = true;
    } catch (error) {
      note(sentenceFor(error));
    }
  });
}

function lookOf(look: server.Look): HTMLElement {
  const item = copyOf("look");
  fill(item, { "look-what": look.what, "look-who": `${look.union} ${look.who}`, "look-when": look.when });
  return item;
}

function startLanguage(leaving: () => void): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-language]")) {
    button.addEventListener("click", () => void speak(button.dataset.language ?? "", leaving));
  }
}

async function speak(language: string, leaving: () => void): Promise<void> {
  leaving();
  try {
    await changeLanguage(language, "/wallet");
  } catch (error) {
    note(sentenceFor(error));
  }
}
