/**
 * What a till asks of this phone: four digits when it cannot trust our clock, or a signature under one purchase when it
 * may not decide that alone. Either goes into the codes of the next two minutes.
 */

import { boundNonce } from "../cn1/bound";
import { answered, shown } from "../shared/dialogs";
import { fill, onClick, one } from "../shared/dom";
import { yuan } from "../shared/money";
import { purchaseIn, type Purchase } from "../shared/purchase";
import { say } from "../shared/words";
import { sayWrong } from "./forms";
import type { Answer } from "./live";

export const readDigits = (text: string): string | undefined =>
  /^\d{4}$/.exec(text.normalize("NFKC").replace(/\s/g, ""))?.[0];

type Give = (answer: Answer | undefined) => Promise<void>;

/** Wire both questions once; `give` is told the answer, or nothing when the member takes it back. */
export function startChallenge(give: Give): void {
  const dialog = one<HTMLDialogElement>("#challenge-dialog");
  const form = one<HTMLFormElement>("#challenge-form");
  const input = one<HTMLInputElement>("#challenge-digits");
  for (const opener of document.querySelectorAll("[data-challenge]")) {
    opener.addEventListener("click", () => {
      input.value = "";
      sayWrong(form, "");
      dialog.showModal();
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const digits = readDigits(input.value);
    if (!digits) return sayWrong(form, say("digits_wrong"));
    sayAnswered(say("answers", { digits }));
    dialog.close();
    void give({ challenge: new TextEncoder().encode(digits) });
  });
  onClick("#challenge-end", () => give(undefined));
  onClick("#challenge-scan", async () => {
    dialog.close();
    const found = await scanTill();
    if (found) await askAbout(found, give);
  });
}

/** The member sees who asks for how much before the key signs it; who is asked anew has not agreed to what was asked before. */
export async function askAbout(purchase: Purchase, give: Give): Promise<void> {
  const dialog = one<HTMLDialogElement>("#purchase-dialog");
  const amount = yuan(purchase.amountFen);
  const shop = purchase.name || purchase.merchant;
  fill(dialog, { "purchase-shop": shop, "purchase-amount": say("purchase_amount", { amount }), "purchase-code": purchase.merchant });
  if (!(await answered(dialog))) return;
  sayAnswered(say("agreed_to", { amount }));
  const { merchant, terminal, amountFen, nonce } = purchase;
  await give({ audience: merchant, challenge: boundNonce(merchant, terminal, amountFen, nonce) });
}

/** Look for the square of a till with this phone's camera; the reader is fetched only when somebody asks for it. */
async function scanTill(): Promise<Purchase | undefined> {
  const dialog = one<HTMLDialogElement>("#camera-dialog");
  fill(dialog, { "camera-note": say("camera_aim") });
  const left = shown(dialog);
  const camera = await import("../shared/camera").catch(() => undefined);
  if (!camera) {
    fill(dialog, { "camera-note": say("needs_network") });
    return undefined;
  }
  let found: Purchase | undefined;
  try {
    await camera.watch(one<HTMLVideoElement>("#camera-video"), left, (text) => {
      found = purchaseIn(text);
      if (!found) fill(dialog, { "camera-note": say("camera_other") });
      return found !== undefined;
    });
  } catch (error) {
    if (!(error instanceof camera.NoCamera)) throw error;
    fill(dialog, { "camera-note": say(`camera_${error.trouble}`) });
    return undefined;
  }
  dialog.close();
  return found;
}

function sayAnswered(sentence: string): void {
  one("#code-answers span").textContent = sentence;
}
