/** A form with one question: what is wrong stands at its field, and its button says what is going on. */

import { one } from "../shared/dom";
import { NoAnswer } from "../shared/http";
import { say } from "../shared/words";
import { Refused } from "./server";
import { signedOutWords } from "./stopped";
import { CannotKeepKey } from "./store";

/** Say what is wrong with a form, at its one field if it has one; an empty sentence takes it away. */
export function sayWrong(form: HTMLFormElement, sentence: string): void {
  const error = one(".field__error", form);
  error.hidden = sentence === "";
  one("span", error).textContent = sentence;
  const input = form.querySelector("input");
  if (!input) return;
  one(".field", form).classList.toggle("field--wrong", sentence !== "");
  input.setAttribute("aria-invalid", String(sentence !== ""));
  if (sentence) input.focus();
}

/** Run `work` with the form's button busy; what goes wrong is said at its field, as by `sentenceFor`. */
export async function whileBusy(
  form: HTMLFormElement,
  word: string,
  work: () => Promise<void>,
  withoutNetwork?: string,
): Promise<void> {
  const button = one<HTMLButtonElement>("button[type=submit]", form);
  const before = button.textContent;
  button.disabled = true;
  button.textContent = word;
  try {
    await work();
  } catch (error) {
    sayWrong(form, sentenceFor(error, withoutNetwork));
  } finally {
    button.disabled = false;
    button.textContent = before;
  }
}

/** What went wrong and what to do; `withoutNetwork` where something better can be said than that nothing was done. */
export function sentenceFor(error: unknown, withoutNetwork = say("needs_network")): string {
  if (error instanceof Refused && error.problem.code === "member_session_ended") return signedOutWords();
  if (error instanceof Refused) return error.problem.title || say("server_trouble");
  if (error instanceof NoAnswer) return withoutNetwork;
  if (error instanceof CannotKeepKey) return say("cannot_keep_key");
  throw error;
}
