/** Pairing: once, this browser becomes a terminal of a merchant. */

import { base64url, compressedPublicKey, makeDeviceKey } from "../cn1/keys";
import { one } from "../shared/dom";
import { NoAnswer, problemOf } from "../shared/http";
import { say } from "../shared/words";
import { Api, enrol } from "./api";
import { complain } from "./form";
import { keepTerminal, type Terminal } from "./store";

const CODE_LENGTH = 10;

/** Show the question; `done` gets the terminal this browser now is. */
export function startPairing(done: (terminal: Terminal) => Promise<void>): void {
  one("#pair").hidden = false;
  one("#pair-form").addEventListener("submit", (event) => {
    event.preventDefault();
    complain("pairing-code", "");
    pair()
      .then((terminal) => terminal && done(terminal))
      .catch((error: unknown) => {
        if (!(error instanceof NoAnswer)) throw error;
        complain("pairing-code", say("pair_offline"));
      });
  });
}

async function pair(): Promise<Terminal | undefined> {
  const typed = one<HTMLInputElement>("#pairing-code").value.trim();
  if (typed.startsWith("cnt_")) return withToken(typed);
  if (typed.replace(/[\s-]/g, "").length !== CODE_LENGTH) {
    complain("pairing-code", say("pairing_code_wrong"));
    return undefined;
  }
  const name = one<HTMLInputElement>("#till-name").value.trim() || say("default_name");
  const key = await makeDeviceKey();
  const answer = await enrol(typed, name, base64url(await compressedPublicKey(key)));
  if (answer.status >= 300) {
    complain("pairing-code", problemOf(answer).title);
    return undefined;
  }
  return keep(String(answer.body.token), answer.body, key);
}

/** A token handed over by the manager, for a till that moves to another browser. */
async function withToken(token: string): Promise<Terminal | undefined> {
  const answer = await new Api(token).get("/me");
  if (answer.status !== 200) {
    complain("pairing-code", problemOf(answer).title);
    return undefined;
  }
  return keep(token, answer.body, undefined);
}

async function keep(token: string, body: Record<string, unknown>, key: CryptoKeyPair | undefined): Promise<Terminal> {
  const named = (part: string): { code: string; name: string } => body[part] as { code: string; name: string };
  const terminal = {
    token,
    key,
    merchant: named("merchant").name,
    store: named("store").name,
    name: named("terminal").name || named("terminal").code,
    code: named("terminal").code,
  };
  await keepTerminal(terminal);
  await navigator.storage?.persist?.().catch(() => false);
  return terminal;
}
