/** The day of the week, as the page's language writes it for short. */

const DAY_MS = 86_400_000;

/** "2026-11-24" → 周二, in English Tue. */
export function weekdayOf(day: string): string {
  const language = globalThis.document?.documentElement?.lang || "zh-Hans-CN";
  const at = new Date(Math.floor(Date.parse(day) / DAY_MS) * DAY_MS);
  return new Intl.DateTimeFormat(language, { weekday: "short", timeZone: "UTC" }).format(at);
}
