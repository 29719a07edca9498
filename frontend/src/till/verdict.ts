/** What the till says when it decided alone, or before it asked: the same verb, number and why as the server's answer. */

import type { Outcome } from "../cn1/verify";
import { yuan } from "../shared/money";
import type { OnlineBecause } from "./alone";
import { freshCodeView, nextCodeHelps, whyOf, type Choice, type Say, type View } from "./answer";
import type { Given, NoneBecause } from "./offers";

/** Given without the network. */
export function givenView(given: Given, amountFen: number, facts: { id: string; reference: string; printed: boolean }, say: Say): View {
  const benefits = given.parts.map((part) => ({
    ...{ name: part.name, benefit_fen: part.fen },
    ...{ merchant_fen: part.merchantFen, union_fen: part.fen - part.merchantFen },
  }));
  return {
    kind: "yes",
    verb: say("charge"),
    number: yuan(amountFen - given.fen),
    why: whyOf(amountFen, benefits, say),
    facts: [say("offline_kept"), ...(facts.printed ? [say("check_person")] : []), say("receipt", { number: facts.reference })],
    queuedId: facts.id,
  };
}

/** What the till knows besides: when it saw this very code, how old the code was (seconds; below nought, ahead). */
export interface Known {
  usedAt?: string;
  deltaSeconds?: number;
}

function codeWhy(outcome: Outcome, { usedAt, deltaSeconds }: Known, say: Say): string {
  if (outcome === "replayed") return say("code_replayed_at", { time: usedAt ?? "" });
  if (deltaSeconds === undefined) return say(`code_${outcome}`);
  const minutes = Math.floor(Math.abs(deltaSeconds) / 60);
  const span = minutes < 120 ? say("span_minutes", { count: minutes }) : say("span_hours", { count: Math.floor(minutes / 60) });
  return outcome === "stale_proof" ? say("code_stale_by", { span }) : say("code_future_by", { span });
}

/** The code or the card says no, whoever is asked; unless the next code would do. */
export function refusedView(outcome: Outcome, amountFen: number, known: Known, say: Say): View {
  const why = codeWhy(outcome, known, say);
  const help = nextCodeHelps([outcome]);
  if (help) return freshCodeView(help, [why], amountFen, say);
  return {
    kind: "no",
    verb: say("refused"),
    number: "",
    why: [why],
    facts: [say("full_price", { amount: yuan(amountFen) })],
  };
}

/** Without the network nothing applies to this purchase; that is no refusal, since the server may know more. */
export function nothingView(because: NoneBecause, amountFen: number, say: Say): View {
  const here = because === "provider_not_in_program";
  return waitView([say(`none_${because}`), here ? say("offline_retry") : say("offline_maybe_more")], amountFen, say, []);
}

/** Only the server may decide: the full price now, or wait. */
export function onlineView(
  because: OnlineBecause,
  amountFen: number,
  limitFen: number | undefined,
  say: Say,
  bindable = false,
): View {
  const limit = limitFen === undefined ? {} : { limit: yuan(limitFen) };
  const bind = bindable ? [{ act: "bind", label: say("choose_bind") }] : [];
  return waitView([say("offline_full_price"), say(`online_${because}`, limit)], amountFen, say, bind);
}

/** Nobody has said no: without a network this till cannot say yes. What to charge stands where it is chosen. */
function waitView(why: string[], amountFen: number, say: Say, first: Choice[]): View {
  return {
    kind: "choice",
    verb: say("offline_verb"),
    number: "",
    why,
    facts: [],
    choices: [
      ...first,
      { act: "next", label: say("choose_full_price", { amount: yuan(amountFen) }) },
      { act: "back", label: say("choose_wait") },
    ],
  };
}

/** Above the floor the phone signs the amount: it opens this square, the member agrees, and shows the next code. */
export function boundView(square: string, amountFen: number, say: Say): View {
  return {
    kind: "choice",
    verb: say("bound_verb"),
    number: "",
    why: [say("bound_how", { amount: yuan(amountFen) })],
    facts: [say("bound_where")],
    square,
    choices: [
      { act: "scan", label: say("choose_bound_scan") },
      { act: "next", label: say("choose_no_benefit", { amount: yuan(amountFen) }) },
    ],
    sameSale: true,
  };
}

/** The clock of the phone is off: four digits bind the next code to this moment. */
export function challengeView(digits: string, wrong: boolean, amountFen: number, say: Say): View {
  return {
    kind: "choice",
    verb: say("challenge_verb"),
    number: digits,
    unit: "",
    why: [say(wrong ? "challenge_wrong" : "challenge_why"), say("challenge_how")],
    facts: [],
    choices: [
      { act: "scan", label: say("choose_scan") },
      { act: "next", label: say("choose_no_benefit", { amount: yuan(amountFen) }) },
    ],
    sameSale: true,
  };
}

/** A request nobody waits for any more; `amountFen` where the full price is to be charged now. */
export function postponedView(amountFen: number | undefined, say: Say): View {
  return {
    kind: "done",
    verb: say("postponed_verb"),
    number: "",
    why: [say("postponed_why")],
    facts: amountFen === undefined ? [] : [say("full_price", { amount: yuan(amountFen) })],
  };
}
