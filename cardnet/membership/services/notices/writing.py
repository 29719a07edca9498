"""Telling people: a notice is a row written with what it tells, and the worker sends it once that has committed."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.kernel.calendar import day_of
from cardnet.kernel.jobs import defer
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.notices import rules
from cardnet.membership.notices.rules import Chosen, NoticeKind, NoticeState, Reach, Reason, Way
from cardnet.membership.rules import path_above
from cardnet.membership.services.people import NAME
from cardnet.membership.services.unions import unions_of_ids

WORDS = "notice.words"
"""The vault's name of what a notice says."""
SEND = "send_notices"
"""The worker's task."""
_HELP_PHONE = "12351"
"""职工服务热线: one number for every union in the country, where a union has set none of its own."""
_AT_ONCE = 5_000


@dataclass(frozen=True)
class Recipient:
    """Somebody to tell; `subject_id` is the card or application it is about, `values` what the sentence asks for."""

    person_id: uuid.UUID
    union_id: uuid.UUID
    subject_id: uuid.UUID | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tell:
    """Tell these people one kind of thing; `on_paper` when an officer wants slips and no messages."""

    kind: NoticeKind
    recipients: Sequence[Recipient]
    officer_id: uuid.UUID | None = None
    on_paper: bool = False


@dataclass(frozen=True)
class Told:
    """How many will be sent a message, and for how many there is a slip to print."""

    messages: int = 0
    slips: int = 0


def tell(session: Session, world: World, command: Tell) -> Told:
    """Write the notices, 30,000 by the same statements as one. Whoever had the same reminder today has no second one.

    Nothing is raised for people who cannot be reached: they get a slip, or, where another paper tells them, nothing.
    """
    told = Told()
    rest = iter(command.recipients)
    while some := list(islice(rest, _AT_ONCE)):
        more = _write(session, world, command, some)
        told = Told(told.messages + more.messages, told.slips + more.slips)
    if told.messages:
        defer(session, SEND, SEND)
    return told


def drop_notices(session: Session, kinds: Collection[NoticeKind], subject_ids: Collection[uuid.UUID]) -> None:
    """What these notices ask for has been done.

    Those still waiting are not sent and not printed, and a slip printed and not yet handed out is recalled.
    """
    if subject_ids:
        session.execute(_DROP, {"kinds": [str(kind) for kind in kinds], "subjects": list(subject_ids)})


def reach_of(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Reach]:
    """How these people can be reached today."""
    rows = session.execute(_REACH, {"ids": list(ids), "reachable_only": False}).all()
    return {row.id: _reach(row) for row in rows}


def contact_phones(session: Session, union_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Where members of these unions may ask: the number of their own union, else of the nearest above, else 12351."""
    unions = unions_of_ids(session, set(union_ids))
    given = {row.path: row.phone for row in session.execute(_CONTACTS)}
    return {union.id: _nearest(union.path, given) for union in unions.values()}


def help_phone(session: Session) -> str:
    """The number to call wherever no member's own union is spoken of, the topmost union's: pages, papers, refusals.

    While it has set none, 12351, 职工服务热线: one number for every union in the country.
    """
    return session.scalar(_TOPMOST) or _HELP_PHONE


# ---- pieces ----

_TOPMOST = text("""
    select c.phone from union_contact c join union_node u on u.id = c.union_id
     where u.parent_id is null order by u.path limit 1""")

_DROP = text("""
    update notice set state = 'dropped', next_try_at = null
     where subject_id = any(:subjects) and kind = any(:kinds)
       and (state = 'waiting' or (state = 'printed' and handed_out_at is null))""")

_CONTACTS = text("select u.path, c.phone from union_contact c join union_node u on u.id = c.union_id")

_REACH = text("""
    select * from (
        select p.id, p.name, p.phone is not null as any_phone,
               p.phone is not null and p.phone_verified_at is not null as verified_phone,
               p.deceased_on is not null as deceased,
               exists (select from consent c
                        where c.person_id = p.id and c.purpose = 'notices' and c.answer = 'given'
                          and c.superseded_at is null and c.withdrawn_at is null) as consents,
               exists (select from notice_address a where a.person_id = p.id and a.ended_at is null) as bound_account
          from person p where p.id = any(:ids)
    ) one
    where not :reachable_only or (consents and (verified_phone or bound_account))""")

_INSERT = text("""
    with written as (
    insert into notice (id, kind, person_id, union_id, subject_id, words, way, state, reason, day, created_at,
                        created_by, next_try_at)
    select n.id, :kind, n.person_id, n.union_id, n.subject_id, n.words, n.way, :state, n.reason, :day, :at, :actor,
           case when n.way = 'paper' then null else cast(:not_before as timestamptz) end
      from unnest(cast(:ids as uuid[]), cast(:people as uuid[]), cast(:unions as uuid[]), cast(:subjects as uuid[]),
                  cast(:words as bytea[]), cast(:ways as text[]), cast(:reasons as text[]))
           n(id, person_id, union_id, subject_id, words, way, reason)
    on conflict do nothing returning way
    )
    select count(*) filter (where way <> 'paper') as messages, count(*) filter (where way = 'paper') as slips
      from written""")


def _write(session: Session, world: World, command: Tell, recipients: Sequence[Recipient]) -> Told:
    elsewhere = command.kind in rules.SLIP_ELSEWHERE
    asked = {"ids": [one.person_id for one in recipients], "reachable_only": elsewhere}
    known = {row.id: row for row in session.execute(_REACH, asked)}
    phones = contact_phones(session, {one.union_id for one in recipients}) if known else {}
    vault, at = vault_of(session), world.now()
    rows: list[tuple[Recipient, Chosen, bytes]] = []
    for one in recipients:
        if (row := known.get(one.person_id)) is None:
            continue
        chosen = Chosen(Way.PAPER, Reason.CHOSEN) if command.on_paper else rules.way_for(_reach(row))
        if row.deceased or chosen.way is None:
            continue
        words = rules.sentence(command.kind, vault.open(NAME, row.name), phones[one.union_id], one.values)
        rows.append((one, chosen, vault.seal(WORDS, words)))
    if not rows:
        return Told()
    written = session.execute(_INSERT, {**_columns(world, rows), **_shared(command, at)}).one()
    return Told(written.messages, written.slips)


def _columns(world: World, rows: Sequence[tuple[Recipient, Chosen, bytes]]) -> dict[str, Any]:
    return {
        "ids": [world.new_id() for _ in rows],
        "people": [one.person_id for one, _, _ in rows],
        "unions": [one.union_id for one, _, _ in rows],
        "subjects": [one.subject_id for one, _, _ in rows],
        "words": [words for _, _, words in rows],
        "ways": [str(chosen.way) for _, chosen, _ in rows],
        "reasons": [None if chosen.reason is None else str(chosen.reason) for _, chosen, _ in rows],
    }


def _shared(command: Tell, at: datetime) -> dict[str, Any]:
    return {
        "kind": str(command.kind),
        "state": str(NoticeState.WAITING),
        "day": day_of(at),
        "at": at,
        "actor": command.officer_id,
        "not_before": rules.not_before(at),
    }


def _reach(row: Any) -> Reach:
    return Reach(row.consents, row.verified_phone, row.any_phone, row.bound_account, row.deceased)


def _nearest(path: str, given: Mapping[str, str]) -> str:
    while len(path) > 1:
        if path in given:
            return given[path]
        path = path_above(path)
    return _HELP_PHONE
