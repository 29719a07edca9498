/** Days as the page says them. */

import { weekdayOf } from "../shared/weekday";
import { say } from "../shared/words";

/** The Shanghai day of a moment, as `valid_to` is written. */
export function dayInWords(at: number): string {
  return inWords(new Date(at + 8 * 3_600_000).toISOString().slice(0, 10));
}

/** "2031-12-31" → 2031年12月31日 周三. */
export function inWords(day: string): string {
  const [year = "", month = "", date = ""] = day.split("-");
  return say("valid_to", { year, month: Number(month), day: Number(date), weekday: weekdayOf(day) });
}
