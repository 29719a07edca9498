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
}

export interface Call {
  method?: "GET" | "POST";
  body?: unknown;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

export async function call(path: string, options: Call = {}): Promise<Answer> {
  const { method = options.body === undefined ? "GET" : "POST", timeoutMs = 8_000 } = options;
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
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
  const { code = "internal", title = "", retry = "never" } = answer.body as Partial<Problem>;
  return { code, title, retry };
}
