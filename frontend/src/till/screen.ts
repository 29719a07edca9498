/** The answer fills the screen, and sounds. */

import { drawAddress } from "../cn1/qr";
import { fill, one } from "../shared/dom";
import { say } from "../shared/words";
import type { Choice, View } from "./answer";
import { signal } from "../shared/signals";

const SOUND_OF = { yes: "yes", done: "yes", no: "no", choice: "wait", unknown: "wait" } as const;

/** How wide a square for a phone is, in pixels. */
const SQUARE = 264;

/** What the till is about while it waits for an answer. */
export type Asking = "redemption" | "reversal" | "refund";

/** Says what is being done, until it is over (`undefined`). */
export function showBusy(asking: Asking | undefined): void {
  one("#asking").hidden = asking === undefined;
  if (asking) {
    fill(one("#asking"), { "asking-what": say(`asking_${asking}`) });
    one("#answer").hidden = true;
    cover(true);
  }
}

/** What lies under a screen that fills the window is out of reach of the keyboard and of screen readers, too. */
function cover(covered: boolean): void {
  for (const part of document.querySelectorAll<HTMLElement>("body > :is(header, main, nav, .strip:not(#unheard))")) {
    part.inert = covered;
  }
}

/** `mayAskAgain`: the outcome is open; the cashier asks again or gives up, and cannot go on before. */
export function showAnswer(view: View, options: { mayAskAgain: boolean; sound: boolean }): void {
  const screen = one("#answer");
  const { mayAskAgain, sound } = options;
  screen.dataset.kind = view.kind;
  fill(screen, { verb: view.verb, number: view.number, unit: view.number ? (view.unit ?? say("yuan")) : "" });
  one("#answer-why").replaceChildren(...view.why.map(paragraph));
  one("#answer-facts").replaceChildren(...view.facts.map(paragraph));
  for (const icon of screen.querySelectorAll<SVGElement>("[data-icon]")) {
    // An SVG has no `hidden` property, only the attribute.
    icon.toggleAttribute("hidden", icon.dataset.icon !== view.kind);
  }
  const square = one<HTMLCanvasElement>("#answer-square");
  square.hidden = view.square === undefined;
  if (view.square !== undefined) drawAddress(square, view.square, SQUARE);
  const choices = (view.choices ?? []).map(choiceButton);
  one("#answer-choices").replaceChildren(...choices);
  one("#answer-undo").hidden = view.redemptionId === undefined && view.queuedId === undefined;
  one("#answer-again").hidden = !mayAskAgain;
  one("#answer-cancel").hidden = !mayAskAgain;
  one("#answer-next").hidden = mayAskAgain || choices.length > 0;
  // Whoever gets nothing, or not yet, may ask; an undone sale is no such answer.
  one("#answer-help").hidden = view.kind === "yes" || view.kind === "done";
  screen.hidden = false;
  cover(true);
  (choices[0] ?? one(mayAskAgain ? "#answer-again" : "#answer-next")).focus();
  signal(SOUND_OF[view.kind], sound);
}

export function answerShown(): boolean {
  return !one("#answer").hidden;
}

export function hideAnswer(): void {
  one("#answer").hidden = true;
  cover(false);
}

function choiceButton({ act, label }: Choice, place: number): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = place === 0 ? "answer__button" : "answer__quiet";
  button.dataset.act = act;
  button.textContent = label;
  return button;
}

function paragraph(text: string): HTMLElement {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}
