/** Pairing: once, this browser becomes a terminal of a merchant. */

import { base64url, compressedPublicKey, makeDeviceKey } from "../cn1/keys";
import { fill, one } from "../shared/dom";
import { NoAnswer, problemOf, type Answer } from "../shared/http";
import { say } from "../shared/words";
import { Api, enrol, newKey } from "./api";
import { RefusedByDisk } from "./disk";
import { complain } from "./form";
import * as requests from "./requests";
import type { Others, Pairing, Terminal } from "./shelf";
import * as store from "./store";
import { inWords } from "./today";

const CODE_LENGTH = 10;
/** Two devices are this terminal already: the manager must take one away, or add a terminal. */
const FULL = new Set(["too_many_keys", "too_many_tokens"]);

/** Show the question; `done` gets the terminal this browser now is. */
export function startPairing(done: (terminal: Terminal) => Promise<void>): void {
  one("#pair").hidden = false;
  // The manager's slip opens this page with the code behind `#`, which no server sees; it is gone from the address at once.
  const given = /^#pair=([0-9A-Za-z]{10})$/.exec(location.hash);
  if (given?.[1] !== undefined) {
    one<HTMLInputElement>("#pairing-code").value = given[1];
    history.replaceState(null, "", location.pathname);
  }
  one("#pair-form").addEventListener("submit", (event) => {
    event.preventDefault();
    complain("pairing-code", "");
    pair()
      .then((terminal) => terminal && done(terminal))
      .catch((error: unknown) => {
        if (error instanceof RefusedByDisk) {
          return complain("pairing-code", `${say("pair_not_kept")}${say(`disk_${error.why}`)}`);
        }
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
  const name = one<HTMLInputElement>("#till-name").value.trim();
  const { key, once } = await asking(typed);
  const answer = await enrol(typed, name, base64url(await compressedPublicKey(key)), once);
  if (answer.status >= 300) {
    const { code, title } = problemOf(answer);
    if (code === "key_taken") {
      // The key of an answer that was lost, and of another terminal: this one gets a new one.
      await store.forget("pairing");
      return pair();
    }
    complain("pairing-code", FULL.has(code) ? say("pair_full") : title);
    return undefined;
  }
  const keyId = answer.body.key_id as string | null;
  return keep(String(answer.body.token), answer.body, { key, ...(keyId ? { keyId } : {}), ...othersOf(answer) });
}

/** A token handed over by the manager, for a till that moves to another browser. */
async function withToken(token: string): Promise<Terminal | undefined> {
  const answer = await new Api(token).get("/me");
  if (answer.status !== 200) {
    complain("pairing-code", problemOf(answer).title);
    return undefined;
  }
  const { key } = await asking(token);
  return keep(token, answer.body, await registerKey(new Api(token), key));
}

/** How to ask: with the key and the secret of the question before, where its answer never came. */
async function asking(typed: string): Promise<Pairing> {
  const before = await store.kept("pairing");
  const once = before?.typed === typed ? before.once : newKey();
  const pairing = { typed, once, key: before?.key ?? (await makeDeviceKey()) };
  await store.keep("pairing", pairing);
  return pairing;
}

/** What became of the key of this browser, and what that means for other devices of the same terminal. */
type Signing = Pick<Terminal, "key" | "keyId" | "others">;

/**
 * Have the server register a key; the same one twice is no change. Without one this till redeems only while there is a
 * network: the terminal may have two keys already.
 */
export async function registerKey(api: Api, key: CryptoKeyPair): Promise<Signing> {
  const body = { public_key: base64url(await compressedPublicKey(key)) };
  const answer = await api.post("/terminals/keys", newKey(), body);
  if (answer.status === 201) return { key, keyId: String(answer.body.key_id), ...othersOf(answer) };
  const { code } = problemOf(answer);
  // One that was stopped meanwhile is no use any more: the next question comes with another.
  return { key: code === "key_taken" ? undefined : key, ...(code === "too_many_keys" ? { others: "two" as const } : {}) };
}

/** Whose key this one replaces, if any: it counts for some days more. */
function othersOf(answer: Answer): Pick<Terminal, "others"> {
  const replaced = answer.body.replaces as { ends_at: string } | null | undefined;
  return replaced ? { others: { until: Date.parse(replaced.ends_at) } } : {};
}

/** Whose till this is, as its manager calls it. */
export function showWho(terminal: Terminal): void {
  fill(one("#who"), { merchant: terminal.merchant, place: [terminal.store, terminal.name].filter(Boolean).join(" · ") });
}

/** What shop, store and terminal are called, in an answer of the server. */
export function namesIn(body: Record<string, unknown>): Pick<Terminal, "merchant" | "store" | "name"> {
  const named = (part: string): { code: string; name: string } => body[part] as { code: string; name: string };
  return { merchant: named("merchant").name, store: named("store").name, name: named("terminal").name || named("terminal").code };
}

/** Say what is known of other devices of this terminal, and how to mend it, until the cashier has `read` it. */
export function showOthers({ others, code }: Terminal, now: number): void {
  const place = one("#others");
  place.hidden = others === undefined;
  if (others !== undefined) fill(place, { "others-why": othersWords(others, code, now) });
}

function othersWords(others: Others, terminal: string, now: number): string {
  if (others === "two") return say("others_two", { terminal });
  if ("until" in others) return say("others_until", { terminal, until: inWords(others.until) });
  if (others.endsAt <= now) return say("online_key_over");
  return say("key_ends", { terminal, until: inWords(others.endsAt) });
}

/** 知道了. */
export async function othersRead(terminal: Terminal): Promise<void> {
  delete terminal.others;
  await store.keep("terminal", terminal);
  one("#others").hidden = true;
}

/** Keep who this browser is now; undefined, with the reason at the field, where that would strand what waits here. */
async function keep(
  token: string,
  body: Record<string, unknown>,
  signing: Signing,
): Promise<Terminal | undefined> {
  const named = (part: string): { code: string; name: string } => body[part] as { code: string; name: string };
  const chain = store.chainOf({ merchantCode: named("merchant").code, code: named("terminal").code });
  const stranded = await requests.stranded(chain);
  if (stranded.length > 0) {
    complain("pairing-code", say("pair_stranded", { count: stranded.length, terminal: stranded[0]!.chain ?? "" }));
    return undefined;
  }
  const terminal = {
    token,
    ...signing,
    ...namesIn(body),
    merchantCode: named("merchant").code,
    code: named("terminal").code,
  };
  // Roots are pinned at pairing and at no other time.
  await store.forget("trust");
  await store.keep("terminal", terminal);
  await store.forget("pairing");
  await navigator.storage?.persist?.().catch(() => false);
  return terminal;
}
