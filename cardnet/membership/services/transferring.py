"""A transfer happens: an officer starts it, the old unit releases or objects, the new one takes it back, time releases it.

Every path ends in `_release`, under the locks of the people concerned: the first commit wins, the others find the
proposal answered. Cards and applications follow through issuance, which calls these.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.membership.member_rules import Released, effective_day
from cardnet.membership.models import TransferProposal
from cardnet.membership.rules import TransferOrigin, TransferState, UnionNode
from cardnet.membership.services.scope import lock_people, locked_standing, must_be_officer
from cardnet.membership.services.transfer_term import time_to_answer
from cardnet.membership.services.transfers import ProposeTransfers, propose_transfers
from cardnet.membership.services.unions import union_of_id, unions_held


@dataclass(frozen=True)
class StartTransfer:
    """A person works in `to_union_id` from `effective_on` (None: the day of the release)."""

    person_id: uuid.UUID
    to_union_id: uuid.UUID
    officer: Principal
    effective_on: date | None = None
    words: str = ""


@dataclass(frozen=True)
class AnswerTransfer:
    """An officer answers a proposal, or takes back the unit's own."""

    transfer_id: uuid.UUID
    officer: Principal
    words: str = ""


@dataclass(frozen=True)
class Started:
    """The proposal; `covers_old` says that the officer speaks for the old unit too, so that nobody need be asked."""

    transfer_id: uuid.UUID
    covers_old: bool


def start_transfer(session: Session, world: World, command: StartTransfer) -> Started:
    """Propose a transfer; the old unit has as many working days as the district decided.

    The officer must cover the new unit or the old one. Raises NotAllowed("role_missing", "out_of_scope"),
    Conflict("not_a_member", "already_in_union", "transfer_open", "union_closed"), InvalidInput("not_a_unit", "effective_in_future",
    "effective_before_membership"), NotFound("unit_unknown").
    """
    must_be_officer(command.officer)
    # Before the person, as whoever merges or closes a union does.
    target = unions_held(session, [union_of_id(session, command.to_union_id).id])[command.to_union_id]
    now = locked_standing(session, command.person_id)
    old = union_of_id(session, now.membership.union_id)
    scope = command.officer.scope_path
    covers_old = in_scope(scope, old.path)
    if not covers_old and not in_scope(scope, target.path):
        raise NotAllowed("out_of_scope", "转接由原单位或新单位的工会办理，这两个单位都不在您的管理范围内。")
    _must_hold_members(target)
    if old.id == target.id:
        raise Conflict("already_in_union", "此人的会籍已经在这个单位。")
    at = world.now()
    effective_day(command.effective_on, now.membership.from_, day_of(at))
    given = time_to_answer(session, at)
    line = TransferProposal(
        id=world.new_id(), person_id=command.person_id, from_union_id=old.id, to_union_id=target.id,
        state=str(TransferState.PROPOSED), origin=str(TransferOrigin.OFFICER), proposed_by=command.officer.account_id,
        proposed_at=at, due_at=given.due_at, working_days=given.working_days, words=command.words.strip()[:200],
        effective_on=command.effective_on,
    )  # fmt: skip
    if _open_between(session, command.person_id, target.id):
        raise Conflict("transfer_open", "此人转到这个单位的转接已经提出，正在等原单位答复。")
    session.add(line)
    session.flush()
    after = {"person": str(line.person_id), "from": old.code, "to": target.code}
    if command.effective_on:
        after["on"] = command.effective_on.isoformat()
    audit.record(session, world, audit.Act("member_transfer.propose", "transfer", str(line.id), command.officer.account_id, after=after))  # fmt: skip
    return Started(line.id, covers_old)


def accept_transfer(session: Session, world: World, command: AnswerTransfer) -> Released:
    """The old unit lets the member go.

    Raises NotFound("transfer_unknown"), Conflict("transfer_decided"), NotAllowed("out_of_scope").
    """
    found = _asked(session, command, "from_path")
    released = _release(session, world, [found.id], command.officer.account_id)
    if not released:
        raise _decided()
    return released[0]


def object_to_transfer(session: Session, world: World, command: AnswerTransfer) -> None:
    """The old unit says the member is still there, and why; the membership stays.

    Raises as `accept_transfer` does, InvalidInput("words_missing").
    """
    _end(session, world, command, "from_path", TransferState.OBJECTED, "object")


def withdraw_transfer(session: Session, world: World, command: AnswerTransfer) -> None:
    """The new unit takes its proposal back. Raises as `accept_transfer` does."""
    _end(session, world, command, "to_path", TransferState.WITHDRAWN, "withdraw")


_DUE = text("""
    select id from transfer_proposal
     where state = 'proposed' and due_at <= :at and not (person_id = any(cast(:passed as uuid[])))
     order by due_at, id limit 5000""")


def release_due(session: Session, world: World, passed: Collection[uuid.UUID] = ()) -> tuple[Released, ...]:
    """Release what the old units left unanswered beyond their days; `passed` are people whose time has not come.

    May run as often as one likes, beside officers who answer at that moment: each transfer happens once.
    """
    due = session.scalars(_DUE, {"at": world.now(), "passed": list(passed)}).all()
    return _release(session, world, due, None)


def due_people(session: Session, at: datetime) -> dict[uuid.UUID, uuid.UUID]:
    """Whom the clock would release at a moment: person → the union they would leave."""
    rows = session.execute(
        text("select person_id, from_union_id from transfer_proposal where state = 'proposed' and due_at <= :at"),
        {"at": at},
    )
    return {row.person_id: row.from_union_id for row in rows}


_REDIRECT = text("""
    with coming as (
        select t.id, t.from_union_id = :to or exists (
                   select from transfer_proposal o
                    where o.person_id = t.person_id and o.to_union_id = :to and o.state = 'proposed') as over
          from transfer_proposal t where t.to_union_id = :old and t.state = 'proposed' order by t.id for no key update
    )
    update transfer_proposal t
       set to_union_id = case when coming.over then t.to_union_id else cast(:to as uuid) end,
           state = case when coming.over then 'lapsed' else t.state end,
           decided_at = case when coming.over then cast(:at as timestamptz) else t.decided_at end,
           decided_by = case when coming.over then cast(:actor as uuid) else t.decided_by end
      from coming where t.id = coming.id""")


_MEMBERS_OF = text('select person_id from membership where union_id = :union and "to" is null order by person_id')


def lock_members(session: Session, union: UnionNode) -> None:
    """Hold every member of a union still, before anything of theirs is touched: the order of every transfer."""
    lock_people(session, session.scalars(_MEMBERS_OF, {"union": union.id}).all())


def transfer_everybody(
    session: Session, world: World, old: UnionNode, to: UnionNode, actor: uuid.UUID
) -> tuple[Released, ...]:  # fmt: skip
    """Every member of a union is in another one from today on, the way each transfer goes; set-based.

    Who was about to come to the old union comes to the new one. Raises Conflict("union_busy") when somebody stays.
    """
    session.execute(_REDIRECT, {"old": old.id, "to": to.id, "at": world.now(), "actor": actor})
    members = session.scalars(_MEMBERS_OF, {"union": old.id}).all()
    lock_people(session, members)
    everybody = [(person_id, to.id) for person_id in members]
    propose_transfers(session, world, ProposeTransfers(everybody, TransferOrigin.OFFICER, actor))
    asked = session.scalars(
        text("""select id from transfer_proposal
                 where from_union_id = :old and to_union_id = :to and state = 'proposed' order by id"""),
        {"old": old.id, "to": to.id},
    ).all()
    released = _release(session, world, asked, actor)
    if left := len(members) - len({one.person_id for one in released}):
        said = f"{old.name}还不能并入，还有会籍从以后的日期算起的会员 {left} 人（请到那天以后再办，或先更正入会日期）。"
        raise Conflict("union_busy", said, {"beginning": left})
    return released


# ---- pieces ----

_ASKED = text("""
    select t.id, t.person_id, t.state, f.path as from_path, n.path as to_path
      from transfer_proposal t join union_node f on f.id = t.from_union_id join union_node n on n.id = t.to_union_id
     where t.id = :id""")


def _asked(session: Session, command: AnswerTransfer, side: str) -> Row[Any]:
    """The proposal, when this officer speaks for that side of it and the people are locked."""
    must_be_officer(command.officer)
    found = session.execute(_ASKED, {"id": command.transfer_id}).one_or_none()
    scope = command.officer.scope_path
    if found is None or not (in_scope(scope, found.from_path) or in_scope(scope, found.to_path)):
        raise NotFound("transfer_unknown", "没有这条转接，或者不在您的管理范围内。")
    if not in_scope(scope, getattr(found, side)):
        raise NotAllowed("out_of_scope", "放行和异议由原单位办理，撤回由新单位办理。")
    return found


def _decided() -> Conflict:
    return Conflict("transfer_decided", "这条转接刚刚已有结果，请刷新后查看。")


def _end(
    session: Session, world: World, command: AnswerTransfer, side: str, state: TransferState, verb: str
) -> None:  # fmt: skip
    found = _asked(session, command, side)
    words = command.words.strip()[:200]
    if state is TransferState.OBJECTED and not words:
        raise InvalidInput("words_missing", "请写明异议的原因，新单位会看到。")
    lock_people(session, [found.person_id])
    if not session.execute(_CLOSE, {"ids": [found.id], "states": [str(state)], "actor": command.officer.account_id, "at": world.now(), "words": words}).all():  # fmt: skip
        raise _decided()
    after = {"state": str(state), "words": words}
    audit.record(session, world, audit.Act(f"member_transfer.{verb}", "transfer", str(found.id), command.officer.account_id, after=after))  # fmt: skip


_CLOSE = text("""
    update transfer_proposal t
       set state = given.state, decided_by = :actor, decided_at = :at, words = coalesce(nullif(:words, ''), t.words)
      from unnest(cast(:ids as uuid[]), cast(:states as text[])) given(id, state)
     where t.id = given.id and t.state = 'proposed'
    returning t.id""")

_PEOPLE_OF = text("select distinct person_id from transfer_proposal where id = any(cast(:ids as uuid[]))")

_OPEN = text("""
    select t.id, t.person_id, t.from_union_id, t.to_union_id, t.effective_on, t.id = any(cast(:ids as uuid[])) as meant,
           m.id as membership_id, m.union_id, m."from" as begun
      from transfer_proposal t
      left join membership m on m.person_id = t.person_id and m."to" is null
     where t.person_id = any(cast(:people as uuid[])) and t.state = 'proposed'
     order by t.due_at, t.id for no key update of t""")

_LEAVE = text("""
    update membership m set "to" = gone.day, ended_as = 'transferred'
      from unnest(cast(:old as uuid[]), cast(:days as date[])) gone(id, day) where m.id = gone.id""")

_JOIN = text("""
    insert into membership (id, person_id, union_id, kind, "from", member_since, department, employment, created_at)
    select come.id, m.person_id, come.union_id, m.kind, come.day, coalesce(m.member_since, m."from"), '', m.employment, :at
      from unnest(cast(:new as uuid[]), cast(:old as uuid[]), cast(:unions as uuid[]), cast(:days as date[]))
           come(id, old_id, union_id, day)
      join membership m on m.id = come.old_id""")


def _release(
    session: Session, world: World, ids: Sequence[uuid.UUID], actor: uuid.UUID | None
) -> tuple[Released, ...]:  # fmt: skip
    """End the old memberships and begin the new ones on the same day, the same kind and 入会日期; set-based.

    Other proposals of the same people are over; one whose person is no longer where it says lapses.
    """
    if not ids:
        return ()
    lock_people(session, session.scalars(_PEOPLE_OF, {"ids": list(ids)}).all())
    people = session.scalars(_PEOPLE_OF, {"ids": list(ids)}).all()
    at = world.now()
    today = day_of(at)
    rows = session.execute(_OPEN, {"ids": list(ids), "people": people}).all()
    going: dict[uuid.UUID, Row[Any]] = {}
    for row in rows:
        if row.meant and row.membership_id and row.union_id == row.from_union_id:
            going.setdefault(row.person_id, row)
    moved = {row.id for row in going.values()}
    over = [row for row in rows if row.id not in moved and (row.meant or row.person_id in going)]
    closing = [*((row.id, TransferState.RELEASED) for row in going.values()), *((row.id, TransferState.LAPSED) for row in over)]  # fmt: skip
    session.execute(
        _CLOSE,
        {"ids": [i for i, _ in closing], "states": [str(s) for _, s in closing], "actor": actor, "at": at, "words": ""},
    ).all()
    lines = list(going.values())
    # The old unit answered late or the roster was old: never before the standing that ends now began.
    days = [max(row.effective_on or today, row.begun) for row in lines]
    given = {
        "old": [row.membership_id for row in lines], "new": [world.new_id() for _ in lines], "days": days, "at": at,
        "unions": [row.to_union_id for row in lines],
    }  # fmt: skip
    session.execute(_LEAVE, given)
    session.execute(_JOIN, given)
    done = tuple(
        Released(row.id, row.person_id, row.from_union_id, row.to_union_id, day) for row, day in zip(lines, days, strict=True)
    )  # fmt: skip
    audit.record(
        session, world,
        *(
            audit.Act(
                "member.move", "person", str(line.person_id), actor,
                before={"union": str(line.from_union_id)},
                after={"union": str(line.to_union_id), "on": line.effective_on.isoformat(), "transfer": str(line.transfer_id)},
            )
            for line in done
        ),
    )  # fmt: skip
    return done


def _open_between(session: Session, person_id: uuid.UUID, union_id: uuid.UUID) -> bool:
    query = text(
        "select exists (select from transfer_proposal where person_id = :p and to_union_id = :u and state = 'proposed')"
    )
    return bool(session.scalar(query, {"p": person_id, "u": union_id}))


def _must_hold_members(union: UnionNode) -> None:
    if not union.parent_id:
        raise InvalidInput("not_a_unit", "请选择会员所在的基层工会或镇、街道、委局工会。")
