/**
 * A USB scanner that types. Read by `KeyboardEvent.code`, the place of the key, because the letter it would make
 * depends on the layout and on the Chinese input method that is switched on.
 *
 * Scanners type as a US keyboard, a key every few milliseconds, and end with Enter or Tab.
 */

/**
 * Longer than any scanner pauses and any busy PC stalls: half a code in it would be lost, and the cashier would not
 * know. Keys before "CN1:" are left to the page; after a code that never ended, the next scan waits this long.
 */
export const LONGEST_PAUSE_MS = 4_000;
const PREFIX = "CN1:";
const LONGEST_CODE = 700;

const PLAIN: Record<string, string> = { Space: " ", Minus: "-", Period: ".", Slash: "/" };
const SHIFTED: Record<string, string> = { Digit4: "$", Digit5: "%", Digit8: "*", Equal: "+", Semicolon: ":" };
const PAD: Record<string, string> = {
  NumpadMultiply: "*",
  NumpadAdd: "+",
  NumpadSubtract: "-",
  NumpadDecimal: ".",
  NumpadDivide: "/",
};

export interface Key {
  code: string;
  shift: boolean;
  /** Milliseconds, of any one clock. */
  at: number;
}

/** The character of the QR alphanumeric set on this key of a US keyboard, or undefined. */
export function characterOf(key: Pick<Key, "code" | "shift">): string | undefined {
  const letter = /^Key([A-Z])$/.exec(key.code);
  if (letter) return letter[1];
  if (key.code in PAD) return PAD[key.code];
  if (key.shift) return SHIFTED[key.code];
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(key.code);
  return digit ? digit[1] : PLAIN[key.code];
}

export type Heard =
  /** Not a scanner: leave the key to the page. */
  | { kind: "no" }
  /** May become a code: the next keys tell. `first` is the first of them. */
  | { kind: "maybe"; first: boolean }
  /** Certainly a scanner: keep the key from the page. */
  | { kind: "typing" }
  | { kind: "code"; text: string };

/** Watches single keys and says when they are a whole code. */
export class Wedge {
  private text = "";
  private last = -Infinity;

  hear(key: Key): Heard {
    if (key.at - this.last > LONGEST_PAUSE_MS) this.text = "";
    if (key.code === "ShiftLeft" || key.code === "ShiftRight" || key.code === "CapsLock") return this.soFar();
    this.last = key.at;
    if (key.code === "Enter" || key.code === "NumpadEnter" || key.code === "Tab") {
      const text = this.text;
      const whole = this.sure();
      this.text = "";
      return whole ? { kind: "code", text } : { kind: "no" };
    }
    const character = characterOf(key);
    if (character === undefined || this.text.length >= LONGEST_CODE) {
      const wasSure = this.sure();
      if (!wasSure) this.text = "";
      return { kind: wasSure ? "typing" : "no" };
    }
    this.text += character;
    // A letter the cashier typed just before is not the scan's: begin again with this one.
    if (this.soFar().kind === "no") this.text = PREFIX.startsWith(character) ? character : "";
    return this.soFar(this.text.length === 1);
  }

  private soFar(first = false): Heard {
    if (this.sure()) return { kind: "typing" };
    return this.text !== "" && PREFIX.startsWith(this.text) ? { kind: "maybe", first } : { kind: "no" };
  }

  private sure(): boolean {
    return this.text.startsWith(PREFIX);
  }
}
