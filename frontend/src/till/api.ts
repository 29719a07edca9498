/** The merchant API as this till uses it. */

import { call, callBytes, NoAnswer, type Answer, type Fetched } from "../shared/http";

const BASE = "/merchant/v1";
const PAUSES_MS = [700, 1_500, 3_000];

export class Api {
  constructor(private readonly token: string) {}

  get(path: string, timeoutMs?: number): Promise<Answer> {
    return call(BASE + path, { headers: this.headers, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }

  bytes(path: string, type: string, etag: string): Promise<Fetched> {
    return callBytes(BASE + path, type, this.headers, etag);
  }

  /** Ask once. Throws NoAnswer when what came of it is not known. */
  async send(path: string, key: string, body: Record<string, unknown>, timeoutMs?: number): Promise<Answer> {
    const headers = { ...this.headers, "Idempotency-Key": key };
    const answer = await call(BASE + path, { body, headers, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    if (asksAgain(answer)) throw new NoAnswer(String(answer.body.code));
    return answer;
  }

  /**
   * Ask until there is an answer that means something, always with the same key: the server does it once however often
   * it is asked. Throws NoAnswer when the outcome is still unknown after the last try.
   */
  async post(path: string, key: string, body: Record<string, unknown>): Promise<Answer> {
    for (let tried = 0; ; tried++) {
      try {
        return await this.send(path, key, body);
      } catch (error) {
        // Once the browser itself says that there is no network, asking again is only waiting.
        if (!(error instanceof NoAnswer) || tried === PAUSES_MS.length || !navigator.onLine) throw error;
      }
      await new Promise((resume) => setTimeout(resume, PAUSES_MS[tried]));
    }
  }

  private get headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.token}` };
  }
}

/** The outcome is not known, or not yet: the same key will tell. */
export function asksAgain(answer: Answer): boolean {
  return answer.body.retry === "same_key" || answer.status === 429 || answer.status >= 500;
}

/** Trade a pairing code for a token. Asked again with the same `once`, the server answers again, in place of what was lost. */
export function enrol(pairingCode: string, name: string, publicKey: string, once: string): Promise<Answer> {
  const body = { pairing_code: pairingCode, ...(name ? { name } : {}), public_key: publicKey };
  return call(`${BASE}/terminals/enrol`, { body, headers: { "Idempotency-Key": once } });
}

/** 128 random bits, hexadecimal. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
