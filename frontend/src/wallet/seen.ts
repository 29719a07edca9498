/** What the member saw last, for when there is no network: the server's own words, kept until the card leaves the phone. */

import { copyOf, one } from "../shared/dom";
import { NoAnswer } from "../shared/http";
import { say } from "../shared/words";
import { Refused } from "./server";
import { signedOutWords } from "./stopped";
import { keepSeen, seen } from "./store";

/** How many lines stand for those that are on their way. */
const LINES = 3;

/** Lines without words where a list is on its way for the first time; empty again when it is there, or will not come. */
export async function whileLoading<T>(place: string, empty: boolean, work: () => Promise<T>): Promise<T> {
  const list = one(place);
  list.replaceChildren(...Array.from({ length: empty ? LINES : 0 }, () => copyOf("loading")));
  list.hidden = !empty;
  try {
    return await work();
  } finally {
    list.replaceChildren();
    list.hidden = true;
  }
}

/** Show what the server answers, else what it answered last. Gives the sentence that says why it is not fresh. */
export async function showFreshOrSeen<T>(name: string, ask: () => Promise<T>, show: (value: T) => void): Promise<string> {
  try {
    const value = await ask();
    show(value);
    await keepSeen(name, value);
    return "";
  } catch (error) {
    if (error instanceof Refused) return signedOutWords();
    if (!(error instanceof NoAnswer)) throw error;
    const before = (await seen(name)) as T | undefined;
    if (before === undefined) return say("records_offline");
    show(before);
    return say("seen_before");
  }
}
