"""Uses from before cardnet: taken in from a list, so that limits count them; taken back when the list was wrong.

They are no redemptions: no merchant is owed anything and no pool is touched, for that money was spent and booked
before. What they count are the limits of the rule version of their day, or of the first one that came later, on the
counters every redemption looks at. Reports name them apart.
"""

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.benefits.models_past import PastUseImport
from cardnet.benefits.services.past_use_judge import Judge
from cardnet.benefits.services.past_use_writes import write
from cardnet.benefits.use_file import read_uses
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.progress import Progress, unseen
from cardnet.kernel.taken_in import Found
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership import spreadsheet

IMPORTERS = (Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)
_ROWS_BETWEEN = 2_000


@dataclass(frozen=True)
class ImportPastUses:
    """A list of uses by members of the officer's scope."""

    content: bytes = field(repr=False)
    filename: str
    officer: Principal


@dataclass(frozen=True)
class PastUsesImported:
    """What became of the rows: `stored` now, `known` taken in before, `invalid` left out with a finding each."""

    import_id: uuid.UUID | None
    rows: int
    stored: int
    known: int
    invalid: int
    people: int
    findings: tuple[Found, ...]


@dataclass(frozen=True)
class TakeBackPastUses:
    """A list was wrong: none of its uses counts from now on."""

    import_id: uuid.UUID
    officer: Principal
    reason: str


@dataclass(frozen=True)
class PastUseImportView:
    """One list that was taken in."""

    id: uuid.UUID
    filename: str
    rows: int
    stored: int
    officer_id: uuid.UUID
    at: datetime
    taken_back_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class PastUseView:
    """One use from before that counts."""

    program: str
    program_name: str
    used_on: date
    times: int
    fen: int
    place: str


def import_past_uses(
    session: Session, world: World, command: ImportPastUses, progress: Progress = unseen
) -> PastUsesImported:
    """Take in a list. Wrong rows are said and left out; sent again, nothing is counted twice.

    Raises NotAllowed("role_missing"), InvalidInput when the file cannot be read, Conflict("used_meanwhile") when
    somebody used a benefit in the same moment.
    """
    officer = command.officer
    if not officer.has(*IMPORTERS):
        raise NotAllowed("role_missing", f"{officer.display_name}不是区或镇街道工会的经办人员，不能导入以往使用记录。")
    at = world.now()
    progress("read", 0, 1)
    lines = read_uses(spreadsheet.read(command.content, command.filename), day_of(at))
    one_list_at_a_time(session)
    judge = Judge(session, officer, lines, day_of(at))
    for number, line in enumerate(lines):
        if number % _ROWS_BETWEEN == 0:
            progress("check", number, len(lines))
        judge.judge(world, line)
    progress("write", 0, len(judge.fit))
    import_id = world.new_id() if judge.fit else None
    if import_id is not None:
        session.add(
            PastUseImport(
                id=import_id, path=officer.scope_path, filename="".join(filter(str.isprintable, command.filename))[:200],
                content_sha256=hashlib.sha256(command.content).digest(), rows=len(lines), stored=len(judge.fit),
                officer_id=officer.account_id, at=at,
            )
        )  # fmt: skip
        session.flush()
        write(session, import_id, judge.fit)
    invalid = len(lines) - len(judge.fit) - judge.known
    counts = {"rows": len(lines), "stored": len(judge.fit), "known": judge.known, "invalid": invalid}
    subject = str(import_id) if import_id else officer.scope_path
    audit.record(
        session, world, audit.Act("past_uses.import", "past_use_import", subject, officer.account_id, after=counts)
    )
    people = len({fit.person_id for fit in judge.fit})
    return PastUsesImported(import_id, **counts, people=people, findings=tuple(judge.findings))


def take_back_past_uses(session: Session, world: World, command: TakeBackPastUses) -> int:
    """None of a list's uses counts any more; returns how many that were.

    Raises NotFound("past_use_import_unknown"), InvalidInput("reason_missing"), Conflict("taken_back_before").
    """
    officer, reason = command.officer, command.reason.strip()
    one_list_at_a_time(session)
    row = session.get(PastUseImport, command.import_id, with_for_update=True, populate_existing=True)
    placed = membership.places(session)
    if row is None or not officer.has(*IMPORTERS) or not in_scope(officer.scope_path, placed.now(row.path)):
        raise NotFound("past_use_import_unknown", "没有这次导入，或者不在您的管理范围内。")
    if not reason:
        raise InvalidInput("reason_missing", "请写明为什么撤回这次导入。")
    if row.taken_back_at is not None:
        raise Conflict("taken_back_before", "这次导入已经撤回过，不用再撤。")
    row.taken_back_at, row.taken_back_by, row.reason = world.now(), officer.account_id, reason[:200]
    session.flush()
    session.execute(_TAKE_BACK, {"import": row.id})
    after = {"stored": row.stored, "reason": reason[:200]}
    act = audit.Act("past_uses.take_back", "past_use_import", str(row.id), officer.account_id, after=after)
    audit.record(session, world, act)
    return row.stored


def one_list_at_a_time(session: Session) -> None:
    """Two officers with the same list: the second judges what the first has stored or taken back."""
    session.execute(text("select pg_advisory_xact_lock(hashtextextended('cardnet.past_uses', 0))"))


def past_use_imports(session: Session, officer: Principal) -> tuple[PastUseImportView, ...]:
    """The lists taken in within the officer's scope, the newest first; fifty of them."""
    rows = session.scalars(
        select(PastUseImport)
        .where(membership.places(session).holds(PastUseImport.path, officer.scope_path))
        .order_by(PastUseImport.at.desc(), PastUseImport.id)
        .limit(50)
    )
    return tuple(
        PastUseImportView(r.id, r.filename, r.rows, r.stored, r.officer_id, r.at, r.taken_back_at, r.reason)
        for r in rows
    )


def past_uses_of_person(session: Session, person_id: uuid.UUID) -> tuple[PastUseView, ...]:
    """What a person had before cardnet and what counts, the latest first; that of merged files too."""
    rows = session.execute(_OF_PERSON, {"people": list(membership.ids_of_person(session, person_id))})
    return tuple(PastUseView(code, name, day, times, fen, place or "") for code, name, day, times, fen, place in rows)


# Counters in the order everybody locks them in: the people's, then what they share.
_TAKE_BACK = text("""
    with gone as (
        -- The latest entry: of a file that was merged the one that stays carries it.
        select distinct on (e.redemption_id, e.program_id, e.limit_code) e.* from usage_entry e
          join past_use p on p.id = e.redemption_id
         where p.import_id = :import order by e.redemption_id, e.program_id, e.limit_code, e.act desc
    ), noted as (
        insert into usage_entry (redemption_id, act, program_id, limit_code, person_id, scope, scope_key, period,
                                 used_n, held_n, used_fen, held_fen)
        select redemption_id, act + 1, program_id, limit_code, person_id, scope, scope_key, period, -used_n, 0, -used_fen, 0
          from gone
    ), sums as materialized (
        select person_id, program_id, limit_code, period, sum(used_n) as n, sum(used_fen) as fen
          from gone where scope = 'person' group by 1, 2, 3, 4
    ), locked as materialized (
        select u.person_id, u.program_id, u.limit_code, u.period from usage u
          join sums s using (person_id, program_id, limit_code, period)
         order by 1, 2, 3, 4 for no key update of u
    ), given as (
        update usage u set used_n = u.used_n - s.n, used_fen = u.used_fen - s.fen
          from sums s join locked l using (person_id, program_id, limit_code, period)
         where (u.person_id, u.program_id, u.limit_code, u.period) = (s.person_id, s.program_id, s.limit_code, s.period)
        returning 1
    ), shared as (
        select program_id, limit_code, period, scope, scope_key, sum(used_n) as n, sum(used_fen) as fen
          from gone where scope <> 'person' group by 1, 2, 3, 4, 5
    )
    update shared_counter u set used_n = u.used_n - s.n, used_fen = u.used_fen - s.fen
      from shared s
     where (select count(*) from given) >= 0
       and (u.program_id, u.limit_code, u.period, u.scope, u.scope_key)
         = (s.program_id, s.limit_code, s.period, s.scope, s.scope_key)""")

_OF_PERSON = text("""
    select p.code, p.name, u.used_on, u.times, u.fen, u.place from past_use u
      join past_use_import i on i.id = u.import_id join program p on p.id = u.program_id
     where u.person_id = any(:people) and i.taken_back_at is null
     order by u.used_on desc, p.code, u.id""")
