import "fake-indexeddb/auto";
import { afterEach, describe, expect, it, vi } from "vitest";

import { RefusedByDisk } from "../src/till/disk";
import * as store from "../src/till/store";

const failing = (name: string): (() => never) => () => {
  throw new DOMException("", name);
};

const whyOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => "kept", (error: unknown) => (error instanceof RefusedByDisk ? error.why : error));

describe("a till that cannot store a sale", () => {
  afterEach(() => vi.restoreAllMocks());

  it("opens the disk anew after it was refused, and says why it was", async () => {
    const opening = vi.spyOn(indexedDB, "open");
    opening.mockImplementation(failing("InvalidStateError"));
    expect(await whyOf(store.keep("preferences", { sound: true }))).toBe("forbidden");
    opening.mockRestore();
    expect(await whyOf(store.keep("preferences", { sound: true }))).toBe("kept");
  });

  it.each([
    ["QuotaExceededError", "full"], ["SecurityError", "forbidden"], ["UnknownError", "failed"], ["AbortError", "failed"],
    ["InvalidStateError", "failed"],
  ])("%s: %s", async (name, why) => {
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(failing(name));
    expect(await whyOf(store.keep("preferences", { sound: true }))).toBe(why);
  });

  it("leaves alone what is no fault of the disk", async () => {
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
      throw new TypeError("ours");
    });
    expect(await whyOf(store.keep("preferences", { sound: true }))).toBeInstanceOf(TypeError);
  });
});
