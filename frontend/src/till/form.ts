/** What is wrong with one field, said beside it. */

import { one } from "../shared/dom";

/** Show `sentence` at field `id`; an empty one takes it away. */
export function complain(id: string, sentence: string): void {
  const error = one(`#${id}-error`);
  error.hidden = sentence === "";
  one("span", error).textContent = sentence;
  one<HTMLInputElement>(`#${id}`).setAttribute("aria-invalid", String(sentence !== ""));
  error.closest(".field")?.classList.toggle("field--wrong", sentence !== "");
  if (sentence) one(`#${id}`).focus();
}
