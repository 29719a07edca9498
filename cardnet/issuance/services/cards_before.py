"""Cards that were there before us: a city's or bank's card tied to the person, and cards of an earlier system.

They use no quota. The card gets a number of ours as well, so that codes, benefits and counters work as for any other;
a number that is one of ours already is kept.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from psycopg.errors import ExclusionViolation, UniqueViolation
from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, in_scope
from cardnet.issuance import rules
from cardnet.issuance.card_file import CardFinding, CardLine, read_cards
from cardnet.issuance.rules import CardKind, CardState
from cardnet.issuance.services.bulk import copy_rows
from cardnet.issuance.services.card_life import card_life
from cardnet.issuance.services.issue import code_index, new_codes, new_numbers
from cardnet.issuance.services.roster_check import must_cover
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of, start_of
from cardnet.kernel.errors import Conflict
from cardnet.kernel.progress import Progress, unseen
from cardnet.kernel.vault import Vault, vault_of
from cardnet.kernel.world import World
from cardnet.membership import roster
from cardnet.membership import services as membership
from cardnet.membership.rules import KnownMember, UnionNode

EXTERNAL_FIELD = "card.external_number"
_ROWS_BETWEEN = 2_000
"""How often a long list says how far it is."""


@dataclass(frozen=True)
class ImportCards:
    """A list of cards issued before, for a union and those below it; `issuer` where the list names none."""

    content: bytes = field(repr=False)
    filename: str
    unit_code: str
    officer: Principal
    issuer: str = "已有工会卡"


@dataclass(frozen=True)
class CardsImported:
    """What became of the rows: `tied` now, `known` before (the same card of the same person), `invalid` left out."""

    rows: int
    tied: int
    known: int
    invalid: int
    findings: tuple[CardFinding, ...]
    notices: tuple[str, ...]


def external_index(vault: Vault, number: str) -> bytes:
    """The blind index of a foreign card's number."""
    return vault.index(EXTERNAL_FIELD, number)


def holders_of_numbers(session: Session, numbers: Collection[str]) -> dict[str, uuid.UUID]:
    """Whose card has each of these numbers, ours or a foreign one, in whatever state it is; unknown ones are left out.

    A foreign number that was tied to another person later belongs to the later one.
    """
    vault = vault_of(session)
    of_index = {external_index(vault, number): number for number in numbers}
    rows = session.execute(_HOLDERS, {"numbers": list(numbers), "indexes": list(of_index)})
    return {of_index[bytes(index)] if index is not None else number: person for number, index, person in rows}


def import_cards(session: Session, world: World, command: ImportCards, progress: Progress = unseen) -> CardsImported:
    """Tie the cards of a list to the members they belong to. Wrong rows are said and left out; sent again, nothing is doubled.

    Raises NotFound("unit_unknown"), NotAllowed("role_missing"), ("out_of_scope"), InvalidInput when the file cannot be
    read, Conflict("card_taken") when somebody else tied one of them in the same moment.
    """
    unit = membership.union_of_code(session, command.unit_code)
    must_cover(command.officer, unit)
    today = day_of(world.now())
    progress("read", 0, 1)
    sheet = roster.read_sheet(command.content, command.filename)
    identified, lines = read_cards(sheet, today, command.issuer, membership.key_of(session))
    members = membership.known_in_sheet(session, world, identified)
    judge = _Judge(session, unit, members, lines, today)
    fit: list[tuple[CardLine, KnownMember]] = []
    findings: list[CardFinding] = []
    known = 0
    for at, (line, key) in enumerate(zip(lines, identified.keys, strict=True)):
        if at % _ROWS_BETWEEN == 0:
            progress("check", at, len(lines))
        member = members.get(key) if key is not None else None
        found = line.findings if line.wrong else (*line.findings, *judge.findings(line, member))
        if judge.is_tied(line, member):
            known += 1
            continue
        findings.extend(found)
        if member and not any(one.severity == "error" for one in found):
            fit.append((line, member))
    progress("write", 0, len(fit))
    tied = _write(session, world, command, fit)
    wrong = len(lines) - known - tied
    after = {"rows": len(lines), "tied": tied, "known": known, "invalid": wrong}
    act = audit.Act("card.import", "union", unit.code, actor_id=command.officer.account_id, after=after)
    audit.record(session, world, act)
    return CardsImported(len(lines), tied, known, wrong, tuple(findings), sheet.notices)


class _Judge:
    """What is on record about the people and the numbers of one list."""

    def __init__(
        self, session: Session, unit: UnionNode, members: Mapping[bytes, KnownMember], lines: Sequence[CardLine], on: date
    ) -> None:  # fmt: skip
        self._unit = unit
        self._vault = vault_of(session)
        people = [member.person_id for member in members.values()]
        numbers = [line.number for line in lines if line.number]
        rows = session.execute(
            _CARDS,
            {
                "people": people, "numbers": numbers, "indexes": [external_index(self._vault, n) for n in numbers],
                "usable": [str(state) for state in rules.USABLE_CARD], "on": on,
            },
        ).all()  # fmt: skip
        self._holders = {row.person_id for row in rows if row.usable}
        self._owner_of_number = {row.number: row.person_id for row in rows}
        self._owner_of_index = {bytes(row.external_index): row.person_id for row in rows if row.external_index}
        self._applicants = set(
            session.scalars(
                text("select person_id from application where person_id = any(:ids) and kind = 'new' and state = any(:open)"),
                {"ids": people, "open": list(map(str, rules.OPEN_APPLICATION))},
            )
        )  # fmt: skip
        self._seen: dict[uuid.UUID, int] = {}

    def _owner(self, number: str) -> uuid.UUID | None:
        return self._owner_of_number.get(number) or self._owner_of_index.get(external_index(self._vault, number))

    def is_tied(self, line: CardLine, member: KnownMember | None) -> bool:
        """This very card of this very person is here already."""
        return member is not None and bool(line.number) and self._owner(line.number) == member.person_id

    def findings(  # noqa: PLR0911 - one return per reason
        self, line: CardLine, member: KnownMember | None
    ) -> list[CardFinding]:
        """What stands against tying; one sentence each."""

        def error(column: str, code: str, message: str) -> CardFinding:
            return CardFinding(line.row, line.line, column, code, "error", message)

        if member is None or not member.unit_path:
            return [error("姓名", "member_unknown", "名册里没有此人：请先导入会员名册，再导入这张卡。")]
        if not in_scope(self._unit.path, member.unit_path):
            return [error("姓名", "unit_out_of_scope", f"此人的会籍在{member.unit_name}：请由该工会导入。")]
        if member.deceased:
            return [error("姓名", "member_deceased", "此人已登记为身故：请核对证件号码。")]
        if self._owner(line.number):
            return [error("卡号", "card_taken", "这个卡号已绑定在别人名下：请照卡面核对。")]
        if member.person_id in self._holders:
            return [error("姓名", "already_has_card", "此人已有有效的卡：一个人只绑一张，请删去这一行。")]
        if member.person_id in self._applicants:
            return [error("姓名", "application_open", "此人正在申请新卡：请先撤回申请，再绑定已有的卡。")]
        if self._seen.setdefault(member.person_id, line.line) != line.line:
            return [
                error(
                    "证件号码", "duplicate_in_file", f"与第 {self._seen[member.person_id]} 行是同一个人：只留一张卡。"
                )
            ]
        return []


_HOLDERS = text("""
    select number, null::bytea, person_id from card where number = any(:numbers)
    union all
    (select number, external_index, person_id from card where external_index = any(:indexes) order by issued_at, id)""")

_CARDS = text("""
    select person_id, number, external_index, state = any(:usable) and valid_to >= :on as usable from card
     where (person_id = any(:people) and state = any(:usable) and valid_to >= :on) or number = any(:numbers)
        or (external_index = any(:indexes) and state = any(:usable))""")

_CARD_COLUMNS = {
    "id": "uuid",
    "number": "text",
    "person_id": "uuid",
    "union_id": "uuid",
    "state": "text",
    "valid_from": "date",
    "valid_to": "date",
    "issued_at": "timestamptz",
    "delivered_at": "timestamptz",
    "events": "int8",
    "external_number": "bytea",
    "external_index": "bytea",
    "external_issuer": "text",
}
_EVENT_COLUMNS = {
    "card_id": "uuid",
    "seq": "int8",
    "at": "timestamptz",
    "action": "text",
    "to_state": "text",
    "channel": "text",
    "actor_id": "uuid",
}
_CODE_COLUMNS = {"card_id": "uuid", "code_index": "bytea", "made_at": "timestamptz"}


def _write(session: Session, world: World, command: ImportCards, fit: Sequence[tuple[CardLine, KnownMember]]) -> int:
    if not fit:
        return 0
    vault, at = vault_of(session), world.now()
    paths = {union.path: union.id for union in membership.unions_under(session, "/")}
    made = zip(new_numbers(session, world, len(fit)), new_codes(world, len(fit)), strict=True)
    lives = {kind: card_life(session, kind) for kind in CardKind}
    cards: list[tuple[Any, ...]] = []
    codes: list[tuple[Any, ...]] = []
    for (line, member), (fresh, code) in zip(fit, made, strict=True):
        ours = rules.is_card_number(line.number)
        first = min(line.issued_on or day_of(at), day_of(at))
        life = lives[CardKind.OWN if ours else CardKind.EXTERNAL]
        last = line.valid_to or max(rules.last_day_of_card(first, life), rules.last_day_of_card(day_of(at), life))
        card_id, number = world.new_id(), line.number if ours else fresh
        cards.append(
            (
                card_id, number, member.person_id, paths[member.unit_path], str(CardState.DELIVERED), first, last,
                start_of(first) if first < day_of(at) else at, start_of(first) if first < day_of(at) else at, 1,
                None if ours else vault.seal(EXTERNAL_FIELD, line.number),
                None if ours else external_index(vault, line.number), None if ours else line.issuer,
            )
        )  # fmt: skip
        codes.append((card_id, code_index(vault, number, code), at))
    state, actor = str(CardState.DELIVERED), command.officer.account_id
    try:
        copy_rows(session, "card", _CARD_COLUMNS, cards)
    except (UniqueViolation, ExclusionViolation):
        # Two offices tying one card, or giving one person two, in the same moment; the other one committed first.
        raise Conflict("card_taken", "名单中有卡刚刚由别人绑定，请重新导入一次。") from None
    copy_rows(session, "card_event", _EVENT_COLUMNS, ((c[0], 1, at, "import", state, "office", actor) for c in cards))
    copy_rows(session, "activation_code", _CODE_COLUMNS, codes)
    return len(cards)
