"""What the district does to unions: another name, another place in the tree, an end. What was before stays known.

Issuance carries cards, applications and places along (`issuance.services.reorganising`); here is the tree itself, and
the accounts whose scope it is. The code of a union never changes: files name unions by it.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, in_scope
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import World
from cardnet.membership.models import UnionChange
from cardnet.membership.rules import UnionAct, UnionNode, code_of, must_stand_below, path_above
from cardnet.membership.services.decisions import must_be_district
from cardnet.membership.services.mistakes import Mistakes
from cardnet.membership.services.unions import (
    must_be_open_union,
    union_of_code,
    union_of_id,
    unions_of_codes,
    unions_of_ids,
    unions_under,
)

LONGEST_DOCUMENT = 120


@dataclass(frozen=True)
class RenameUnion:
    """The union is called `name` from `effective_on` (None: today), as `document` decided."""

    code: str
    name: str
    document: str
    officer: Principal
    effective_on: date | None = None


@dataclass(frozen=True)
class MoveUnion:
    """The union with all below it stands below `parent_code` from today on, as `document` decided."""

    code: str
    parent_code: str
    document: str
    officer: Principal


@dataclass(frozen=True)
class CloseUnion:
    """The union, which has nobody left, is no more from today on, as `document` decided."""

    code: str
    document: str
    officer: Principal


@dataclass(frozen=True)
class MovedUnion:
    """A union that stands elsewhere now: as it was, as it is, and the lowest union above both places."""

    before: UnionNode
    union: UnionNode
    common: UnionNode


@dataclass(frozen=True)
class UnionChangeLine:
    """One entry of a union's history; `name` as it was before, `other` the new parent or the successor.

    `came_from` is the union it stood below before a move.
    """

    kind: UnionAct
    effective_on: date
    name: str
    other: UnionNode | None
    document: str
    actor: str
    at: datetime
    came_from: UnionNode | None = None


def rename_union(session: Session, world: World, command: RenameUnion) -> UnionNode:
    """Give a union another name; what was made before that day goes on showing the name of its day.

    Raises NotFound("unit_unknown"), NotAllowed("role_missing"), InvalidInput("name_invalid", "document_missing",
    "effective_in_future", "effective_before_change"), Conflict("name_unchanged", "name_taken", "union_closed").
    """
    union = union_to_change(session, command.officer, command.code)
    name, today = " ".join(command.name.split()), day_of(world.now())
    on = command.effective_on or today
    mistakes = Mistakes()
    with mistakes.about("name"):
        _must_be_a_new_name(session, union, name)
    with mistakes.about("on"):
        _must_be_past(session, union, on, today)
    with mistakes.about("document"):
        document = document_of(command.document)
    mistakes.tell()
    _note(session, world, union, UnionAct.RENAME, on, document, command.officer)
    session.execute(text("update union_node set name = :name where id = :id"), {"name": name, "id": union.id})
    after = {"name": name, "on": on.isoformat(), "document": document}
    _record(session, world, "union.rename", union, command.officer, {"name": union.name}, after)
    return union_of_id(session, union.id)


def move_union(session: Session, world: World, command: MoveUnion) -> MovedUnion:
    """Put a union below another one: paths of all below it and the scopes of their accounts go along.

    Raises NotFound("unit_unknown"), NotAllowed("role_missing"), InvalidInput("document_missing", "root_stays",
    "below_itself", "tier_wrong"), Conflict("already_there", "union_closed").
    """
    union = union_to_change(session, command.officer, command.code)
    parent = union_of_code(session, command.parent_code)
    must_be_open_union(parent)
    if union.parent_id is None:
        raise InvalidInput("root_stays", f"{union.name}是最上级，不能划到别的工会下面。")
    if in_scope(union.path, parent.path):
        raise InvalidInput("below_itself", f"{parent.name}就在{union.name}下面（或就是它自己），不能划到自己的下级。")
    must_stand_below(union, parent)
    if union.parent_id == parent.id:
        raise Conflict("already_there", f"{union.name}已经在{parent.name}下面，没有变化。")
    document = document_of(command.document)
    today = day_of(world.now())
    _note(session, world, union, UnionAct.MOVE, today, document, command.officer, parent.id)
    new_path = f"{parent.path}{union.code}/"
    session.execute(
        text("""
            update union_node set path = :new || substr(path, length(:old) + 1),
                   parent_id = case when id = :id then :parent else parent_id end
             where starts_with(path, :old)"""),
        {"old": union.path, "new": new_path, "id": union.id, "parent": parent.id},
    )
    access.move_scopes(session, union.path, new_path)
    above = union_of_id(session, union.parent_id)
    after = {"parent": parent.code, "path": new_path, "document": document}
    _record(session, world, "union.reparent", union, command.officer, {"parent": above.code, "path": union.path}, after)
    return MovedUnion(union, union_of_id(session, union.id), common_above(session, above, parent))


def end_union(
    session: Session, world: World, union: UnionNode, command: CloseUnion, successor: UnionNode | None
) -> int:
    """Write the end of a union that its caller found empty; returns how many accounts of it were closed.

    Raises InvalidInput("document_missing").
    """
    document, today = document_of(command.document), day_of(world.now())
    kind = UnionAct.MERGE if successor else UnionAct.CLOSE
    _note(session, world, union, kind, today, document, command.officer, successor.id if successor else None)
    session.execute(text('update union_node set "to" = :today where id = :id'), {"today": today, "id": union.id})
    accounts = access.close_accounts_of_union(session, world, union.id, command.officer.account_id)
    after: dict[str, object] = {"document": document, "accounts_closed": accounts}
    if successor:
        after["into"] = successor.code
    action = "union.merge_into" if successor else "union.dissolve"
    _record(session, world, action, union, command.officer, {"name": union.name}, after)
    return accounts


# ---- what was ----


def changes_of(session: Session, union_id: uuid.UUID) -> tuple[UnionChangeLine, ...]:
    """A union's history, the newest first."""
    rows = session.scalars(
        select(UnionChange).filter_by(union_id=union_id).order_by(UnionChange.at.desc(), UnionChange.id.desc())
    ).all()
    others = unions_of_ids(session, {row.other_id for row in rows if row.other_id})
    names = access.display_names(session, [row.actor_id for row in rows if row.actor_id])
    above = {row.id: code_of(path_above(row.path)) for row in rows if row.kind == UnionAct.MOVE}
    parents = unions_of_codes(session, set(above.values()))
    return tuple(
        UnionChangeLine(
            UnionAct(row.kind), row.effective_on, row.name, others[row.other_id] if row.other_id else None,
            row.document, names.get(row.actor_id, "") if row.actor_id else "", row.at,
            parents.get(above.get(row.id, "")),
        )
        for row in rows
    )  # fmt: skip


_NAMESAKE = text('select code from union_node where name = :name and id <> :id and "to" is null limit 1')

_NAMES = text("""
    select distinct on (asked.n) asked.n, c.name
      from unnest(cast(:unions as uuid[]), cast(:days as date[])) with ordinality asked(union_id, day, n)
      join union_change c on c.union_id = asked.union_id and c.kind = 'rename' and c.effective_on > asked.day
     order by asked.n, c.effective_on, c.at""")


def names_on(session: Session, asked: Collection[tuple[UnionNode, date]]) -> dict[tuple[uuid.UUID, date], str]:
    """What each of these unions was called on a day: papers of that day go on saying so."""
    pairs = list(asked)
    found = session.execute(_NAMES, {"unions": [one.id for one, _ in pairs], "days": [day for _, day in pairs]})
    old = {row.n: row.name for row in found}
    return {(union.id, day): old.get(n, union.name) for n, (union, day) in enumerate(pairs, 1)}


def as_called_on(session: Session, unions: Mapping[uuid.UUID, UnionNode], day: date) -> dict[uuid.UUID, UnionNode]:
    """The same unions under the names they had on a day."""
    names = names_on(session, [(union, day) for union in unions.values()])
    return {one: replace(union, name=names[union.id, day]) for one, union in unions.items()}


_FORMER = text("""
    select u.code, c.name from union_change c join union_node u on u.id = c.union_id
     where c.kind = 'rename' and u."to" is null""")

_SUCCEEDED = text("""
    select u.code, u.name, n.code as into_code from union_change c
      join union_node u on u.id = c.union_id join union_node n on n.id = c.other_id
     where c.kind = 'merge'""")


def former_names(session: Session) -> tuple[tuple[str, str], ...]:
    """Names that open unions had before: (name, code)."""
    return tuple((row.name, row.code) for row in session.execute(_FORMER))


def successors(session: Session) -> Mapping[str, tuple[str, str]]:
    """Of each union that was merged away: its name, and the code of the union its people are in now."""
    rows = session.execute(_SUCCEEDED).all()
    into = {row.code: row.into_code for row in rows}

    def last(code: str) -> str:
        while code in into:
            code = into[code]
        return code

    return {row.code: (row.name, last(row.code)) for row in rows}


# ---- pieces ----


def union_to_change(session: Session, officer: Principal, code: str) -> UnionNode:
    """The union, with the tree held still until the transaction ends: one change of it at a time.

    Raises NotAllowed("role_missing"), NotFound("unit_unknown"), Conflict("union_closed").
    """
    must_be_of_the_district(session, officer)
    session.execute(text("select pg_advisory_xact_lock(hashtext('cardnet.unions'))"))
    union = union_of_code(session, code)
    must_be_open_union(union)
    # Whoever is taking something in for one of these reads its place under a share lock, before or after this.
    session.execute(
        text("select id from union_node where starts_with(path, :path) order by id for no key update"),
        {"path": union.path},
    ).all()
    return union


def must_be_of_the_district(session: Session, officer: Principal) -> None:
    """Raises NotAllowed("role_missing")."""
    must_be_district(session, officer, "工会的更名、划转、并入和撤销由区总工会办理。")


def document_of(typed: str) -> str:
    """The number of the decision. Raises InvalidInput("document_missing", "document_too_long")."""
    document = " ".join(typed.split())
    if len(document) > LONGEST_DOCUMENT:
        raise InvalidInput("document_too_long", f"文号或批复最多 {LONGEST_DOCUMENT} 个字，请缩短。")
    if not document or not document.isprintable():
        raise InvalidInput("document_missing", "请填写决策依据的文号或批复，例如“云工〔2026〕18号”。")
    return document


def common_above(session: Session, one: UnionNode, other: UnionNode) -> UnionNode:
    """The lowest union that is, or stands above, both."""
    whole = {union.path: union for union in unions_under(session, f"/{one.path.split('/')[1]}/")}
    path = one.path
    while not in_scope(path, other.path):
        path = path_above(path)
    return whole[path]


def _must_be_a_new_name(session: Session, union: UnionNode, name: str) -> None:
    if not 2 <= len(name) <= 200 or not name.isprintable():
        raise InvalidInput("name_invalid", "请填写工会全称，2 至 200 个字。")
    if name == union.name:
        raise Conflict("name_unchanged", f"{union.code}现在就叫“{name}”，没有变化。")
    if namesake := session.scalar(_NAMESAKE, {"name": name, "id": union.id}):
        raise Conflict("name_taken", f"{namesake}已经叫“{name}”：名单按全称认工会，请写出区别。")


def _must_be_past(session: Session, union: UnionNode, on: date, today: date) -> None:
    if on > today:
        raise InvalidInput("effective_in_future", "更名日期不能晚于今天，请到那一天再办。")
    if on < (first := _named_since(session, union)):
        raise InvalidInput(
            "effective_before_change",
            f"更名日期不能早于{first.year}年{first.month}月{first.day}日：现在的名称从那天开始使用。",
        )


def _named_since(session: Session, union: UnionNode) -> date:
    """The day the present name is from; of a name from the file nobody knows it."""
    renamed: date | None = session.scalar(
        text("select max(effective_on) from union_change where union_id = :id and kind = 'rename'"), {"id": union.id}
    )
    return renamed or date.min


def _note(
    session: Session, world: World, union: UnionNode, kind: UnionAct, on: date, document: str, officer: Principal,
    other_id: uuid.UUID | None = None,
) -> None:  # fmt: skip
    session.add(
        UnionChange(
            id=world.new_id(), union_id=union.id, kind=str(kind), effective_on=on, name=union.name, path=union.path,
            other_id=other_id, document=document, actor_id=officer.account_id, at=world.now(),
        )
    )  # fmt: skip
    session.flush()


def _record(
    session: Session, world: World, action: str, union: UnionNode, officer: Principal, before: Mapping[str, object],
    after: Mapping[str, object],
) -> None:  # fmt: skip
    act = audit.Act(action, "union", union.code, officer.account_id, before=dict(before), after=dict(after))
    audit.record(session, world, act)
