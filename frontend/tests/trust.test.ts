import "fake-indexeddb/auto";

import { beforeEach, describe, expect, it } from "vitest";

import document from "../../tests/credential/cn1-outcomes.json";
import { unhex } from "../src/cn1/pack";
import { NoAnswer, type Answer, type Fetched } from "../src/shared/http";
import * as store from "../src/till/store";
import { Trust, type Source } from "../src/till/trust";

const NOW = document.now * 1_000;
const PACK = unhex(document.pack);

/** A server that gives what a test lays before it. */
class Server implements Source {
  roots: { kid: string; public: string; nbf: number; exp: number }[] = document.roots.roots;
  pack = PACK;
  asked: string[] = [];
  gone = false;

  async get(path: string): Promise<Answer> {
    this.asked.push(path);
    return { status: 200, body: { roots: this.roots } };
  }

  async bytes(path: string): Promise<Fetched> {
    this.asked.push(path);
    if (this.gone) throw new NoAnswer("gone");
    if (path === "/trust-pack") return { status: 200, content: this.pack, etag: '"1"' };
    return { status: 404, body: { code: "not_found", retry: "never" } };
  }
}

beforeEach(async () => store.forget("trust"));

describe("what a till trusts", () => {
  it("is pinned once: later roots of the server change nothing", async () => {
    const [server, trust] = [new Server(), new Trust({ merchantCode: "M1" })];
    await trust.refresh(server, NOW);
    expect(trust.pack?.seq).toBeGreaterThan(0);
    server.roots = [{ ...document.roots.roots[0]!, public: "00".repeat(32) }];
    await trust.refresh(server, NOW);
    expect(server.asked.filter((path) => path === "/roots")).toHaveLength(1);
    const again = new Trust({ merchantCode: "M1" });
    await again.load(document.now);
    expect(again.pack?.seq).toBe(trust.pack?.seq);
  });

  it("is no pack of other roots, and the till says that it must be paired anew", async () => {
    const [server, trust] = [new Server(), new Trust({ merchantCode: "M1" })];
    server.roots = [{ ...document.roots.roots[0]!, public: "00".repeat(32) }];
    await trust.refresh(server, NOW);
    expect([trust.pack, trust.estranged]).toEqual([undefined, true]);
  });

  it("is never a lower pack than one seen before", async () => {
    const [server, trust] = [new Server(), new Trust({ merchantCode: "M1" })];
    await trust.refresh(server, NOW);
    const kept = (await store.kept("trust"))!;
    await store.keep("trust", { ...kept, pack: { ...kept.pack!, seq: kept.pack!.seq + 1 } });
    const later = new Trust({ merchantCode: "M1" });
    await later.load(document.now);
    await later.refresh(server, NOW);
    expect(later.pack).toBeUndefined();
  });

  it("makes no clock believed that is behind a credential once seen, also after the page was closed", async () => {
    const [server, trust] = [new Server(), new Trust({ merchantCode: "M1" })];
    await trust.refresh(server, NOW);
    const before = trust.notBefore;
    await trust.witnessed(before - 1);
    expect(trust.notBefore).toBe(before);
    await trust.witnessed(before + 86_400);
    const again = new Trust({ merchantCode: "M1" });
    await again.load(document.now);
    expect(again.notBefore).toBe(before + 86_400);
  });

  it("counts as synced only when all of it came", async () => {
    const [server, trust] = [new Server(), new Trust({ merchantCode: "M1" })];
    await trust.refresh(server, NOW);
    expect(trust.syncedAt).toBe(0);
    server.gone = true;
    await expect(trust.refresh(server, NOW)).rejects.toBeInstanceOf(NoAnswer);
  });
});
