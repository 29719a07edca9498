"""What many tests begin with: made once a run by the real services, put back for each test as the rows they wrote.

A test gets exactly what it would have made itself: the same rows, the same ids, the same world afterwards. That is
known only where it starts from the same point, with a world nobody has asked for anything, the same key ring and none
of these rows there yet; anywhere else (`ready` says None) it is made by the services as ever.
"""

import copy
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.kernel.db import APP_ROLE
from cardnet.kernel.world import World

Make = Callable[[Session, World], Any]

_TABLES = """select oid::regclass::text from pg_class
              where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"""
_COLUMNS = """select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
               where attrelid = cast(:name as regclass) and attnum > 0 and not attisdropped and attgenerated = ''"""
_SEQUENCES = "select quote_ident(sequencename), coalesce(last_value, 0) from pg_sequences where schemaname = 'public'"


@dataclass(frozen=True)
class _Place:
    """How far a frozen world has been used, and the ring that seals what is written in it."""

    seed: bytes
    counter: int
    buffer: bytes
    at: Any
    now: Any
    ring: bytes
    folder: Any


@dataclass(frozen=True)
class _Made:
    value: Any
    session: Session
    world: World
    guard: str
    """Whether nothing of it is there yet."""
    rows: str
    left: _Place


_made: dict[tuple[str, _Place], _Made] = {}


def keep(session: Session, world: World, name: str, make: Make) -> None:
    """Make it here, where nothing is yet, and remember it for `ready`. The caller rolls back."""
    if not session.scalar(text("select rolsuper from pg_roles where rolname = session_user")):
        return  # a server of somebody else's, where rows cannot be put back past their triggers
    begun, found = _place(session, world), _rows(session)
    counted = dict(session.execute(text(_SEQUENCES)).all())
    value = make(session, world)
    session.flush()
    guards, inserts = [], []
    for table, rows in _rows(session).items():
        added, gone = rows - found[table], found[table] - rows
        if added or gone:
            these = ", ".join(f"$rows${row}$rows$" for row in gone) or "null"
            guards.append(f"(select count(*) from {table}) = {len(found[table])}")
            guards.append(f"(select count(*) from {table} t where row_to_json(t)::text in ({these})) = {len(gone)}")
            inserts.append(f"delete from {table} t where row_to_json(t)::text in ({these})")
            columns = session.scalar(text(_COLUMNS), {"name": table})
            inserts.append(
                f"insert into {table} ({columns}) overriding system value select {columns} "
                f"from json_populate_recordset(null::{table}, $rows$[{','.join(sorted(added))}]$rows$)"
            )
    session.execute(text("set local role none"))
    for sequence, last in session.execute(text(_SEQUENCES)).all():
        if last != (before := counted[sequence]):
            inserts.append(f"select setval('{sequence}', greatest({last}, (select last_value from {sequence})))")
            # No rollback takes a sequence back.
            session.execute(text(f"select setval('{sequence}', {before or 1}, {bool(before)})"))
    session.execute(text(f"set local role {APP_ROLE}"))
    left = _place(session, world)
    assert begun and left, f"{name} is kept from a frozen world"
    _made[name, begun] = _Made(value, session, world, f"select {' and '.join(guards)}", "; ".join(inserts), left)


def ready(session: Session, world: World, name: str) -> Any:
    """What `make` would have given, with its rows in the database; None where that is not known."""
    place = _place(session, world)
    found = _made.get((name, place)) if place else None
    if found is None:
        return None
    session.flush()
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor:
        cursor.execute("set local role none")
        nothing_there = cursor.execute(found.guard).fetchone()[0]
        if nothing_there:
            # As they were written: past the triggers that have fired for them already.
            cursor.execute(f"set local session_replication_role = replica; {found.rows}")
            cursor.execute("set local session_replication_role = origin")
        cursor.execute(f"set local role {APP_ROLE}")
        if not nothing_there:
            return None
    used = inspect.getclosurevars(world.new_id).nonlocals
    used["from_seed"].counter, used["from_seed"].buffer = found.left.counter, found.left.buffer
    used["ticks"].at = found.left.at
    return copy.deepcopy(found.value, {id(found.session): session, id(found.world): world})


def _place(session: Session, world: World) -> _Place | None:
    used = inspect.getclosurevars(world.new_id).nonlocals
    if used.keys() != {"from_seed", "ticks"}:
        return None
    stream, vault = used["from_seed"], session.info["vault"]
    ring = json.dumps([vault.current, vault.index_key.hex()]).encode()
    return _Place(
        stream.seed, stream.counter, stream.buffer, used["ticks"].at, world.now(), ring, session.info.get("root_folder")
    )


def _rows(session: Session) -> dict[str, set[str]]:
    tables = session.scalars(text(_TABLES)).all()
    session.execute(text("set local role none"))
    found = {table: set(session.scalars(text(f"select row_to_json(t)::text from {table} t"))) for table in tables}
    session.execute(text(f"set local role {APP_ROLE}"))
    return found
