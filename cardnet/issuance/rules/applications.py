"""Applications: their kinds, states and steps, and the words for them."""

import enum
from collections.abc import Mapping

from cardnet.kernel.errors import Conflict


class RosterMode(enum.StrEnum):
    """What becomes of a roster with some wrong rows."""

    VALID_ROWS_ONLY = "valid_rows_only"
    ALL_OR_NOTHING = "all_or_nothing"


class ApplicationKind(enum.StrEnum):
    """`new` uses quota; replacement and renewal use none and hold none (K3)."""

    NEW = "new"
    REPLACEMENT = "replacement"
    RENEWAL = "renewal"


class BatchOrigin(enum.StrEnum):
    """Where a batch came from: a roster file, a unit's poster, or cards that are to be replaced or renewed."""

    FILE = "file"
    SELF_FILLED = "self_filled"
    REPLACEMENT = "replacement"
    RENEWAL = "renewal"

    @property
    def in_place(self) -> bool:
        """Whether its cards take the place of others and use no quota."""
        return self in (BatchOrigin.REPLACEMENT, BatchOrigin.RENEWAL)


class ReplacementReason(enum.StrEnum):
    """Why a card is to be replaced: lost (it stops at once), or damaged (it works until the new one is made)."""

    LOST = "lost"
    DAMAGED = "damaged"


REPLACEMENT_REASON_WORDS: Mapping[ReplacementReason, str] = {
    ReplacementReason.LOST: "遗失或被盗",
    ReplacementReason.DAMAGED: "损坏、印错或信息变更",
}


class ApplicationState(enum.StrEnum):
    """Where one person's request stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    RETURNED = "returned"
    WAITLISTED = "waitlisted"
    APPROVED = "approved"
    ISSUED = "issued"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


OPEN_APPLICATION = frozenset(
    {
        ApplicationState.DRAFT,
        ApplicationState.SUBMITTED,
        ApplicationState.IN_REVIEW,
        ApplicationState.RETURNED,
        ApplicationState.WAITLISTED,
        ApplicationState.APPROVED,
    }
)
"""A person has at most one new application in one of these."""

REVIEWABLE = (ApplicationState.SUBMITTED, ApplicationState.IN_REVIEW)


class ApplicationAction(enum.StrEnum):
    """What can be done to an application. `pass_on` and `approve` are one officer's 通过 before and at the last tier."""

    SUBMIT = "submit"
    QUEUE = "queue"
    OFFER = "offer"
    TAKE_PLACE = "take_place"
    DECLINE = "decline"
    LAPSE = "lapse"
    CARRY_OVER = "carry_over"
    REQUEUE = "requeue"
    REASSIGN = "reassign"
    PASS_ON = "pass_on"  # noqa: S105 - a step, not a password
    APPROVE = "approve"
    RETURN = "return"
    REJECT = "reject"
    RESUBMIT = "resubmit"
    WITHDRAW = "withdraw"
    CONFIRM = "confirm"
    ESCALATE = "escalate"
    ISSUE = "issue"


_A, _S = ApplicationAction, ApplicationState
_LIVE = (_S.SUBMITTED, _S.IN_REVIEW, _S.RETURNED, _S.APPROVED, _S.WAITLISTED)
APPLICATION_STEPS: Mapping[tuple[ApplicationState, ApplicationAction], ApplicationState] = {
    (_S.DRAFT, _A.SUBMIT): _S.SUBMITTED,
    (_S.DRAFT, _A.QUEUE): _S.WAITLISTED,
    (_S.WAITLISTED, _A.OFFER): _S.WAITLISTED,
    (_S.WAITLISTED, _A.TAKE_PLACE): _S.SUBMITTED,
    (_S.WAITLISTED, _A.DECLINE): _S.LAPSED,
    (_S.WAITLISTED, _A.LAPSE): _S.LAPSED,
    (_S.SUBMITTED, _A.PASS_ON): _S.IN_REVIEW,
    (_S.IN_REVIEW, _A.PASS_ON): _S.IN_REVIEW,
    (_S.SUBMITTED, _A.CONFIRM): _S.IN_REVIEW,
    (_S.SUBMITTED, _A.ESCALATE): _S.SUBMITTED,
    (_S.IN_REVIEW, _A.ESCALATE): _S.IN_REVIEW,
    (_S.SUBMITTED, _A.APPROVE): _S.APPROVED,
    (_S.IN_REVIEW, _A.APPROVE): _S.APPROVED,
    (_S.SUBMITTED, _A.RETURN): _S.RETURNED,
    (_S.IN_REVIEW, _A.RETURN): _S.RETURNED,
    (_S.SUBMITTED, _A.REJECT): _S.REJECTED,
    (_S.IN_REVIEW, _A.REJECT): _S.REJECTED,
    (_S.RETURNED, _A.RESUBMIT): _S.SUBMITTED,
    (_S.DRAFT, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.SUBMITTED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.IN_REVIEW, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.RETURNED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.WAITLISTED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.RETURNED, _A.LAPSE): _S.LAPSED,
    (_S.APPROVED, _A.ISSUE): _S.ISSUED,
    # Who got a card by another way between approval and issue.
    (_S.APPROVED, _A.REJECT): _S.REJECTED,
    # A quota year ends: the place moves to the new year with its application, or the application stands in line there.
    **{(state, _A.CARRY_OVER): state for state in _LIVE},
    **{(state, _A.REQUEUE): _S.WAITLISTED for state in _LIVE},
    # The union itself is moved or merged: the application stands where it stood, before a desk of the new place.
    **{(state, _A.REASSIGN): state for state in _LIVE},
}
"""Everything not listed is refused."""


def next_application_state(now: ApplicationState, action: ApplicationAction) -> ApplicationState:
    """The state after `action`. Raises Conflict("illegal_transition") when it makes no sense now."""
    try:
        return APPLICATION_STEPS[now, action]
    except KeyError:
        raise Conflict(
            "illegal_transition",
            f"申请现为“{APPLICATION_WORDS[now]}”，不能{ACTION_WORDS[action]}。",
            {"state": str(now), "action": str(action)},
        ) from None


APPLICATION_WORDS: Mapping[ApplicationState, str] = {
    _S.DRAFT: "草稿",
    _S.SUBMITTED: "待审核",
    _S.IN_REVIEW: "审核中",
    _S.RETURNED: "退回修改",
    _S.WAITLISTED: "候补",
    _S.APPROVED: "审核通过",
    _S.ISSUED: "已发卡",
    _S.REJECTED: "不予通过",
    _S.WITHDRAWN: "已撤回",
    _S.LAPSED: "已失效",
}

ACTION_WORDS: Mapping[ApplicationAction, str] = {
    _A.SUBMIT: "提交",
    _A.QUEUE: "候补",
    _A.OFFER: "通知递补",
    _A.TAKE_PLACE: "递补",
    _A.DECLINE: "放弃递补",
    _A.LAPSE: "作废",
    _A.CARRY_OVER: "转入下年",
    _A.REQUEUE: "转为候补",
    _A.REASSIGN: "随单位划转",
    _A.PASS_ON: "审核通过",
    _A.APPROVE: "审核通过",
    _A.RETURN: "退回",
    _A.REJECT: "不予通过",
    _A.RESUBMIT: "重新提交",
    _A.WITHDRAW: "撤回",
    _A.CONFIRM: "单位确认",
    _A.ESCALATE: "超期提醒",
    _A.ISSUE: "发卡",
}
