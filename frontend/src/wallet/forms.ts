/** A form with one question: what is wrong stands at its field, and its button says what is going on. */

import { one } from "../shared/dom";
import { NoAnswer } from "../shared/http";
import { say } from "../shared/words";
import { Refused } from "./server";
import { CannotKeepKey } from "./store";

/** Say what is wrong with the one field of a form; an empty sentence takes it away. */
export function sayWrong(form: HTMLFormElement, sentence: string): void {
  const input = one<HTMLInputElement>("input", form);
  const error = one(".field__error", form);
  one(".field", form).classList.toggle("field--wrong", sentence !== "");
  error.hidden = sentence === "";
  one("span", error).textContent = sentence;
  input.setAttribute("aria-invalid", String(sentence !== ""));
  if (sentence) input.focus();
}

/** Run `work` with the form's button busy; what goes wrong is said at its field. */
export async function whileBusy(form: HTMLFormElement, word: string, work: () => Promise<void>): Promise<void> {
  const button = one<HTMLButtonElement>("button[type=submit]", form);
  const before = button.textContent;
  button.disabled = true;
  button.textContent = word;
  try {
    await work();
  } catch (error) {
    sayWrong(form, sentenceFor(error));
  } finally {
    button.disabled = false;
    button.textContent = before;
  }
}

export function sentenceFor(error: unknown, withoutNetwork = say("activate_offline")): string {
  if (error instanceof Refused) return error.problem.title || say("server_trouble");
  if (error instanceof NoAnswer) return withoutNetwork;
  if (error instanceof CannotKeepKey) return say("cannot_keep_key");
  throw error;
}
