"""扫码自填: members fill in six columns on their own phone and answer for themselves; the officer ticks them off.

The public page learns nothing of who is a member, who holds a card or who filled in before: it judges only what was
typed. What is known is shown to the officer alone, beside each entry.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.issuance.models import SelfFillEntry, SelfFillPoster
from cardnet.issuance.rules import RosterMode
from cardnet.issuance.services.roster import RosterReceipt, Sent, write_batch
from cardnet.issuance.services.roster_check import judged, must_cover
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of, end_of
from cardnet.kernel.errors import FieldError, InvalidInput, NotAllowed, NotFound, TooManyRequests
from cardnet.kernel.progress import unseen
from cardnet.kernel.vault import Vault, vault_of
from cardnet.kernel.world import World
from cardnet.membership import roster
from cardnet.membership import services as membership
from cardnet.membership.roster import CheckedRow, Column, Header, RosterContext, Severity, Sheet
from cardnet.membership.rules import ConsentMethod, TransferOrigin, UnionNode
from cardnet.membership.sheet import SheetRow
from cardnet.membership.table import Table

FIELDS_FIELD, ADDRESS_FIELD = "self_fill_entry.fields", "self_fill_entry.address"
SIX = (Column.NAME, Column.ID_TYPE, Column.ID_NUMBER, Column.PHONE, Column.EMPLOYMENT, Column.CONSENT)
"""What a member fills in."""
FIELD_NAMES = dict(zip(SIX, ("name", "id_type", "id_number", "phone", "employment", "consent"), strict=True))

_HOUR = timedelta(hours=1)
PER_ADDRESS_AN_HOUR = 60
"""A whole workshop may stand behind one address."""
PER_POSTER_AN_HOUR = 1_000
MOST_DAYS = 92
WAITS = timedelta(days=60)
"""What no officer takes over in this time is gone."""


@dataclass(frozen=True)
class OpenPoster:
    """A unit's poster, until the end of `last_day`; `most` is how many entries may wait at once."""

    officer: Principal
    unit_code: str
    last_day: date
    most: int = 2_000


@dataclass(frozen=True)
class PosterView:
    """An open poster."""

    id: uuid.UUID
    token: str
    union: UnionNode
    most: int
    opened_at: datetime
    closes_at: datetime


@dataclass(frozen=True)
class FillIn:
    """What somebody typed on the public page, by name of the field, and the address it came from."""

    token: str
    fields: Mapping[str, str] = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True)
class EntryLine:
    """One entry before the officer: what was typed, how often, and what the roster's checker says of it now."""

    id: uuid.UUID
    fields: Mapping[str, str]
    times: int
    filled_at: datetime
    checked: CheckedRow


@dataclass(frozen=True)
class TakeEntries:
    """The officer knows these people and sends them in as one batch."""

    officer: Principal
    entry_ids: Sequence[uuid.UUID]


def open_poster(session: Session, world: World, command: OpenPoster) -> PosterView:
    """Open a unit's poster; one that is open already stays, with the later last day.

    Raises NotFound("unit_unknown"), NotAllowed("role_missing"), ("out_of_scope"), InvalidInput("not_a_unit"),
    ("last_day_invalid").
    """
    unit = membership.union_of_code(session, command.unit_code)
    must_cover(command.officer, unit)
    if unit.parent_id is None:
        raise InvalidInput("not_a_unit", "海报是贴在会员所在单位的：请选择基层工会或镇、街道、委局工会。")
    at = world.now()
    today = day_of(at)
    if not today <= command.last_day <= today + timedelta(days=MOST_DAYS):
        raise InvalidInput("last_day_invalid", f"截止日期请选今天起 {MOST_DAYS} 天以内的一天。")
    closes_at = end_of(command.last_day)
    session.execute(_CLOSE_OVER, {"at": at, "union": unit.id})
    session.execute(
        insert(SelfFillPoster)
        .values(
            id=world.new_id(),
            union_id=unit.id,
            token=world.random_bytes(12).hex(),
            most=command.most,
            opened_by=command.officer.account_id,
            opened_at=at,
            closes_at=closes_at,
        )
        .on_conflict_do_update(
            index_elements=["union_id"],
            index_where=SelfFillPoster.closed_at.is_(None),
            set_={"closes_at": func.greatest(SelfFillPoster.closes_at, closes_at)},
        )
    )
    act = audit.Act("self_fill.open", "union", unit.code, actor_id=command.officer.account_id)
    audit.record(session, world, act)
    found = poster_of(session, world, unit)
    assert found is not None
    return found


_CLOSE_OVER = text(
    "update self_fill_poster set closed_at = closes_at where closed_at is null and closes_at <= :at and union_id = :union"
)


def close_poster(session: Session, world: World, officer: Principal, poster_id: uuid.UUID) -> None:
    """Take a poster down; what was filled in stays. Raises NotFound("poster_closed"), NotAllowed("out_of_scope")."""
    poster = session.get(SelfFillPoster, poster_id)
    if poster is None:
        raise _closed()
    unit = membership.union_of_id(session, poster.union_id)
    must_cover(officer, unit)
    session.execute(
        update(SelfFillPoster)
        .where(SelfFillPoster.id == poster_id, SelfFillPoster.closed_at.is_(None))
        .values(closed_at=world.now())
    )
    audit.record(session, world, audit.Act("self_fill.close", "union", unit.code, actor_id=officer.account_id))


def poster_of(session: Session, world: World, unit: UnionNode) -> PosterView | None:
    """The open poster of a unit."""
    poster = session.scalar(
        select(SelfFillPoster)
        .where(
            SelfFillPoster.union_id == unit.id,
            SelfFillPoster.closed_at.is_(None),
            SelfFillPoster.closes_at > world.now(),
        )
        .execution_options(populate_existing=True)
    )
    return _view(poster, unit) if poster else None


def poster_of_token(session: Session, world: World, token: str) -> PosterView:
    """The poster somebody scanned. Raises NotFound("poster_closed"): never made, over and taken down look the same."""
    poster = session.scalar(
        select(SelfFillPoster).where(
            SelfFillPoster.token == token, SelfFillPoster.closed_at.is_(None), SelfFillPoster.closes_at > world.now()
        )
    )
    if poster is None:
        raise _closed()
    return _view(poster, membership.union_of_id(session, poster.union_id))


def _view(poster: SelfFillPoster, unit: UnionNode) -> PosterView:
    return PosterView(poster.id, poster.token, unit, poster.most, poster.opened_at, poster.closes_at)


def _closed() -> NotFound:
    return NotFound("poster_closed", "这个二维码已停用：请向本单位工会要新的。")


def fill_in(session: Session, world: World, command: FillIn) -> None:
    """Keep what was typed. The same document again replaces what it said before and counts once more.

    The answer is the same whoever the person is. Raises NotFound("poster_closed"), InvalidInput("fields_invalid")
    with a sentence for each field, TooManyRequests("too_many_entries").
    """
    poster = poster_of_token(session, world, command.token)
    vault, at = vault_of(session), world.now()
    typed = {name: command.fields.get(name, "").strip()[:200] for name in FIELD_NAMES.values()}
    row = _judged_alone(session, poster.union, typed, day_of(at))
    wrong = [found for found in row.findings if found.severity is Severity.ERROR]
    if wrong or row.key is None:
        names = {column.value: name for column, name in FIELD_NAMES.items()}
        errors = {names.get(found.column, "name"): found for found in reversed(wrong)}
        raise InvalidInput(
            "fields_invalid",
            "有几项需要改正。",
            [
                FieldError(f"/{name}", errors[name].message, str(errors[name].code))
                for name in names.values()
                if name in errors
            ],
        )
    address = vault.index(ADDRESS_FIELD, command.address)
    _must_not_flood(session, poster, address, at)
    membership.unions_held(session, [poster.union.id])
    session.execute(
        insert(SelfFillEntry)
        .values(
            id=world.new_id(),
            poster_id=poster.id,
            union_id=poster.union.id,
            key=row.key,
            fields=vault.seal(FIELDS_FIELD, json.dumps(typed, ensure_ascii=False)),
            address_index=address,
            state="waiting",
            filled_at=at,
        )
        .on_conflict_do_update(
            index_elements=["union_id", "key"],
            index_where=SelfFillEntry.state == "waiting",
            set_={
                "fields": text("excluded.fields"),
                "poster_id": text("excluded.poster_id"),
                "address_index": text("excluded.address_index"),
                "filled_at": at,
                "times": SelfFillEntry.times + 1,
            },
        )
    )


def _must_not_flood(session: Session, poster: PosterView, address: bytes, at: datetime) -> None:
    # Two entries in one second both see the same count: the bound is against floods, not an exact quota.
    waiting, lately, here = session.execute(
        select(
            func.count().filter(SelfFillEntry.state == "waiting"),
            func.coalesce(func.sum(SelfFillEntry.times).filter(SelfFillEntry.filled_at > at - _HOUR), 0),
            func.coalesce(
                func.sum(SelfFillEntry.times).filter(
                    SelfFillEntry.filled_at > at - _HOUR, SelfFillEntry.address_index == address
                ),
                0,
            ),
        ).where(SelfFillEntry.union_id == poster.union.id)
    ).one()
    if waiting >= poster.most or lately >= PER_POSTER_AN_HOUR or here >= PER_ADDRESS_AN_HOUR:
        raise TooManyRequests(
            "too_many_entries", "刚才填写的人太多，请过一会儿再试；着急请找本单位工会。", int(_HOUR.total_seconds())
        )


def entries_of(session: Session, world: World, officer: Principal, unit: UnionNode) -> tuple[EntryLine, ...]:
    """What waits for the officer of a unit, the oldest first, each judged against what is known now.

    Raises NotAllowed("names_inside_the_unit") for who is not of the unit itself.
    """
    _must_be_inside(officer, unit)
    entries = _waiting(session, unit)
    if not entries:
        return ()
    typed = _opened(vault_of(session), entries)
    checked = judged(
        session, world, _sheet(list(typed.values())), unit, unseen, ConsentMethod.SELF_SERVICE, own_people=True
    )
    return tuple(
        EntryLine(entry.id, typed[entry.id], entry.times, entry.filled_at, row)
        for entry, row in zip(entries, checked.rows, strict=True)
    )


def waiting_entries(session: Session, union_id: uuid.UUID) -> int:
    """How many entries wait at one unit."""
    query = select(func.count()).where(SelfFillEntry.union_id == union_id, SelfFillEntry.state == "waiting")
    return session.scalar(query) or 0


def take_entries(session: Session, world: World, command: TakeEntries) -> RosterReceipt:
    """Make one batch of these entries, answered by the members themselves; entries with errors stay and wait.

    Raises InvalidInput("nothing_chosen"), ("roster_nothing_valid"), NotAllowed("role_missing"),
    ("names_inside_the_unit").
    """
    unit = membership.union_of_id(session, command.officer.union_id)
    must_cover(command.officer, unit)
    entries = _waiting(session, unit, command.entry_ids)
    if not entries:
        raise InvalidInput("nothing_chosen", "请至少勾选一个人；已处理过的人不会再出现。")
    typed = _opened(vault_of(session), entries)
    everybody = judged(
        session, world, _sheet(list(typed.values())), unit, unseen, ConsentMethod.SELF_SERVICE, own_people=True
    )
    fit = [entry for entry, row in zip(entries, everybody.rows, strict=True) if row.person is not None]
    if not fit:
        raise InvalidInput("roster_nothing_valid", "勾选的人都有需要改正的地方：请让本人重新扫码填写，或先放在一边。")
    lines = [typed[entry.id] for entry in fit]
    checked = judged(session, world, _sheet(lines), unit, unseen, ConsentMethod.SELF_SERVICE, own_people=True)
    at = world.now()
    told = json.dumps([[str(entry.id), typed[entry.id]] for entry in fit], ensure_ascii=False, sort_keys=True)
    sent = Sent(
        f"扫码自填 {day_of(at).isoformat()}",
        unit,
        command.officer,
        RosterMode.VALID_ROWS_ONLY,
        hashlib.sha256(told.encode()).digest(),
        TransferOrigin.SELF_FILLED,
    )
    receipt = write_batch(session, world, sent, checked)
    _decide(session, at, command.officer, [entry.id for entry in fit], "taken", receipt.batch_id)
    return receipt


def dismiss_entries(session: Session, world: World, command: TakeEntries) -> int:
    """Put entries aside: nobody of this unit, or filled in as a joke. What was typed is gone; returns how many."""
    unit = membership.union_of_id(session, command.officer.union_id)
    must_cover(command.officer, unit)
    entries = _waiting(session, unit, command.entry_ids)
    _decide(session, world.now(), command.officer, [entry.id for entry in entries], "dismissed", None)
    if entries:
        after = {"entries": len(entries)}
        act = audit.Act("self_fill.dismiss", "union", unit.code, actor_id=command.officer.account_id, after=after)
        audit.record(session, world, act)
    return len(entries)


def forget_old_entries(session: Session, world: World) -> int:
    """Entries nobody took over in time are gone; returns how many."""
    gone = session.execute(
        update(SelfFillEntry)
        .where(SelfFillEntry.state == "waiting", SelfFillEntry.filled_at <= world.now() - WAITS)
        .values(state="dismissed", fields=None, decided_at=world.now())
        .returning(SelfFillEntry.id)
    )
    return len(gone.all())


_CARRY_ENTRIES = text("""
    update self_fill_entry e set union_id = :into
     where e.union_id = :old and e.state = 'waiting'
       and not exists (select from self_fill_entry o where o.union_id = :into and o.key = e.key and o.state = 'waiting')""")

_DROP_ENTRIES = text("""
    update self_fill_entry set state = 'dismissed', fields = null, decided_by = :by, decided_at = :at
     where union_id = :old and state = 'waiting'""")


def carry_entries(
    session: Session, world: World, old_id: uuid.UUID, into_id: uuid.UUID | None, officer: Principal
) -> None:
    """A union ends: its poster leads nowhere, and who filled in waits for the officer of the union that takes over.

    Who had filled in there too is waiting already; without a union that takes over nobody waits any more.
    """
    given = {"old": old_id, "into": into_id, "at": world.now(), "by": officer.account_id}
    session.execute(
        text("update self_fill_poster set closed_at = :at where union_id = :old and closed_at is null"), given
    )
    if into_id is not None:
        session.execute(_CARRY_ENTRIES, given)
    session.execute(_DROP_ENTRIES, given)


# ---- pieces ----


def _must_be_inside(officer: Principal, unit: UnionNode) -> None:
    if officer.union_id != unit.id or not in_scope(officer.scope_path, unit.path):
        raise NotAllowed("names_inside_the_unit", "名单只在本单位内可见：上级工会看到的是人数。")


def _waiting(session: Session, unit: UnionNode, ids: Sequence[uuid.UUID] | None = None) -> Sequence[SelfFillEntry]:
    query = (
        select(SelfFillEntry)
        .where(SelfFillEntry.union_id == unit.id, SelfFillEntry.state == "waiting")
        .order_by(SelfFillEntry.filled_at, SelfFillEntry.id)
        .execution_options(populate_existing=True)
    )
    if ids is not None:
        # Two officers ticking the same people: the second waits, and finds them taken.
        query = query.where(SelfFillEntry.id == func.any(list(ids))).with_for_update()
    return session.scalars(query).all()


def _opened(vault: Vault, entries: Sequence[SelfFillEntry]) -> dict[uuid.UUID, dict[str, str]]:
    return {entry.id: json.loads(vault.open(FIELDS_FIELD, entry.fields or b"")) for entry in entries}


def _sheet(lines: Sequence[Mapping[str, str]]) -> Sheet:
    """The entries as a roster. Its columns are known, so nothing somebody types is taken for a title or a total."""
    cells = [[line[FIELD_NAMES[column]] for column in SIX] for line in lines]
    table = Table("扫码自填", [[column.value for column in SIX], *cells])
    header = Header(0, 0, {column: at for at, column in enumerate(SIX)}, resident_only=False, width=len(SIX))
    return Sheet(table, header, tuple(SheetRow(n, n + 1, row) for n, row in enumerate(cells, 1)), ())


def _judged_alone(session: Session, unit: UnionNode, typed: Mapping[str, str], on: date) -> CheckedRow:
    """What can be said of the typing itself; nothing of what is known about anybody."""
    context = RosterContext(
        {unit.code: unit.path}, unit.code, unit.path, on,
        key_of=membership.key_of(session), method=ConsentMethod.SELF_SERVICE,
    )  # fmt: skip
    return roster.check(_sheet([typed]), context).rows[0]


def _decide(
    session: Session, at: datetime, officer: Principal, ids: Sequence[uuid.UUID], state: str, batch_id: uuid.UUID | None
) -> None:
    session.execute(
        update(SelfFillEntry)
        .where(SelfFillEntry.id == func.any(list(ids)), SelfFillEntry.state == "waiting")
        .values(state=state, fields=None, decided_by=officer.account_id, decided_at=at, batch_id=batch_id)
    )
