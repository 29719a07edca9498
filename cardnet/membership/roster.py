"""The roster checker: every finding of every row in one pass. Pure: what is known of people comes in as values.

A row is `invalid` with any error, else `declined` when the person said no, else `warning` or `valid`. A blank
`本人同意` is no answer and an error; an optional column never blocks: what is wrong there is dropped and said.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.progress import Progress, unseen
from cardnet.membership.cleaning import name_of, name_problem, phone_of, short, text_of, word_of
from cardnet.membership.columns import Column
from cardnet.membership.findings import (
    RUNNING,
    SEVERITIES,
    CheckedRow,
    FileKind,
    Finding,
    FindingCode,
    KnownPerson,
    RosterCheck,
    RosterContext,
    RowFindings,
    RowStatus,
    Severity,
    plain_key,
    shown_status,
)
from cardnet.membership.identity import Identity, read_identity
from cardnet.membership.optional_columns import read_optional
from cardnet.membership.rules import EMPLOYMENT_NAMES, ID_TYPE_NAMES, Answer, Employment, IdType, PersonRow, Sex
from cardnet.membership.sheet import Header, Sheet, SheetRow, find_people, read_sheet
from cardnet.membership.table import Cell, Table
from cardnet.membership.words import ANSWERS, EMPLOYMENTS, ID_TYPES, NOT_ELIGIBLE, SEXES

__all__ = [
    "RUNNING",
    "SEVERITIES",
    "CheckedRow",
    "Column",
    "FileKind",
    "Finding",
    "FindingCode",
    "Header",
    "Identified",
    "KnownPerson",
    "RosterCheck",
    "RosterContext",
    "RowStatus",
    "Severity",
    "Sheet",
    "check",
    "find_people",
    "identify",
    "plain_key",
    "read_sheet",
    "shown_status",
]


@dataclass(frozen=True)
class Identified:
    """A sheet whose documents have been read: `documents[n]` belongs to `sheet.rows[n]`, None where none is named.

    `keys[n]` is its key where all of its characters are there, so that the same number twice is the same person twice.
    """

    sheet: Sheet
    documents: list[tuple[IdType, Identity] | None]
    keys: Sequence[bytes | None]


def identify(source: Sheet | Table, on: date, key_of: Callable[[IdType, str], bytes] = plain_key) -> Identified:
    """Read the documents of a file. Raises InvalidInput("header_not_found"), ("no_rows") or ("columns_missing")."""
    sheet = source if isinstance(source, Sheet) else find_people(source)
    missing = [column for column in (Column.NAME, Column.ID_NUMBER) if column not in sheet.header.columns]
    if missing:
        raise _columns_missing(missing)
    documents = [_document(sheet, row, on) for row in sheet.rows]
    keys = [key_of(read[0], read[1].number) if read and read[1].whole else None for read in documents]
    return Identified(sheet, documents, keys)


def _document(sheet: Sheet, row: SheetRow, on: date) -> tuple[IdType, Identity] | None:
    id_type = _id_type(sheet, row)
    return None if id_type is None else (id_type, read_identity(id_type, sheet.cell(row, Column.ID_NUMBER), on))


def check(source: Identified | Sheet | Table, context: RosterContext, progress: Progress = unseen) -> RosterCheck:
    """Check a file, which uses up what was identified of it.

    Raises InvalidInput("header_not_found"), ("no_rows") or ("columns_missing").
    """
    identified = source if isinstance(source, Identified) else identify(source, context.on, context.key_of)
    sheet = identified.sheet
    checker = _Checker(sheet, context)
    rows: list[CheckedRow] = []
    for at, row in enumerate(sheet.rows):
        if at % _ROWS_BETWEEN == 0:
            progress("check", at, len(sheet.rows))
        rows.append(checker.row(row, identified.documents[at], identified.keys[at]))
        # What was read of it is needed no more, and 100,000 of these are no trifle.
        identified.documents[at] = None
    counts = Counter(row.status for row in rows)
    return RosterCheck(
        sheet,
        tuple(rows),
        counts[RowStatus.VALID] + counts[RowStatus.WARNING],
        counts[RowStatus.DECLINED],
        counts[RowStatus.INVALID],
        checker.needed.total(),
        checker.free,
        (*sheet.notices, *(_said_once(column) for column in checker.absent)),
        sum(row.running for row in rows),
        checker.short,
    )


_ROWS_BETWEEN = 2_000
"""How often a long check says how far it is."""


def _columns_missing(missing: list[Column]) -> InvalidInput:
    names = "、".join(f"“{column}”" for column in missing)
    return InvalidInput("columns_missing", f"表里没有{names}列：请补上这一列（列名写在表头那一行）后再上传。")


def _absent(sheet: Sheet, context: RosterContext) -> list[Column]:
    """The columns every row needs and the file does not have."""
    needed = [Column.EMPLOYMENT, Column.CONSENT, Column.PHONE] if context.file is FileKind.ROSTER else []
    if not sheet.header.resident_only:
        needed.append(Column.ID_TYPE)
    if context.default_unit is None:
        needed.append(Column.UNIT)
    return [column for column in needed if column not in sheet.header.columns]


def _said_once(column: Column) -> str:
    """What a file without a column is told, once: the rows only point here."""
    listed = {Column.ID_TYPE: _ID_TYPES_LISTED, Column.EMPLOYMENT: _EMPLOYMENTS_LISTED, Column.CONSENT: "是或否"}
    fill = f"，每行填{said}{'' if column is Column.CONSENT else '之一'}" if (said := listed.get(column)) else ""
    return f"表里没有“{column}”列，所以每一行都缺这一项：请补上这一列{fill}。"


def _id_type(sheet: Sheet, row: SheetRow) -> IdType | None:
    """The document of a row; a file whose column is headed 身份证号码 and that has no 证件类型 means resident IDs."""
    if Column.ID_TYPE not in sheet.header.columns:
        return IdType.RESIDENT if sheet.header.resident_only else None
    return _id_type_of(sheet.cell(row, Column.ID_TYPE))


def _id_type_of(cell: Cell) -> IdType | None:
    word = word_of(cell)
    # Drop-downs write the code before the name: `1居民身份证`, `1-居民身份证`.
    return ID_TYPES.get(word) or ID_TYPES.get(word.lstrip("0123456789").lstrip("-.、:_ "))


class _Checker:
    """One pass over one file: what the rows before have used is remembered, and nothing else."""

    def __init__(self, sheet: Sheet, context: RosterContext) -> None:
        self.sheet = sheet
        self.context = context
        self.needed: Counter[str] = Counter()
        self.short = 0
        self.absent = _absent(sheet, context)
        self.lines_by_key: dict[bytes, int] = {}
        self.holders_by_phone: dict[str, tuple[int, bytes | None]] = {}
        self.units = {code.upper(): (code, path) for code, path in context.units.items()}

    def row(self, row: SheetRow, document: tuple[IdType, Identity] | None, key: bytes | None) -> CheckedRow:
        found = RowFindings(self.sheet, row)
        answer = self._answer(row, found)
        name = self._name(row, found)
        id_type, identity = self._identity(row, document, found)
        sex = self._sex(row, identity, found)
        phone = self._phone(row, key, answer, found)
        unit = self._unit(row, found)
        employment = self._employment(row, answer, found)
        applies, running = True, False
        if key is not None:
            self._repeated(row, key, found)
            applies = self._known(key, unit, found)
            running = found.errors == 1 and answer is not Answer.DECLINED and self._runs(key, unit)
        optional = read_optional(self.sheet, row, self.context.on, found)
        if found.errors:
            status = RowStatus.INVALID
        elif answer is Answer.DECLINED:
            status = RowStatus.DECLINED
        else:
            if applies and unit:
                self._quota(unit[0], found)
            status = RowStatus.WARNING if found.warnings else RowStatus.VALID
        person = None
        if not found.errors and id_type and identity and unit:
            person = PersonRow(
                id_type=id_type,
                id_number=identity.number,
                name=name,
                unit_code=unit[0],
                phone=phone,
                birth_on=identity.birth_on,
                sex=identity.sex or sex,
                id_valid_until=optional.id_valid_until,
                department=optional.department,
                employment=employment,
                joined_on=optional.joined_on,
                tags=optional.tags,
                answer=answer,
                answered_on=optional.answered_on,
                method=self.context.method,
            )
        return CheckedRow(row.row, row.line, status, found.in_order(), person, key, applies, running)

    def _blank(self, column: Column, said: str) -> str:
        """What a row is told about an empty cell; where the whole column is missing the file was told already."""
        return f"缺“{column}”列：请补上这一列。" if column in self.absent else said

    def _answer(self, row: SheetRow, found: RowFindings) -> Answer | None:
        cell = self.sheet.cell(row, Column.CONSENT)
        word = word_of(cell)
        answer = ANSWERS.get(word)
        if answer is Answer.DECLINED:
            found.add(Column.CONSENT, FindingCode.CONSENT_DECLINED, "本人暂不办：已记录本人答复，不生成申请。")
        elif answer is None and self.context.file is FileKind.ROSTER:
            found.add(
                Column.CONSENT,
                FindingCode.CONSENT_MISSING,
                f"本人同意填的“{short(cell)}”看不懂：请填“是”或“否”。"
                if word
                else self._blank(
                    Column.CONSENT, "本人同意没有填写：请问过本人并留存签字的《告知同意书》后填“是”或“否”。"
                ),
            )
        return answer

    def _name(self, row: SheetRow, found: RowFindings) -> str:
        name = name_of(self.sheet.cell(row, Column.NAME))
        if not name:
            found.add(Column.NAME, FindingCode.NAME_MISSING, "姓名没有填写：请按证件补填。")
        elif problem := name_problem(name):
            found.add(Column.NAME, FindingCode.NAME_INVALID, problem)
        return name

    def _identity(
        self, row: SheetRow, document: tuple[IdType, Identity] | None, found: RowFindings
    ) -> tuple[IdType | None, Identity | None]:
        if document is None:
            typed = short(self.sheet.cell(row, Column.ID_TYPE))
            found.add(
                Column.ID_TYPE,
                FindingCode.ID_TYPE_UNKNOWN,
                f"证件类型“{typed}”不能用来办卡：请填{_ID_TYPES_LISTED}之一，并填写该证件的号码。"
                if typed
                else self._blank(Column.ID_TYPE, f"证件类型没有填写：请填{_ID_TYPES_LISTED}之一，并填写该证件的号码。"),
            )
            return None, None
        id_type, identity = document
        if identity.code:
            found.add(Column.ID_NUMBER, FindingCode(identity.code), identity.message)
        elif not identity.address_known:
            found.add(
                Column.ID_NUMBER,
                FindingCode.ID_ADDRESS_UNKNOWN,
                "证件号码前六位不在行政区划代码表里：请对照证件看一遍，无误则不必改。",
            )
        return id_type, identity

    def _sex(self, row: SheetRow, identity: Identity | None, found: RowFindings) -> Sex | None:
        cell = self.sheet.cell(row, Column.SEX)
        word = word_of(cell)
        if not word:
            return None
        sex = SEXES.get(word)
        if sex is None:
            found.unknown(Column.SEX, cell)
        elif identity and identity.sex and identity.sex is not sex:
            found.add(
                Column.SEX,
                FindingCode.SEX_MISMATCH,
                f"性别填“{_SEX_NAMES[sex]}”，证件号码上是“{_SEX_NAMES[identity.sex]}”：请核对号码是不是本人的，再改正其中一项。",
            )
        return sex

    def _phone(self, row: SheetRow, key: bytes | None, answer: Answer | None, found: RowFindings) -> str:
        cell = self.sheet.cell(row, Column.PHONE)
        phone = phone_of(cell)
        if not phone:
            typed = text_of(cell)
            if not typed and (answer is Answer.DECLINED or self.context.file is FileKind.REGISTER):
                # Who wants no card owes us no phone number.
                return ""
            found.add(
                Column.PHONE,
                FindingCode.PHONE_FORMAT,
                self._blank(Column.PHONE, "手机号码没有填写：请填本人 11 位手机号。")
                if not typed
                else "手机号码应为 1 开头的 11 位数字，一格只填一个号码：请改正。",
                Severity.WARNING if self.context.file is FileKind.REGISTER else None,
            )
            return ""
        line, holder = self.holders_by_phone.setdefault(phone, (row.line, key))
        if line != row.line and (holder is None or holder != key):
            found.add(
                Column.PHONE,
                FindingCode.PHONE_SHARED,
                f"手机号码与第 {line} 行相同：夫妻合用可以不改，填错了请改正。",
            )
        return phone

    def _unit(self, row: SheetRow, found: RowFindings) -> tuple[str, str] | None:
        cell = self.sheet.cell(row, Column.UNIT)
        word = word_of(cell) or (self.context.default_unit or "").upper()
        unit = self.units.get(word) or self.units.get(self.context.unit_names.get(word, "").upper())
        if not word:
            said = self._blank(Column.UNIT, "所属工会编码没有填写：请填上级工会给的编码。")
            found.add(Column.UNIT, FindingCode.UNIT_UNKNOWN, said)
        elif unit is None:
            found.add(
                Column.UNIT,
                FindingCode.UNIT_UNKNOWN,
                f"没有编码为“{short(cell) or word}”的工会：请对照工会编码表改正。",
            )
        elif not unit[1].startswith(self.context.scope_path):
            found.add(
                Column.UNIT,
                FindingCode.UNIT_OUT_OF_SCOPE,
                f"“{unit[0]}”不在您负责的工会范围内：请改正编码，或请该工会自己上报。",
            )
        return unit

    def _employment(self, row: SheetRow, answer: Answer | None, found: RowFindings) -> Employment | None:
        cell = self.sheet.cell(row, Column.EMPLOYMENT)
        word = word_of(cell)
        employment = EMPLOYMENTS.get(word) or EMPLOYMENTS.get(word.lstrip("0123456789").lstrip("-.、:_"))
        if employment or (not word and answer is Answer.DECLINED):
            return employment
        if self.context.file is FileKind.REGISTER:
            return None
        if not word:
            message = self._blank(Column.EMPLOYMENT, f"用工形式没有填写：请填{_EMPLOYMENTS_LISTED}之一。")
        elif any(part in word for part in NOT_ELIGIBLE):
            message = f"用工形式“{short(cell)}”不符合办卡条件：请删去这一行；填错了请改正。"
        else:
            message = f"用工形式“{short(cell)}”看不懂：请填{_EMPLOYMENTS_LISTED}之一。"
        found.add(Column.EMPLOYMENT, FindingCode.EMPLOYMENT_NOT_ELIGIBLE, message)
        return None

    def _repeated(self, row: SheetRow, key: bytes, found: RowFindings) -> None:
        # The second row of one person is an error, not an update: we cannot know which of the two is meant.
        first = self.lines_by_key.setdefault(key, row.line)
        if first != row.line:
            found.add(
                Column.ID_NUMBER,
                FindingCode.DUPLICATE_IN_FILE,
                f"与第 {first} 行是同一个证件号码：同一人只留一行，请删去多余的一行。",
            )

    def _known(self, key: bytes, unit: tuple[str, str] | None, found: RowFindings) -> bool:
        """What is on record about this person; returns whether the row asks for a card."""
        known = self.context.known.get(key)
        if known is None:
            return True
        moves = bool(known.unit_path and unit and known.unit_path != unit[1])
        if known.deceased:
            found.add(
                Column.NAME,
                FindingCode.MEMBER_DECEASED,
                "此人已登记为身故：请核对证件号码；登记有误请联系上级工会更正。",
            )
        if self.context.file is FileKind.ROSTER:
            if known.has_card and not moves:
                found.add(
                    Column.NAME,
                    FindingCode.ALREADY_HAS_CARD,
                    "此人已有有效的会员服务卡，不能再办：请删去这一行；卡丢了请办理补卡。",
                )
            elif known.application_open:
                found.add(
                    Column.NAME,
                    FindingCode.APPLICATION_OPEN,
                    "此人已有办理中的申请，不会重复提交：这一行不用改，等申请办完即可。",
                )
        if moves:
            where = known.unit_name or "另一个工会"
            found.add(
                Column.UNIT,
                FindingCode.MEMBER_ELSEWHERE,
                f"此人的会籍现在在{where}，并已有卡：提交后会向对方提出转接，原卡继续用，不用再办。"
                if known.has_card and self.context.file is FileKind.ROSTER
                else f"此人的会籍现在在{where}：提交后会向对方提出转接，卡和待遇不受影响。",
            )
        return not (known.has_card and moves)

    def _runs(self, key: bytes, unit: tuple[str, str] | None) -> bool:
        """Whether the open application of this person is the very unit's own."""
        known = self.context.known.get(key)
        return bool(
            self.context.file is FileKind.ROSTER
            and known
            and known.application_open
            and not known.deceased
            and not known.has_card
            and unit
            and known.application_path == unit[1]
        )

    @property
    def free(self) -> int | None:
        """What the unions that need places have left, and the one the file is of."""
        known = self.context.quota_free
        concerned = {*self.needed, self.context.default_unit or ""} & known.keys()
        return sum(known[code] for code in concerned) if concerned else None

    def _quota(self, unit: str, found: RowFindings) -> None:
        self.needed[unit] += 1
        free = self.context.quota_free.get(unit)
        if free is not None and self.needed[unit] > free:
            self.short += 1
            found.add(
                Column.UNIT,
                FindingCode.QUOTA_SHORT,
                f"本年名额还剩 {max(free, 0)} 个，这是第 {self.needed[unit]} 人：可以提交，先进入候补；或请上级工会增拨名额。",
            )


_SEX_NAMES = {Sex.MALE: "男", Sex.FEMALE: "女"}
_ID_TYPES_LISTED = "、".join(ID_TYPE_NAMES.values())
_EMPLOYMENTS_LISTED = "、".join(EMPLOYMENT_NAMES.values())
