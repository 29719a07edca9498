/** 记录: what my card was used for this year, and what it was worth. */

import { copyOf, fill, one } from "../shared/dom";
import { NoAnswer } from "../shared/http";
import { say } from "../shared/words";
import * as server from "./server";

export async function showRecords(): Promise<void> {
  const list = one("#records-list");
  const note = one("#records-note");
  try {
    const found = await server.redemptions();
    fill(one("#records-total"), {
      "total-benefit": found.totalBenefit,
      "total-uses": say("uses", { uses: found.uses }),
    });
    one("#records-total").hidden = found.uses === 0;
    list.replaceChildren(...found.lines.map(lineOf));
    note.textContent = found.lines.length === 0 ? say("records_none") : "";
  } catch (error) {
    if (error instanceof NoAnswer) note.textContent = say("records_offline");
    else if (error instanceof server.Refused) note.textContent = say("records_signed_out");
    else throw error;
  }
  note.hidden = note.textContent === "";
}

function lineOf(line: server.RedemptionLine): HTMLElement {
  const item = copyOf("record");
  fill(item, {
    merchant: line.merchant,
    when: line.occurredAt,
    what: line.what,
    why: line.why,
    benefit: line.benefit,
    payable: line.payable,
  });
  for (const badge of item.querySelectorAll<HTMLElement>("[data-outcome]")) {
    badge.hidden = badge.dataset.outcome !== line.outcome;
  }
  return item;
}
