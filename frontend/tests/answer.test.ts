import { describe, expect, it } from "vitest";

import type { Answer } from "../src/shared/http";
import { last4Of, last4Question, undoneView, viewOf } from "../src/till/answer";
import { asksAgain } from "../src/till/api";
import { clockOf, shanghaiDay, totalsOf, type Row } from "../src/till/today";

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
      { name: "健康体检补贴", kind: "subsidy", benefit_fen: 10_000 },
      { name: "会员九折", kind: "discount", benefit_fen: 3_000 },
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
      why: ["was 380.00", "by_union 健康体检补贴 100.00", "by_merchant 会员九折 30.00"],
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
    const rows = [row("captured"), row("captured", { payable_fen: 900, subsidy_fen: 0, discount_fen: 100 })];
    const others = ["refused", "reversed", "held", "expired"].map((outcome) => row(outcome));
    expect(totalsOf([...rows, ...others])).toEqual({
      count: 2,
      payable_fen: 28_900,
      subsidy_fen: 10_000,
      discount_fen: 100,
    });
  });

  it("is the Shanghai day wherever the browser stands", () => {
    expect(shanghaiDay(Date.parse("2026-11-24T15:59:59Z"))).toBe("2026-11-24");
    expect(shanghaiDay(Date.parse("2026-11-24T16:00:00Z"))).toBe("2026-11-25");
    expect(clockOf("2026-11-24T10:05:09+08:00")).toBe("10:05");
  });
});
