/** The union's official account in 我的卡: bound by eight digits that the member sends to it, and taken back. */

import { fill, onClick, one } from "../shared/dom";
import { say } from "../shared/words";
import { sentenceFor } from "./forms";
import * as server from "./server";

const box = (): HTMLDialogElement => one<HTMLDialogElement>("#account-dialog");

/** What the page around it does: shows a fresh answer, and one line at its top. */
export interface Page {
  take(me: server.Me): Promise<void>;
  note(sentence: string, good?: boolean): void;
}

/** Wire the buttons once. */
export function startAccount(page: Page): void {
  const doing = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      box().close();
      page.note(sentenceFor(error));
    }
  };
  onClick("#account-ask", () =>
    doing(async () => {
      const asked = await server.askAccountCode();
      const code = asked.code.replace(/(\d{4})(?=\d)/, "$1 ");
      fill(box(), { "account-code": code, "account-minutes": say("account_minutes", { minutes: asked.minutes }) });
      box().showModal();
    }),
  );
  onClick("#account-done", () =>
    doing(async () => {
      const me = await server.me();
      await page.take(me);
      box().close();
      const bound = me.account?.bound ?? "";
      page.note(say(bound ? "account_done" : "account_not_yet"), bound !== "");
    }),
  );
  onClick("#account-end", () =>
    doing(async () => {
      await page.take(await server.unbindAccount());
      page.note(say("account_ended"), true);
    }),
  );
}

/** What is known of it; what is not `fresh` cannot be changed. */
export function showAccount(me: server.Me | undefined, fresh: boolean): void {
  const { offered = false, bound = "" } = me?.account ?? {};
  one("#mine-account").hidden = !(bound || (offered && fresh));
  one("#account-bound").hidden = !bound;
  one("#account-why").hidden = bound !== "";
  fill(one("#account-bound"), { "account-since": bound ? say("account_since", { day: bound }) : "" });
  one("#account-ask").hidden = !fresh || bound !== "" || !offered;
  one("#account-end").hidden = !fresh || !bound;
}
