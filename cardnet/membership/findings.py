"""What a check of a file is made of: findings and their severities, what the file is checked against, the verdict. Values."""

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from cardnet.membership.cleaning import formula_problem, short
from cardnet.membership.columns import Column
from cardnet.membership.rules import ConsentMethod, IdType, PersonRow
from cardnet.membership.sheet import Sheet, SheetRow
from cardnet.membership.table import Cell


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


RUNNING = "running"
"""How an invalid row is shown whose one fault is that its own unit is at work on it already: nothing to mend."""


def shown_status(status: str, severities: Iterable[str]) -> str:
    """The status as people are told it, from the severities that `told_severity` gave."""
    return RUNNING if status == RowStatus.INVALID and Severity.ERROR not in set(severities) else status


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
    """What is already on record about somebody; `unit_path` is empty for a person in no union today.

    `application_path` is the unit whose application is open.
    """

    has_card: bool = False
    application_open: bool = False
    application_path: str = ""
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
    `known`: by `key_of(id_type, number)`. `quota_free`: new cards left this year, by code of the union; one left out is not asked about.
    `method`: how the answers in the file were given.
    """

    units: Mapping[str, str]
    default_unit: str | None
    scope_path: str
    on: date
    known: Mapping[bytes, KnownPerson] = field(default_factory=dict)
    quota_free: Mapping[str, int] = field(default_factory=dict)
    unit_names: Mapping[str, str] = field(default_factory=dict)
    key_of: Callable[[IdType, str], bytes] = plain_key
    file: FileKind = FileKind.ROSTER
    method: ConsentMethod = ConsentMethod.SIGNED_FORM


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One person of the file: the verdict, and the person as a value unless the row is invalid.

    `applies` is False for a holder of a card whom the unit takes over: a transfer is proposed, no card asked for.
    `running` is True for an invalid row whose one fault is an open application of its own unit: sent again, no harm.
    """

    row: int
    line: int
    status: RowStatus
    findings: tuple[Finding, ...]
    person: PersonRow | None
    key: bytes | None
    applies: bool = True
    running: bool = False

    @property
    def shown(self) -> str:
        """The status as people are told it."""
        return RUNNING if self.running else str(self.status)

    def told_severity(self, finding: Finding) -> Severity:
        """How bad a finding is for whoever mends the file: in a running row nothing is an error."""
        return Severity.NOTE if self.running and finding.severity is Severity.ERROR else finding.severity

    @property
    def codes(self) -> tuple[str, ...]:
        """The error and warning codes, sorted, each once; notes are not among them."""
        return tuple(sorted({finding.code for finding in self.findings if finding.severity is not Severity.NOTE}))


@dataclass(frozen=True)
class RosterCheck:
    """The verdict on a file. `valid` counts rows with warnings too: they can be submitted.

    `quota_free` is what the unions named in it have left, None where none of them has any yet; `quota_short` rows of
    `quota_needed` will wait: one union's places are not another's.
    `running` of the `invalid` rows need no mending: their own unit is at work on them already.
    """

    sheet: Sheet
    rows: tuple[CheckedRow, ...]
    valid: int
    declined: int
    invalid: int
    quota_needed: int
    quota_free: int | None
    notices: tuple[str, ...]
    running: int = 0
    quota_short: int = 0

    @property
    def to_mend(self) -> int:
        """Rows with a fault somebody must mend."""
        return self.invalid - self.running

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding of every row, in the order of the file."""
        return tuple(finding for row in self.rows for finding in row.findings)


_SAYS_WHAT_IS_TYPED = frozenset(
    {
        FindingCode.NAME_MISSING,
        FindingCode.NAME_INVALID,
        FindingCode.ID_TYPE_UNKNOWN,
        FindingCode.ID_FORMAT,
        FindingCode.PHONE_FORMAT,
        FindingCode.UNIT_UNKNOWN,
        FindingCode.EMPLOYMENT_NOT_ELIGIBLE,
        FindingCode.CONSENT_MISSING,
        FindingCode.DATE_INVALID,
        FindingCode.VALUE_UNKNOWN,
    }
)


class RowFindings(list[Finding]):
    """The findings of one row, as they come."""

    def __init__(self, sheet: Sheet, row: SheetRow) -> None:
        super().__init__()
        self._sheet = sheet
        self._row = row
        self.errors = 0
        self.warnings = 0

    def add(self, column: Column, code: FindingCode, message: str, severity: Severity | None = None) -> None:
        """One more. A formula that shows an error or was never computed is said instead of what it is mistaken for."""
        if code in _SAYS_WHAT_IS_TYPED and (broken := formula_problem(self._sheet.cell(self._row, column))):
            message = f"{column}{broken}"
        severity = severity or SEVERITIES[code]
        self.errors += severity is Severity.ERROR
        self.warnings += severity is Severity.WARNING
        self.append(Finding(self._row.row, self._row.line, column.value, code, severity, message))

    def unknown(self, column: Column, cell: Cell) -> None:
        """An optional column says something nobody understands."""
        self.add(column, FindingCode.VALUE_UNKNOWN, f"{column}填的“{short(cell)}”看不懂，没有采用：不影响办卡。")

    def in_order(self) -> tuple[Finding, ...]:
        """As the eye goes over the row."""
        return tuple(sorted(self, key=_place)) if len(self) > 1 else tuple(self)


_PLACES = {column.value: place for place, column in enumerate(Column)}


def _place(finding: Finding) -> int:
    return _PLACES[finding.column]
