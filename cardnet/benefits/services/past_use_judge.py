"""Which uses of a list fit to be stored, and what is wrong with the others: reads only."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.benefits.models import FamilyMember
from cardnet.benefits.rules import counter_key
from cardnet.benefits.services.catalogue import reload
from cardnet.benefits.services.program_views import ProgramView, programs
from cardnet.benefits.terms import Count, CounterKey, LimitTerms
from cardnet.benefits.use_file import UseLine
from cardnet.benefits.words import Scope
from cardnet.issuance.services.cards_before import holders_of_numbers
from cardnet.kernel.money import yuan
from cardnet.kernel.taken_in import Found
from cardnet.kernel.world import World
from cardnet.membership import services as membership


@dataclass(frozen=True, slots=True)
class Fit:
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


Use = tuple[uuid.UUID, uuid.UUID, date]
"""What makes two lines the same use: the person, the program and the day. Amounts are corrected, days are not had twice."""
Where = tuple[uuid.UUID | None, uuid.UUID, CounterKey]
"""A counter: the person (None: shared), the program, and the key."""


class Judge:
    """What is on record about the people and programs of one list, and what its earlier lines have taken."""

    def __init__(self, session: Session, officer: Principal, lines: Sequence[UseLine], today: date) -> None:
        key_of = membership.key_of(session)
        self._officer, self._catalogue = officer, reload(session)
        self._programs = _by_word(programs(session))
        self._keys = {line.document: key_of(*line.document) for line in lines if line.document}
        self._members = membership.known_members(session, set(self._keys.values()), today)
        holders = holders_of_numbers(session, {line.card for line in lines if line.card})
        # A list of before names a card of before, too: what is under a file that was merged is the member's all the same.
        files = membership.files_of(session, {*holders.values(), *(one.person_id for one in self._members.values())})
        self._holders = {number: files[person_id] for number, person_id in holders.items()}
        people = [*set(files.values())]
        facts = membership.member_facts(today)
        self._paths: dict[uuid.UUID, str] = {
            person_id: path or ""
            for person_id, path in session.execute(
                select(facts.c.person_id, facts.c.unit_path).where(facts.c.person_id.in_(people))
            )
        }
        families = select(FamilyMember.person_id, FamilyMember.family_id).where(FamilyMember.person_id.in_(people))
        self._families = {person_id: family for person_id, family in session.execute(families).all()}  # noqa: C416 - rows are no pairs to the type checker
        self._stored: defaultdict[Use, set[tuple[int, int]]] = defaultdict(set)
        for person_id, program_id, day, times, fen in session.execute(_STORED, {"people": list(files)}):
            self._stored[files[person_id], program_id, day].add((times, fen))
        self._lines: dict[Use, int] = {}
        redeemed = session.execute(_REDEEMED, {"people": list(files)})
        self._redeemed = {(files[person_id], program_id, day) for person_id, program_id, day in redeemed}
        self._counts = _counts_of(session, people)
        self._limits: dict[tuple[str, date], tuple[LimitTerms, ...] | None] = {}
        self.fit: list[Fit] = []
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
        use = (person_id, program.id, line.used_on)
        stored, before = self._stored.get(use), self._lines.setdefault(use, line.line)
        if stored and (line.times, line.fen or 0) in stored:
            self.known += 1
        elif stored:
            self._error(line, "使用日期", "differs_from_before", "此人这一天的这个项目以前已计入，次数或金额与这一行不同：要更正请先撤回那次导入，再导入改好的名单。")  # fmt: skip
        elif before != line.line:
            self._error(line, "使用日期", "duplicate_in_file", f"与第 {before} 行是同一人、同一项目、同一天：真有几次请写在“次数”列，金额写合计，只留一行。")  # fmt: skip
        elif use in self._redeemed:
            self._error(
                line,
                "使用日期",
                "redeemed_here",
                "这一天此人已在合作商户核销过这个项目，限额里已经算了：请删去这一行。",
            )
        elif (takes := self._takes(line, person_id, program)) is not None:
            self._take(line, person_id, program, takes)
            self.fit.append(Fit(world.new_id(), line, person_id, program.id, self._paths[person_id], takes))

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
            used = self._counts[counter_of(person_id, program.id, key)]
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
            at = counter_of(person_id, program.id, key)
            used = self._counts[at]
            self._counts[at] = Count(used.n + line.times, used.fen + (line.fen or 0))


def _by_word(known: Collection[ProgramView]) -> dict[str, ProgramView]:
    """Programs by code and by name; a name two programs share is nobody's."""
    named: defaultdict[str, list[ProgramView]] = defaultdict(list)
    for program in known:
        named[program.name.casefold()].append(program)
    alone = {name: found[0] for name, found in named.items() if len(found) == 1}
    return {**alone, **{program.code.casefold(): program for program in known}}


def counter_of(person_id: uuid.UUID, program_id: uuid.UUID, key: CounterKey) -> Where:
    """The counter a key means: the person's own, or one that is shared."""
    return (person_id if key.scope is Scope.PERSON else None, program_id, key)


def _counts_of(session: Session, people: Sequence[uuid.UUID]) -> defaultdict[Where, Count]:
    """What the counters say, held included, of these people and of everything shared."""
    counts: defaultdict[Where, Count] = defaultdict(lambda: Count(0, 0))
    for person_id, program_id, code, limit, period, scope, scope_key, n, fen in session.execute(_COUNTS, {"people": people}):  # fmt: skip
        counts[person_id, program_id, CounterKey(code, limit, period, Scope(scope), scope_key)] = Count(n, fen)
    return counts


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
