"""The unit's desk of notices: what was sent to whom, what failed and why, slips printed and handed out."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.notices.rules import PERSONAL, NoticeKind, NoticeState, Reason, Way
from cardnet.membership.notices.slips import NoticeSlip
from cardnet.membership.services.notices.writing import WORDS
from cardnet.membership.services.people import names
from cardnet.membership.services.unions import unions_under

_OFFICERS = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)

MOST_SLIPS = 4_000
"""Slips of one PDF: drawn while the officer waits. What is left is the next one."""

LISTS = {
    "all": "true",
    "waiting": "n.next_try_at is not null",
    "sent": "n.state = 'sent'",
    "failed": "n.state = 'failed'",
    "to_print": "n.state = 'waiting' and n.way = 'paper'",
    "to_hand_out": "n.state = 'printed' and n.handed_out_at is null",
    "recalled": "n.state = 'dropped' and n.printed_at is not null",
    "unreachable": "n.reason in ('no_consent', 'phone_unverified')",
}
"""The lists an officer may ask for."""


@dataclass(frozen=True)
class NoticeCounts:
    """One union's notices: waiting to be sent, sent, failed, slips to print, slips to hand out, slips handed out."""

    union_id: uuid.UUID
    waiting: int = 0
    sent: int = 0
    failed: int = 0
    to_print: int = 0
    to_hand_out: int = 0
    handed_out: int = 0


@dataclass(frozen=True)
class NoticeLine:
    """One notice as an officer sees it, with its words; `error` is the gateway's last code."""

    notice_id: uuid.UUID
    kind: NoticeKind
    person_id: uuid.UUID
    union_id: uuid.UUID
    words: str
    way: Way
    state: NoticeState
    reason: Reason | None
    error: str
    created_at: datetime
    next_try_at: datetime | None
    sent_at: datetime | None
    printed_at: datetime | None
    handed_out_at: datetime | None
    total: int


@dataclass(frozen=True)
class Slips:
    """Print the slips of the unions under `path`: those that wait, or with `again` also those not yet handed out."""

    officer: Principal
    path: str
    again: bool = False


@dataclass(frozen=True)
class HandOutSlips:
    """These printed slips were given to their people; None means all that are printed under `path`."""

    officer: Principal
    path: str
    notice_ids: tuple[uuid.UUID, ...] | None = None


def notice_counts(session: Session, path: str) -> tuple[NoticeCounts, ...]:
    """Per union under `path`, in the order of the tree; a union without notices is not among them."""
    return tuple(NoticeCounts(*row) for row in session.execute(_COUNTS, {"path": path}))


def notice_lines(
    session: Session, path: str, which: str = "all", *, limit: int = 100, offset: int = 0
) -> tuple[NoticeLine, ...]:
    """A page of one of `LISTS`, newest first; each line says how many there are in all."""
    query = text(_LINES.format(which=LISTS.get(which, LISTS["all"])))
    vault = vault_of(session)
    return tuple(
        NoticeLine(
            row.id, NoticeKind(row.kind), row.person_id, row.union_id, vault.open(WORDS, row.words), Way(row.way),
            NoticeState(row.state), Reason(row.reason) if row.reason else None, row.error or "", row.created_at,
            row.next_try_at, row.sent_at, row.printed_at, row.handed_out_at, row.total,
        )
        for row in session.execute(query, {"path": path, "limit": limit, "offset": offset})
    )  # fmt: skip


def print_slips(session: Session, world: World, command: Slips) -> tuple[NoticeSlip, ...]:
    """What stands on the slips, by unit, `MOST_SLIPS` at a time; those that waited are printed from now on.

    Raises NotAllowed("role_missing", "out_of_scope"), Conflict("nothing_to_print").
    """
    _must_cover(command.officer, command.path)
    unions = {union.id: union for union in unions_under(session, command.path)}
    place = {union_id: at for at, union_id in enumerate(unions)}
    given = {"unions": list(unions), "again": command.again, "at": world.now(), "most": MOST_SLIPS}
    rows = sorted(session.execute(_PRINT, given).all(), key=lambda row: (place[row.union_id], row.id))
    if not rows:
        raise Conflict("nothing_to_print", "没有要打印的通知单：都已打印，或者都用消息发出了。")
    called, vault = names(session, {row.person_id for row in rows}), vault_of(session)
    act = audit.Act("notice.print", "union", command.path, command.officer.account_id, after={"slips": len(rows)})
    audit.record(session, world, act)
    return tuple(
        NoticeSlip(called[row.person_id], unions[row.union_id].name, vault.open(WORDS, row.words), row.day)
        for row in rows
    )


def hand_out_slips(session: Session, world: World, command: HandOutSlips) -> int:
    """Note that slips were handed out; returns how many that were now.

    Raises NotAllowed("role_missing", "out_of_scope"), InvalidInput("nothing_chosen").
    """
    _must_cover(command.officer, command.path)
    if command.notice_ids is not None and not command.notice_ids:
        raise InvalidInput("nothing_chosen", "请先勾选已经发给本人的通知单，或选择全部。")
    ids = None if command.notice_ids is None else list(command.notice_ids)
    done: Any = session.connection().execute(_HAND_OUT, {"path": command.path, "ids": ids, "at": world.now()})
    if done.rowcount:
        after = {"slips": done.rowcount}
        act = audit.Act("notice.hand_out", "union", command.path, command.officer.account_id, after=after)
        audit.record(session, world, act)
    return int(done.rowcount)


def must_be_officer_over(officer: Principal, paths: Collection[str]) -> None:
    """Raises NotAllowed("role_missing", "out_of_scope")."""
    if not officer.has(*_OFFICERS):
        raise NotAllowed("role_missing", f"{officer.display_name}不是工会经办人员，不能办理通知。")
    if not all(in_scope(officer.scope_path, path) for path in paths):
        raise NotAllowed("out_of_scope", f"所选工会或人员不在{officer.display_name}的管理范围内。")


# ---- pieces ----

_UNDER = "starts_with(u.path, :path)"
_FOR_OFFICERS = f"n.kind not in ({', '.join(repr(str(kind)) for kind in sorted(PERSONAL))})"

_COUNTS = text(f"""
    select n.union_id, count(*) filter (where n.next_try_at is not null),
           count(*) filter (where n.state = 'sent'), count(*) filter (where n.state = 'failed'),
           count(*) filter (where n.state = 'waiting' and n.way = 'paper'),
           count(*) filter (where n.state = 'printed' and n.handed_out_at is null),
           count(*) filter (where n.handed_out_at is not null)
      from notice n join union_node u on u.id = n.union_id
     where {_UNDER} and {_FOR_OFFICERS} group by n.union_id, u.path order by u.path""")  # noqa: S608 - our own text

_LINES = f"""
    select n.*, count(*) over () as total from notice n join union_node u on u.id = n.union_id
     where {_UNDER} and {_FOR_OFFICERS} and {{which}} order by n.created_at desc, n.id desc limit :limit offset :offset"""  # noqa: S608

_PRINT = text("""
    with mine as (
        select id from notice
         where union_id = any(:unions) and way = 'paper'
           and (state = 'waiting' or :again and state = 'printed' and handed_out_at is null)
         order by id limit :most for no key update
    )
    update notice n set state = 'printed', printed_at = :at from mine where n.id = mine.id
    returning n.id, n.person_id, n.union_id, n.words, n.day""")

_HAND_OUT = text(f"""
    update notice n set handed_out_at = :at from union_node u
     where u.id = n.union_id and {_UNDER} and n.state = 'printed' and n.handed_out_at is null
       and (cast(:ids as uuid[]) is null or n.id = any(cast(:ids as uuid[])))""")  # noqa: S608


def _must_cover(officer: Principal, path: str) -> None:
    must_be_officer_over(officer, [path])
