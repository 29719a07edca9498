"""One line for officers and leaders: how content members are with the year, as numbers and only when there are enough."""

from sqlalchemy.orm import Session

from cardnet.benefits import services as benefits
from cardnet.web.language import gettext


def content_line(session: Session, path: str, year: int) -> str:
    """`“今年工会为我”：57 人评价，89% 满意`, or that too few have answered to say."""
    found = benefits.contentment(session, path, year)
    if not found.enough:
        return gettext("“今年工会为我”的评价不到 %(n)s 人，为保护个人，不显示。", n=benefits.FEWEST_ANSWERS)
    percent = {5: gettext("5% 以下"), 95: gettext("95% 以上")}.get(found.percent or 0, f"{found.percent}%")
    return gettext("“今年工会为我”：%(n)s 人评价，%(percent)s满意。", n=found.answers, percent=percent)
