/** RFC 9285 base45: two bytes in three characters of the QR alphanumeric set. */

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

export function encode(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 2) {
    const pair = at + 1 < bytes.length;
    let rest = pair ? bytes[at]! * 256 + bytes[at + 1]! : bytes[at]!;
    for (let digits = pair ? 3 : 2; digits > 0; digits--) {
      text += ALPHABET[rest % 45];
      rest = Math.floor(rest / 45);
    }
  }
  return text;
}

/** Throws RangeError on a character, a length or a value that no encoder makes. */
export function decode(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 3 === 1) throw new RangeError("base45: length");
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 3) {
    const group = text.slice(at, at + 3);
    let value = 0;
    for (let place = group.length - 1; place >= 0; place--) {
      const digit = ALPHABET.indexOf(group[place]!);
      if (digit < 0) throw new RangeError("base45: character");
      value = value * 45 + digit;
    }
    if (value > (group.length === 3 ? 0xffff : 0xff)) throw new RangeError("base45: value");
    if (group.length === 3) bytes.push(value >> 8);
    bytes.push(value & 0xff);
  }
  return Uint8Array.from(bytes);
}
