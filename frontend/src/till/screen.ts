/** The answer fills the screen, and sounds. */

import { fill, one } from "../shared/dom";
import { say } from "../shared/words";
import type { View } from "./answer";
import { signal } from "../shared/signals";

export function showBusy(busy: boolean): void {
  one("#asking").hidden = !busy;
  if (busy) {
    one("#answer").hidden = true;
    one("#work").inert = true;
  }
}

/** `mayAskAgain`: the outcome is open; the cashier asks again or gives up, and cannot go on before. */
export function showAnswer(view: View, options: { mayAskAgain: boolean; sound: boolean }): void {
  const screen = one("#answer");
  const { mayAskAgain, sound } = options;
  screen.dataset.kind = view.kind;
  fill(screen, { verb: view.verb, number: view.number, unit: view.number ? say("yuan") : "" });
  one("#answer-why").replaceChildren(...view.why.map(paragraph));
  one("#answer-facts").replaceChildren(...view.facts.map(paragraph));
  for (const icon of screen.querySelectorAll<SVGElement>("[data-icon]")) {
    // An SVG has no `hidden` property, only the attribute.
    icon.toggleAttribute("hidden", icon.dataset.icon !== view.kind);
  }
  one("#answer-undo").hidden = view.redemptionId === undefined;
  one("#answer-again").hidden = !mayAskAgain;
  one("#answer-cancel").hidden = !mayAskAgain;
  one("#answer-next").hidden = mayAskAgain;
  one("#answer-help").hidden = view.kind !== "no";
  screen.hidden = false;
  one("#work").inert = true;
  one(mayAskAgain ? "#answer-again" : "#answer-next").focus();
  signal(view.kind === "yes" || view.kind === "done" ? "yes" : "no", sound);
}

export function answerShown(): boolean {
  return !one("#answer").hidden;
}

export function hideAnswer(): void {
  one("#answer").hidden = true;
  one("#work").inert = false;
}

function paragraph(text: string): HTMLElement {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}
