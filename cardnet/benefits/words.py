"""Names of benefits' kinds and states: stored, sent and shown, so they never change."""

import enum


class ProgramKind(enum.StrEnum):
    """What a program is (项目类别)."""

    DISCOUNT = "discount"
    SUBSIDY = "subsidy"
    SERVICE_TICKET = "service_ticket"
    INSURANCE = "insurance"
    CONTRIBUTORY = "contributory"
    MUTUAL_AID = "mutual_aid"
    CONDOLENCE = "condolence"
    RECUPERATION = "recuperation"


class Operator(enum.StrEnum):
    """Who decides: the union itself, or a society outside it."""

    SELF = "self"
    EXTERNAL = "external"


class VersionBasis(enum.StrEnum):
    """Which day picks the rule version."""

    EVENT_DATE = "event_date"
    SUBMISSION_DATE = "submission_date"


class RuleState(enum.StrEnum):
    """`draft → in_review → approved → retired`, `in_review → draft`."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    RETIRED = "retired"


class RedemptionState(enum.StrEnum):
    """`held → captured | reversed | expired`; `captured → reversed | partly_refunded → refunded`; `refused` is final."""

    HELD = "held"
    CAPTURED = "captured"
    REVERSED = "reversed"
    EXPIRED = "expired"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    REFUSED = "refused"


class RefundKind(enum.StrEnum):
    """`reversal`: whole, same open business day. `release`: of a hold. `refund`: part or all, any time."""

    REVERSAL = "reversal"
    RELEASE = "release"
    REFUND = "refund"


class AdviceOutcome(enum.StrEnum):
    """What became of a till's report. `captured_with_exception`: the union bears it; `refused_advice`: the merchant does."""

    CAPTURED = "captured"
    CAPTURED_WITH_EXCEPTION = "captured_with_exception"
    REFUSED = "refused_advice"
    DUPLICATE = "duplicate"
    REPLAYED = "replayed"
    HELD_FOR_REVIEW = "held_for_review"


class ReviewKind(enum.StrEnum):
    """What a person decides of a record held for review; `withdraw`: the till itself undid the sale."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


class ReviewState(enum.StrEnum):
    """`proposed → done | declined`; a refusal or a withdrawal is done at once."""

    PROPOSED = "proposed"
    DONE = "done"
    DECLINED = "declined"


class Scope(enum.StrEnum):
    """Whom a limit counts."""

    PERSON = "person"
    FAMILY = "family"
    ORG_UNIT = "org_unit"
    MERCHANT = "merchant"
    PROGRAM = "program"


class Feeling(enum.StrEnum):
    """What a member answers to 今年工会为我: 满意, 一般, 不满意."""

    SATISFIED = "satisfied"
    SO_SO = "so_so"
    DISSATISFIED = "dissatisfied"


class DenialOutcome(enum.StrEnum):
    """What finance found of a “不是我”. `confirmed`: somebody else used the card. `explained`: it was the member's use."""

    CONFIRMED = "confirmed"
    EXPLAINED = "explained"


class DecisionMode(enum.StrEnum):
    """`commit`: it happened. `simulate`: a what-if."""

    COMMIT = "commit"
    SIMULATE = "simulate"


PROGRAM_KIND_WORDS: dict[ProgramKind, str] = {
    ProgramKind.DISCOUNT: "商户让利",
    ProgramKind.SUBSIDY: "工会补贴",
    ProgramKind.SERVICE_TICKET: "服务券",
    ProgramKind.INSURANCE: "专项保障",
    ProgramKind.CONTRIBUTORY: "互助保障",
    ProgramKind.MUTUAL_AID: "一日捐",
    ProgramKind.CONDOLENCE: "慰问",
    ProgramKind.RECUPERATION: "疗休养",
}

REDEMPTION_STATE_WORDS: dict[RedemptionState, str] = {
    RedemptionState.HELD: "已预留",
    RedemptionState.CAPTURED: "已核销",
    RedemptionState.REVERSED: "已撤销",
    RedemptionState.EXPIRED: "预留已过期",
    RedemptionState.PARTLY_REFUNDED: "部分退款",
    RedemptionState.REFUNDED: "已退款",
    RedemptionState.REFUSED: "未享受",
}
