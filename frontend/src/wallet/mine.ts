/** 我的卡: what a member does for themselves. Everything here needs the network and says so when there is none. */

import { copyOf, fill, onClick, one } from "../shared/dom";
import { NoAnswer } from "../shared/http";
import { say } from "../shared/words";
import { sayWrong, sentenceFor, whileBusy } from "./forms";
import * as server from "./server";

const dialog = (id: string): HTMLDialogElement => one<HTMLDialogElement>(`#${id}`);

/** Wire the page once; `changed` is called when the card's state may be another one now. */
export function startMine(changed: () => Promise<void>): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog")?.close());
  }
  startLoss(changed);
  startReplacement();
  startPhone();
  startConsents(changed);
  startLooks();
  startLanguage();
}

/** Show what the server knows of this member; without a network the page stays as it is, and says so. */
export async function showMine(): Promise<void> {
  try {
    show(await server.me());
    note("");
  } catch (error) {
    note(sentenceFor(error, say("needs_network")));
  }
}

function show(me: server.Me): void {
  fill(one("#mine"), { application: me.application, renewed: me.renewed });
  one("#replace").hidden = !me.may_replace;
  fill(one("#mine-phone"), { "phone-number": me.phone.number || say("phone_none") });
  one("#phone-good").hidden = !(me.phone.verified && me.phone.number);
  one("#phone-wait").hidden = me.phone.verified || !me.phone.number;
  one("#phone-change").hidden = !me.phone.can_send;
  one("#phone-same").hidden = !me.phone.can_send || me.phone.verified || !me.phone.number;
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
async function act(work: () => Promise<server.Me>, said: string): Promise<boolean> {
  try {
    show(await work());
    note(said, true);
    return true;
  } catch (error) {
    note(sentenceFor(error, say("needs_network")));
    return false;
  }
}

function startLoss(changed: () => Promise<void>): void {
  onClick("#lose", () => dialog("loss-dialog").showModal());
  onClick("#loss-yes", async () => {
    dialog("loss-dialog").close();
    if (await act(server.reportLoss, say("loss_done"))) await changed();
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
      show(await server.askForReplacement(why, one<HTMLInputElement>("#replace-words").value.trim()));
      dialog("replace-dialog").close();
      note(say("replacement_sent"), true);
    });
  });
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
      show(await server.confirmPhone(six));
      box.close();
      note(say("phone_done"), true);
    });
  });
}

const consentBox = (purpose: server.Purpose): HTMLInputElement => one<HTMLInputElement>(`#consent-${purpose}`);

function startConsents(changed: () => Promise<void>): void {
  const answer = async (purpose: server.Purpose, given: boolean): Promise<void> => {
    if (!(await act(() => server.answerConsents({ [purpose]: given }), say("saved")))) {
      consentBox(purpose).checked = !given;
    }
    if (purpose === "card") await changed();
  };
  for (const purpose of server.PURPOSES) {
    consentBox(purpose).addEventListener("change", (event) => {
      const given = (event.target as HTMLInputElement).checked;
      // Without the agreement to the card there is no card: that is asked once more.
      if (purpose === "card" && !given) return dialog("consent-dialog").showModal();
      void answer(purpose, given);
    });
  }
  dialog("consent-dialog").addEventListener("close", () => void showMine());
  onClick("#consent-yes", async () => {
    await answer("card", false);
    dialog("consent-dialog").close();
  });
}

/** The three questions after an activation, each for itself; the card goes on whatever is answered to the other two. */
export function askConsents(done: () => void): void {
  const form = one<HTMLFormElement>("#agree-form");
  const box = (purpose: server.Purpose): HTMLInputElement => one<HTMLInputElement>(`#agree-${purpose}`);
  form.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      const answers = Object.fromEntries(server.PURPOSES.map((purpose) => [purpose, box(purpose).checked]));
      // An answer that finds no network is asked for again in 我的卡; the card is bound already.
      void server
        .answerConsents({ ...answers, at_activation: true })
        .catch((error: unknown) => {
          if (!(error instanceof NoAnswer || error instanceof server.Refused)) throw error;
        })
        .finally(done);
    },
    { once: true },
  );
}

function startLooks(): void {
  onClick("#looks-show", async () => {
    try {
      const lines = await server.looks();
      one("#looks-list").replaceChildren(...lines.map(lookOf));
      one("#looks-none").hidden = lines.length > 0;
      one("#looks-show").hidden = true;
    } catch (error) {
      note(sentenceFor(error, say("needs_network")));
    }
  });
}

function lookOf(look: server.Look): HTMLElement {
  const item = copyOf("look");
  fill(item, { "look-what": look.what, "look-who": `${look.union} ${look.who}`, "look-when": look.when });
  return item;
}

function startLanguage(): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-language]")) {
    button.addEventListener("click", () => void changeLanguage(button.dataset.language ?? ""));
  }
}

/** The page of the other language comes with a new worker; it is waited for, so that the next load shows it. */
async function changeLanguage(language: string): Promise<void> {
  try {
    await server.chooseLanguage(language);
  } catch (error) {
    return note(sentenceFor(error, say("needs_network")));
  }
  const worker = await navigator.serviceWorker?.getRegistration("/wallet");
  if (worker) {
    const taken = new Promise((resolve) => {
      navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
      setTimeout(resolve, 4_000);
    });
    await worker.update().catch(() => undefined);
    await taken;
  }
  location.reload();
}
