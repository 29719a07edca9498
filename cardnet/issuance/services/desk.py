"""What lies on an officer's desk: work that waits, batches with their rows and history, cards. Reads only.

Everything is bounded by the officer's scope (a path): a batch of a whole district shows a township its own rows.
People come with the seals opened, because who must decide about a row has to see whose it is; pages mask the rest.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance.rules import ApplicationState, CardState
from cardnet.issuance.services.batches import CELLS_FIELD, OriginalFinding
from cardnet.kernel.errors import NotFound
from cardnet.kernel.vault import Vault, vault_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import PersonView, UnionNode


@dataclass(frozen=True)
class Task:
    """Something that waits for this officer: `kind` is review, mend, issue or hand_out, `count` how many rows or cards."""

    kind: str
    batch_id: uuid.UUID
    filename: str
    union: UnionNode
    count: int
    since: datetime
    due_at: datetime | None
    overdue: bool


@dataclass(frozen=True)
class BatchLine:
    """One roster in a list. `states` counts its applications inside the scope; `mine` those that wait for the reader."""

    batch_id: uuid.UUID
    filename: str
    union: UnionNode
    path: str
    mode: str
    rows: int
    valid: int
    declined: int
    invalid: int
    submitted_by: uuid.UUID
    submitter: str
    submitted_at: datetime
    states: Mapping[ApplicationState, int]
    mine: int
    due_at: datetime | None

    @property
    def applications(self) -> int:
        """How many requests of the batch lie in the scope."""
        return sum(self.states.values())


@dataclass(frozen=True)
class RowLine:
    """One row of a batch: what the check said of it, and where its application stands (None: none was made)."""

    row: int
    line: int
    check_state: str
    findings: tuple[OriginalFinding, ...]
    person: PersonView | None
    application_id: uuid.UUID | None
    state: ApplicationState | None
    union: UnionNode | None
    review_path: str | None
    round: int
    due_at: datetime | None
    reasons: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class HistoryLine:
    """One act on many rows at once: who (for whom), what, how many, with which reasons."""

    at: datetime
    action: str
    to_state: str
    review_path: str | None
    actor: str
    on_behalf_of: str
    reasons: tuple[str, ...]
    words: str
    count: int


@dataclass(frozen=True)
class CardLine:
    """One card in a list, with whose it is."""

    card_id: uuid.UUID
    number: str
    state: CardState
    person: PersonView | None
    union: UnionNode | None
    valid_from: date
    valid_to: date
    issued_at: datetime
    delivered_at: datetime | None
    activated_at: datetime | None
    batch_id: uuid.UUID | None
    row: int | None


@dataclass(frozen=True)
class CardEventLine:
    """One thing that happened to a card."""

    at: datetime
    action: str
    to_state: str
    channel: str
    actor: str
    words: str


@dataclass(frozen=True)
class Listed:
    """One page of a list and how long the whole is."""

    items: tuple[Any, ...]
    total: int


@dataclass(frozen=True)
class BatchFilter:
    """Which batches: under `path` (within the scope), only those with rows that wait for me, or in one of `states`."""

    path: str | None = None
    only_mine: bool = False
    states: frozenset[ApplicationState] = frozenset()


@dataclass(frozen=True)
class RowFilter:
    """Which rows of a batch: `states` of applications, `check_states` of rows without one, under `path`, mine only."""

    states: frozenset[ApplicationState] = frozenset()
    check_states: frozenset[str] = frozenset()
    path: str | None = None
    only_mine: bool = False


@dataclass(frozen=True)
class CardFilter:
    """Which cards: by whole number, by its last digits, under `path`, in one of `states`, of one batch."""

    number: str = ""
    ending: str = ""
    path: str | None = None
    states: frozenset[CardState] = field(default_factory=frozenset)
    batch_id: uuid.UUID | None = None


_TASKS = """
    select b.id, b.filename, b.union_id, count(*) as count, min({since}) as since, min({due}) as due_at
      from application a join batch b on b.id = a.batch_id {joined}
     where {which}
     group by b.id order by since, b.id"""

_TASK_KINDS: tuple[tuple[str, Role | None, str], ...] = (
    (
        "review",
        None,
        _TASKS.format(
            since="a.submitted_at",
            due="a.due_at",
            joined="",
            which="a.review_path = :scope and a.state in ('submitted', 'in_review') and a.submitted_by <> :me",
        ),
    ),
    (
        "mend",
        None,
        _TASKS.format(
            since="a.submitted_at",
            due="a.hold_until",
            joined="",
            which="a.state = 'returned' and (a.submitted_by = :me or a.path = :scope)",
        ),
    ),
    (
        "issue",
        Role.DISTRICT_OFFICER,
        _TASKS.format(
            since="a.submitted_at",
            due="null::timestamptz",
            joined="",
            which="a.state = 'approved' and starts_with(a.path, :scope)",
        ),
    ),
    (
        "hand_out",
        Role.UNIT_OFFICER,
        _TASKS.format(
            since="c.issued_at",
            due="null::timestamptz",
            joined="join card c on c.application_id = a.id",
            which="c.state in ('ordered', 'produced') and starts_with(a.path, :scope)",
        ),
    ),
)


def tasks_of(session: Session, world: World, officer: Principal) -> tuple[Task, ...]:
    """What waits for this officer: overdue first, then oldest first."""
    at = world.now()
    given = {"scope": officer.scope_path, "me": officer.account_id}
    found = [
        (kind, row)
        for kind, role, statement in _TASK_KINDS
        if role is None or officer.has(role)
        for row in session.execute(text(statement), given).mappings()
    ]
    unions = membership.unions_of_ids(session, {row["union_id"] for _, row in found})
    tasks = [
        Task(
            kind,
            row["id"],
            row["filename"],
            unions[row["union_id"]],
            row["count"],
            row["since"],
            row["due_at"],
            row["due_at"] is not None and row["due_at"] < at,
        )
        for kind, row in found
    ]
    return tuple(sorted(tasks, key=lambda task: (not task.overdue, task.since)))


_BATCHES = """
    select b.*, c.states, coalesce(c.mine, 0) as mine, c.due_at, count(*) over () as total
      from batch b
      left join lateral (
          select jsonb_object_agg(s.state, s.count) as states, sum(s.mine) as mine, min(s.due_at) as due_at
            from (select a.state, count(*) as count,
                         count(*) filter (where a.review_path = :scope and a.submitted_by <> :me) as mine,
                         min(a.due_at) filter (where a.review_path = :scope) as due_at
                    from application a
                   where a.batch_id = b.id and starts_with(a.path, :under)
                   group by a.state) s
      ) c on true
     where (starts_with(b.path, :under) or c.states is not null)
       and (not cast(:only_mine as boolean) or c.mine > 0)
       and (cardinality(cast(:states as text[])) = 0 or c.states ?| cast(:states as text[]))
       and (cast(:batch as uuid) is null or b.id = :batch)
     order by b.submitted_at desc, b.id desc
     limit :limit offset :offset"""


def batches(
    session: Session, officer: Principal, wanted: BatchFilter | None = None, *, limit: int = 50, offset: int = 0
) -> Listed:
    """The rosters that touch this officer's scope, newest first."""
    wanted = wanted or BatchFilter()
    return _batches(session, officer, wanted, None, limit, offset)


def batch_of(session: Session, officer: Principal, batch_id: uuid.UUID) -> BatchLine:
    """One roster. Raises NotFound("batch_unknown"), also when nothing of it lies in the scope."""
    found = _batches(session, officer, BatchFilter(), batch_id, 1, 0).items
    if not found:
        raise NotFound("batch_unknown", "没有这个批次，或者不在您的管理范围内。")
    line: BatchLine = found[0]
    return line


def _batches(
    session: Session, officer: Principal, wanted: BatchFilter, batch_id: uuid.UUID | None, limit: int, offset: int
) -> Listed:
    given = {
        "scope": officer.scope_path,
        "me": officer.account_id,
        "under": _within(officer, wanted.path),
        "only_mine": wanted.only_mine,
        "states": sorted(wanted.states),
        "batch": batch_id,
        "limit": limit,
        "offset": offset,
    }
    rows = session.execute(text(_BATCHES), given).mappings().all()
    unions = membership.unions_of_ids(session, {row["union_id"] for row in rows})
    names = access.display_names(session, [row["submitted_by"] for row in rows])
    items = tuple(_batch_line(row, unions, names) for row in rows)
    return Listed(items, rows[0]["total"] if rows else 0)


def _batch_line(row: RowMapping, unions: Mapping[uuid.UUID, UnionNode], names: Mapping[uuid.UUID, str]) -> BatchLine:
    states = {ApplicationState(state): count for state, count in (row["states"] or {}).items()}
    return BatchLine(
        row["id"],
        row["filename"],
        unions[row["union_id"]],
        row["path"],
        row["mode"],
        row["rows"],
        row["valid"],
        row["declined"],
        row["invalid"],
        row["submitted_by"],
        names.get(row["submitted_by"], ""),
        row["submitted_at"],
        states,
        int(row["mine"]),
        row["due_at"],
    )


_ROWS = """
    select r.row, r.line, r.state as check_state, r.findings, r.cells, coalesce(a.person_id, r.person_id) as person_id,
           a.id as application_id, a.state, a.union_id, a.review_path, coalesce(a.round, 0) as round, a.due_at,
           e.reasons, e.words, count(*) over () as total
      from roster_row r
      left join application a on a.batch_id = r.batch_id and a.row = r.row
      left join lateral (
          select e.reasons, e.words from application_event e
           where e.application_id = a.id and e.reasons is not null and e.to_state in ('returned', 'rejected')
           order by e.seq desc limit 1
      ) e on true
     where r.batch_id = :batch
       and (starts_with(a.path, :under) or (a.id is null and cast(:whole as boolean)))
       and (not cast(:only_mine as boolean) or (a.review_path = :scope and a.submitted_by <> :me))
       and (cast(:row as bigint) is null or r.row = :row)
       and (cardinality(cast(:states as text[])) + cardinality(cast(:checks as text[])) = 0
            or a.state = any(cast(:states as text[]))
            or (a.id is null and r.state = any(cast(:checks as text[]))))
     order by r.row
     limit :limit offset :offset"""


def batch_rows(
    session: Session,
    officer: Principal,
    batch: BatchLine,
    wanted: RowFilter | None = None,
    *,
    limit: int = 100,
    offset: int = 0,
) -> Listed:
    """The rows of a batch that lie in the officer's scope, in the order of the sheet."""
    return _rows(session, officer, batch, wanted or RowFilter(), None, limit, offset)


def row_of(session: Session, officer: Principal, batch: BatchLine, row: int) -> RowLine:
    """One row of a batch. Raises NotFound("row_unknown"), also when it is not the officer's to see."""
    found = _rows(session, officer, batch, RowFilter(), row, 1, 0).items
    if not found:
        raise NotFound("row_unknown", f"这个批次里没有第 {row} 行，或者不在您的管理范围内。")
    line: RowLine = found[0]
    return line


def _rows(
    session: Session,
    officer: Principal,
    batch: BatchLine,
    wanted: RowFilter,
    row: int | None,
    limit: int,
    offset: int,
) -> Listed:
    under = _within(officer, wanted.path)
    given = {
        "batch": batch.batch_id,
        "row": row,
        "under": under,
        # A row without an application belongs to nobody's path: it is shown to who may see the whole roster.
        "whole": in_scope(under, batch.path),
        "only_mine": wanted.only_mine,
        "scope": officer.scope_path,
        "me": officer.account_id,
        "states": sorted(wanted.states),
        "checks": sorted(wanted.check_states),
        "limit": limit,
        "offset": offset,
    }
    rows = session.execute(text(_ROWS), given).mappings().all()
    vault = vault_of(session)
    people = membership.people(session, {row["person_id"] for row in rows if row["person_id"]})
    unions = membership.unions_of_ids(session, {row["union_id"] for row in rows if row["union_id"]})
    items = tuple(
        RowLine(
            row["row"],
            row["line"],
            row["check_state"],
            _findings(vault, row),
            people.get(row["person_id"]),
            row["application_id"],
            ApplicationState(row["state"]) if row["state"] else None,
            unions.get(row["union_id"]),
            row["review_path"],
            row["round"],
            row["due_at"],
            tuple(row["reasons"] or ()),
            row["words"] or "",
        )
        for row in rows
    )
    return Listed(items, rows[0]["total"] if rows else 0)


def _findings(vault: Vault, row: RowMapping) -> tuple[OriginalFinding, ...]:
    """What the check said. The words lie sealed with the cells, because they may quote what was typed."""
    words = json.loads(vault.open(CELLS_FIELD, row["cells"]))["words"] if row["findings"] else ()
    return tuple(
        OriginalFinding(found[0], found[1], found[2], said) for found, said in zip(row["findings"], words, strict=True)
    )


_NUMBERS = """
    select a.row from application a
     where a.batch_id = :batch and starts_with(a.path, :under) and a.review_path = :scope
       and a.state in ('submitted', 'in_review') order by a.row"""


def row_numbers(session: Session, officer: Principal, batch: BatchLine, path: str) -> tuple[int, ...]:
    """The rows under `path` that stand before this officer's tier: what "all of this unit" means in a review."""
    given = {"batch": batch.batch_id, "under": _within(officer, path), "scope": officer.scope_path}
    return tuple(session.scalars(text(_NUMBERS), given))


_TURNS = """
    select a.review_path, count(*) as rows from application a
     where a.batch_id = :batch and starts_with(a.path, :scope) and a.review_path is not null
     group by a.review_path"""


_ALL_TURNS = """
    select a.review_path, count(*) as rows, min(a.due_at) as due_at from application a
     where starts_with(a.path, :scope) and a.review_path is not null group by a.review_path order by rows desc"""


def turns(session: Session, officer: Principal) -> tuple[tuple[UnionNode, int, datetime | None], ...]:
    """Before whom the applications of the whole scope stand now: how many, and the earliest term; the most first."""
    rows = session.execute(text(_ALL_TURNS), {"scope": officer.scope_path}).all()
    by_code = membership.unions_of_codes(session, [row.review_path.strip("/").split("/")[-1] for row in rows])
    return tuple((by_code[row.review_path.strip("/").split("/")[-1]], row.rows, row.due_at) for row in rows)


def batch_turns(session: Session, officer: Principal, batch_id: uuid.UUID) -> tuple[tuple[UnionNode, int], ...]:
    """Before whom the applications of a batch stand now, and how many: the lowest tier first."""
    rows = session.execute(text(_TURNS), {"batch": batch_id, "scope": officer.scope_path}).all()
    by_code = membership.unions_of_codes(session, [row.review_path.strip("/").split("/")[-1] for row in rows])
    turns = [(by_code[row.review_path.strip("/").split("/")[-1]], row.rows) for row in rows]
    return tuple(sorted(turns, key=lambda turn: (-turn[0].path.count("/"), turn[0].path)))


_UNITS = """
    select a.union_id, count(*) as rows from application a
     where a.batch_id = :batch and starts_with(a.path, :scope) group by a.union_id"""


def batch_units(session: Session, officer: Principal, batch_id: uuid.UUID) -> tuple[tuple[UnionNode, int], ...]:
    """The units named in a batch, with how many applications each has, in the order of the tree."""
    rows = session.execute(text(_UNITS), {"batch": batch_id, "scope": officer.scope_path}).all()
    unions = membership.unions_of_ids(session, {row.union_id for row in rows})
    return tuple(sorted(((unions[row.union_id], row.rows) for row in rows), key=lambda pair: pair[0].path))


_HISTORY = """
    select e.at, e.action, e.to_state, e.review_path, e.actor_id, e.on_behalf_of, e.reasons, e.words, count(*) as count
      from application_event e join application a on a.id = e.application_id
     where starts_with(a.path, :scope) and {which}
     group by e.at, e.action, e.to_state, e.review_path, e.actor_id, e.on_behalf_of, e.reasons, e.words
     order by e.at, min(e.seq), e.action"""


def batch_history(session: Session, officer: Principal, batch_id: uuid.UUID) -> tuple[HistoryLine, ...]:
    """What was done with a batch, oldest first; rows decided by one act are one line."""
    return _history(session, "a.batch_id = :subject", officer, batch_id)


def application_history(session: Session, officer: Principal, application_id: uuid.UUID) -> tuple[HistoryLine, ...]:
    """What was done with one application, oldest first."""
    return _history(session, "a.id = :subject", officer, application_id)


def _history(session: Session, which: str, officer: Principal, subject: uuid.UUID) -> tuple[HistoryLine, ...]:
    given = {"subject": subject, "scope": officer.scope_path}
    rows = session.execute(text(_HISTORY.format(which=which)), given).mappings().all()
    names = access.display_names(
        session, [row[key] for row in rows for key in ("actor_id", "on_behalf_of") if row[key]]
    )
    return tuple(
        HistoryLine(
            row["at"],
            row["action"],
            row["to_state"],
            row["review_path"],
            names.get(row["actor_id"], ""),
            names.get(row["on_behalf_of"], ""),
            tuple(row["reasons"] or ()),
            row["words"] or "",
            row["count"],
        )
        for row in rows
    )


_CARDS = """
    select c.*, a.batch_id, a.row, count(*) over () as total
      from card c left join application a on a.id = c.application_id
     where c.union_id = any(cast(:unions as uuid[]))
       and (cast(:number as text) = '' or c.number = :number)
       and (cast(:ending as text) = '' or right(c.number, length(:ending)) = :ending)
       and (cardinality(cast(:states as text[])) = 0 or c.state = any(cast(:states as text[])))
       and (cast(:batch as uuid) is null or a.batch_id = :batch)
       and (cast(:card as uuid) is null or c.id = :card)
     order by a.batch_id desc nulls last, a.row, c.number
     limit :limit offset :offset"""


def find_cards(session: Session, officer: Principal, wanted: CardFilter, *, limit: int = 50, offset: int = 0) -> Listed:
    """Cards of the officer's scope."""
    return _cards(session, officer, wanted, None, limit, offset)


def card_of_id(session: Session, officer: Principal, card_id: uuid.UUID) -> CardLine:
    """One card. Raises NotFound("card_unknown"), also when it is not the officer's to see."""
    found = _cards(session, officer, CardFilter(), card_id, 1, 0).items
    if not found:
        raise NotFound("card_unknown", "没有这张卡，或者不在您的管理范围内。")
    line: CardLine = found[0]
    return line


def _cards(
    session: Session, officer: Principal, wanted: CardFilter, card_id: uuid.UUID | None, limit: int, offset: int
) -> Listed:
    unions = {union.id: union for union in membership.unions_under(session, _within(officer, wanted.path))}
    given = {
        "unions": list(unions),
        "number": wanted.number,
        "ending": wanted.ending,
        "states": sorted(wanted.states),
        "batch": wanted.batch_id,
        "card": card_id,
        "limit": limit,
        "offset": offset,
    }
    rows = session.execute(text(_CARDS), given).mappings().all()
    people = membership.people(session, {row["person_id"] for row in rows})
    items = tuple(_card_line(row, people, unions) for row in rows)
    return Listed(items, rows[0]["total"] if rows else 0)


def _card_line(
    row: RowMapping, people: Mapping[uuid.UUID, PersonView], unions: Mapping[uuid.UUID, UnionNode]
) -> CardLine:
    return CardLine(
        row["id"],
        row["number"],
        CardState(row["state"]),
        people.get(row["person_id"]),
        unions.get(row["union_id"]),
        row["valid_from"],
        row["valid_to"],
        row["issued_at"],
        row["delivered_at"],
        row["activated_at"],
        row["batch_id"],
        row["row"],
    )


def card_history(session: Session, card_id: uuid.UUID) -> tuple[CardEventLine, ...]:
    """What happened to a card, oldest first."""
    statement = text("select * from card_event where card_id = :card order by seq")
    rows: Sequence[RowMapping] = session.execute(statement, {"card": card_id}).mappings().all()
    names = access.display_names(session, [row["actor_id"] for row in rows if row["actor_id"]])
    return tuple(
        CardEventLine(
            row["at"],
            row["action"],
            row["to_state"],
            row["channel"],
            names.get(row["actor_id"], ""),
            row["words"] or "",
        )
        for row in rows
    )


def _within(officer: Principal, path: str | None) -> str:
    """`path` when it lies in the officer's scope, else the scope: a filter narrows and never widens."""
    return path if path and in_scope(officer.scope_path, path) else officer.scope_path
