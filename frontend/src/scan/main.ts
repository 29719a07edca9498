/** An officer's phone at a hand-out: whoever shows a code has signed, one after another, and the list builds itself. */

import { keepAwake } from "../shared/app";
import { NoCamera, warmUp, watch } from "../shared/camera";
import { fill, one } from "../shared/dom";
import { signal } from "../shared/signals";
import { say } from "../shared/words";
import { toSend } from "./read";

/** So long after an answer the same phone, still held before the camera, is not asked again. */
const REST_MS = 1_800;
const SAME_MS = 20_000;
const TIMEOUT_MS = 8_000;

interface Answer {
  outcome: "signed" | "signed_before" | "not_listed" | "not_a_code" | "stale" | "not_valid";
  words: string;
  name: string;
  union_name: string;
  signed_at: string;
  signed: number;
  people: number;
}

const form = one<HTMLFormElement>("#scan-form");
const field = one<HTMLInputElement>("#read");
let turn: Promise<void> = Promise.resolve();
let rested = 0;
let last = { text: "", at: 0 };

/** Readings one after another, as they came: two at once would tell one person's outcome under another's name. */
function signInTurn(text: string): Promise<void> {
  return (turn = turn.then(() => sign(text)));
}

async function sign(text: string): Promise<void> {
  note(say("sending"));
  try {
    const body = new URLSearchParams({ read: text });
    const token = one<HTMLMetaElement>('meta[name="csrf-token"]').content;
    const answer = await fetch(form.action, {
      method: "POST",
      body,
      headers: { Accept: "application/json", "X-CSRF-Token": token },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!/\bjson\b/.test(answer.headers.get("Content-Type") ?? "")) {
      // Signed out, or the hand-out was closed at another table: the page itself says what to do.
      location.reload();
      return;
    }
    show((await answer.json()) as Answer);
  } catch {
    last = { text: "", at: 0 };
    answerShown("wait", "", say("no_network"), "");
    signal("no", true);
  } finally {
    rested = Date.now() + REST_MS;
    note("");
  }
}

function show(answer: Answer): void {
  const good = answer.outcome === "signed";
  const known = answer.outcome === "signed_before";
  const more = [answer.union_name, known ? answer.signed_at : ""].filter(Boolean).join(" · ");
  answerShown(good ? "good" : known ? "wait" : "bad", answer.name, answer.words, more);
  signal(good ? "yes" : "no", true);
  fill(one("#scan"), { count: say("count", { signed: answer.signed, people: answer.people }) });
  if (good) addSigned(answer);
}

function answerShown(kind: "good" | "wait" | "bad", name: string, words: string, more: string): void {
  const place = one("#scan-answer");
  place.dataset.kind = kind;
  place.hidden = false;
  fill(place, { name, words, more });
}

function addSigned(answer: Answer): void {
  document.getElementById("signed-none")?.remove();
  const line = document.createElement("li");
  const when = document.createElement("span");
  when.className = "soft small";
  when.textContent = answer.signed_at;
  line.append(answer.name, when);
  one("#signed-list").prepend(line);
}

function note(text: string): void {
  fill(one("#scan"), { note: text });
}

async function look(): Promise<void> {
  note(say("aim"));
  try {
    await watch(one<HTMLVideoElement>("#scan-video"), new AbortController().signal, async (raw) => {
      const text = toSend(raw);
      const now = Date.now();
      if (now < rested || (text === last.text && now - last.at < SAME_MS)) return false;
      last = { text, at: now };
      await signInTurn(text);
      return false;
    });
  } catch (error) {
    if (!(error instanceof NoCamera)) throw error;
    one(".scan__view").hidden = true;
    answerShown("wait", "", say(`camera_${error.trouble}`), "");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = toSend(field.value);
  field.value = "";
  field.focus();
  if (text !== "") void signInTurn(text);
});
void keepAwake(() => true)();
void warmUp();
void look();
