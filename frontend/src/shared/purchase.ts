/**
 * One purchase a till asks a phone to sign: who, where, how much. It travels as an address of the wallet, so that the
 * phone's own camera opens it too; behind the `#`, which no server ever sees.
 */

import { MOST_FEN } from "./money";

/** `name` is for the member's eyes only; what is signed are the codes. */
export interface Purchase {
  merchant: string;
  terminal: string;
  amountFen: number;
  /** The till's own, in lower-case hex: 4 to 32 bytes. */
  nonce: string;
  name: string;
}

const LONGEST_NAME = 24;

/** What the square of a till says. */
export function addressOf(purchase: Purchase, origin: string): string {
  const { merchant, terminal, amountFen, nonce, name } = purchase;
  const shop = [...name].slice(0, LONGEST_NAME).join("");
  const said = new URLSearchParams({ m: merchant, t: terminal, a: String(amountFen), x: nonce, s: shop });
  return `${origin}/wallet#${said.toString()}`;
}

/** The purchase in a fragment or a whole address; undefined when there is none. */
export function purchaseIn(text: string): Purchase | undefined {
  const said = new URLSearchParams(text.slice(text.indexOf("#") + 1));
  const [merchant = "", terminal = "", amount = "", nonce = "", name = ""] = ["m", "t", "a", "x", "s"].map((key) => said.get(key) ?? "");
  // Codes go into a signed claim of 1–24 letters (card-credential.md).
  const named = /^[\x21-\x7e]{1,24}$/.test(merchant) && /^[\x21-\x7e]{1,24}$/.test(terminal);
  const amountFen = /^[1-9]\d{0,9}$/.test(amount) ? Number(amount) : 0;
  if (!named || amountFen < 1 || amountFen > MOST_FEN || !/^([0-9a-f]{2}){4,32}$/.test(nonce)) return undefined;
  return { merchant, terminal, amountFen, nonce, name: [...name].slice(0, LONGEST_NAME).join("") };
}
