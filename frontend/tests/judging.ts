/** Cases as tests/credential/outcomes.py writes them, judged by the till's verifier and told in the same line. */

import { decode, encode } from "../src/cn1/base45";
import { hex } from "../src/cn1/codec";
import { openPack, rootsOf, unhex, type TrustPack } from "../src/cn1/pack";
import { openList, type StatusList } from "../src/cn1/status";
import { verify, type Accepted, type Context, type Rejected } from "../src/cn1/verify";

export interface Case {
  name: string;
  text: string;
  at: number;
  list: string | null;
  /** Of `packs`; without it the document's own. */
  pack?: string;
  window: string;
  audiences: string[];
  challenge: string | null;
  seen: string[];
  use: {
    purchase_fen: number;
    benefit_fen: number;
    card_uses: number;
    uses: number;
    given_fen: number;
    synced_at: number;
    floor_fen: number | null;
    confirmed: boolean;
  } | null;
  says: string;
}

export interface Document {
  now: number;
  roots: Parameters<typeof rootsOf>[0];
  pack: string;
  packs?: Record<string, string>;
  lists: Record<string, string>;
  cases: Case[];
}

export interface Judge {
  pack: TrustPack;
  packs: Map<string, TrustPack>;
  lists: Map<string, StatusList>;
}

export async function judgeOf(document: Omit<Document, "cases">): Promise<Judge> {
  const pack = openPack(unhex(document.pack), rootsOf(document.roots), document.now);
  const lists = new Map<string, StatusList>();
  for (const [name, content] of Object.entries(document.lists)) {
    lists.set(name, await openList(unhex(content), pack.keys));
  }
  const others = Object.entries(document.packs ?? {});
  const packs = new Map(others.map(([name, one]) => [name, openPack(unhex(one), rootsOf(document.roots), document.now)]));
  return { pack, packs, lists };
}

export function answer(judge: Judge, one: Omit<Case, "says" | "name">): string {
  const context: Context = {
    window: one.window === "online" ? "online" : "offline",
    audiences: one.audiences,
    seen: new Set(one.seen),
    ...(one.challenge ? { challenge: unhex(one.challenge) } : {}),
    ...(one.use
      ? {
          use: {
            purchaseFen: one.use.purchase_fen,
            benefitFen: one.use.benefit_fen,
            cardUses: one.use.card_uses,
            uses: one.use.uses,
            givenFen: one.use.given_fen,
            syncedAt: one.use.synced_at,
            confirmed: one.use.confirmed,
            ...(one.use.floor_fen === null ? {} : { floorFen: one.use.floor_fen }),
          },
        }
      : {}),
  };
  const pack = (one.pack === undefined ? undefined : judge.packs.get(one.pack)) ?? judge.pack;
  return says(verify(one.text, pack, one.list === null ? undefined : judge.lists.get(one.list), one.at, context));
}

function says(judged: Accepted | Rejected): string {
  if (judged.outcome !== "accepted") {
    return judged.deltaSeconds === undefined ? judged.outcome : `${judged.outcome} ${judged.deltaSeconds}`;
  }
  const { assurance, index, tier, group, rid, kid, audience, status } = judged;
  return ["accepted", assurance, index, tier, group ?? "-", rid, kid, audience || "-", status].join(" ");
}

/** The planted bug of the unit test: a reader for which CBOR's true is 1, as Python's dicts have it. */
export function withTrueForOne(text: string): string {
  return "CN1:" + encode(unhex(hex(decode(text.slice(4))).replace("a2f5260d", "a201260d")));
}

/** The planted bug of differential fuzzing: what follows the token is not looked at. */
export function withoutLastZero(text: string): string {
  try {
    const token = decode(text.slice(4));
    return token.at(-1) === 0 ? "CN1:" + encode(token.subarray(0, -1)) : text;
  } catch {
    return text;
  }
}
