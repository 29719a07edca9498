/** The merchant API as this till uses it. */

import { call, NoAnswer, type Answer } from "../shared/http";

const BASE = "/merchant/v1";
const PAUSES_MS = [700, 1_500, 3_000];

export class Api {
  constructor(private readonly token: string) {}

  get(path: string): Promise<Answer> {
    return call(BASE + path, { headers: { Authorization: `Bearer ${this.token}` } });
  }

  /**
   * Ask until there is an answer that means something, always with the same key: the server does it once however often
   * it is asked. Throws NoAnswer when the outcome is still unknown after the last try.
   */
  async post(path: string, key: string, body: Record<string, unknown>): Promise<Answer> {
    for (let tried = 0; ; tried++) {
      try {
        const answer = await call(BASE + path, {
          body,
          headers: { Authorization: `Bearer ${this.token}`, "Idempotency-Key": key },
        });
        if (!asksAgain(answer)) return answer;
        if (tried === PAUSES_MS.length) throw new NoAnswer(String(answer.body.code));
      } catch (error) {
        if (!(error instanceof NoAnswer) || tried === PAUSES_MS.length) throw error;
      }
      await new Promise((resume) => setTimeout(resume, PAUSES_MS[tried]));
    }
  }
}

/** The outcome is not known, or not yet: the same key will tell. */
export function asksAgain(answer: Answer): boolean {
  return answer.body.retry === "same_key" || answer.status === 429 || answer.status >= 500;
}

export function enrol(pairingCode: string, name: string, publicKey: string): Promise<Answer> {
  const body = { pairing_code: pairingCode, name, public_key: publicKey };
  return call(`${BASE}/terminals/enrol`, { body });
}

/** 128 random bits, hexadecimal. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
