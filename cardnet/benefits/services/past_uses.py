"""Uses from before cardnet: taken in from a list, so that limits count them; taken back when the list was wrong.

They are no redemptions: no merchant is owed anything and no pool is touched, for that money was spent and booked
before. What they count are the limits of the rule version of their day, or of the first one that came later, on the
counters every redemption looks at. Reports name them apart.
"""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.benefits.models import FamilyMember
from cardnet.benefits.models_past import PastUseImport
from cardnet.benefits.rules import counter_key
from cardnet.benefits.services.catalogue import reload
from cardnet.benefits.services.programs import ProgramView, programs
from cardnet.benefits.terms import Count, CounterKey, LimitTerms
from cardnet.benefits.use_file import UseLine, read_uses
from cardnet.benefits.words import Scope
from cardnet.issuance.services.bulk import copy_rows
from cardnet.issuance.services.cards_before import holders_of_numbers
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.money import yuan
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
    judge = _Judge(session, officer, lines, day_of(at))
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
        _write(session, import_id, judge)
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
    row = session.get(PastUseImport, command.import_id, with_for_update=True, populate_existing=True)
    if row is None or not officer.has(*IMPORTERS) or not in_scope(officer.scope_path, row.path):
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


def past_use_imports(session: Session, officer: Principal) -> tuple[PastUseImportView, ...]:
    """The lists taken in within the officer's scope, the newest first; fifty of them."""
    rows = session.scalars(
        select(PastUseImport)
        .where(PastUseImport.path.startswith(officer.scope_path, autoescape=True))
        .order_by(PastUseImport.at.desc(), PastUseImport.id)
        .limit(50)
    )
    return tuple(
        PastUseImportView(r.id, r.filename, r.rows, r.stored, r.officer_id, r.at, r.taken_back_at, r.reason)
        for r in rows
    )


def past_uses_of_person(session: Session, person_id: uuid.UUID) -> tuple[PastUseView, ...]:
    """What a person had before cardnet and what counts, the latest first."""
    rows = session.execute(_OF_PERSON, {"person": person_id})
    return tuple(PastUseView(code, name, day, times, fen, place or "") for code, name, day, times, fen, place in rows)


# ---- judging ----


@dataclass(frozen=True, slots=True)
class _Fit:
    """A use that will be stored, with the counters it takes from."""

    id: uuid.UUID
    line: UseLine
    person_id: uuid.UUID
    program_id: uuid.UUID
    unit_path: str
    takes: tuple[tuple[CounterKey, LimitTerms], ...]

    @property
    def fen(self) -> int:
        return self.line.fen or 0


_Where = tuple[uuid.UUID | None, uuid.UUID, CounterKey]
"""A counter: the person (None: shared), the program, and the key."""


class _Judge:
    """What is on record about the people and programs of one list, and what its earlier lines have taken."""

    def __init__(self, session: Session, officer: Principal, lines: Sequence[UseLine], today: date) -> None:
        key_of = membership.key_of(session)
        self._officer, self._catalogue = officer, reload(session)
        self._programs = _by_word(programs(session))
        self._keys = {line.document: key_of(*line.document) for line in lines if line.document}
        self._members = membership.known_members(session, set(self._keys.values()), today)
        self._holders = holders_of_numbers(session, {line.card for line in lines if line.card})
        people = [*{*self._holders.values(), *(member.person_id for member in self._members.values())}]
        facts = membership.member_facts(today)
        self._paths: dict[uuid.UUID, str] = {
            person_id: path or ""
            for person_id, path in session.execute(
                select(facts.c.person_id, facts.c.unit_path).where(facts.c.person_id.in_(people))
            )
        }
        families = select(FamilyMember.person_id, FamilyMember.family_id).where(FamilyMember.person_id.in_(people))
        self._families = {person_id: family for person_id, family in session.execute(families).all()}  # noqa: C416 - rows are no pairs to the type checker
        self._had: dict[tuple[uuid.UUID, uuid.UUID, date, int, int], int] = {
            tuple(row): 0 for row in session.execute(_STORED, {"people": people})
        }
        self._redeemed = {tuple(row) for row in session.execute(_REDEEMED, {"people": people})}
        self._counts = _counts_of(session, people)
        self._limits: dict[tuple[str, date], tuple[LimitTerms, ...] | None] = {}
        self.fit: list[_Fit] = []
        self.findings: list[Found] = []
        self.known = 0

    def judge(self, world: World, line: UseLine) -> None:
        """Fit to be stored, stored before, or left out with a finding."""
        self.findings.extend(line.findings)
        if line.wrong or line.used_on is None:
            return
        person_id = self._person(line)
        program = self._programs.get(line.program.casefold())
        if program is None:
            self._error(
                line, "项目编号", "program_unknown", f"没有项目“{line.program[:30]}”：请填系统里的项目编号或名称。"
            )
        if person_id is None or program is None:
            return
        same = (person_id, program.id, line.used_on, line.times, line.fen or 0)
        before = self._had.setdefault(same, line.line)
        if before == 0:
            self.known += 1
        elif before != line.line:
            self._error(line, "使用日期", "duplicate_in_file", f"与第 {before} 行是同一人、同一项目、同一天：真有几次请写在“次数”列，只留一行。")  # fmt: skip
        elif (person_id, program.id, line.used_on) in self._redeemed:
            self._error(
                line,
                "使用日期",
                "redeemed_here",
                "这一天此人已在合作商户核销过这个项目，限额里已经算了：请删去这一行。",
            )
        elif (takes := self._takes(line, person_id, program)) is not None:
            self._take(line, person_id, program, takes)
            self.fit.append(_Fit(world.new_id(), line, person_id, program.id, self._paths[person_id], takes))

    def _error(self, line: UseLine, column: str, code: str, message: str) -> None:
        self.findings.append(Found(line.line, column, code, "error", message))

    def _person(self, line: UseLine) -> uuid.UUID | None:
        holder = self._holders.get(line.card) if line.card else None
        member = self._members.get(self._keys[line.document]) if line.document else None
        if line.card and holder is None:
            self._error(
                line, "卡号", "card_unknown", f"没有卡号末四位为 {line.card[-4:]} 的卡：请照卡面核对，或改填证件号码。"
            )
        elif line.document and member is None:
            self._error(line, "证件号码", "member_unknown", "名册里没有此人：请核对证件号码，或先导入会员名册。")
        elif holder and member and holder != member.person_id:
            self._error(line, "卡号", "person_mismatch", "卡号和证件号码不是同一个人的：请核对后只留对的一项。")
        elif person_id := holder or (member and member.person_id):
            if in_scope(self._officer.scope_path, self._paths.get(person_id, "")):
                return person_id
            self._error(line, "姓名", "unit_out_of_scope", "此人的会籍不在您的管理范围内：请由所在工会或上级导入。")
        return None

    def _takes(
        self, line: UseLine, person_id: uuid.UUID, program: ProgramView
    ) -> tuple[tuple[CounterKey, LimitTerms], ...] | None:
        """The counters this use takes from; None, and a finding, when it does not fit into them."""
        assert line.used_on is not None
        asked = (program.code, line.used_on)
        if asked not in self._limits:
            self._limits[asked] = self._catalogue.limits_counting(*asked)
        limits = self._limits[asked]
        if limits is None:
            self._error(
                line,
                "项目编号",
                "no_rule_version",
                f"“{program.name}”还没有批准的执行标准，不知道限额怎样算：请先批准。",
            )
            return None
        keys = {
            Scope.PERSON: "",
            Scope.PROGRAM: "",
            Scope.ORG_UNIT: self._paths[person_id],
            Scope.FAMILY: str(self._families.get(person_id, person_id)),
        }
        takes = []
        for limit in limits:
            key = counter_key(program.code, limit, line.used_on, keys) if limit.scope in keys else None
            if key is None:
                continue
            if limit.max_fen is not None and line.fen is None:
                self._error(line, "金额", "amount_missing", f"“{program.name}”按金额限额，请填这次享受的金额（元）。")
                return None
            used = self._counts[_where(person_id, program.id, key)]
            if limit.max_n is not None and used.n + line.times > limit.max_n:
                words = f"最多 {limit.max_n} 次，已用 {used.n} 次"
            elif limit.max_fen is not None and used.fen + (line.fen or 0) > limit.max_fen:
                words = f"最多 {yuan(limit.max_fen)} 元，已用 {yuan(used.fen)} 元"
            else:
                takes.append((key, limit))
                continue
            when = f"（{key.period}）" if key.period else ""
            self._error(
                line, "使用日期", "over_limit", f"超过“{program.name}”的限额{when}：{words}。请核对日期、次数和金额。"
            )
            return None
        return tuple(takes)

    def _take(
        self, line: UseLine, person_id: uuid.UUID, program: ProgramView, takes: Sequence[tuple[CounterKey, LimitTerms]]
    ) -> None:
        for key, _ in takes:
            where = _where(person_id, program.id, key)
            used = self._counts[where]
            self._counts[where] = Count(used.n + line.times, used.fen + (line.fen or 0))


def _by_word(known: Collection[ProgramView]) -> dict[str, ProgramView]:
    """Programs by code and by name; a name two programs share is nobody's."""
    named: defaultdict[str, list[ProgramView]] = defaultdict(list)
    for program in known:
        named[program.name.casefold()].append(program)
    alone = {name: found[0] for name, found in named.items() if len(found) == 1}
    return {**alone, **{program.code.casefold(): program for program in known}}


def _where(person_id: uuid.UUID, program_id: uuid.UUID, key: CounterKey) -> _Where:
    return (person_id if key.scope is Scope.PERSON else None, program_id, key)


def _counts_of(session: Session, people: Sequence[uuid.UUID]) -> defaultdict[_Where, Count]:
    """What the counters say, held included, of these people and of everything shared."""
    counts: defaultdict[_Where, Count] = defaultdict(lambda: Count(0, 0))
    for person_id, program_id, code, limit, period, scope, scope_key, n, fen in session.execute(_COUNTS, {"people": people}):  # fmt: skip
        counts[person_id, program_id, CounterKey(code, limit, period, Scope(scope), scope_key)] = Count(n, fen)
    return counts


# ---- writing ----


def _write(session: Session, import_id: uuid.UUID, judge: _Judge) -> None:
    copy_rows(
        session,
        "past_use",
        _USE_COLUMNS,
        (
            (
                fit.id, import_id, fit.line.line, fit.person_id, fit.program_id, fit.line.used_on, fit.line.times,
                fit.fen, fit.line.place or None, fit.unit_path,
            )
            for fit in judge.fit
        ),
    )  # fmt: skip
    copy_rows(session, "usage_entry", _ENTRY_COLUMNS, _entries(judge.fit))
    for shared, statement in ((False, _COUNT_PERSON), (True, _COUNT_SHARED)):
        asked = _asked(judge.fit, shared=shared)
        if asked and len(session.execute(statement, _columns(asked)).all()) != len(asked):
            raise Conflict("used_meanwhile", "刚刚有人使用了名单里的项目，限额有变化，请重新导入一次。")


def _entries(fits: Sequence[_Fit]) -> Iterator[tuple[object, ...]]:
    for fit in fits:
        for key, _ in fit.takes:
            yield (
                fit.id, 0, fit.program_id, key.limit, fit.person_id, str(key.scope), key.scope_key, key.period,
                fit.line.times, 0, fit.fen, 0,
            )  # fmt: skip


def _asked(fits: Sequence[_Fit], *, shared: bool) -> dict[_Where, tuple[int, int, LimitTerms]]:
    """How much each counter is to take, in the order every redemption locks them in."""
    asked: dict[_Where, tuple[int, int, LimitTerms]] = {}
    for fit in fits:
        for key, limit in fit.takes:
            if (key.scope is not Scope.PERSON) is shared:
                where = _where(fit.person_id, fit.program_id, key)
                n, fen, _ = asked.get(where, (0, 0, limit))
                asked[where] = (n + fit.line.times, fen + fit.fen, limit)
    return asked


def _columns(asked: Mapping[_Where, tuple[int, int, LimitTerms]]) -> dict[str, Any]:
    wheres, takes = list(asked), list(asked.values())
    return {
        "people": [person_id for person_id, _, _ in wheres],
        "programs": [program_id for _, program_id, _ in wheres],
        "limits": [key.limit for _, _, key in wheres],
        "periods": [key.period for _, _, key in wheres],
        "scopes": [str(key.scope) for _, _, key in wheres],
        "scope_keys": [key.scope_key for _, _, key in wheres],
        "counts": [n for n, _, _ in takes],
        "fens": [fen for _, fen, _ in takes],
        "max_n": [limit.max_n for _, _, limit in takes],
        "max_fen": [limit.max_fen for _, _, limit in takes],
    }


_USE_COLUMNS = {
    "id": "uuid", "import_id": "uuid", "line": "int8", "person_id": "uuid", "program_id": "uuid", "used_on": "date",
    "times": "int8", "fen": "int8", "place": "text", "unit_path": "text",
}  # fmt: skip
_ENTRY_COLUMNS = {
    "redemption_id": "uuid", "act": "int2", "program_id": "uuid", "limit_code": "text", "person_id": "uuid",
    "scope": "text", "scope_key": "text", "period": "text", "used_n": "int8", "held_n": "int8", "used_fen": "int8",
    "held_fen": "int8",
}  # fmt: skip

# A use that counts: its list was not taken back.
_STORED = text("""
    select u.person_id, u.program_id, u.used_on, u.times, u.fen from past_use u
      join past_use_import i on i.id = u.import_id
     where u.person_id = any(:people) and i.taken_back_at is null""")

_REDEEMED = text("""
    select r.person_id, b.program_id, r.service_on from redemption r
      join redemption_benefit b on b.redemption_id = r.id
     where r.person_id = any(:people) and r.state in ('held', 'captured', 'partly_refunded')""")

_COUNTS = text("""
    select u.person_id, u.program_id, p.code, u.limit_code, u.period, 'person', '', u.used_n + u.held_n,
           u.used_fen + u.held_fen
      from usage u join program p on p.id = u.program_id where u.person_id = any(:people)
    union all
    select null, u.program_id, p.code, u.limit_code, u.period, u.scope, u.scope_key, u.used_n + u.held_n,
           u.used_fen + u.held_fen
      from shared_counter u join program p on p.id = u.program_id""")

# The guard of a redemption, for many at once: a use in the same moment loses, or we do.
_GUARD = """
    on conflict ({key}) do update
       set used_n = u.used_n + excluded.used_n, used_fen = u.used_fen + excluded.used_fen, max_n = excluded.max_n,
           max_fen = excluded.max_fen
     where (excluded.max_n is null or u.used_n + u.held_n + excluded.used_n <= excluded.max_n)
       and (excluded.max_fen is null or u.used_fen + u.held_fen + excluded.used_fen <= excluded.max_fen)
    returning 1"""
_ASKED = """unnest(cast(:people as uuid[]), cast(:programs as uuid[]), cast(:limits as text[]), cast(:periods as text[]),
             cast(:scopes as text[]), cast(:scope_keys as text[]), cast(:counts as bigint[]), cast(:fens as bigint[]),
             cast(:max_n as bigint[]), cast(:max_fen as bigint[]))
      as t(person_id, program_id, limit_code, period, scope, scope_key, n, fen, max_n, max_fen)"""
_COUNT_PERSON = text(f"""
    insert into usage as u
        (person_id, program_id, limit_code, period, used_n, held_n, used_fen, held_fen, max_n, max_fen)
    select person_id, program_id, limit_code, period, n, 0, fen, 0, max_n, max_fen from {_ASKED}
     order by person_id, program_id, limit_code, period
    {_GUARD.format(key="person_id, program_id, limit_code, period")}""")  # noqa: S608 - the pieces put in are ours
_COUNT_SHARED = text(f"""
    insert into shared_counter as u (program_id, limit_code, period, scope, scope_key, used_n, held_n, used_fen, held_fen,
        max_n, max_fen)
    select program_id, limit_code, period, scope, scope_key, n, 0, fen, 0, max_n, max_fen from {_ASKED}
     order by program_id, limit_code, period, scope, scope_key
    {_GUARD.format(key="program_id, limit_code, period, scope, scope_key")}""")  # noqa: S608

# Counters in the order everybody locks them in: the people's, then what they share.
_TAKE_BACK = text("""
    with gone as (
        select e.* from usage_entry e join past_use p on p.id = e.redemption_id
         where p.import_id = :import and e.act = 0
    ), noted as (
        insert into usage_entry (redemption_id, act, program_id, limit_code, person_id, scope, scope_key, period,
                                 used_n, held_n, used_fen, held_fen)
        select redemption_id, 1, program_id, limit_code, person_id, scope, scope_key, period, -used_n, 0, -used_fen, 0
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
     where u.person_id = :person and i.taken_back_at is null
     order by u.used_on desc, p.code, u.id""")
