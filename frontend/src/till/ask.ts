/** Money calls: kept before they are sent, asked until they are answered, found again after the page was closed. */

import type { Answer } from "../shared/http";
import { RefusedByDisk } from "./disk";
import type { Link } from "./link";
import * as requests from "./requests";
import type { Pending } from "./shelf";
import * as store from "./store";

/**
 * Send what must be answered. The request is on the disk before it leaves, and stays there until its answer has come;
 * an answer that did not come is asked for by the same key at the next start. Throws NoAnswer when the outcome is open.
 */
export async function ask(link: Link, request: Pending): Promise<Answer> {
  await store.keep("pending", request);
  const answer = await link.api.post(pathOf(request), request.key, request.body);
  link.heard();
  // What is not on the disk any more cannot undo what was answered: at worst it is asked again, and answered the same.
  await closed(request, answer).catch(unlessRefused);
  return answer;
}

async function closed(request: Pending, answer: Answer): Promise<void> {
  if (answer.status < 300) await requests.gaveBack(request);
  await store.forget("pending");
}

function unlessRefused(error: unknown): void {
  if (!(error instanceof RefusedByDisk)) throw error;
}

/** Requests kept by an earlier version of this page did not say where they go. */
function pathOf(request: Pending): string {
  return request.path ?? (request.kind === "redemption" ? "/redemptions" : "/reversals");
}
