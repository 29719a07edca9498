/**
 * Pasted or scanned text as the server will read it: no line ends, half-width, upper case. Spaces around it are no
 * part of it: base45 uses the space, but its last character is never above "W".
 */
export function cleanCode(text: string): string {
  return text.normalize("NFKC").replace(/[\r\n\t]/g, "").trim().toUpperCase();
}

/** Whether text is worth sending; the server alone decides whether it is true. */
export function looksLikeCode(text: string): boolean {
  return /^CN\d:[0-9A-Z $%*+\-./:]{20,696}$/.test(text);
}
