/** Days as the page's language writes them. */

const DAY_MS = 86_400_000;

/** "2026-11-24" → 周二, in English Tue. */
export function weekdayOf(day: string): string {
  return written(day, { weekday: "short" });
}

/** What sentences with a day are made of: Chinese reads the numbers, English the name of the month. */
export function partsOf(day: string): { year: string; month: number; monthName: string; day: number; weekday: string } {
  const [year = "", month, date] = day.split("-");
  return { year, month: Number(month), monthName: written(day, { month: "short" }), day: Number(date), weekday: weekdayOf(day) };
}

function written(day: string, how: Intl.DateTimeFormatOptions): string {
  const language = globalThis.document?.documentElement?.lang || "zh-Hans-CN";
  const at = new Date(Math.floor(Date.parse(day) / DAY_MS) * DAY_MS);
  return new Intl.DateTimeFormat(language, { ...how, timeZone: "UTC" }).format(at);
}
