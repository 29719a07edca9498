/** Activation in three short steps: card number, activation code, last four of the ID. */

import { base64url, compressedPublicKey, makeDeviceKey, signText } from "../cn1/keys";
import { copyOf, fill, onClick, one } from "../shared/dom";
import { say } from "../shared/words";
import { dayInWords } from "./days";
import { sayWrong, whileBusy } from "./forms";
import * as server from "./server";
import { CannotKeepKey, keepNewCard, keepPendingKey, pendingKey } from "./store";

interface Step {
  id: string;
  read: (text: string) => string | undefined;
  /** Says of what was typed what is wrong with it. */
  wrong: (text: string) => string;
}

/** As typed or as printed: groups, hyphens, full-width and small letters are all right. */
const plain = (text: string): string => text.normalize("NFKC").replace(/[\s\-–—]/g, "").toUpperCase();
const matching = (pattern: RegExp) => (text: string): string | undefined => pattern.exec(plain(text))?.[0];

const NUMBER_DIGITS = 13;
const CODE_SIGNS = 8;

/** Thirteen digits, the last of them the check digit (ISO/IEC 7812-1). */
export function readNumber(text: string): string | undefined {
  const number = matching(/^\d{13}$/)(text);
  return number && checksum(number) % 10 === 0 ? number : undefined;
}

/** The sum of Luhn, each second digit from the right doubled. */
function checksum(number: string): number {
  return [...number].reverse().reduce((sum, sign, place) => {
    const digit = Number(sign) * (place % 2 === 1 ? 2 : 1);
    return sum + (digit > 9 ? digit - 9 : digit);
  }, 0);
}

/** The slip's eight signs, or the six digits that bind a new phone. */
export const readCode = matching(/^([0-9A-Z]{8}|\d{6})$/);
export const readLast4 = matching(/^[0-9A-Z]{4}$/);

/** One digit too many or too few is said as such; of the right length, one of them must be another. */
function wrongNumber(text: string): string {
  const typed = plain(text);
  if (!/^\d+$/.test(typed)) return say("number_wrong");
  return typed.length === NUMBER_DIGITS ? say("number_mistyped") : say("number_length", { n: typed.length });
}

function wrongCode(text: string): string {
  const typed = plain(text);
  return /^[0-9A-Z]+$/.test(typed) && typed.length !== CODE_SIGNS
    ? say("code_length", { n: typed.length })
    : say("code_wrong");
}

const STEPS: Step[] = [
  { id: "number", read: readNumber, wrong: wrongNumber },
  { id: "code", read: readCode, wrong: wrongCode },
  { id: "last4", read: readLast4, wrong: () => say("last4_wrong") },
];

/** `#n=…&c=…` of the slip's QR: number and code, which never leave the phone in an address. */
export function fromFragment(hash: string): { number: string; code: string } {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  return { number: readNumber(values.get("n") ?? "") ?? "", code: readCode(values.get("c") ?? "") ?? "" };
}

/** Run the steps; `done` is called once the card is kept on this phone. */
export function startActivation(filled: { number: string; code: string }, done: (largeType: boolean) => Promise<void>): void {
  const forms = STEPS.map((step) => one<HTMLFormElement>(`#step-${step.id}`));
  const input = (place: number): HTMLInputElement => one<HTMLInputElement>("input", forms[place]!);
  input(0).value = group(filled.number);
  input(1).value = group(filled.code);

  const show = (place: number): void => {
    forms.forEach((form, at) => (form.hidden = at !== place));
    for (const beside of ["#step-sms", "#step-choose"]) one(beside).hidden = true;
    one("#step-of").textContent = say("step_of", { step: place + 1 });
    one("#slip-filled").hidden = !(place === 2 && filled.number !== "" && filled.code !== "");
    input(place).focus();
  };

  // Each step is a page of its own to the browser's 返回: it leads to the question before, never out of the three.
  const first = filled.number && filled.code ? 2 : filled.number ? 1 : 0;
  const go = (place: number): void => {
    history.pushState({ step: place }, "");
    show(place);
  };
  const back = (place: number): void => {
    if (place > first && history.state?.step === place) return history.back();
    history.replaceState({ step: place - 1 }, "");
    show(place - 1);
  };
  window.addEventListener("popstate", ({ state }) => {
    const step = (state as { step?: number } | null)?.step;
    if (step !== undefined && !one("#activate").hidden && one("#step-rebind").hidden) show(step);
  });

  /** Which of the three is wrong is not said, so each can be looked at again; of a card in use none is. */
  const checkTyped = one("#check-typed");
  const inUse = one("#in-use");
  const offerCheck = (): void => {
    checkTyped.hidden = one(".field__error", forms[2]!).hidden || !inUse.hidden;
    ["number", "code"].forEach((name, place) => (one(`[data-part="typed-${name}"]`, checkTyped).textContent = input(place).value));
  };
  checkTyped.querySelectorAll("button").forEach((button, place) => button.addEventListener("click", () => go(place)));

  const check = (place: number): boolean => {
    const typed = input(place).value;
    const right = STEPS[place]!.read(typed) !== undefined;
    checkTyped.hidden = true;
    inUse.hidden = true;
    sayWrong(forms[place]!, right ? "" : STEPS[place]!.wrong(typed));
    return right;
  };

  forms.forEach((form, place) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!check(place)) return;
      if (place < 2) go(place + 1);
      else void send().finally(offerCheck);
    });
    form.querySelector("[data-back]")?.addEventListener("click", () => back(place));
  });

  const send = async (): Promise<void> => {
    const number = readNumber(input(0).value);
    const code = readCode(input(1).value);
    const last4 = readLast4(input(2).value);
    if (!number) return go(0);
    if (!code) return go(1);
    if (!last4) return;
    const work = async (place: server.Taking): Promise<void> => done(await bind(number, code, last4, place));
    const activating = (): Promise<void> => orChoose(forms[2]!, work).catch(elsewhere);
    await whileBusy(forms[2]!, say("activating"), activating, say("activate_offline"));
  };

  /** The slip was good once: the card is on a phone already, and a code sent to its holder leads on. */
  const elsewhere = (error: unknown): void => {
    if (!server.isInUse(error)) throw error;
    sayWrong(forms[2]!, say("card_in_use"));
    inUse.hidden = false;
  };

  const askForCode = offerCode(input(0), (last4) => {
    // The slip's own code does not bind a phone a second time: another one is on its way.
    input(1).value = "";
    input(2).value = last4;
    one("#rebind-sent").hidden = false;
    sayWrong(forms[2]!, "");
    inUse.hidden = true;
    // From the last step it is a step back, so that 返回 does not lead here once more.
    if ((history.state as { step?: number } | null)?.step === 2) back(2);
    else show(1);
  });
  onClick("#in-use button", () => askForCode(input(2).value));

  history.replaceState({ step: first }, "");
  show(first);
}

/**
 * Who has a new phone and no code asks for one by SMS; `sent` is told the last four that were typed. Gives what asks the
 * same from elsewhere, with the last four where they were typed already.
 */
function offerCode(number: HTMLInputElement, sent: (last4: string) => void): (last4: string) => void {
  const form = one<HTMLFormElement>("#step-sms");
  const input = one<HTMLInputElement>("input", form);
  const steps = ["#step-number", "#step-code", "#step-last4"].map((id) => one(id));
  const open = (last4: string): void => {
    for (const step of steps) step.hidden = true;
    form.hidden = false;
    if (last4) input.value = last4;
    input.focus();
  };
  onClick("#no-code", () => open(""));
  const back = (): void => {
    form.hidden = true;
    sayWrong(form, "");
  };
  onClick("#sms-back", () => {
    back();
    one("#step-code").hidden = false;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const last4 = readLast4(input.value);
    if (!last4) return sayWrong(form, say("last4_wrong"));
    sayWrong(form, "");
    void whileBusy(form, say("sending"), async () => {
      await server.askRebindCode(readNumber(number.value) ?? "", last4);
      back();
      sent(last4);
    });
  });
  return open;
}

/** Do it; where the card is on other phones already, ask whose place this one takes and do it again. */
async function orChoose(from: HTMLFormElement, work: (place: server.Taking) => Promise<void>): Promise<void> {
  try {
    await work({});
  } catch (error) {
    const crowd = server.crowdOf(error);
    if (!crowd) throw error;
    from.hidden = true;
    one("#step-of").textContent = "";
    askPlace(crowd, work);
  }
}

function askPlace(crowd: server.Crowd, work: (place: server.Taking) => Promise<void>): void {
  const form = one<HTMLFormElement>("#step-choose");
  offer(crowd);
  form.hidden = false;
  one<HTMLInputElement>("input", form).focus();
  form.onsubmit = (event) => {
    event.preventDefault();
    const chosen = String(new FormData(form).get("phone") ?? "");
    sayWrong(form, chosen ? "" : say("choose_first"));
    if (!chosen) return;
    void whileBusy(form, say("rebinding"), async () => {
      try {
        await work(chosen === "beside" ? { beside: true } : { instead_of: Number(chosen) });
        form.hidden = true;
      } catch (error) {
        // Another phone came or went meanwhile: these are the ones there are now.
        const now = server.crowdOf(error);
        if (now) offer(now);
        throw error;
      }
    });
  };
}

function offer(crowd: server.Crowd): void {
  const choices = crowd.phones.map((phone) => {
    const choice = copyOf("choice");
    one<HTMLInputElement>("input", choice).value = String(phone.index);
    fill(choice, { "choice-words": say("instead_of", { day: dayInWords(phone.boundAt) }) });
    return choice;
  });
  one("#choose-phones").replaceChildren(...choices);
  one("#choose-both").hidden = !crowd.mayAdd;
}

async function bind(number: string, code: string, last4: string, place: server.Taking): Promise<boolean> {
  const key = await deviceKey();
  const answer = await server.activate({
    card_number: number,
    activation_code: code,
    id_last4: last4,
    public_key: base64url(await compressedPublicKey(key)),
    proof: base64url(await signText(key.privateKey, `cardnet-activate:${number}:${code}`)),
  }, place);
  await keep(key, answer);
  return answer.largeType;
}

/** Show the one button of a signed-in phone whose key is gone; `done` is called once the card is kept again. */
export function startRebinding(number: string, done: (largeType: boolean) => Promise<void>): HTMLFormElement {
  const form = one<HTMLFormElement>("#step-rebind");
  for (const step of STEPS) one(`#step-${step.id}`).hidden = true;
  one("#activate-title").hidden = true;
  one("#rebind-title").hidden = false;
  one("#rebind-number").textContent = group(number);
  form.hidden = false;
  one("button", form).focus();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sayWrong(form, "");
    void whileBusy(form, say("rebinding"), () =>
      orChoose(form, async (place) => {
        await done(await rebind(number, place));
      }),
    );
  });
  return form;
}

async function rebind(number: string, place: server.Taking): Promise<boolean> {
  const key = await deviceKey();
  const answer = await server.rebind({
    card_number: number,
    public_key: base64url(await compressedPublicKey(key)),
    proof: base64url(await signText(key.privateKey, `cardnet-rebind:${number}`)),
  }, place);
  await keep(key, answer);
  return answer.largeType;
}

function cannotKeep(error: unknown): never {
  throw new CannotKeepKey(String(error));
}

/** A key that is kept before anybody hears of it: an answer that gets lost can be asked for again with it. */
async function deviceKey(): Promise<CryptoKeyPair> {
  // Without https there is no WebCrypto, so there can be no key.
  if (!globalThis.crypto?.subtle) throw new CannotKeepKey("no WebCrypto");
  return keepPendingKey((await pendingKey()) ?? (await makeDeviceKey().catch((error: unknown) => cannotKeep(error))));
}

/** Say before anything is typed when this browser cannot keep a key; nothing falls back to one that scripts could read. */
export async function warnIfNoKey(): Promise<void> {
  try {
    await deviceKey();
  } catch (error) {
    if (!(error instanceof CannotKeepKey)) throw error;
    one("#cannot-hold").hidden = false;
  }
}

async function keep(key: CryptoKeyPair, answer: server.Credential): Promise<void> {
  const { credential, index, expiresAt, now, rotationMs, face } = answer;
  await keepNewCard({ key, credential, index, issuedAt: now, expiresAt, rotationMs, face });
  await navigator.storage?.persist?.().catch(() => false);
}

export function group(text: string): string {
  return text.replace(/(.{4})(?=.)/g, "$1 ");
}
