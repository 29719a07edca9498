"""Transfer proposals: a unit names a member of another one; the other unit sees it and has some working days to answer."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from cardnet.kernel.calendar import day_of
from cardnet.kernel.world import World
from cardnet.membership.models import TransferProposal
from cardnet.membership.rules import PersonView, TransferOrigin, TransferState, UnionNode
from cardnet.membership.services.people import people
from cardnet.membership.services.transfer_term import time_to_answer
from cardnet.membership.services.unions import unions_of_ids


@dataclass(frozen=True)
class ProposeTransfers:
    """These people (person, new union) work in the new union, as a file or an officer says."""

    people: Sequence[tuple[uuid.UUID, uuid.UUID]]
    origin: TransferOrigin
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class TransferLine:
    """One proposal as the two units see it; `due_at` is when the old unit's silence counts as a release."""

    id: uuid.UUID
    person: PersonView
    from_union: UnionNode
    to_union: UnionNode
    state: TransferState
    origin: TransferOrigin
    proposed_by: uuid.UUID | None
    proposed_at: datetime
    due_at: datetime
    decided_at: datetime | None
    words: str
    effective_on: date | None = None


_PROPOSE = text("""
    insert into transfer_proposal (id, person_id, from_union_id, to_union_id, state, origin, proposed_by, proposed_at, due_at, working_days)
    select asked.id, asked.person_id, m.union_id, asked.union_id, 'proposed', :origin, :actor, :at, :due, :days
      from unnest(cast(:ids as uuid[]), cast(:people as uuid[]), cast(:unions as uuid[])) asked(id, person_id, union_id)
      join membership m on m.person_id = asked.person_id and m."from" <= :today and (m."to" is null or m."to" > :today)
     where m.union_id <> asked.union_id
     order by asked.person_id
    on conflict (person_id, to_union_id) where state = 'proposed' do nothing
    returning id""")


def propose_transfers(session: Session, world: World, command: ProposeTransfers) -> int:
    """Propose; returns how many are new. Whoever is in the new union already, or proposed already, is passed over."""
    if not command.people:
        return 0
    at = world.now()
    given = time_to_answer(session, at)
    made = session.execute(
        _PROPOSE,
        {
            "ids": [world.new_id() for _ in command.people],
            "people": [person_id for person_id, _ in command.people],
            "unions": [union_id for _, union_id in command.people],
            "origin": str(command.origin),
            "actor": command.actor_id,
            "at": at,
            "due": given.due_at,
            "days": given.working_days,
            "today": day_of(at),
        },
    )
    return len(made.all())


def transfers_of(
    session: Session, union_id: uuid.UUID, states: frozenset[TransferState] = frozenset({TransferState.PROPOSED})
) -> tuple[TransferLine, ...]:
    """The proposals from and to one union, those due first on top: names, because these two must act."""
    found = session.scalars(
        select(TransferProposal)
        .where(
            (TransferProposal.from_union_id == union_id) | (TransferProposal.to_union_id == union_id),
            TransferProposal.state.in_(states),
        )
        .order_by(TransferProposal.due_at, TransferProposal.id)
    ).all()
    persons = people(session, {line.person_id for line in found})
    unions = unions_of_ids(session, {line.from_union_id for line in found} | {line.to_union_id for line in found})
    return tuple(
        TransferLine(
            line.id,
            persons[line.person_id],
            unions[line.from_union_id],
            unions[line.to_union_id],
            TransferState(line.state),
            TransferOrigin(line.origin),
            line.proposed_by,
            line.proposed_at,
            line.due_at,
            line.decided_at,
            line.words,
            line.effective_on,
        )
        for line in found
    )


def open_transfers(session: Session, union_id: uuid.UUID) -> int:
    """How many proposals wait for this union's answer."""
    query = select(func.count()).where(
        TransferProposal.from_union_id == union_id, TransferProposal.state == TransferState.PROPOSED
    )
    return session.scalar(query) or 0
