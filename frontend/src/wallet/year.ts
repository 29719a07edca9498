/** 今年工会为我: the year in figures, how content I am with it, and the uses one by one with “不是我用的”. */

import { copyOf, fill, one } from "../shared/dom";
import { say } from "../shared/words";
import { sayWrong, sentenceFor, whileBusy } from "./forms";
import { showFreshOrSeen, whileLoading } from "./seen";
import * as server from "./server";

const SVG = "http://www.w3.org/2000/svg";

let denied = "";

export function startYear(): void {
  for (const button of feelings()) {
    button.addEventListener("click", () => void answer(button.dataset.feeling ?? ""));
  }
  const form = one<HTMLFormElement>("#deny-form");
  const dialog = one<HTMLDialogElement>("#deny-dialog");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sayWrong(form, "");
    void whileBusy(form, say("working"), async () => {
      showRecords(await server.deny(denied, one<HTMLInputElement>("#deny-words").value.trim()));
      dialog.close();
      note(say("denied_done"));
    });
  });
  one("#records-list").addEventListener("click", (event) => void act(event.target as HTMLElement));
}

export async function showThisYear(): Promise<void> {
  const first = one("#records-list").childElementCount === 0 && one("#records-none").hidden !== false;
  await whileLoading("#records-loading", first, async () => {
    const said = await showFreshOrSeen("year", server.year, showYear);
    note(said || (await showFreshOrSeen("redemptions", server.redemptions, showRecords)));
  });
}

function note(sentence: string): void {
  const place = one("#records-note");
  place.textContent = sentence;
  place.hidden = sentence === "";
}

const feelings = (): HTMLButtonElement[] => [...document.querySelectorAll<HTMLButtonElement>("[data-feeling]")];

async function answer(feeling: string): Promise<void> {
  try {
    showYear(await server.answerYear(feeling));
    one("#feeling-said").textContent = say("feeling_kept");
  } catch (error) {
    one("#feeling-said").textContent = sentenceFor(error);
  }
}

function showYear(year: server.Year): void {
  one("#year-figures").hidden = year.times === 0;
  fill(one("#year-figures"), { "total-benefit": year.total, "total-uses": say("uses", { uses: year.times }) });
  one("#kinds").replaceChildren(
    ...year.kinds.map((kind) => {
      const item = copyOf("kind");
      fill(item, { "kind-name": kind.name, "kind-sum": kind.sum, "kind-parts": kind.parts });
      return item;
    }),
  );
  one("#months").replaceChildren(...year.months.map(monthOf));
  one("#months-title").hidden = year.months.length < 2;
  one("#months").hidden = year.months.length < 2;
  one("#things-title").hidden = year.things.length === 0;
  one("#things").replaceChildren(
    ...year.things.map((thing) => Object.assign(document.createElement("li"), { textContent: thing })),
  );
  for (const button of feelings()) button.setAttribute("aria-pressed", String(button.dataset.feeling === year.feeling));
}

/** One month: its word, a bar that shows its part of the largest, its sum. */
function monthOf(month: server.YearMonth): HTMLElement {
  const item = copyOf("month");
  fill(item, { "month-name": month.name, "month-sum": month.sum });
  const bar = document.createElementNS(SVG, "rect");
  bar.setAttribute("width", String(month.share));
  bar.setAttribute("height", "10");
  one(".month__bar", item).append(bar);
  return item;
}

function showRecords(found: server.Redemptions): void {
  one("#records-list").replaceChildren(...found.lines.map(lineOf));
  one("#records-none").hidden = found.lines.length > 0;
}

function lineOf(line: server.RedemptionLine): HTMLElement {
  const item = copyOf("record");
  item.dataset.id = line.id;
  fill(item, {
    merchant: line.merchant,
    when: line.occurredAt,
    what: line.what,
    why: line.why,
    benefit: line.benefit,
    payable: line.payable,
    "denial-answer": line.denialAnswer === "" ? "" : say("union_answers", { answer: line.denialAnswer }),
  });
  for (const badge of item.querySelectorAll<HTMLElement>("[data-outcome]")) {
    badge.hidden = badge.dataset.outcome !== line.outcome;
  }
  for (const part of item.querySelectorAll<HTMLElement>("[data-denial]")) {
    part.hidden = part.dataset.denial !== line.denial;
  }
  one(".record__ask", item).hidden = line.outcome !== "refused";
  return item;
}

/** A button of one use: “不是我用的”, or taking that back. */
async function act(pressed: HTMLElement): Promise<void> {
  const wanted = pressed.closest<HTMLElement>("[data-act]")?.dataset.act;
  const id = pressed.closest<HTMLElement>("[data-id]")?.dataset.id;
  if (!wanted || !id) return;
  if (wanted === "deny") {
    denied = id;
    const form = one<HTMLFormElement>("#deny-form");
    form.reset();
    sayWrong(form, "");
    return one<HTMLDialogElement>("#deny-dialog").showModal();
  }
  try {
    showRecords(await server.takeBack(id));
    note(say("denial_taken_back"));
  } catch (error) {
    note(sentenceFor(error));
  }
}
