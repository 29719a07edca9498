/**
 * What the till believes without a network: roots pinned when it was paired, the trust pack they signed, the status
 * list and the merchant's offers signed under it. Fetched while there is a network, kept in IndexedDB.
 */

import { openAppendix, type Appendix } from "../cn1/appendix";
import { openPack, rootsOf, Untrusted, type RootsDocument, type TrustPack } from "../cn1/pack";
import { openList, type StatusList } from "../cn1/status";
import { earliestNow } from "../cn1/verify";
import { NoAnswer, problemOf, type Answer, type Fetched } from "../shared/http";
import type { TrustDocuments } from "./shelf";
import * as store from "./store";

const CBOR = "application/cbor";

/** What fetches: the merchant API with this terminal's token. */
export interface Source {
  get(path: string): Promise<Answer>;
  bytes(path: string, type: string, etag: string): Promise<Fetched>;
}

export class Trust {
  pack: TrustPack | undefined;
  list: StatusList | undefined;
  appendix: Appendix | undefined;
  /** The pack does not open under the pinned roots: this till must be paired anew before it may decide alone. */
  estranged = false;
  private stored: TrustDocuments = { roots: { roots: [] } };

  constructor(private readonly terminal: { merchantCode?: string }) {}

  /** What was kept from before; nothing of it counts that does not open any more. */
  async load(seconds: number): Promise<void> {
    this.stored = (await store.kept("trust")) ?? this.stored;
    this.openAll(seconds);
  }

  /** Seconds since 1970 when the server last said that all of this is the newest; 0 for never. */
  get syncedAt(): number {
    return Math.floor((this.stored.syncedAt ?? 0) / 1000);
  }

  /** A clock that shows an earlier time than this is wrong: everything here was signed before now. */
  get notBefore(): number {
    const signed = Math.max(this.appendix?.issuedAt ?? 0, this.stored.witnessedAt ?? 0);
    return this.pack ? earliestNow(this.pack, this.list, signed) : signed;
  }

  /** The union signed a credential then (seconds): from now on no clock of ours is believed that shows an earlier time. */
  async witnessed(issuedAt: number): Promise<void> {
    if (issuedAt <= this.notBefore) return;
    this.stored = { ...this.stored, witnessedAt: issuedAt };
    await store.keep("trust", this.stored);
  }

  /** The server turned this till away: until it is welcome again it decides nothing alone. */
  async suspend(): Promise<void> {
    const { syncedAt: _, ...rest } = this.stored;
    this.stored = rest;
    await store.keep("trust", this.stored);
  }

  /**
   * Fetch what is newer; gives whether all of it is the newest now. Throws NoAnswer without a network; what cannot be
   * opened is left as it was.
   */
  async refresh(source: Source, at: number): Promise<boolean> {
    if (this.stored.roots.roots.length === 0) {
      const roots = rootsIn(await source.get("/roots"));
      if (!roots) return false;
      this.stored = { ...this.stored, roots };
    }
    const seconds = Math.floor(at / 1000);
    const whole = (await this.fetchPack(source, seconds)) && (await this.fetchList(source)) && (await this.fetchOffers(source));
    if (whole) this.stored = { ...this.stored, syncedAt: at };
    await store.keep("trust", this.stored);
    return whole;
  }

  /** Only the pack, because a code names a key we do not know. Gives whether it is another one now. */
  async refreshPack(source: Source, seconds: number): Promise<boolean> {
    const before = this.stored.pack?.seq;
    await this.fetchPack(source, seconds);
    await store.keep("trust", this.stored);
    return this.stored.pack?.seq !== before;
  }

  private get merchant(): string {
    return this.terminal.merchantCode ?? "";
  }

  private openAll(seconds: number): void {
    const { roots, pack, list, offers } = this.stored;
    this.pack = pack && trusted(() => openPack(pack.content, rootsOf(roots), seconds, pack.seq));
    this.list = this.pack && list?.value;
    const keys = this.pack?.keys;
    this.appendix = keys && offers && trusted(() => openAppendix(offers.content, keys, this.merchant));
  }

  private async fetchPack(source: Source, seconds: number): Promise<boolean> {
    const had = this.stored.pack;
    const came = documentIn(await source.bytes("/trust-pack", CBOR, this.pack ? (had?.etag ?? "") : ""));
    if (came === "unchanged") return true;
    if (!came) return false;
    // Keep the highest `seq`: a revoked key would come back with an older pack.
    const pack = trusted(() => openPack(came.content, rootsOf(this.stored.roots), seconds, had?.seq ?? 0));
    this.estranged = !pack && !this.pack;
    if (!pack) return false;
    this.pack = pack;
    this.stored = { ...this.stored, pack: { ...came, seq: pack.seq } };
    return true;
  }

  private async fetchList(source: Source): Promise<boolean> {
    const keys = this.pack?.keys;
    if (!keys) return false;
    const had = this.stored.list;
    const since = had ? `?since=${had.value.seq}` : "";
    const came = documentIn(await source.bytes(`/status-list${since}`, CBOR, had?.etag ?? ""));
    if (came === "unchanged") return true;
    if (!came) return false;
    let value = await opened(came.content, keys, had?.value);
    let { etag } = came;
    if (!value && had) {
      // A change that does not lead where it says: ask for the whole list.
      const whole = documentIn(await source.bytes("/status-list", CBOR, ""));
      if (!whole || whole === "unchanged") return false;
      value = await opened(whole.content, keys, had.value);
      etag = whole.etag;
    }
    if (!value) return false;
    this.list = value;
    this.stored = { ...this.stored, list: { value, etag } };
    return true;
  }

  private async fetchOffers(source: Source): Promise<boolean> {
    const keys = this.pack?.keys;
    if (!keys) return false;
    const had = this.appendix ? this.stored.offers : undefined;
    const came = documentIn(await source.bytes("/offline-offers", CBOR, had?.etag ?? ""));
    if (came === "unchanged") return true;
    if (!came) return false;
    const appendix = trusted(() => openAppendix(came.content, keys, this.merchant, this.stored.offers?.issuedAt ?? 0));
    if (!appendix) return false;
    this.appendix = appendix;
    this.stored = { ...this.stored, offers: { ...came, issuedAt: appendix.issuedAt } };
    return true;
  }
}

function rootsIn(answer: Answer): RootsDocument | undefined {
  const roots = answer.body.roots as RootsDocument["roots"] | undefined;
  return answer.status === 200 && roots && roots.length > 0 ? { roots } : undefined;
}

function documentIn(fetched: Fetched): { content: Uint8Array<ArrayBuffer>; etag: string } | "unchanged" | undefined {
  if ("content" in fetched) return { content: fetched.content, etag: fetched.etag };
  if (fetched.status === 304) return "unchanged";
  const { retry } = problemOf(fetched as Answer);
  if (retry === "after" || retry === "same_key") throw new NoAnswer(String(fetched.status));
  return undefined;
}

function trusted<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof Untrusted) return undefined;
    throw error;
  }
}

async function opened(
  content: Uint8Array<ArrayBuffer>,
  keys: TrustPack["keys"],
  before: StatusList | undefined,
): Promise<StatusList | undefined> {
  try {
    return await openList(content, keys, before);
  } catch (error) {
    if (error instanceof Untrusted) return undefined;
    throw error;
  }
}
