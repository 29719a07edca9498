/** From the server's answer to what fills the screen: one verb, one number, and why. */

import { problemOf, type Answer } from "../shared/http";
import { yuan } from "../shared/money";

export type Kind = "yes" | "no" | "unknown" | "done";

export interface View {
  kind: Kind;
  /** 收, or the short no. */
  verb: string;
  /** The one number, without its unit; empty where there is none. */
  number: string;
  why: string[];
  /** Below, smaller: who, how sure, which receipt. */
  facts: string[];
  /** Of the redemption, where it can be undone. */
  redemptionId?: string;
}

type Say = (key: string, values?: Record<string, string | number>) => string;

interface Benefit {
  name: string;
  kind: string;
  benefit_fen: number;
}

interface Reason {
  code?: string;
  message: string;
  detail?: { tries_left?: number };
}

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
    const reasons = unique((answer.body.reasons as Reason[] | undefined) ?? []);
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
  const why = [say("was", { amount: yuan(body.amount_fen) })];
  for (const benefit of body.benefits) {
    const borne = benefit.kind === "subsidy" ? "by_union" : "by_merchant";
    why.push(say(borne, { name: benefit.name, amount: yuan(benefit.benefit_fen) }));
  }
  const facts: string[] = [];
  if (body.member) facts.push(say("member", { name: body.member.display }));
  if (body.assurance === "printed") facts.push(say("check_person"));
  facts.push(say("receipt", { number: body.merchant_ref }));
  return { kind: "yes", verb: say("charge"), number: yuan(body.payable_fen), why, facts, redemptionId: body.id };
}

/** The answer to 撤销. */
export function undoneView(answer: Answer, amountFen: number, say: Say): View {
  if (answer.status !== 200 && answer.status !== 201) {
    return { kind: "no", verb: say("not_undone"), number: "", why: [problemOf(answer).title], facts: [] };
  }
  const outcome = String(answer.body.outcome);
  const sentence = outcome === "reversed" ? "undone_why" : "undone_nothing";
  return { kind: "done", verb: say("undone"), number: "", why: [say(sentence)], facts: [say("full_price", { amount: yuan(amountFen) })] };
}

function unique(reasons: Reason[]): string[] {
  return [...new Set(reasons.map((reason) => reason.message))];
}
