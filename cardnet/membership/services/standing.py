"""What becomes of a member in their union: 保留会籍, 退休, back to 在册, 离职, 退会, 身故. Dates on the person, never computed."""

import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict
from cardnet.kernel.world import World
from cardnet.membership.member_rules import Ending, effective_day
from cardnet.membership.models import Membership
from cardnet.membership.rules import MEMBER_KINDS, MembershipKind
from cardnet.membership.services.scope import end_standing, locked_standing, must_see


@dataclass(frozen=True)
class ChangeStanding:
    """A member is 在册, 保留会籍 or 退休 in the same union from `on` (the first day; None is today)."""

    person_id: uuid.UUID
    kind: MembershipKind
    officer: Principal
    on: date | None = None
    words: str = ""


@dataclass(frozen=True)
class EndMembership:
    """A member left (离职), withdrew (退会) or died (身故); `on` is the first day no longer a member, None is today."""

    person_id: uuid.UUID
    ending: Ending
    officer: Principal
    on: date | None = None
    words: str = ""


def change_standing(session: Session, world: World, command: ChangeStanding) -> None:
    """End the standing and begin the next in the same union, on the same day; 入会日期 goes along.

    Retirement also stands on the person; whoever is 在册 again is retired no longer. Raises NotFound("person_unknown"),
    Conflict("not_a_member", "standing_unchanged"), InvalidInput("effective_in_future", "effective_before_membership").
    """
    must_see(session, command.officer, command.person_id)
    now = locked_standing(session, command.person_id)
    old = now.membership
    if command.kind not in MEMBER_KINDS:
        raise Conflict("standing_unknown", "在册会员只能改为在册、保留会籍或退休；离职、退会、身故请用“结束会籍”。")
    if old.kind == command.kind:
        raise Conflict("standing_unchanged", "此人已经是这种会籍，没有变化。")
    day = effective_day(command.on, old.from_, day_of(world.now()))
    end_standing(now, day, None)
    if command.kind is MembershipKind.RETIRED:
        now.person.retired_on = day
    elif old.kind == MembershipKind.RETIRED:
        now.person.retired_on = None
    # The old period must be over in the database before the next one begins (no two overlap).
    session.flush()
    session.add(
        Membership(
            id=world.new_id(), person_id=old.person_id, union_id=old.union_id, kind=str(command.kind), from_=day,
            member_since=old.member_since or old.from_, department=old.department, employment=old.employment,
            created_at=world.now(),
        )
    )  # fmt: skip
    session.flush()
    _record(session, world, command, "standing", {"kind": old.kind}, {"kind": str(command.kind), "on": day.isoformat()})


def end_membership(session: Session, world: World, command: EndMembership) -> None:
    """The person is in no union any more; everything known of them stays. What a death means for cards is issuance's.

    Raises what `change_standing` raises. A transfer is not an ending: see `transferring`.
    """
    must_see(session, command.officer, command.person_id)
    now = locked_standing(session, command.person_id)
    day = effective_day(command.on, now.membership.from_, day_of(world.now()))
    before = {"kind": now.membership.kind, "union": str(now.membership.union_id)}
    end_standing(now, day, str(command.ending))
    if command.ending is Ending.DECEASED:
        now.person.deceased_on = day
    session.flush()
    _record(session, world, command, "end", before, {"ending": str(command.ending), "on": day.isoformat()})


def _record(
    session: Session, world: World, command: ChangeStanding | EndMembership, verb: str,
    before: dict[str, str], after: dict[str, str],
) -> None:  # fmt: skip
    officer = command.officer.account_id
    if words := command.words.strip()[:200]:
        after = {**after, "words": words}
    act = f"member.{verb}"
    audit.record(session, world, audit.Act(act, "person", str(command.person_id), officer, before=before, after=after))
