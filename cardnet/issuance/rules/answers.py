"""What became of the question whether a member wants a card: exactly one answer each."""

import enum


class MemberAnswer(enum.StrEnum):
    """已办卡, 办理中, 本人暂不办, 未答复: every member is in exactly one of them.

    A card counts first, then an open application or a yes that was not sent in yet, then the member's own no.
    """

    HAS_CARD = "has_card"
    IN_PROGRESS = "in_progress"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"


ANSWER_WORDS = {
    MemberAnswer.HAS_CARD: "已办卡",
    MemberAnswer.IN_PROGRESS: "办理中",
    MemberAnswer.DECLINED: "本人暂不办",
    MemberAnswer.NO_ANSWER: "未答复",
}
