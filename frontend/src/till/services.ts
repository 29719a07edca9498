/** What the cashier says is bought: only what this merchant's programs tell apart. */

import { copyOf, one } from "../shared/dom";
import { hasWords, say } from "../shared/words";
import { complain } from "./form";
import type { Offered } from "./shelf";

/** One button; the code of ordinary goods is empty. */
export interface ServiceChoice {
  code: string;
  label: string;
}

/**
 * The buttons: ordinary goods, which can be bought everywhere, and each service programs name; none where no program
 * names one. `wordOf` knows the names of services; one it does not know has those of its programs.
 */
export function choicesOf(offered: readonly Offered[], wordOf: (code: string) => string | undefined): ServiceChoice[] {
  const named = offered.flatMap(({ code, programs }) => (code === null ? [] : [{ code, programs }]));
  if (named.length === 0) return [];
  const labels = named.map(({ code, programs }) => wordOf(code) ?? programs.join("、"));
  const services = named.map(({ code }, place) => {
    const label = labels[place]!;
    return { code, label: labels.filter((other) => other === label).length > 1 ? `${label} ${code}` : label };
  });
  return [{ code: "", label: wordOf("") ?? "" }, ...services];
}

/** What is chosen before the cashier chooses: the last choice, the only thing that gives something, ordinary goods. */
export function preselected(offered: readonly Offered[], last: string | undefined): string | undefined {
  const giving = offered.map(({ code }) => code ?? "");
  if (last !== undefined && giving.includes(last)) return last;
  return giving.length === 1 ? giving[0] : giving.find((code) => code === "");
}

/** Draw the buttons, if they are other ones than those that stand there. */
export function showServices(offered: readonly Offered[] = [], last?: string): void {
  const choices = choicesOf(offered, nameOf);
  const place = one("#services-row");
  one("#service").hidden = choices.length === 0;
  const drawn = JSON.stringify(choices);
  if (place.dataset.drawn === drawn) return;
  place.dataset.drawn = drawn;
  const chosen = inputs().find((input) => input.checked)?.value;
  const stays = choices.some(({ code }) => code === chosen) ? chosen : preselected(offered, last);
  place.replaceChildren(...choices.map((choice) => button(choice, choice.code === stays)));
}

/** What is bought: empty for ordinary goods, undefined while the cashier has not said. */
export function chosenService(): string | undefined {
  const shown = inputs();
  return shown.length === 0 ? "" : shown.find((input) => input.checked)?.value;
}

/** `chosen` hears what the cashier says is bought. */
export function listenForService(chosen: (code: string) => void): void {
  one("#services-row").addEventListener("change", (event) => {
    complain("service", "");
    chosen((event.target as HTMLInputElement).value);
  });
}

function nameOf(code: string): string | undefined {
  if (!code) return say("service_ordinary");
  return hasWords(`service_of_${code}`) ? say(`service_of_${code}`) : undefined;
}

function inputs(): HTMLInputElement[] {
  return [...document.querySelectorAll<HTMLInputElement>('#services-row input[name="service"]')];
}

function button({ code, label }: ServiceChoice, checked: boolean): HTMLElement {
  const item = copyOf("service-choice");
  const input = one<HTMLInputElement>("input", item);
  input.value = code;
  input.checked = checked;
  one("span", item).textContent = label;
  return item;
}
