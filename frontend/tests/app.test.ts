import { afterEach, expect, it, vi } from "vitest";

import { keepAwake } from "../src/shared/app";

afterEach(() => vi.unstubAllGlobals());

it("lets the screen sleep when it is not wanted any more, also while the lock was still being asked for", async () => {
  const locks: { released: boolean; release: () => Promise<void> }[] = [];
  const request = async (): Promise<unknown> => {
    await Promise.resolve();
    const lock = { released: false, release: async () => void (lock.released = true) };
    locks.push(lock);
    return lock;
  };
  vi.stubGlobal("document", { visibilityState: "visible", addEventListener: () => undefined });
  vi.stubGlobal("navigator", { wakeLock: { request } });
  let wanted = true;
  const adjust = keepAwake(() => wanted);
  const begun = adjust();
  await Promise.resolve();
  wanted = false;
  await Promise.all([begun, adjust()]);
  expect(locks.map((lock) => lock.released)).toEqual([true]);
});
