/** Words come with the page, translated by the server, so that they are there without a network too. */

let words: Record<string, string> | undefined;

function list(): Record<string, string> {
  words ??= JSON.parse(document.getElementById("words")?.textContent ?? "{}") as Record<string, string>;
  return words;
}

/** Whether the page's list has a sentence `key`. */
export function hasWords(key: string): boolean {
  return Object.hasOwn(list(), key);
}

/** The sentence `key` of the page's list, `{name}` filled in from `values`. */
export function say(key: string, values: Record<string, string | number> = {}): string {
  const sentence = list()[key];
  if (sentence === undefined) throw new Error(`no words for ${key}`);
  return sentence.replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}
