/** Activation in three short steps: card number, activation code, last four of the ID. */

import { base64url, compressedPublicKey, makeDeviceKey, signText } from "../cn1/keys";
import { onClick, one } from "../shared/dom";
import { say } from "../shared/words";
import { sayWrong, whileBusy } from "./forms";
import * as server from "./server";
import { CannotKeepKey, keepNewCard, keepPendingKey, pendingKey } from "./store";

interface Step {
  id: string;
  read: (text: string) => string | undefined;
  wrong: string;
}

/** As typed or as printed: groups, hyphens, full-width and small letters are all right. */
const plain = (text: string): string => text.normalize("NFKC").replace(/[\s\-–—]/g, "").toUpperCase();
const matching = (pattern: RegExp) => (text: string): string | undefined => pattern.exec(plain(text))?.[0];

export const readNumber = matching(/^\d{12,19}$/);
export const readCode = matching(/^[0-9A-Z]{6,16}$/);
export const readLast4 = matching(/^[0-9A-Z]{4}$/);

const STEPS: Step[] = [
  { id: "number", read: readNumber, wrong: "number_wrong" },
  { id: "code", read: readCode, wrong: "code_wrong" },
  { id: "last4", read: readLast4, wrong: "last4_wrong" },
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
    one("#step-of").textContent = say("step_of", { step: place + 1 });
    one("#slip-filled").hidden = !(place === 2 && filled.number !== "" && filled.code !== "");
    input(place).focus();
  };

  const check = (place: number): boolean => {
    const right = STEPS[place]!.read(input(place).value) !== undefined;
    sayWrong(forms[place]!, right ? "" : say(STEPS[place]!.wrong));
    return right;
  };

  forms.forEach((form, place) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!check(place)) return;
      if (place < 2) show(place + 1);
      else void send();
    });
    form.querySelector("[data-back]")?.addEventListener("click", () => show(place - 1));
  });

  const send = async (): Promise<void> => {
    const number = readNumber(input(0).value);
    const code = readCode(input(1).value);
    const last4 = readLast4(input(2).value);
    if (!number) return show(0);
    if (!code) return show(1);
    if (!last4) return;
    await whileBusy(forms[2]!, say("activating"), async () => done(await bind(number, code, last4)));
  };

  offerCode(input(0), (last4) => {
    input(2).value = last4;
    one("#rebind-sent").hidden = false;
    show(1);
  });

  show(filled.number && filled.code ? 2 : filled.number ? 1 : 0);
}

/** Who has a new phone and no code asks for one by SMS; `sent` is told the last four that were typed. */
function offerCode(number: HTMLInputElement, sent: (last4: string) => void): void {
  const form = one<HTMLFormElement>("#step-sms");
  const input = one<HTMLInputElement>("input", form);
  const steps = ["#step-number", "#step-code", "#step-last4"].map((id) => one(id));
  onClick("#no-code", () => {
    for (const step of steps) step.hidden = true;
    form.hidden = false;
    input.focus();
  });
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
}

async function bind(number: string, code: string, last4: string): Promise<boolean> {
  const key = await deviceKey();
  const answer = await server.activate({
    card_number: number,
    activation_code: code,
    id_last4: last4,
    public_key: base64url(await compressedPublicKey(key)),
    proof: base64url(await signText(key.privateKey, `cardnet-activate:${number}:${code}`)),
  });
  await keep(key, answer);
  return answer.largeType;
}

/** Show the one question of a signed-in phone whose key is gone; `done` is called once the card is kept again. */
export function startRebinding(number: string, done: () => Promise<void>): void {
  const form = one<HTMLFormElement>("#step-rebind");
  const input = one<HTMLInputElement>("input", form);
  one("#activate-title").hidden = true;
  one("#rebind-title").hidden = false;
  one("#rebind-number").textContent = group(number);
  form.hidden = false;
  input.focus();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const last4 = readLast4(input.value);
    if (!last4) return sayWrong(form, say("last4_wrong"));
    sayWrong(form, "");
    void whileBusy(form, say("rebinding"), async () => {
      await rebind(number, last4);
      await done();
    });
  });
}

async function rebind(number: string, last4: string): Promise<void> {
  const key = await deviceKey();
  const answer = await server.rebind({
    card_number: number,
    id_last4: last4,
    public_key: base64url(await compressedPublicKey(key)),
    proof: base64url(await signText(key.privateKey, `cardnet-rebind:${number}`)),
  });
  await keep(key, answer);
}

/** A key that is kept before anybody hears of it: an answer that gets lost can be asked for again with it. */
async function deviceKey(): Promise<CryptoKeyPair> {
  // Without https there is no WebCrypto, so there can be no key.
  if (!globalThis.crypto?.subtle) throw new CannotKeepKey("no WebCrypto");
  const key = (await pendingKey()) ?? (await makeDeviceKey());
  await keepPendingKey(key);
  return key;
}

async function keep(key: CryptoKeyPair, answer: server.Credential): Promise<void> {
  const { credential, index, expiresAt, now, face } = answer;
  await keepNewCard({ key, credential, index, issuedAt: now, expiresAt, face });
  await navigator.storage?.persist?.().catch(() => false);
}

export function group(text: string): string {
  return text.replace(/(.{4})(?=.)/g, "$1 ");
}
