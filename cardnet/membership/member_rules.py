"""Words of a member's file: how a membership ended, kin, answers of the yearly confirmation. Plain, without database."""

import enum
import uuid
from dataclasses import dataclass
from datetime import date

from cardnet.kernel.errors import InvalidInput


class Ending(enum.StrEnum):
    """Why a membership in a union ended: 转出, 离职, 退会, 身故, or the file was merged into another one.

    Its kind stays what it was while it lasted.
    """

    TRANSFERRED = "transferred"
    LEFT = "left"
    WITHDRAWN = "withdrawn"
    DECEASED = "deceased"
    MERGED = "merged"


class Relation(enum.StrEnum):
    """Who somebody is to a member."""

    SPOUSE = "spouse"
    CHILD = "child"
    PARENT = "parent"
    OTHER = "other"


class Confirmed(enum.StrEnum):
    """What a unit says of a member once a year: 在册, 离职, 退休, 身故."""

    STAYS = "stays"
    LEFT = "left"
    RETIRED = "retired"
    DECEASED = "deceased"


@dataclass(frozen=True)
class Released:
    """A member who is in another union now, since `effective_on`."""

    transfer_id: uuid.UUID
    person_id: uuid.UUID
    from_union_id: uuid.UUID
    to_union_id: uuid.UUID
    effective_on: date


def effective_day(asked: date | None, begun: date, today: date) -> date:
    """The first day of the new standing: as asked, else today.

    Raises InvalidInput("effective_in_future", "effective_before_membership"): a day to come would be a promise, and
    a day before the present standing began would reach into one that is over.
    """
    day = asked or today
    if day > today:
        raise InvalidInput("effective_in_future", "生效日期不能晚于今天；到了那天再办理。")
    if day < begun:
        raise InvalidInput(
            "effective_before_membership", f"生效日期不能早于现在这段会籍的开始日期 {begun.isoformat()}。"
        )
    return day
