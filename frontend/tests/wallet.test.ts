import "fake-indexeddb/auto";
import { forceCloseDatabase } from "fake-indexeddb";
import { describe, expect, it, vi } from "vitest";

import { readCode, readNumber } from "../src/wallet/activate";
import { matches } from "../src/wallet/benefits";
import { readDigits } from "../src/wallet/challenge";
import type { Place } from "../src/wallet/server";
import {
  CannotKeepKey, card, forgetCard, keepCard, keepNewCard, keepPendingKey, keepSeen, keepSettings, seen, settings,
} from "../src/wallet/store";
import type { StoredCard } from "../src/wallet/store";

const bound = (index: number, expiresAt = 0): StoredCard => ({ index, expiresAt }) as StoredCard;

const SHOP: Place = {
  merchant: "百禾超市", store: "永泽店", address: "永泽路 12 号", phone: "", hours: "", area: "永泽街道", near: false, offers: ["满 100 元，减 20 元"],
};

describe("looking for a shop", () => {
  it.each([
    ["", true], ["百禾", true], ["永泽路 减", true], ["百禾 影城", false], ["１２", true], ["面馆", false],
  ])("%j", (search, found) => {
    expect(matches(SHOP, search)).toBe(found);
  });
});

describe("what is typed at an activation", () => {
  it.each([
    ["8100 0000 0001 8", "8100000000018"], ["８１００００００００01-8", "8100000000018"], ["8100000000015", undefined],
    ["8100000000081", undefined], ["810000000018", undefined], ["81000000000180", undefined], ["", undefined],
  ])("number %j", (typed, read) => {
    expect(readNumber(typed)).toBe(read);
  });

  it.each([
    ["abcd-2345", "ABCD2345"], ["123456", "123456"], ["ABC", undefined], ["ABCDEF", undefined], ["ABCD23456", undefined],
  ])("code %j", (typed, read) => {
    expect(readCode(typed)).toBe(read);
  });
});

describe("the four digits of a till", () => {
  it.each([
    ["4718", "4718"], ["４７１８", "4718"], [" 47 18 ", "4718"], ["471", undefined], ["47189", undefined], ["47a8", undefined],
  ])("%j", (typed, read) => {
    expect(readDigits(typed)).toBe(read);
  });
});

describe("what the phone keeps", () => {
  it("opens again when the system has ended the connection of a page in the background", async () => {
    const open = vi.spyOn(indexedDB, "open");
    await settings();
    const { result: database } = open.mock.results[0]?.value as IDBOpenDBRequest;
    const closed = new Promise((resolve) => database.addEventListener("close", resolve));
    forceCloseDatabase(database as never);
    await closed;
    await keepSettings({ largeType: false });
    expect(await settings()).toEqual({ largeType: false });
  });

  it("keeps a newer credential of the card that is there, and brings back none that another tab has replaced", async () => {
    await keepNewCard(bound(7));
    expect(await keepCard(7, bound(7, 1))).toBe(true);
    expect(await card()).toEqual(bound(7, 1));
    await keepNewCard(bound(8));
    expect(await keepCard(7, bound(7, 2))).toBe(false);
    expect(await card()).toEqual(bound(8));
    await forgetCard();
    expect(await keepCard(8, bound(8, 3))).toBe(false);
    expect(await card()).toBeUndefined();
  });

  it("says that a browser which cannot clone a key cannot hold a card", async () => {
    // What cannot be cloned throws DataCloneError, as a key does in a private window of Firefox.
    const key = { privateKey: (): void => undefined } as unknown as CryptoKeyPair;
    await expect(keepPendingKey(key)).rejects.toBeInstanceOf(CannotKeepKey);
    expect(await card()).toBeUndefined();
  });

  it("keeps the first of two keys made at once: what was sent under it can be asked for again", async () => {
    const made = (name: string): CryptoKeyPair => ({ privateKey: { name } }) as unknown as CryptoKeyPair;
    const [one, other] = await Promise.all([keepPendingKey(made("first")), keepPendingKey(made("second"))]);
    expect([one, other, await keepPendingKey(made("third"))]).toEqual(Array(3).fill(made("first")));
  });

  it("forgets with the card what the member saw, and keeps how they like the page", async () => {
    await keepSeen("benefits", { open: [] });
    await keepSettings({ largeType: true });
    expect(await seen("benefits")).toEqual({ open: [] });
    await forgetCard();
    expect(await seen("benefits")).toBeUndefined();
    expect(await settings()).toEqual({ largeType: true });
  });
});
