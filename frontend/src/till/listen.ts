/** Ties the wedge scanner to the page: its keys reach no field, whichever one has the focus. */

import { cleanCode } from "../shared/codetext";
import { Wedge } from "./wedge";

/** `heard` gets each whole code. A field that caught the first letters gets its own text back. */
export function listenForScanner(heard: (code: string) => void): void {
  const wedge = new Wedge();
  let field: HTMLInputElement | HTMLTextAreaElement | undefined;
  let before = "";
  window.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const result = wedge.hear({ code: event.code, shift: event.shiftKey, at: event.timeStamp });
      const inField = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      switch (result.kind) {
        case "no":
          field = undefined;
          return;
        case "maybe":
          if (result.first) {
            field = inField ? (event.target as HTMLInputElement) : undefined;
            before = field?.value ?? "";
          }
          return;
        case "typing":
          event.preventDefault();
          event.stopPropagation();
          if (field) {
            // Losing the focus ends what a Chinese input method began to compose from the first letters.
            field.blur();
            field.value = before;
            field.dispatchEvent(new Event("input", { bubbles: true }));
            field = undefined;
          }
          return;
        case "code":
          event.preventDefault();
          event.stopPropagation();
          field = undefined;
          heard(cleanCode(result.text));
      }
    },
    { capture: true },
  );
}
