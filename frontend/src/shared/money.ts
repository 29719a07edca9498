/** Money is whole fen; people write and read yuan. */

/** A million yuan: more at one till is a slip of the finger. */
export const MOST_FEN = 100_000_000;

/** "380", "380.5", "1,380.50", full-width digits → fen; anything else → undefined. */
export function fenOf(text: string): number | undefined {
  const plain = text.normalize("NFKC").replace(/[\s,¥元]/g, "").replace("。", ".");
  const found = /^(\d{1,9})(?:\.(\d{0,2}))?$/.exec(plain);
  if (!found) return undefined;
  const fen = Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0"));
  return fen > 0 && fen <= MOST_FEN ? fen : undefined;
}

/** 138050 → "1,380.50". */
export function yuan(fen: number): string {
  const whole = Math.trunc(Math.abs(fen) / 100).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  return `${fen < 0 ? "−" : ""}${whole}.${(Math.abs(fen) % 100).toString().padStart(2, "0")}`;
}
