"""How many working days an old union has to answer a transfer before it releases by itself: the district decides."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel.calendar import working_deadline
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.world import World
from cardnet.membership.models import TransferTerm
from cardnet.membership.rules import MOST_TRANSFER_DAYS, TRANSFER_DAYS_BY_DEFAULT
from cardnet.membership.services.calendar_days import decided_days, hold_calendar
from cardnet.membership.services.decisions import Decided, Decision, Setting, decide, decided

_SETTING = Setting(
    TransferTerm, "transfer_term.set", "transfer_days", "原单位答复转接有几个工作日，由区总工会决定。",
    {"working_days": TRANSFER_DAYS_BY_DEFAULT},
)  # fmt: skip


@dataclass(frozen=True)
class SetTransferTerm:
    """Transfers proposed from now on give the old union so many working days; open ones keep theirs."""

    working_days: int
    reason: str
    officer: Principal | None = None


@dataclass(frozen=True, kw_only=True)
class TransferTermView(Decided):
    """What holds now, since when and by whom."""

    working_days: int


def transfer_term(session: Session) -> TransferTermView:
    """What holds now."""
    values, by = decided(session, _SETTING)
    return TransferTermView(working_days=values["working_days"], **vars(by))


def set_transfer_term(session: Session, world: World, command: SetTransferTerm) -> TransferTermView:
    """Decide. Raises InvalidInput("term_invalid", "reason_missing"), NotAllowed("role_missing")."""
    wrong = None
    if not 1 <= command.working_days <= MOST_TRANSFER_DAYS:
        wrong = InvalidInput("term_invalid", f"原单位答复的时限请写 1 到 {MOST_TRANSFER_DAYS} 个工作日。")
    decision = Decision({"working_days": command.working_days}, command.reason, command.officer, wrong)
    decide(session, world, _SETTING, decision)
    return transfer_term(session)


def transfer_days(session: Session) -> int:
    """How many working days a transfer proposed at this moment gives."""
    return session.scalar(select(TransferTerm.working_days)) or TRANSFER_DAYS_BY_DEFAULT


@dataclass(frozen=True)
class TimeToAnswer:
    """So many working days the old unit is given, and when its silence counts as a release by them."""

    working_days: int
    due_at: datetime


def time_to_answer(session: Session, at: datetime) -> TimeToAnswer:
    """What a transfer proposed at this moment gives the old unit."""
    hold_calendar(session)
    days = transfer_days(session)
    return TimeToAnswer(days, working_deadline(at, days, decided_days(session)))
