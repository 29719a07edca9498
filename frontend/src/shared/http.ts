/** Calls to the server: an answer, a problem document (RFC 9457), or no network. */

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** No answer came: the request may or may not have reached the server. */
export class NoAnswer extends Error {}

export interface Problem {
  code: string;
  title: string;
  retry: string;
  detail: Record<string, unknown>;
}

export interface Call {
  method?: "GET" | "POST";
  body?: unknown;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

/** The page's language, whatever the browser's own is: what the server says stands beside what the page says. */
function pageLanguage(): Record<string, string> {
  const language = globalThis.document?.documentElement?.lang;
  return language ? { "Accept-Language": language } : {};
}

export async function call(path: string, options: Call = {}): Promise<Answer> {
  const { method = options.body === undefined ? "GET" : "POST", timeoutMs = 8_000 } = options;
  const headers: Record<string, string> = { Accept: "application/json", ...pageLanguage(), ...options.headers };
  const init: RequestInit = { method, headers, cache: "no-store", signal: AbortSignal.timeout(timeoutMs) };
  if (options.body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(options.body);
  }
  try {
    const response = await fetch(path, init);
    const type = response.headers.get("Content-Type") ?? "";
    // A captive portal or a proxy answers HTML: that is not our server.
    if (!/\bjson\b/.test(type)) throw new NoAnswer(`${response.status} ${type}`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  } catch (error) {
    throw error instanceof NoAnswer ? error : new NoAnswer(String(error));
  }
}

export function problemOf(answer: Answer): Problem {
  const { code = "internal", title = "", retry = "never", detail = {} } = answer.body as Partial<Problem>;
  return { code, title, retry, detail };
}

/** A signed document, or that the one we have is still the newest. */
export type Fetched = { status: 200; content: Uint8Array<ArrayBuffer>; etag: string } | { status: 304 } | Answer;

/** Fetch a document that is no JSON; `etag` names the one we have. Throws NoAnswer like `call`. */
export async function callBytes(path: string, type: string, headers: Record<string, string>, etag = ""): Promise<Fetched> {
  const asked: Record<string, string> = { Accept: `${type}, application/json`, ...headers };
  if (etag) asked["If-None-Match"] = etag;
  try {
    const response = await fetch(path, { headers: asked, cache: "no-store", signal: AbortSignal.timeout(15_000) });
    if (response.status === 304) return { status: 304 };
    const given = response.headers.get("Content-Type") ?? "";
    if (response.status === 200 && given.startsWith(type)) {
      return { status: 200, content: new Uint8Array(await response.arrayBuffer()), etag: response.headers.get("ETag") ?? "" };
    }
    if (!/\bjson\b/.test(given)) throw new NoAnswer(`${response.status} ${given}`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  } catch (error) {
    throw error instanceof NoAnswer ? error : new NoAnswer(String(error));
  }
}
