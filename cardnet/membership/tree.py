"""The organisation file: which unions it names, and what is wrong with it. Pure."""

import enum
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stdnum.cn import uscc

from cardnet.kernel.errors import InvalidInput
from cardnet.membership.cleaning import heading_of, text_of, word_of
from cardnet.membership.rules import HEIGHT, Tier, UnionNode, path_of
from cardnet.membership.table import Cell, Table


class OrganisationColumn(enum.StrEnum):
    """The columns of the organisation file."""

    CODE = "工会编码"
    NAME = "工会名称"
    TIER = "层级"
    PARENT = "上级编码"
    CREDIT_CODE = "统一社会信用代码"


_HEADINGS = {
    spelling: column
    for column, spellings in {
        OrganisationColumn.CODE: ("工会编码", "工会代码", "工会编号", "组织编码", "编码", "CODE"),
        OrganisationColumn.NAME: ("工会名称", "工会全称", "组织名称", "名称", "NAME"),
        OrganisationColumn.TIER: ("层级", "级别", "工会层级", "组织层级", "TIER"),
        OrganisationColumn.PARENT: ("上级编码", "上级工会编码", "上级工会代码", "上级代码", "父级编码", "PARENT"),
        OrganisationColumn.CREDIT_CODE: ("统一社会信用代码", "社会信用代码", "信用代码", "统一信用代码"),
    }.items()
    for spelling in spellings
}
_TIERS = {
    word: tier
    for tier, words in {
        Tier.DISTRICT: ("DISTRICT", "区", "区级", "区总工会", "县级", "市级", "1"),
        Tier.TOWNSHIP: (
            "TOWNSHIP",
            "镇",
            "街道",
            "镇级",
            "乡镇",
            "镇街",
            "街镇",
            "委局",
            "局",
            "镇/街道/委局",
            "上级工会",
            "2",
        ),
        Tier.UNIT: ("UNIT", "基层", "基层工会", "单位", "基层单位", "基层单位工会", "3"),
    }.items()
    for word in words
}
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.\-]{0,31}")


@dataclass(frozen=True)
class OrganisationFinding:
    """One thing about one line of the file; `severity` is error or warning."""

    line: int
    column: str
    code: str
    severity: str
    message: str


@dataclass(frozen=True)
class PlannedUnion:
    """A union to make, parents before children."""

    line: int
    code: str
    name: str
    tier: Tier
    parent_code: str | None
    path: str
    credit_code: str | None


@dataclass(frozen=True)
class TreePlan:
    """What an import would do: the unions to make, how many are there already, what is to be said."""

    new: tuple[PlannedUnion, ...]
    unchanged: int
    findings: tuple[OrganisationFinding, ...]

    @property
    def errors(self) -> tuple[OrganisationFinding, ...]:
        """What stops the import."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


@dataclass(frozen=True)
class _Line:
    line: int
    code: str
    name: str
    tier: Tier
    parent: str
    credit_code: str


def plan_tree(table: Table, known: Mapping[str, UnionNode]) -> TreePlan:
    """What importing this table would do to a tree that has `known`, by code. Nothing known is ever changed.

    Raises InvalidInput("header_not_found") when the columns 工会编码, 工会名称, 层级 and 上级编码 are not there.
    """
    findings: list[OrganisationFinding] = []
    lines = _lines(table, findings)
    by_code: dict[str, _Line] = {}
    for line in lines:
        if line.code in by_code:
            first = by_code[line.code].line
            findings.append(
                _error(
                    line.line,
                    OrganisationColumn.CODE,
                    "code_duplicate",
                    f"工会编码 {line.code} 与第 {first} 行重复：每个工会一个编码，请改正其中一行。",
                )
            )
        else:
            by_code[line.code] = line
    paths = {code: node.path for code, node in known.items()}
    tiers = {code: node.tier for code, node in known.items()} | {
        c: n.tier for c, n in by_code.items() if c not in known
    }
    root = next((code for code, node in known.items() if node.parent_id is None), None)
    new: list[PlannedUnion] = []
    waiting = [line for code, line in by_code.items() if code not in known]
    for line in by_code.values():
        if line.code in known:
            findings.extend(_differences(line, known[line.code], known))
    while waiting:
        left = []
        for line in waiting:
            problem = _misplaced(line, tiers, root) or _below_closed(line, known)
            if problem:
                findings.append(problem)
            elif not line.parent or line.parent in paths:
                root = root or line.code
                paths[line.code] = path_of(paths.get(line.parent, ""), line.code)
                credit = line.credit_code or None
                new.append(
                    PlannedUnion(
                        line.line, line.code, line.name, line.tier, line.parent or None, paths[line.code], credit
                    )
                )
            else:
                left.append(line)
        if len(left) == len(waiting):
            findings.extend(
                _error(
                    line.line,
                    OrganisationColumn.PARENT,
                    "parent_unusable",
                    f"上级 {line.parent} 自己有错误或互为上下级：请先改正上级那一行。",
                )
                for line in left
            )
            break
        waiting = left
    findings.sort(key=lambda finding: finding.line)
    return TreePlan(tuple(new), sum(1 for code in by_code if code in known), tuple(findings))


def _error(line: int, column: OrganisationColumn, code: str, message: str) -> OrganisationFinding:
    return OrganisationFinding(line, column.value, code, "error", message)


def _warning(line: int, column: OrganisationColumn, code: str, message: str) -> OrganisationFinding:
    return OrganisationFinding(line, column.value, code, "warning", message)


def _misplaced(line: _Line, tiers: Mapping[str, Tier], root: str | None) -> OrganisationFinding | None:
    if not line.parent:
        if line.tier is not Tier.DISTRICT:
            return _error(
                line.line,
                OrganisationColumn.PARENT,
                "parent_missing",
                "没有填写上级编码：只有区总工会没有上级，请补填。",
            )
        if root is not None:
            return _error(
                line.line,
                OrganisationColumn.TIER,
                "root_exists",
                f"已有区总工会 {root}：一套系统只有一个最上级，请填写上级编码。",
            )
        return None
    above = tiers.get(line.parent)
    if above is None:
        return _error(
            line.line,
            OrganisationColumn.PARENT,
            "parent_unknown",
            f"没有编码为 {line.parent} 的上级工会：请核对上级编码，或在表里补上这个上级。",
        )
    if HEIGHT[above] < HEIGHT[line.tier] or line.tier is Tier.DISTRICT:
        return _error(
            line.line,
            OrganisationColumn.TIER,
            "tier_wrong",
            f"层级不对：上级 {line.parent} 是 {above}，下面不能是 {line.tier}，请改正层级或上级编码。",
        )
    return None


def _below_closed(line: _Line, known: Mapping[str, UnionNode]) -> OrganisationFinding | None:
    above = known.get(line.parent)
    if above is None or above.closed_on is None:
        return None
    message = f"上级 {line.parent} 已撤销：请填接收它的工会，或现在的上级。"
    return _error(line.line, OrganisationColumn.PARENT, "parent_closed", message)


def _differences(line: _Line, node: UnionNode, known: Mapping[str, UnionNode]) -> list[OrganisationFinding]:
    parent = next((code for code, other in known.items() if other.id == node.parent_id), "")
    differing = [
        (OrganisationColumn.NAME, line.name, node.name),
        (OrganisationColumn.TIER, line.tier.value, node.tier.value),
        (OrganisationColumn.PARENT, line.parent, parent),
    ]
    return [
        _warning(
            line.line,
            column,
            "already_there",
            f"{line.code} 已在系统里，{column}是“{stored}”，与表里的“{given}”不同：导入不改动已有工会。",
        )
        for column, given, stored in differing
        if given != stored
    ]


def _lines(table: Table, findings: list[OrganisationFinding]) -> list[_Line]:
    columns, first = _columns(table.rows)
    lines = []
    for at in range(first, len(table.rows)):
        cells = table.rows[at]
        said = {column: text_of(cells[i]) if i < len(cells) else "" for column, i in columns.items()}
        if any(said.values()):
            line = _line(at + 1, said, findings)
            if line:
                lines.append(line)
    if not lines and not findings:
        raise InvalidInput("no_rows", "表头下面没有工会：请从表头的下一行开始逐行填写后再导入。")
    return lines


def _columns(rows: Sequence[Sequence[Cell]]) -> tuple[dict[OrganisationColumn, int], int]:
    needed = {OrganisationColumn.CODE, OrganisationColumn.NAME, OrganisationColumn.TIER, OrganisationColumn.PARENT}
    for at, row in enumerate(rows[:60]):
        found: dict[OrganisationColumn, int] = {}
        for i, cell in enumerate(row):
            column = _HEADINGS.get(heading_of(cell)) if isinstance(cell, str) and len(cell) < 80 else None
            if column:
                found.setdefault(column, i)
        if needed <= found.keys():
            return found, at + 1
    raise InvalidInput("header_not_found", f"没有找到表头：第一行要有{'、'.join(sorted(needed))}这几列。")


def _line(number: int, said: Mapping[OrganisationColumn, str], findings: list[OrganisationFinding]) -> _Line | None:
    code, name = _code_of(said[OrganisationColumn.CODE]), said[OrganisationColumn.NAME]
    tier = _TIERS.get(word_of(said[OrganisationColumn.TIER]))
    problems = []
    if not _CODE.fullmatch(code):
        problems.append(
            _error(
                number,
                OrganisationColumn.CODE,
                "code_invalid",
                f"工会编码“{code[:40]}”不能用：请填 1 至 32 位字母、数字或连字符。",
            )
        )
    if not name or len(name) > 200:
        problems.append(
            _error(number, OrganisationColumn.NAME, "name_missing", "工会名称没有填写或超过 200 字：请填工会全称。")
        )
    if tier is None:
        problems.append(
            _error(
                number,
                OrganisationColumn.TIER,
                "tier_unknown",
                f"层级“{said[OrganisationColumn.TIER][:20]}”看不懂：请填 district、township 或 unit。",
            )
        )
    credit = word_of(said.get(OrganisationColumn.CREDIT_CODE, ""))
    if credit and not uscc.is_valid(credit):
        # Some early codes are lawful and fail the check all the same (domain.md §7.3), so it is kept.
        findings.append(
            _warning(
                number,
                OrganisationColumn.CREDIT_CODE,
                "credit_code_invalid",
                f"统一社会信用代码 {credit[:30]} 的校验位不对：已照原样导入，请核对证书。",
            )
        )
    findings.extend(problems)
    if problems or tier is None:
        return None
    return _Line(number, code, name, tier, _code_of(said[OrganisationColumn.PARENT]), credit)


def _code_of(text: str) -> str:
    """A code: narrow and without spaces, in the letters it was typed in."""
    return "".join(unicodedata.normalize("NFKC", text).split())
