/** Dialogs: how long one is open, and what was answered. */

import { one } from "./dom";

/** What was asked last in each dialog, until it is left. */
const openFor = new WeakMap<HTMLDialogElement, AbortController>();

/**
 * Show a dialog; the signal is aborted once it is left, or asked something else. The browser tells of a closing a
 * moment later, when the dialog may be open again: that is the end of what was asked before, never of what is asked now.
 */
export function shown(dialog: HTMLDialogElement): AbortSignal {
  openFor.get(dialog)?.abort();
  const left = new AbortController();
  openFor.set(dialog, left);
  const closed = (): void => {
    if (!dialog.open) left.abort();
  };
  dialog.addEventListener("close", closed, { signal: left.signal });
  if (!dialog.open) dialog.showModal();
  return left.signal;
}

/** Show a dialog until it is left by its button `yes` with `check` content, or by any other way. */
export function answered(dialog: HTMLDialogElement, check: () => boolean = () => true): Promise<boolean> {
  const left = shown(dialog);
  return new Promise((answer) => {
    const submit = (event: SubmitEvent): void => {
      const yes = (event.submitter as HTMLButtonElement | null)?.value === "yes";
      if (yes && !check()) return event.preventDefault();
      answer(yes);
    };
    one<HTMLFormElement>("form", dialog).addEventListener("submit", submit, { signal: left });
    left.addEventListener("abort", () => answer(false), { once: true });
  });
}
