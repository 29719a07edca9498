/**
 * Walks over CBOR bytes and takes only what it is told to expect: each item in its shortest form, in its only place.
 * The same grammar as `cardnet/credential/codec.py`, byte for byte; a token one of them takes the other takes.
 */

import type { Bytes } from "./code";

export const UINT = 0;
export const NEGATIVE = 1;
export const BYTES = 2;
export const TEXT = 3;
export const ARRAY = 4;
export const MAP = 5;

/** The bytes are not a CN1 token. */
export class Malformed extends Error {}

/** A whole number of CBOR: exact above 2^53 too, where it is a bigint. */
export type Whole = number | bigint;

/** A COSE_Sign1 with an empty unprotected header. */
export interface Sign1 {
  header: Bytes;
  payload: Bytes;
  signature: Bytes;
}

export class Reader {
  private at = 0;

  constructor(private data: Uint8Array) {}

  fail(): never {
    throw new Malformed(`at byte ${this.at}`);
  }

  take(size: Whole): Bytes {
    if (typeof size === "bigint" || this.at + size > this.data.length) this.fail();
    const start = this.at;
    this.at += size;
    return this.data.slice(start, this.at);
  }

  literal(...expected: number[]): void {
    if (!this.skip(...expected)) this.fail();
  }

  /** Whether `expected` comes next; if so it is passed over. */
  skip(...expected: number[]): boolean {
    if (expected.some((byte, place) => this.data[this.at + place] !== byte)) return false;
    this.at += expected.length;
    return true;
  }

  end(): void {
    if (this.at !== this.data.length) this.fail();
  }

  /** The argument of an item of this major type. */
  head(major: number): Whole {
    const [found, argument] = this.anyHead();
    if (found !== major) this.fail();
    return argument;
  }

  integer(): Whole {
    const [major, argument] = this.anyHead();
    if (major === UINT) return argument;
    if (major !== NEGATIVE) this.fail();
    return typeof argument === "bigint" ? -1n - argument : -1 - argument;
  }

  uint32(): number {
    const number = this.head(UINT);
    if (typeof number === "bigint" || number >= 2 ** 32) this.fail();
    return number;
  }

  bytesOf(least: number, most: number): Bytes {
    return this.take(this.sized(BYTES, least, most));
  }

  text(least: number, most: number): string {
    const bytes = this.take(this.sized(TEXT, least, most));
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      this.fail();
    }
  }

  sign1(): Sign1 {
    this.literal(0xd2, 0x84);
    const header = this.take(this.head(BYTES));
    this.literal(0xa0);
    const payload = this.take(this.head(BYTES));
    this.literal(0x58, 0x40);
    return { header, payload, signature: this.take(64) };
  }

  private sized(major: number, least: number, most: number): Whole {
    const size = this.head(major);
    if (size < least || size > most) this.fail();
    return size;
  }

  private anyHead(): [number, Whole] {
    const first = this.take(1)[0]!;
    const major = first >> 5;
    const extra = first & 31;
    if (extra < 24) return [major, extra];
    if (extra > 27) this.fail();
    const size = 1 << (extra - 24);
    let argument = 0n;
    for (const byte of this.take(size)) argument = argument * 256n + BigInt(byte);
    // The shortest form: 24 … in one byte, 2^8 … in two, 2^16 … in four, 2^32 … in eight.
    if (argument < (size === 1 ? 24n : 1n << BigInt(4 * size))) this.fail();
    return [major, argument <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(argument) : argument];
  }
}
