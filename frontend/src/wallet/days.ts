/** Days as the page says them. */

import { partsOf } from "../shared/calendar";
import { say } from "../shared/words";

/** The Shanghai day of a moment, as `valid_to` is written. */
export function dayInWords(at: number): string {
  return inWords(new Date(at + 8 * 3_600_000).toISOString().slice(0, 10));
}

/** "2031-12-31" → 2031年12月31日 周三. */
export function inWords(day: string): string {
  return say("valid_to", partsOf(day));
}
