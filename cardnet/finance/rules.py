"""What a difference, a settlement and a cycle are, and what may follow what. Pure."""

import enum
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cardnet.kernel.errors import Conflict


class DifferenceCode(enum.StrEnum):
    """The classes of differences (finance.md). Stable: stored, exported, and known to other programs."""

    OURS_ONLY = "E01"
    THEIRS_ONLY = "E02"
    TWICE_IN_THEIRS = "E03"
    TWICE_IN_OURS = "E04"
    UNREADABLE = "E05"
    AMOUNT = "E06"
    TYPE = "E07"
    OTHER_DAY = "E08"
    STATE = "E09"
    WRONG_PLACE = "E10"
    OFFLINE_OVER_LIMIT = "E11"
    SEQUENCE_GAP = "E12"
    REFUND_WITHOUT_ORIGINAL = "E13"
    SEVERAL_CANDIDATES = "E14"
    BANK_AMOUNT = "E15"
    PAYOUT_RETURNED = "E16"
    FILE_TOTAL = "E17"
    CLAIM_AMOUNT = "E18"


class DifferenceGroup(enum.StrEnum):
    """The four words people use for the eighteen classes."""

    OURS_ONLY = "ours_only"
    THEIRS_ONLY = "theirs_only"
    AMOUNT = "amount"
    OTHER = "other"


GROUP_WORDS = {
    DifferenceGroup.OURS_ONLY: "我有他无",
    DifferenceGroup.THEIRS_ONLY: "他有我无",
    DifferenceGroup.AMOUNT: "金额不符",
    DifferenceGroup.OTHER: "其他",
}

_GROUPS = {
    DifferenceCode.OURS_ONLY: DifferenceGroup.OURS_ONLY,
    DifferenceCode.THEIRS_ONLY: DifferenceGroup.THEIRS_ONLY,
    DifferenceCode.TWICE_IN_THEIRS: DifferenceGroup.THEIRS_ONLY,
    DifferenceCode.OFFLINE_OVER_LIMIT: DifferenceGroup.THEIRS_ONLY,
    DifferenceCode.SEQUENCE_GAP: DifferenceGroup.THEIRS_ONLY,
    DifferenceCode.AMOUNT: DifferenceGroup.AMOUNT,
}


def group_of(code: DifferenceCode) -> DifferenceGroup:
    """The group a class is shown under."""
    return _GROUPS.get(code, DifferenceGroup.OTHER)


class Mover(enum.StrEnum):
    """Whose move it is."""

    MERCHANT = "merchant"
    FINANCE = "finance"
    OPERATIONS = "operations"
    NOBODY = "nobody"


MOVER_WORDS = {Mover.MERCHANT: "商户", Mover.FINANCE: "财务", Mover.OPERATIONS: "服务中心", Mover.NOBODY: "无需处理"}

MOVER_OF = {
    DifferenceCode.OURS_ONLY: Mover.MERCHANT,
    DifferenceCode.THEIRS_ONLY: Mover.FINANCE,
    DifferenceCode.TWICE_IN_THEIRS: Mover.MERCHANT,
    DifferenceCode.TWICE_IN_OURS: Mover.OPERATIONS,
    DifferenceCode.UNREADABLE: Mover.MERCHANT,
    DifferenceCode.AMOUNT: Mover.FINANCE,
    DifferenceCode.TYPE: Mover.FINANCE,
    DifferenceCode.OTHER_DAY: Mover.NOBODY,
    DifferenceCode.STATE: Mover.MERCHANT,
    DifferenceCode.WRONG_PLACE: Mover.OPERATIONS,
    DifferenceCode.OFFLINE_OVER_LIMIT: Mover.FINANCE,
    DifferenceCode.SEQUENCE_GAP: Mover.MERCHANT,
    DifferenceCode.SEVERAL_CANDIDATES: Mover.FINANCE,
    DifferenceCode.FILE_TOTAL: Mover.MERCHANT,
}

TITLES = {
    DifferenceCode.OURS_ONLY: "我方有、商户没有",
    DifferenceCode.THEIRS_ONLY: "商户有、我方没有",
    DifferenceCode.TWICE_IN_THEIRS: "商户重复记录",
    DifferenceCode.TWICE_IN_OURS: "我方重复记录",
    DifferenceCode.UNREADABLE: "无法识别的行",
    DifferenceCode.AMOUNT: "金额不一致",
    DifferenceCode.TYPE: "类型或正负不一致",
    DifferenceCode.OTHER_DAY: "记在不同的日子",
    DifferenceCode.STATE: "已撤销的一笔商户仍计入",
    DifferenceCode.WRONG_PLACE: "商户或终端不一致",
    DifferenceCode.OFFLINE_OVER_LIMIT: "离线补传没有核销",
    DifferenceCode.SEQUENCE_GAP: "终端还有没上传的离线记录",
    DifferenceCode.SEVERAL_CANDIDATES: "有不止一笔可以对应",
    DifferenceCode.FILE_TOTAL: "文件合计不符",
}

EXPLANATIONS = {
    DifferenceCode.OURS_ONLY: "我方在 %(our_day)s 记有这一笔 %(our_amount)s 元，商户文件里没有。请商户确认是否漏记；确认没有发生的，由我方冲回。",
    DifferenceCode.THEIRS_ONLY: "商户文件第 %(line)s 行有这一笔 %(their_amount)s 元，我方没有记录。先查有没有未上传的离线补传；有凭据才付款。",
    DifferenceCode.TWICE_IN_THEIRS: "商户文件第 %(line)s 行 %(their_amount)s 元与另一行是同一笔，多记了一次。请商户删去重复的一行。",
    DifferenceCode.TWICE_IN_OURS: "我方同一笔记了两次，金额 %(our_amount)s 元。已停止结算这一行，请服务中心查明。",
    DifferenceCode.UNREADABLE: "商户文件第 %(line)s 行“%(column)s”写的是“%(text)s”：%(problem)s",
    DifferenceCode.AMOUNT: "同一笔，我方记 %(our_amount)s 元，商户记 %(their_amount)s 元，商户%(more_or_less)s %(difference)s 元。请财务核对小票后调整。",
    DifferenceCode.TYPE: "同一笔，我方记为%(our_type)s %(our_amount)s 元，商户记为%(their_type)s %(their_amount)s 元。请财务核对。",
    DifferenceCode.OTHER_DAY: "同一笔 %(our_amount)s 元，我方记在 %(our_day)s，商户记在 %(their_day)s：跨日记账，金额一致，次日自动消除。",
    DifferenceCode.STATE: "这一笔 %(our_amount)s 元我方已%(our_type)s，商户文件里还算着原来的核销。请商户把它去掉。",
    DifferenceCode.WRONG_PLACE: "商户文件第 %(line)s 行这一笔不属于这家商户或这台终端。请服务中心查明在哪里核销的。",
    DifferenceCode.OFFLINE_OVER_LIMIT: "商户文件第 %(line)s 行 %(their_amount)s 元是终端 %(offline_terminal)s 断网时办理的，补传后没有核销（%(offline_why)s）。请财务按承担规则处理：没有核定的先核定。",
    DifferenceCode.SEQUENCE_GAP: "商户文件第 %(line)s 行 %(their_amount)s 元在终端 %(offline_terminal)s 缺少的离线记录（序号 %(offline_first)s 至 %(offline_last)s）那段时间。请商户让终端联网补传。",
    DifferenceCode.SEVERAL_CANDIDATES: "我方 %(of_ours)s 笔与商户 %(of_theirs)s 笔都可能对应，系统不替人选择。请财务写明理由后指定。",
    DifferenceCode.FILE_TOTAL: "商户文件写明合计%(declared)s，逐行相加是%(counted)s。文件不予采用，请商户核对后重新发送。",
}
"""Why, and what to do, in one or two sentences; the page translates them, the CLI prints them."""

UNREAD_EXPLANATION = "我方在 %(our_day)s 记有这一笔 %(our_amount)s 元；商户文件第 %(unread_line)s 行写着这个单号，但那一行无法识别。请商户改好那一行重新发送，这一笔会随之核对。"
"""The same for an E01 whose number stands on a line that could not be read (E05)."""

DOUBTED_FROM_LINES = 5
"""A file with fewer lines of the period is never doubted for agreeing with nothing: one odd line is a difference."""


class Doubt(enum.StrEnum):
    """Why a file may not be what was asked for."""

    PERIOD = "period"
    STRANGE = "strange"
    WORSE = "worse"


DOUBT_WORDS = {
    Doubt.PERIOD: "文件的日期是 %(first)s 至 %(last)s，与所选期间不符：没有一行在这段日期内。请核对日期，或确认仍按这段日期核对。",
    Doubt.STRANGE: "文件里这段日期的 %(lines)s 行，只有 %(known)s 行与我方对得上：可能选错了商户，或者是别的日期的文件。请核对，或确认仍要核对。",
    Doubt.WORSE: "这段日期已经核对过，那一次有 %(before)s 行与我方对得上，这个文件只有 %(known)s 行：用它会取代原来的结果。请核对商户和日期，或确认仍要核对。",
}
"""Said before anything is stored; the page translates them."""


def doubt_of(lines: int, known: int, outside: int, before: int = 0) -> Doubt | None:
    """Whether a file looks like another merchant's or another period's.

    `lines` of the period that could be read, `known` of them that have a counterpart of ours, and `outside` lines of
    other days; `before`: the known lines of the runs whose place it would take.
    """
    if not lines and outside:
        return Doubt.PERIOD
    if lines >= DOUBTED_FROM_LINES and known * 10 <= lines:
        return Doubt.STRANGE
    return Doubt.WORSE if known * 10 <= before and before else None


MORE, LESS = "多", "少"
TYPE_WORDS = {"capture": "核销", "reversal": "撤销", "refund": "退款", "back": "撤销或退款"}


class ExceptionState(enum.StrEnum):
    """Where an exception stands. `closed` with a `Resolution` for its closing words: by people, else by itself."""

    OPEN = "open"
    ASSIGNED = "assigned"
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    POSTED = "posted"
    CLOSED = "closed"
    REOPENED = "reopened"


EXCEPTION_WORDS = {
    ExceptionState.OPEN: "待处理",
    ExceptionState.ASSIGNED: "处理中",
    ExceptionState.PROPOSED: "待复核",
    ExceptionState.APPROVED: "已复核",
    ExceptionState.REJECTED: "复核退回",
    ExceptionState.POSTED: "已入账",
    ExceptionState.CLOSED: "已消除",
    ExceptionState.REOPENED: "重新打开",
}

_EXCEPTION_AFTER = {
    ExceptionState.OPEN: {ExceptionState.ASSIGNED, ExceptionState.CLOSED},
    ExceptionState.ASSIGNED: {ExceptionState.PROPOSED, ExceptionState.CLOSED},
    ExceptionState.PROPOSED: {ExceptionState.APPROVED, ExceptionState.REJECTED, ExceptionState.CLOSED},
    ExceptionState.REJECTED: {ExceptionState.ASSIGNED, ExceptionState.CLOSED},
    # Nothing is posted where nothing moves.
    ExceptionState.APPROVED: {ExceptionState.POSTED, ExceptionState.CLOSED},
    ExceptionState.POSTED: {ExceptionState.CLOSED},
    ExceptionState.CLOSED: {ExceptionState.REOPENED},
    ExceptionState.REOPENED: {ExceptionState.ASSIGNED, ExceptionState.CLOSED},
}


def next_exception_state(now: ExceptionState, wanted: ExceptionState) -> ExceptionState:
    """`wanted`, when it may follow `now`. Raises Conflict("illegal_transition")."""
    if wanted not in _EXCEPTION_AFTER[now]:
        word = EXCEPTION_WORDS
        raise Conflict("illegal_transition", f"差异现在是“{word[now]}”，不能变为“{word[wanted]}”，请刷新后再看。")
    return wanted


class Resolution(enum.StrEnum):
    """How a difference is settled without moving money here."""

    MERCHANT_CORRECTS = "merchant_corrects"
    DONE_ELSEWHERE = "done_elsewhere"
    EXPLAINED = "explained"


def closed_by_people(closing_words: str | None) -> bool:
    """Whether a closed exception has a conclusion of two people; a later day or run leaves other words."""
    return closing_words in list(Resolution)


class ClearingStep(enum.StrEnum):
    """What people do about a difference."""

    NOTE = "note"
    PROPOSE = "propose"
    APPROVE = "approve"
    RETURN = "return"
    REOPEN = "reopen"


_ON_THE_WAY = {
    ClearingStep.NOTE: (ExceptionState.ASSIGNED,),
    ClearingStep.PROPOSE: (ExceptionState.ASSIGNED, ExceptionState.PROPOSED),
    ClearingStep.APPROVE: (ExceptionState.APPROVED, ExceptionState.CLOSED),
    ClearingStep.RETURN: (ExceptionState.REJECTED,),
    ClearingStep.REOPEN: (ExceptionState.REOPENED,),
}


def after_clearing(now: ExceptionState, step: ClearingStep) -> ExceptionState:
    """Where a step leads; a note leaves all as it is, so what is noted may still clear by itself.

    Raises Conflict("illegal_transition").
    """
    if step is ClearingStep.NOTE and now is not ExceptionState.CLOSED:
        return now
    state = now
    for wanted in _ON_THE_WAY[step]:
        if (state, wanted) != (ExceptionState.ASSIGNED, ExceptionState.ASSIGNED):
            state = next_exception_state(state, wanted)
    return state


class SettlementState(enum.StrEnum):
    """How far a settlement has come. Its lines and totals are final from `sealed` on."""

    SEALED = "sealed"
    CONFIRMED = "confirmed"
    INVOICED = "invoiced"
    APPROVED = "approved"
    PAYING = "paying"
    PAYOUT_FAILED = "payout_failed"
    PAID = "paid"
    RETURNED = "returned"
    FILED = "filed"


STATE_WORDS = {
    SettlementState.SEALED: "待商户确认",
    SettlementState.CONFIRMED: "商户已确认",
    SettlementState.INVOICED: "已开票",
    SettlementState.APPROVED: "已审批",
    SettlementState.PAYING: "付款中",
    SettlementState.PAYOUT_FAILED: "付款失败",
    SettlementState.PAID: "已付款",
    SettlementState.RETURNED: "银行退回",
    SettlementState.FILED: "已归档",
}

_SETTLEMENT_AFTER = {
    SettlementState.SEALED: {SettlementState.CONFIRMED},
    SettlementState.CONFIRMED: {SettlementState.INVOICED},
    SettlementState.INVOICED: {SettlementState.APPROVED},
    SettlementState.APPROVED: {SettlementState.PAYING},
    SettlementState.PAYING: {SettlementState.PAID, SettlementState.PAYOUT_FAILED, SettlementState.RETURNED},
    SettlementState.PAYOUT_FAILED: {SettlementState.PAYING},
    SettlementState.RETURNED: {SettlementState.PAYING},
    SettlementState.PAID: {SettlementState.FILED, SettlementState.RETURNED},
    SettlementState.FILED: set(),
}


def next_settlement_state(now: SettlementState, wanted: SettlementState) -> SettlementState:
    """`wanted`, when it may follow `now`. Raises Conflict("illegal_transition")."""
    if wanted not in _SETTLEMENT_AFTER[now]:
        raise Conflict(
            "illegal_transition", f"结算单现在是“{STATE_WORDS[now]}”，不能变为“{STATE_WORDS[wanted]}”，请刷新后再看。"
        )
    return wanted


CARRY_OVER_BELOW_FEN = 10_000
"""A cycle that comes to less than 100 yuan is settled with the next one."""


def cycle_ends_with(cycle: str, day: date) -> bool:
    """Whether `day` is the last of a settlement cycle: every day, a Sunday, or the last of a month."""
    match cycle:
        case "daily":
            return True
        case "weekly":
            return day.isoweekday() == 7
        case _:
            return (day + timedelta(days=1)).day == 1


def cycle_end(cycle: str, day: date) -> date:
    """The last day of the settlement cycle that `day` is in."""
    while not cycle_ends_with(cycle, day):
        day += timedelta(days=1)
    return day


class CarryReason(enum.StrEnum):
    """Why a merchant with movements got no settlement now."""

    CYCLE_NOT_OVER = "cycle_not_over"
    BELOW_MINIMUM = "below_minimum"
    NEGATIVE = "negative"


CARRY_WORDS = {
    CarryReason.CYCLE_NOT_OVER: "结算周期还没有结束",
    CarryReason.BELOW_MINIMUM: "不足 100 元，并入下期",
    CarryReason.NEGATIVE: "净额为负，转入下期抵扣",
}


def carry_reason(cycle: str, day: date, net_fen: int, *, everyone: bool) -> CarryReason | None:
    """Why this merchant is not settled with `day`; None: settle it. `everyone` asks for all, whatever cycle or amount."""
    if net_fen < 0:
        return CarryReason.NEGATIVE
    if everyone:
        return None
    if not cycle_ends_with(cycle, day):
        return CarryReason.CYCLE_NOT_OVER
    return CarryReason.BELOW_MINIMUM if net_fen < CARRY_OVER_BELOW_FEN else None


class HoldReason(enum.StrEnum):
    """Why a movement is kept out of settlement."""

    FRAUD_FLAG = "fraud_flag"
    MEMBER_DENIES = "member_denies"
    DISPUTED = "disputed"
    EVIDENCE_MISSING = "evidence_missing"


@dataclass(frozen=True)
class StatementLine:
    """One line of a settlement, as the merchant reads it. Amounts in fen; `net_fen` counts with its sign."""

    line_no: int
    redemption_id: uuid.UUID
    merchant_ref: str | None
    store: str
    terminal: str
    type: str
    business_date: date
    occurred_at: str
    gross_fen: int
    discount_fen: int
    union_fen: int
    net_fen: int
    original_redemption_id: uuid.UUID | None


@dataclass(frozen=True)
class Totals:
    """What the lines of a settlement come to, in fen; all but `net_fen` without sign."""

    lines: int
    captured_fen: int
    reversed_fen: int
    refunded_fen: int
    net_fen: int
    gross_fen: int
    discount_fen: int


def totals_of(lines: Sequence[StatementLine]) -> Totals:
    """Add up. Gross and discount are those of the captures: what was sold, and what the merchant gave."""
    by_type = {"capture": 0, "reversal": 0, "refund": 0}
    for line in lines:
        by_type[line.type] += line.union_fen
    captures = [line for line in lines if line.type == "capture"]
    return Totals(
        len(lines),
        by_type["capture"],
        by_type["reversal"],
        by_type["refund"],
        sum(line.net_fen for line in lines),
        sum(line.gross_fen for line in captures),
        sum(line.discount_fen for line in captures),
    )


def net_of(kind: str, union_fen: int) -> int:
    """What one line adds to what the union owes: a capture adds, a reversal or refund takes away."""
    return union_fen if kind == "capture" else -union_fen


AGES = ((1, "0–1 天"), (3, "2–3 天"), (7, "4–7 天"), (30, "8–30 天"))


def age_words(opened: date, on: date) -> str:
    """The bucket of the ageing list an exception is in."""
    days = (on - opened).days
    return next((words for limit, words in AGES if days <= limit), "30 天以上")
