import { decode as fromCbor } from "cborg";
import { describe, expect, it } from "vitest";

import * as base45 from "../src/cn1/base45";
import { codeText, makeCode, proofBytes, protectedBytes, signatureInput, type Bytes } from "../src/cn1/code";
import { base64url, compress, compressedPublicKey, fromBase64url, makeDeviceKey, signText } from "../src/cn1/keys";
import vectors from "./cn1-vectors.json";

const unhex = (text: string): Bytes => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** The three byte strings of an outer COSE_Sign1. */
function parts(text: string): [Bytes, Bytes, Bytes] {
  const token = base45.decode(text.slice(4));
  expect(token[0]).toBe(0xd2);
  const [header, , payload, signature] = fromCbor(token.subarray(1), { useMaps: true }) as [Bytes, unknown, Bytes, Bytes];
  return [header.slice(), payload.slice(), signature.slice()];
}

async function devicePublicKey(): Promise<CryptoKey> {
  // WebCrypto of Node imports only uncompressed points, so the vector's y is found from x here.
  const compressed = unhex(vectors.device_pub_compressed);
  const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
  const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
  const x = BigInt("0x" + hex(compressed.subarray(1)));
  const power = (base: bigint, exponent: bigint): bigint => {
    let result = 1n;
    for (let left = exponent, square = base % p; left > 0n; left >>= 1n, square = (square * square) % p) {
      if (left & 1n) result = (result * square) % p;
    }
    return result;
  };
  const root = power((((x ** 3n - 3n * x + b) % p) + p) % p, (p + 1n) / 4n);
  const y = Number(root & 1n) === compressed[0]! - 2 ? root : p - root;
  const point = unhex("04" + hex(compressed.subarray(1)) + y.toString(16).padStart(64, "0"));
  expect(hex(compress(point))).toBe(vectors.device_pub_compressed);
  return crypto.subtle.importKey("raw", point, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
}

describe("base45", () => {
  it("writes and reads what RFC 9285 shows", () => {
    const ascii = (text: string) => new TextEncoder().encode(text);
    for (const [plain, coded] of [
      ["AB", "BB8"],
      ["Hello!!", "%69 VD92EX0"],
      ["base-45", "UJCLQE7W581"],
      ["ietf!", "QED8WEX0"],
      ["", ""],
    ] as const) {
      expect(base45.encode(ascii(plain))).toBe(coded);
      expect(new TextDecoder().decode(base45.decode(coded))).toBe(plain);
    }
  });

  it("reads back whatever it wrote", () => {
    for (let length = 0; length < 300; length++) {
      const bytes = crypto.getRandomValues(new Uint8Array(length));
      expect(base45.decode(base45.encode(bytes))).toEqual(bytes);
    }
  });

  it("refuses lengths, characters and values that no encoder makes", () => {
    for (const wrong of ["A", "ABCD", "GGW", ":::", "ZZ", "ab", "A_B"]) {
      expect(() => base45.decode(wrong), wrong).toThrow(RangeError);
    }
  });
});

describe("the code of a phone", () => {
  const credential = unhex(vectors.credential);

  it("has the bytes of the published vector", () => {
    const [header, payload, signature] = parts(vectors.device_code);
    expect(hex(header)).toBe(hex(protectedBytes(credential)));
    const claims = fromCbor(payload, { useMaps: true }) as Map<number, number | Uint8Array>;
    const id = claims.get(7) as Uint8Array;
    const again = proofBytes({
      issuedAt: claims.get(6) as number,
      counter: new DataView(id.buffer, id.byteOffset).getUint32(0),
      random: id.slice(4),
    });
    expect(hex(again)).toBe(hex(payload));
    expect(codeText(header, payload, signature)).toBe(vectors.device_code);
    expect(vectors.device_code).toHaveLength(373);
  });

  it("names the merchant it is for in the bytes of the published vector", () => {
    const [header, payload, signature] = parts(vectors["bound_code_aud_M-123456"]);
    const claims = fromCbor(payload, { useMaps: true }) as Map<number, number | string | Uint8Array>;
    const id = claims.get(7) as Uint8Array;
    const again = proofBytes({
      issuedAt: claims.get(6) as number,
      counter: new DataView(id.buffer, id.byteOffset).getUint32(0),
      random: id.slice(4),
      ...(claims.has(3) ? { audience: claims.get(3) as string } : {}),
      ...(claims.has(39) ? { challenge: claims.get(39) as Uint8Array } : {}),
    });
    expect(claims.get(3)).toBe("M-123456");
    expect(hex(again)).toBe(hex(payload));
    expect(codeText(header, payload, signature)).toBe(vectors["bound_code_aud_M-123456"]);
  });

  it("signs the bytes the vectors' signatures are over", async () => {
    const key = await devicePublicKey();
    for (const text of [vectors.device_code, vectors["bound_code_aud_M-123456"]]) {
      const [header, payload, signature] = parts(text);
      const verify = (input: Bytes) =>
        crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, input);
      expect(await verify(signatureInput(header, payload))).toBe(true);
      payload[payload.length - 1]! ^= 1;
      expect(await verify(signatureInput(header, payload))).toBe(false);
    }
  });

  it("verifies with the key that made it and fits QR version 12-M", async () => {
    const pair = await makeDeviceKey();
    expect(pair.privateKey.extractable).toBe(false);
    const text = await makeCode(pair.privateKey, credential, {
      issuedAt: vectors.now,
      counter: 7,
      random: crypto.getRandomValues(new Uint8Array(4)),
    });
    const [header, payload, signature] = parts(text);
    expect(text).toHaveLength(373);
    const valid = await crypto.subtle.verify(
      { name: "ECDSA", hash: "SHA-256" },
      pair.publicKey,
      signature,
      signatureInput(header, payload),
    );
    expect(valid).toBe(true);
  });

  it("will not make a proof id of the wrong length", () => {
    expect(() => proofBytes({ issuedAt: 1, counter: 1, random: new Uint8Array(3) })).toThrow(RangeError);
  });
});

describe("the phone's key", () => {
  it("goes out as the 33 bytes of its compressed point", async () => {
    const point = await compressedPublicKey(await makeDeviceKey());
    expect(point).toHaveLength(33);
    expect([2, 3]).toContain(point[0]);
    expect(fromBase64url(base64url(point))).toEqual(point);
    expect(() => compress(point)).toThrow(RangeError);
  });

  it("signs an activation so that its public half verifies it", async () => {
    const pair = await makeDeviceKey();
    const proof = await signText(pair.privateKey, "cardnet-activate:700000000001:ABCDEFGH");
    expect(proof).toHaveLength(64);
    const over = (text: string) =>
      crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, pair.publicKey, proof, new TextEncoder().encode(text));
    expect(await over("cardnet-activate:700000000001:ABCDEFGH")).toBe(true);
    expect(await over("cardnet-activate:700000000001:ABCDEFGJ")).toBe(false);
  });
});
