/** A no of the disk, and why: each is mended in another way. */

/** It is full; the browser keeps nothing for this page; or it failed and may do better the next time. */
export type Refusal = "full" | "forbidden" | "failed";

export class RefusedByDisk extends Error {
  constructor(
    readonly why: Refusal,
    cause: unknown,
  ) {
    super(`The disk refused (${why}).`, { cause });
  }
}

/** IndexedDB says no by a DOMException, whose name says why (Indexed Database API 3.0, 2.4 and 5). */
export function refuse(error: unknown, when: "opening" | "open"): never {
  throw error instanceof DOMException ? new RefusedByDisk(whyOf(error.name, when), error) : error;
}

function whyOf(name: string, when: "opening" | "open"): Refusal {
  if (name === "QuotaExceededError") return "full";
  // Some browsers have no database in a private window, and say so only when it is opened.
  const forbidden = ["SecurityError", "NotAllowedError", ...(when === "opening" ? ["InvalidStateError"] : [])];
  return forbidden.includes(name) ? "forbidden" : "failed";
}
