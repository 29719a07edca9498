"""The roster checker: every finding of every row in one pass. Pure: what is known of people comes in as values.

A row is `invalid` with any error, else `declined` when the person said no, else `warning` or `valid`. A blank
`本人同意` is no answer and an error; an optional column never blocks: what is wrong there is dropped and said.
"""

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from cardnet.kernel.errors import InvalidInput
from cardnet.membership.cleaning import date_of, name_of, name_problem, phone_of, text_of, word_of
from cardnet.membership.columns import ANSWERS, EMPLOYMENTS, ID_TYPES, NO_EXPIRY, NOT_ELIGIBLE, NOTHING, SEXES, Column
from cardnet.membership.identity import Identity, read_identity
from cardnet.membership.rules import (
    EMPLOYMENT_NAMES,
    ID_TYPE_NAMES,
    Answer,
    Employment,
    IdType,
    NewTag,
    PersonRow,
    Sex,
    TagKind,
)
from cardnet.membership.sheet import Header, Sheet, SheetRow, find_people, read_sheet
from cardnet.membership.spreadsheet import Cell, Table

__all__ = [
    "CheckedRow",
    "Column",
    "FileKind",
    "Finding",
    "FindingCode",
    "Header",
    "KnownPerson",
    "RosterCheck",
    "RosterContext",
    "RowStatus",
    "Severity",
    "Sheet",
    "check",
    "find_people",
    "identities",
    "read_sheet",
]


class Severity(enum.StrEnum):
    """错误 blocks the row, 提醒 does not, 说明 only informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class FindingCode(enum.StrEnum):
    """What can be wrong with a row; `SEVERITIES` says how bad it is."""

    NAME_MISSING = "name_missing"
    NAME_INVALID = "name_invalid"
    ID_TYPE_UNKNOWN = "id_type_unknown"
    ID_FORMAT = "id_format"
    ID_CHECKSUM = "id_checksum"
    ID_BIRTH_DATE = "id_birth_date"
    ID_PRECISION_LOST = "id_precision_lost"
    SEX_MISMATCH = "sex_mismatch"
    PHONE_FORMAT = "phone_format"
    UNIT_UNKNOWN = "unit_unknown"
    UNIT_OUT_OF_SCOPE = "unit_out_of_scope"
    EMPLOYMENT_NOT_ELIGIBLE = "employment_not_eligible"
    CONSENT_MISSING = "consent_missing"
    DUPLICATE_IN_FILE = "duplicate_in_file"
    ALREADY_HAS_CARD = "already_has_card"
    APPLICATION_OPEN = "application_open"
    MEMBER_DECEASED = "member_deceased"
    PHONE_SHARED = "phone_shared"
    MEMBER_ELSEWHERE = "member_elsewhere"
    QUOTA_SHORT = "quota_short"
    ID_EXPIRED = "id_expired"
    DATE_INVALID = "date_invalid"
    ID_ADDRESS_UNKNOWN = "id_address_unknown"
    CONSENT_DECLINED = "consent_declined"
    VALUE_UNKNOWN = "value_unknown"


SEVERITIES: dict[FindingCode, Severity] = {
    **dict.fromkeys(FindingCode, Severity.ERROR),
    **dict.fromkeys(
        (
            FindingCode.PHONE_SHARED,
            FindingCode.MEMBER_ELSEWHERE,
            FindingCode.QUOTA_SHORT,
            FindingCode.ID_EXPIRED,
            FindingCode.DATE_INVALID,
        ),
        Severity.WARNING,
    ),
    **dict.fromkeys(
        (FindingCode.ID_ADDRESS_UNKNOWN, FindingCode.CONSENT_DECLINED, FindingCode.VALUE_UNKNOWN), Severity.NOTE
    ),
}


class FileKind(enum.StrEnum):
    """办卡信息采集表 asks whether somebody wants a card; 会员名册 says who is a member, card or not."""

    ROSTER = "roster"
    REGISTER = "register"


class RowStatus(enum.StrEnum):
    """What becomes of a row."""

    VALID = "valid"
    WARNING = "warning"
    DECLINED = "declined"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one row: `row` counts people from 1, `line` is the line of the sheet."""

    row: int
    line: int
    column: str
    code: FindingCode
    severity: Severity
    message: str


@dataclass(frozen=True)
class KnownPerson:
    """What is already on record about somebody; `unit_path` is empty for a person in no union today."""

    has_card: bool = False
    application_open: bool = False
    deceased: bool = False
    unit_path: str = ""
    unit_name: str = ""


def plain_key(id_type: IdType, number: str) -> bytes:
    """The key of a person where there is no vault: for checking a file by itself."""
    return f"{id_type}:{number}".encode()


@dataclass(frozen=True)
class RosterContext:
    """What the file is checked against.

    `units`: code → path. `unit_names`: name → code, for files that name the union instead of its code.
    `default_unit`: the uploader's unit, where a row says none. `scope_path`: rows outside are out of scope.
    `known`: by `key_of(id_type, number)`. `quota_free`: new cards left this year, None to leave it out.
    """

    units: Mapping[str, str]
    default_unit: str | None
    scope_path: str
    on: date
    known: Mapping[bytes, KnownPerson] = field(default_factory=dict)
    quota_free: int | None = None
    unit_names: Mapping[str, str] = field(default_factory=dict)
    key_of: Callable[[IdType, str], bytes] = plain_key
    file: FileKind = FileKind.ROSTER


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One person of the file: the verdict, and the person as a value unless the row is invalid."""

    row: int
    line: int
    status: RowStatus
    findings: tuple[Finding, ...]
    person: PersonRow | None
    key: bytes | None

    @property
    def codes(self) -> tuple[str, ...]:
        """The error and warning codes, sorted, each once; notes are not among them."""
        return tuple(sorted({finding.code for finding in self.findings if finding.severity is not Severity.NOTE}))


@dataclass(frozen=True)
class RosterCheck:
    """The verdict on a file. `valid` counts rows with warnings too: they can be submitted."""

    sheet: Sheet
    rows: tuple[CheckedRow, ...]
    valid: int
    declined: int
    invalid: int
    quota_needed: int
    quota_free: int | None
    notices: tuple[str, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding of every row, in the order of the file."""
        return tuple(finding for row in self.rows for finding in row.findings)


def identities(sheet: Sheet, on: date) -> list[tuple[IdType, str]]:
    """The documents a file names, as they would be looked up: for finding out who is already known."""
    found = []
    for row in sheet.rows:
        id_type = _id_type(sheet, row)
        if id_type is not None:
            identity = read_identity(id_type, sheet.cell(row, Column.ID_NUMBER), on)
            if identity.whole:
                found.append((id_type, identity.number))
    return found


def check(source: Sheet | Table, context: RosterContext) -> RosterCheck:
    """Check a file. Raises InvalidInput("header_not_found"), ("no_rows") or ("columns_missing")."""
    sheet = source if isinstance(source, Sheet) else find_people(source)
    missing = [column for column in (Column.NAME, Column.ID_NUMBER) if column not in sheet.header.columns]
    if missing:
        raise _columns_missing(missing)
    checker = _Checker(sheet, context)
    rows = tuple(checker.row(row) for row in sheet.rows)
    counts = {status: sum(1 for row in rows if row.status is status) for status in RowStatus}
    return RosterCheck(
        sheet,
        rows,
        counts[RowStatus.VALID] + counts[RowStatus.WARNING],
        counts[RowStatus.DECLINED],
        counts[RowStatus.INVALID],
        checker.needed,
        context.quota_free,
        (*sheet.notices, *_absent(sheet, context)),
    )


def _columns_missing(missing: list[Column]) -> InvalidInput:
    names = "、".join(f"“{column}”" for column in missing)
    return InvalidInput("columns_missing", f"表里没有{names}列：请补上这一列（列名写在表头那一行）后再上传。")


def _absent(sheet: Sheet, context: RosterContext) -> list[str]:
    needed = [Column.EMPLOYMENT, Column.CONSENT, Column.PHONE] if context.file is FileKind.ROSTER else []
    if not sheet.header.resident_only:
        needed.append(Column.ID_TYPE)
    if context.default_unit is None:
        needed.append(Column.UNIT)
    return [
        f"表里没有“{column}”列，所以每一行都缺这一项：请补上这一列。"
        for column in needed
        if column not in sheet.header.columns
    ]


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
        self.needed = 0
        self.lines_by_key: dict[bytes, int] = {}
        self.holders_by_phone: dict[str, tuple[int, bytes | None]] = {}
        self.units = {code.upper(): (code, path) for code, path in context.units.items()}

    def row(self, row: SheetRow) -> CheckedRow:
        found = _Findings(row)
        answer = self._answer(row, found)
        name = self._name(row, found)
        id_type, identity = self._identity(row, found)
        key = self.context.key_of(id_type, identity.number) if id_type and identity and identity.whole else None
        sex = self._sex(row, identity, found)
        phone = self._phone(row, key, answer, found)
        unit = self._unit(row, found)
        employment = self._employment(row, answer, found)
        if key is not None:
            self._repeated(row, key, found)
            self._known(key, unit, found)
        optional = _optional(self.sheet, row, self.context.on, found)
        if found.errors:
            status = RowStatus.INVALID
        elif answer is Answer.DECLINED:
            status = RowStatus.DECLINED
        else:
            self._quota(found)
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
            )
        return CheckedRow(row.row, row.line, status, found.in_order(), person, key)

    def _answer(self, row: SheetRow, found: "_Findings") -> Answer | None:
        cell = self.sheet.cell(row, Column.CONSENT)
        word = word_of(cell)
        answer = ANSWERS.get(word)
        if answer is Answer.DECLINED:
            found.add(Column.CONSENT, FindingCode.CONSENT_DECLINED, "本人暂不办：已记录本人答复，不生成申请。")
        elif answer is None and self.context.file is FileKind.ROSTER:
            found.add(
                Column.CONSENT,
                FindingCode.CONSENT_MISSING,
                f"本人同意填的“{_short(cell)}”看不懂：请填“是”或“否”。"
                if word
                else "本人同意没有填写：请问过本人并留存签字的《告知同意书》后填“是”或“否”。",
            )
        return answer

    def _name(self, row: SheetRow, found: "_Findings") -> str:
        name = name_of(self.sheet.cell(row, Column.NAME))
        if not name:
            found.add(Column.NAME, FindingCode.NAME_MISSING, "姓名没有填写：请按证件补填。")
        elif problem := name_problem(name):
            found.add(Column.NAME, FindingCode.NAME_INVALID, problem)
        return name

    def _identity(self, row: SheetRow, found: "_Findings") -> tuple[IdType | None, Identity | None]:
        id_type = _id_type(self.sheet, row)
        if id_type is None:
            typed = _short(self.sheet.cell(row, Column.ID_TYPE))
            found.add(
                Column.ID_TYPE,
                FindingCode.ID_TYPE_UNKNOWN,
                (f"证件类型“{typed}”不能用来办卡" if typed else "证件类型没有填写")
                + f"：请填{_ID_TYPES_LISTED}之一，并填写该证件的号码。",
            )
            return None, None
        identity = read_identity(id_type, self.sheet.cell(row, Column.ID_NUMBER), self.context.on)
        if identity.code:
            found.add(Column.ID_NUMBER, FindingCode(identity.code), identity.message)
        elif not identity.address_known:
            found.add(
                Column.ID_NUMBER,
                FindingCode.ID_ADDRESS_UNKNOWN,
                "证件号码前六位不在行政区划代码表里：请对照证件看一遍，无误则不必改。",
            )
        return id_type, identity

    def _sex(self, row: SheetRow, identity: Identity | None, found: "_Findings") -> Sex | None:
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

    def _phone(self, row: SheetRow, key: bytes | None, answer: Answer | None, found: "_Findings") -> str:
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
                "手机号码没有填写：请填本人 11 位手机号。"
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

    def _unit(self, row: SheetRow, found: "_Findings") -> tuple[str, str] | None:
        cell = self.sheet.cell(row, Column.UNIT)
        word = word_of(cell) or (self.context.default_unit or "").upper()
        unit = self.units.get(word) or self.units.get(self.context.unit_names.get(word, "").upper())
        if not word:
            found.add(Column.UNIT, FindingCode.UNIT_UNKNOWN, "所属工会编码没有填写：请填上级工会给的编码。")
        elif unit is None:
            found.add(
                Column.UNIT,
                FindingCode.UNIT_UNKNOWN,
                f"没有编码为“{_short(cell) or word}”的工会：请对照工会编码表改正。",
            )
        elif not unit[1].startswith(self.context.scope_path):
            found.add(
                Column.UNIT,
                FindingCode.UNIT_OUT_OF_SCOPE,
                f"“{unit[0]}”不在您负责的工会范围内：请改正编码，或请该工会自己上报。",
            )
        return unit

    def _employment(self, row: SheetRow, answer: Answer | None, found: "_Findings") -> Employment | None:
        cell = self.sheet.cell(row, Column.EMPLOYMENT)
        word = word_of(cell)
        employment = EMPLOYMENTS.get(word) or EMPLOYMENTS.get(word.lstrip("0123456789").lstrip("-.、:_"))
        if employment or (not word and answer is Answer.DECLINED):
            return employment
        if self.context.file is FileKind.REGISTER:
            return None
        if not word:
            message = f"用工形式没有填写：请填{_EMPLOYMENTS_LISTED}之一。"
        elif any(part in word for part in NOT_ELIGIBLE):
            message = f"用工形式“{_short(cell)}”不符合办卡条件：请删去这一行；填错了请改正。"
        else:
            message = f"用工形式“{_short(cell)}”看不懂：请填{_EMPLOYMENTS_LISTED}之一。"
        found.add(Column.EMPLOYMENT, FindingCode.EMPLOYMENT_NOT_ELIGIBLE, message)
        return None

    def _repeated(self, row: SheetRow, key: bytes, found: "_Findings") -> None:
        # The second row of one person is an error, not an update: we cannot know which of the two is meant.
        first = self.lines_by_key.setdefault(key, row.line)
        if first != row.line:
            found.add(
                Column.ID_NUMBER,
                FindingCode.DUPLICATE_IN_FILE,
                f"与第 {first} 行是同一个证件号码：同一人只留一行，请删去多余的一行。",
            )

    def _known(self, key: bytes, unit: tuple[str, str] | None, found: "_Findings") -> None:
        known = self.context.known.get(key)
        if known is None:
            return
        if known.deceased:
            found.add(
                Column.NAME,
                FindingCode.MEMBER_DECEASED,
                "此人已登记为身故：请核对证件号码；登记有误请联系上级工会更正。",
            )
        if self.context.file is FileKind.ROSTER:
            if known.has_card:
                found.add(
                    Column.NAME,
                    FindingCode.ALREADY_HAS_CARD,
                    "此人已有有效的会员服务卡，不能再办：请删去这一行；卡丢了请办理补卡。",
                )
            elif known.application_open:
                found.add(Column.NAME, FindingCode.APPLICATION_OPEN, "此人已有办理中的申请：请删去这一行，等申请办完。")
        if known.unit_path and unit and known.unit_path != unit[1]:
            found.add(
                Column.UNIT,
                FindingCode.MEMBER_ELSEWHERE,
                f"此人的会籍现在在{known.unit_name or '另一个工会'}：提交后会向对方提出转接，卡和待遇不受影响。",
            )

    def _quota(self, found: "_Findings") -> None:
        self.needed += 1
        free = self.context.quota_free
        if free is not None and self.needed > free:
            found.add(
                Column.UNIT,
                FindingCode.QUOTA_SHORT,
                f"本年名额还剩 {max(free, 0)} 个，这是第 {self.needed} 人：可以提交，先进入候补；或请上级工会增拨名额。",
            )


class _Findings(list[Finding]):
    """The findings of one row, as they come."""

    def __init__(self, row: SheetRow) -> None:
        super().__init__()
        self.of = row
        self.errors = 0
        self.warnings = 0

    def add(self, column: Column, code: FindingCode, message: str, severity: Severity | None = None) -> None:
        severity = severity or SEVERITIES[code]
        self.errors += severity is Severity.ERROR
        self.warnings += severity is Severity.WARNING
        self.append(Finding(self.of.row, self.of.line, column.value, code, severity, message))

    def in_order(self) -> tuple[Finding, ...]:
        """As the eye goes over the row."""
        return tuple(sorted(self, key=_place)) if len(self) > 1 else tuple(self)

    def unknown(self, column: Column, cell: Cell) -> None:
        self.add(column, FindingCode.VALUE_UNKNOWN, f"{column}填的“{_short(cell)}”看不懂，没有采用：不影响办卡。")


_PLACES = {column.value: place for place, column in enumerate(Column)}


def _place(finding: Finding) -> int:
    return _PLACES[finding.column]


@dataclass(frozen=True, slots=True)
class _Optional:
    id_valid_until: date | None
    department: str
    joined_on: date | None
    tags: tuple[NewTag, ...]
    answered_on: date | None


def _optional(sheet: Sheet, row: SheetRow, on: date, found: _Findings) -> _Optional:
    return _Optional(
        _valid_until(sheet.cell(row, Column.ID_VALID_UNTIL), on, found),
        text_of(sheet.cell(row, Column.DEPARTMENT))[:_TEXT_CHARS],
        _past_day(sheet, row, Column.JOINED_ON, on, found),
        _tags(sheet, row, found),
        _past_day(sheet, row, Column.CONSENT_ON, on, found),
    )


_TEXT_CHARS = 100
_UNION_FOUNDED = date(1921, 1, 1)


def _valid_until(cell: Cell, on: date, found: _Findings) -> date | None:
    word = word_of(cell)
    if not word or word in NO_EXPIRY:
        return None
    day = date_of(cell)
    if day is None and isinstance(cell, str) and len(parts := _RANGE.split(text_of(cell))) == 2:
        # The document prints `2010.01.01-2030.01.01`, or `2010.01.01-长期`.
        if word_of(parts[1]) in NO_EXPIRY:
            return None
        day = date_of(parts[1])
    if day is None:
        found.add(Column.ID_VALID_UNTIL, FindingCode.DATE_INVALID, _date_words(Column.ID_VALID_UNTIL, cell))
    elif day < on:
        found.add(
            Column.ID_VALID_UNTIL,
            FindingCode.ID_EXPIRED,
            f"证件已于 {day.isoformat()} 过期：可以提交，请提醒本人换证。",
        )
    return day


_RANGE = re.compile(r"(?<=[0-9日])\s*(?:-|—|–|~|～|至|到)+\s*(?=[0-9]{4}[-/.年]|[0-9]{8}|长|永)")


def _past_day(sheet: Sheet, row: SheetRow, column: Column, on: date, found: _Findings) -> date | None:
    cell = sheet.cell(row, column)
    if not word_of(cell):
        return None
    day = date_of(cell)
    if day is not None and _UNION_FOUNDED <= day <= on:
        return day
    found.add(column, FindingCode.DATE_INVALID, _date_words(column, cell))
    return None


def _date_words(column: Column, cell: Cell) -> str:
    return f"{column}“{_short(cell)}”不是可用的日期，没有采用：请写成 2018-04-28 这样，或留空。"


def _tags(sheet: Sheet, row: SheetRow, found: _Findings) -> tuple[NewTag, ...]:
    tags = []
    for column, kind in _TAG_COLUMNS.items():
        cell = sheet.cell(row, column)
        word = word_of(cell)
        if not word or word in NOTHING:
            continue
        said_yes = ANSWERS.get(word) is Answer.GIVEN
        if kind is TagKind.FRONT_LINE and not said_yes:
            found.unknown(column, cell)
            continue
        tags.append(NewTag(kind, "" if said_yes else text_of(cell)[:_TEXT_CHARS]))
    return tuple(tags)


_TAG_COLUMNS = {
    Column.MODEL_WORKER: TagKind.MODEL_WORKER,
    Column.HARDSHIP: TagKind.HARDSHIP,
    Column.FRONT_LINE: TagKind.FRONT_LINE,
    Column.SPECIAL_POST: TagKind.SPECIAL_POST,
}
_SEX_NAMES = {Sex.MALE: "男", Sex.FEMALE: "女"}
_ID_TYPES_LISTED = "、".join(ID_TYPE_NAMES.values())
_EMPLOYMENTS_LISTED = "、".join(EMPLOYMENT_NAMES.values())


def _short(cell: Cell) -> str:
    text = text_of(cell)
    return text if len(text) <= 20 else text[:20] + "…"
