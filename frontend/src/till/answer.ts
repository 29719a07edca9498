/** From the server's answer to what fills the screen: one verb, one number, and why. */

import { problemOf, type Answer } from "../shared/http";
import { yuan } from "../shared/money";

export type Kind = "yes" | "no" | "choice" | "unknown" | "done";

/** What the cashier may do about an amber answer; the first is the likeliest. */
export interface Choice {
  act: string;
  label: string;
}

export interface View {
  kind: Kind;
  /** 收, or the short no. */
  verb: string;
  /** The one number, without its unit; empty where there is none. */
  number: string;
  /** 元, unless the number is none of money. */
  unit?: string;
  why: string[];
  /** Below, smaller: who, how sure, which receipt. */
  facts: string[];
  /** Of the redemption, where it can be undone. */
  redemptionId?: string;
  /** Of the record, where it was made without the network and can be undone. */
  queuedId?: string;
  choices?: Choice[];
  /** A square the member's phone is to read. */
  square?: string;
  /** The next code is for the same sale: price, service and receipt stay. */
  sameSale?: boolean;
}

export type Say = (key: string, values?: Record<string, string | number>) => string;

export interface Benefit {
  name: string;
  benefit_fen: number;
  union_fen: number;
  merchant_fen: number;
}

interface Reason {
  code?: string;
  message: string;
  detail?: { tries_left?: number };
}

/** What the next code would mend: nothing is wrong with card, member or purchase. */
const FRESH_CODE_HELPS = new Set(["malformed", "replayed", "stale_proof", "future_proof", "wrong_audience", "wrong_challenge"]);
/** What phone or till mend by going online once; then the next code is good. */
const NETWORK_HELPS = new Set(["expired_credential", "revoked_key", "unsupported_version"]);

const LAST4 = /^[0-9A-Z]{4}$/;

/** What to ask the member of a printed card, in the server's words; undefined when asking would not help. */
export function last4Question(answer: Answer): string | undefined {
  if (problemOf(answer).code !== "refused") return undefined;
  const reasons = (answer.body.reasons as Reason[] | undefined) ?? [];
  const asked = reasons.find((reason) => reason.code === "confirm_required");
  return asked && asked.detail?.tries_left !== 0 ? asked.message : undefined;
}

/** The last four as typed on whatever keyboard; undefined when they cannot be it. */
export function last4Of(text: string): string | undefined {
  const typed = text.normalize("NFKC").replace(/\s/g, "").toUpperCase();
  return LAST4.test(typed) ? typed : undefined;
}

/** The answer to a redemption. */
export function viewOf(answer: Answer, amountFen: number, say: Say): View {
  if (answer.status === 201 || answer.status === 200) return approved(answer, say);
  const problem = problemOf(answer);
  if (problem.code === "refused") {
    const given = (answer.body.reasons as Reason[] | undefined) ?? [];
    const reasons = unique(given);
    const help = nextCodeHelps(given.map((reason) => reason.code));
    if (help) return freshCodeView(help, reasons, amountFen, say);
    return {
      kind: "no",
      verb: say("refused"),
      number: "",
      why: reasons.length > 0 ? reasons : [problem.title],
      facts: [say("full_price", { amount: yuan(amountFen) })],
    };
  }
  return { kind: "no", verb: say("not_done"), number: "", why: [problem.title || say("server_trouble")], facts: [] };
}

/** What would mend every one of these reasons: the next code, or a network and then the next code. */
export function nextCodeHelps(codes: readonly (string | undefined)[]): "code" | "network" | undefined {
  const helps = (code = ""): boolean => FRESH_CODE_HELPS.has(code) || NETWORK_HELPS.has(code);
  if (codes.length === 0 || !codes.every(helps)) return undefined;
  return codes.some((code = "") => NETWORK_HELPS.has(code)) ? "network" : "code";
}

/** This code is over, the sale is not: nobody is sent away at the full price for a code that was shown too late. */
export function freshCodeView(help: "code" | "network", reasons: string[], amountFen: number, say: Say): View {
  return {
    kind: "choice",
    verb: help === "network" ? say("network_first") : say("fresh_code"),
    number: "",
    why: [...reasons, say("fresh_code_how")],
    facts: [],
    choices: [
      { act: "scan", label: say("choose_scan_again") },
      { act: "next", label: say("choose_no_benefit", { amount: yuan(amountFen) }) },
    ],
    sameSale: true,
  };
}

function approved(answer: Answer, say: Say): View {
  const body = answer.body as {
    id: string;
    amount_fen: number;
    payable_fen: number;
    benefits: Benefit[];
    member: { display: string } | null;
    assurance: string | null;
    merchant_ref: string;
  };
  const why = whyOf(body.amount_fen, body.benefits, say);
  const facts: string[] = [];
  if (body.member) facts.push(say("member", { name: body.member.display }));
  if (body.assurance === "printed") facts.push(say("check_person"));
  facts.push(say("receipt", { number: body.merchant_ref }));
  return { kind: "yes", verb: say("charge"), number: yuan(body.payable_fen), why, facts, redemptionId: body.id };
}

/** The price, what each benefit takes off it, and who bears that. */
export function whyOf(amountFen: number, benefits: readonly Benefit[], say: Say): string[] {
  const taken = benefits.map(({ name, union_fen, merchant_fen }) => {
    if (union_fen > 0 && merchant_fen > 0) return say("by_both", { name, merchant: yuan(merchant_fen), union: yuan(union_fen) });
    return say(merchant_fen > 0 ? "by_merchant" : "by_union", { name, amount: yuan(merchant_fen + union_fen) });
  });
  return [say("was", { amount: yuan(amountFen) }), ...taken];
}

/** The answer to 退款; `backFen` is what the drawer gives back, where the till knows it. */
export function refundedView(answer: Answer, backFen: number | undefined, say: Say): View {
  if (answer.status !== 201) {
    return { kind: "no", verb: say("not_refunded"), number: "", why: [problemOf(answer).title], facts: [] };
  }
  const { benefit_fen: fen, use_returned: returned } = answer.body as { benefit_fen: number; use_returned: boolean };
  const why = [say("refunded_why", { amount: yuan(fen) }), ...(returned ? [say("use_returned")] : [])];
  if (backFen === undefined) return { kind: "done", verb: say("refunded"), number: "", why, facts: [] };
  return { kind: "done", verb: say("give_back"), number: yuan(backFen), why, facts: [] };
}

/** The answer to 撤销. */
export function undoneView(answer: Answer, amountFen: number, say: Say): View {
  if (answer.status !== 200 && answer.status !== 201) {
    return { kind: "no", verb: say("not_undone"), number: "", why: [problemOf(answer).title], facts: [] };
  }
  const outcome = String(answer.body.outcome);
  const sentence = outcome === "reversed" || outcome === "withdrawn" ? "undone_why" : "undone_nothing";
  return { kind: "done", verb: say("undone"), number: "", why: [say(sentence)], facts: [say("full_price", { amount: yuan(amountFen) })] };
}

function unique(reasons: Reason[]): string[] {
  return [...new Set(reasons.map((reason) => reason.message))];
}
