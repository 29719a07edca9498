"""Review: verdicts, reasons R01 to R13, and whose turn it is."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from cardnet.kernel.errors import FieldError, InvalidInput


class Verdict(enum.StrEnum):
    """What an officer decides on the rows in front of them."""

    APPROVE = "approve"
    RETURN = "return"
    REJECT = "reject"


class ReviewReason(enum.StrEnum):
    """Why rows are returned or rejected; the words stand in `REASON_WORDS`."""

    R01 = "R01"
    R02 = "R02"
    R03 = "R03"
    R04 = "R04"
    R05 = "R05"
    R06 = "R06"
    R07 = "R07"
    R08 = "R08"
    R09 = "R09"
    R10 = "R10"
    R11 = "R11"
    R12 = "R12"
    R13 = "R13"


REASON_WORDS: Mapping[ReviewReason, str] = {
    ReviewReason.R01: "姓名与证件不符",
    ReviewReason.R02: "证件号校验错误",
    ReviewReason.R03: "证件过期",
    ReviewReason.R04: "手机号占用或格式",
    ReviewReason.R05: "已持有有效卡",
    ReviewReason.R06: "会籍在其他工会",
    ReviewReason.R07: "非在册会员",
    ReviewReason.R08: "已退休",
    ReviewReason.R09: "缺本人同意",
    ReviewReason.R10: "单位信息不符",
    ReviewReason.R11: "公章或附件缺失",
    ReviewReason.R12: "名额不足",
    ReviewReason.R13: "制卡失败",
}


def reasons_of(codes: Sequence[str], verdict: Verdict) -> tuple[ReviewReason, ...]:
    """The reasons named.

    Raises InvalidInput when one is unknown, when a return or rejection names none or an approval names one.
    """
    unknown = [code for code in codes if code not in ReviewReason.__members__]
    if unknown:
        raise InvalidInput("reason_unknown", f"没有原因代码 {'、'.join(unknown)}，请用 R01 至 R13。")
    if verdict is not Verdict.APPROVE and not codes:
        raise InvalidInput("reason_missing", "退回或不予通过须写明原因代码（R01 至 R13）。")
    if verdict is Verdict.APPROVE and codes:
        said = "通过不带原因代码：请去掉原因，或改为退回、不予通过。"
        raise InvalidInput("reason_not_asked", said, [FieldError("/reasons", said)])
    return tuple(ReviewReason(code) for code in codes)


def decided_days(free: Iterable[date], worked: Iterable[date]) -> dict[date, bool]:
    """Day → worked, as a notice lists them. Raises InvalidInput("days_contradict") when a day stands in both lists."""
    free, worked = set(free), set(worked)
    if both := sorted(free & worked):
        said = f"{'、'.join(map(str, both[:3]))}{'等' if both[3:] else ''} 既写成放假又写成上班，请只留一处。"
        raise InvalidInput("days_contradict", said, [FieldError("/worked", said)])
    return dict.fromkeys(free, False) | dict.fromkeys(worked, True)


def review_route(path: str) -> tuple[str, ...]:
    """The paths whose officers review, the unit first, the root last: `/A/B/` → (`/A/B/`, `/A/`)."""
    codes = [code for code in path.split("/") if code]
    return tuple("/" + "/".join(codes[:depth]) + "/" for depth in range(len(codes), 0, -1))


RETURNED_HOLD_DAYS = 10
"""A returned application keeps its place so long."""

REVIEW_WORKING_DAYS = 5
"""Each tier decides by the same local time on this working day after the rows reached it."""
