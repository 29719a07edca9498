import { describe, expect, it } from "vitest";

import type { Answer } from "../src/shared/http";
import { last4Of, last4Question, undoneView, viewOf } from "../src/till/answer";
import { asksAgain } from "../src/till/api";
import { clockOf, shanghaiDay, totalsOf, type Row } from "../src/till/today";
import type { Outcome } from "../src/cn1/verify";
import { nothingView, onlineView, refusedView, type Known } from "../src/till/verdict";

/** Sentences as their keys and values, so that the test is about which is said. */
const say = (key: string, values: Record<string, string | number> = {}): string =>
  [key, ...Object.values(values)].join(" ");

const CAPTURED: Answer = {
  status: 201,
  body: {
    id: "0199",
    outcome: "captured",
    merchant_ref: "R-0001",
    amount_fen: 38_000,
    payable_fen: 25_000,
    benefits: [
      { name: "健康体检补贴", benefit_fen: 10_000, union_fen: 10_000, merchant_fen: 0 },
      { name: "满100减20", benefit_fen: 2_000, union_fen: 600, merchant_fen: 1_400 },
      { name: "会员折扣", benefit_fen: 1_000, union_fen: 0, merchant_fen: 1_000 },
    ],
    member: { display: "王*" },
    assurance: "device",
  },
};

describe("the till's answer", () => {
  it("is one verb and one number, and below it why", () => {
    expect(viewOf(CAPTURED, 38_000, say)).toEqual({
      kind: "yes",
      verb: "charge",
      number: "250.00",
      why: ["was 380.00", "by_union 健康体检补贴 100.00", "by_both 满100减20 14.00 6.00", "by_merchant 会员折扣 10.00"],
      facts: ["member 王*", "receipt R-0001"],
      redemptionId: "0199",
    });
  });

  it("asks to look at the person behind a printed card", () => {
    const printed = { ...CAPTURED, body: { ...CAPTURED.body, assurance: "printed" } };
    expect(viewOf(printed, 38_000, say).facts).toContain("check_person");
  });

  it("is a no with every reason once, and what to charge all the same", () => {
    const refused: Answer = {
      status: 422,
      body: { code: "refused", title: "本次不能享受", reasons: [{ message: "今年已用过。" }, { message: "今年已用过。" }] },
    };
    const view = viewOf(refused, 38_000, say);
    expect(view.kind).toBe("no");
    expect(view.why).toEqual(["今年已用过。"]);
    expect(view.facts).toEqual(["full_price 380.00"]);
    expect(view.redemptionId).toBeUndefined();
  });

  it.each([
    ...["malformed", "replayed", "stale_proof", "future_proof", "wrong_audience", "wrong_challenge"].map((code) => [code, "fresh_code"]),
    ...["expired_credential", "revoked_key", "unsupported_version"].map((code) => [code, "network_first"]),
  ])(
    "keeps the sale for the next code when this one is %s: nobody pays the full price for that",
    (code = "", verb) => {
      const refused = (...codes: string[]): Answer => ({
        status: 422,
        body: { code: "refused", reasons: codes.map((one) => ({ code: one, message: one })) },
      });
      const view = viewOf(refused(code), 38_000, say);
      expect(view).toMatchObject({ kind: "choice", verb, sameSale: true, facts: [] });
      expect(view.why).toEqual([code, "fresh_code_how"]);
      expect(view.choices?.map(({ act, label }) => [act, label])).toEqual([
        ["scan", "choose_scan_again"],
        ["next", "choose_no_benefit 380.00"],
      ]);
      expect(viewOf(refused(code, "revoked"), 38_000, say).kind).toBe("no");
    },
  );

  it("is no refusal of the member where only the network is missing", () => {
    const views = [
      nothingView("provider_not_in_program", 38_000, say),
      nothingView("below_min_spend", 38_000, say),
      onlineView("floor", 38_000, 5_000, say),
    ];
    for (const view of views) {
      expect(view).toMatchObject({ kind: "choice", verb: "offline_verb", number: "", facts: [] });
      expect(view.choices?.map(({ label }) => label)).toEqual(["choose_full_price 380.00", "choose_wait"]);
    }
    expect(views[0]!.why).toEqual(["none_provider_not_in_program", "offline_retry"]);
    expect(refusedView("revoked", 38_000, {}, say).kind).toBe("no");
  });

  it("says when a code was used, and by how much it is of another time", () => {
    const why = (...[outcome, known]: [Outcome, Known]) => refusedView(outcome, 100, known, say).why[0];
    expect(why("replayed", { usedAt: "10:00" })).toBe("code_replayed_at 10:00");
    expect(why("stale_proof", { deltaSeconds: 601 })).toBe("code_stale_by span_minutes 10");
    expect(why("stale_proof", { deltaSeconds: 7_200 })).toBe("code_stale_by span_hours 2");
    expect(why("future_proof", { deltaSeconds: -660 })).toBe("code_future_by span_minutes 11");
  });

  it("asks for the last four of a printed card's holder, in the server's words, while there are tries", () => {
    const asked = (detail: object): Answer => ({
      status: 422,
      body: { code: "refused", reasons: [{ code: "confirm_required", message: "请输入会员证件后四位。", detail }] },
    });
    expect(last4Question(asked({}))).toBe("请输入会员证件后四位。");
    expect(last4Question(asked({ tries_left: 1 }))).toBe("请输入会员证件后四位。");
    expect(last4Question(asked({ tries_left: 0 }))).toBeUndefined();
    expect(viewOf(asked({ tries_left: 0 }), 100, say).why).toEqual(["请输入会员证件后四位。"]);
  });

  it("asks for nothing when something else is the matter", () => {
    const other: Answer = { status: 422, body: { code: "refused", reasons: [{ code: "limit_exceeded", message: "" }] } };
    expect(last4Question(other)).toBeUndefined();
    expect(last4Question(CAPTURED)).toBeUndefined();
    expect(last4Question({ status: 503, body: {} })).toBeUndefined();
  });

  it.each([
    ["1234", "1234"],
    [" 12 3x ", "123X"],
    ["１２３Ｘ", "123X"],
    ["123", undefined],
    ["12345", undefined],
    ["12-4", undefined],
    ["", undefined],
  ])("reads %j as the last four %j", (typed, read) => {
    expect(last4Of(typed)).toBe(read);
  });

  it("is a no in the server's words when the request itself was wrong", () => {
    const problem: Answer = { status: 409, body: { code: "duplicate_merchant_reference", title: "小票号已用过。" } };
    expect(viewOf(problem, 100, say)).toMatchObject({ kind: "no", verb: "not_done", why: ["小票号已用过。"] });
  });

  it("tells a reversal from nothing to reverse", () => {
    const undone = (outcome: string): string[] => undoneView({ status: 200, body: { outcome } }, 100, say).why;
    expect(undone("reversed")).toEqual(["undone_why"]);
    expect(undone("tombstoned")).toEqual(["undone_nothing"]);
    expect(undone("nothing_to_reverse")).toEqual(["undone_nothing"]);
    const late = { status: 409, body: { code: "day_closed", title: "业务日已日结。" } };
    expect(undoneView(late, 100, say)).toMatchObject({ kind: "no", why: ["业务日已日结。"] });
  });
});

describe("asking again", () => {
  it("goes on while the outcome is open, and stops at any answer that settles it", () => {
    const answer = (status: number, retry: string): Answer => ({ status, body: { retry } });
    for (const open of [answer(503, "same_key"), answer(409, "same_key"), answer(500, "same_key"), answer(429, "after")]) {
      expect(asksAgain(open)).toBe(true);
    }
    for (const settled of [answer(201, ""), answer(422, "new_key"), answer(409, "never"), answer(401, "never")]) {
      expect(asksAgain(settled)).toBe(false);
    }
  });
});

describe("today", () => {
  const row = (outcome: string, more: Partial<Row> = {}): Row => ({
    id: "1",
    outcome,
    event_at: "2026-11-24T10:05:09+08:00",
    merchant_ref: null,
    amount_fen: 38_000,
    discount_fen: 0,
    subsidy_fen: 10_000,
    payable_fen: 28_000,
    ...more,
  });

  it("adds up only what stands", () => {
    const shared = { payable_fen: 1_800, subsidy_fen: 0, discount_fen: 2_000, union_fen: 600 };
    const rows = [row("captured"), row("captured", shared)];
    const others = ["refused", "reversed", "held", "expired"].map((outcome) => row(outcome));
    expect(totalsOf([...rows, ...others])).toEqual({
      count: 2,
      payable_fen: 29_800,
      union_fen: 10_600,
      merchant_fen: 1_400,
      estimated: false,
    });
  });

  it("takes off what was given back of a sale that stands in part", () => {
    const shared = { payable_fen: 10_345, subsidy_fen: 0, discount_fen: 2_000, union_fen: 600 };
    const partly = row("partly_refunded", { ...shared, refunded_fen: 540, refunded_union_fen: 162 });
    // Given back elsewhere: 540 of a benefit of 2,000 went with 27 per cent of what was paid.
    const shares = { count: 2, union_fen: 1_038, merchant_fen: 2_422 };
    const elsewhere = { ...shares, payable_fen: 10_345 + 10_345 - 2_793, estimated: true };
    expect(totalsOf([row("captured", shared), partly])).toEqual(elsewhere);
    // Given back at this till, which knows to the fen what left the drawer.
    const rows = [row("captured", { ...shared, id: "2" }), partly];
    const here = { ...shares, payable_fen: 10_345 + 10_345 - 2_800, estimated: false };
    expect(totalsOf(rows, [{ id: "1", fen: 2_800, benefitFen: 540 }])).toEqual(here);
    expect(totalsOf(rows, [{ id: "1", fen: 2_800 }])).toEqual(here);
    // Partly here and partly elsewhere: 340 of 2,000 are 17 per cent of what was paid.
    expect(totalsOf(rows, [{ id: "1", fen: 1_000, benefitFen: 200 }])).toEqual({
      ...shares, payable_fen: 10_345 + 10_345 - 1_000 - 1_759, estimated: true,
    });
    // The list is from before the refund was told: what left the drawer left it all the same.
    expect(totalsOf([row("captured", shared)], [{ id: "1", fen: 2_800, benefitFen: 540 }]).payable_fen).toBe(10_345 - 2_800);
  });

  it("is the Shanghai day wherever the browser stands", () => {
    expect(shanghaiDay(Date.parse("2026-11-24T15:59:59Z"))).toBe("2026-11-24");
    expect(shanghaiDay(Date.parse("2026-11-24T16:00:00Z"))).toBe("2026-11-25");
    expect(clockOf("2026-11-24T10:05:09+08:00")).toBe("10:05");
  });
});
