/** What of a scanned text is sent to the server. */

import { cleanCode, looksLikeCode } from "../shared/codetext";

/**
 * A member's or a printed card's code as it is; of an activation slip only the card number, for its code belongs to
 * nobody but the member; anything else as it was read, so that the server says what is wrong with it.
 */
export function toSend(raw: string): string {
  const code = cleanCode(raw);
  if (looksLikeCode(code)) return code;
  const hash = raw.indexOf("#");
  if (hash >= 0) {
    const number = new URLSearchParams(raw.slice(hash + 1)).get("n") ?? "";
    return `#n=${number.replace(/[^0-9]/g, "").slice(0, 13)}`;
  }
  return raw.trim().slice(0, 1_000);
}
