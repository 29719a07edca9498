"""The half-monthly bulletin (通报) as values: unions with their figures and places, and one issue as it was sent. Pure.

An issue that was sent is one document: `document_of` writes it, `issue_from` reads it, and its hash is of its bytes, so
nothing that happens to a card or a union afterwards can change what was sent round.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from cardnet.issuance.services import CardCounts
from cardnet.issuance.services.answers import AnswerCounts
from cardnet.kernel.calendar import day_of, local
from cardnet.membership.rules import Tier, UnionNode

WEEKS = 12
"""As many weeks of activations an issue shows, the one it is of the last."""

FORM = 1
"""The form of the document; another form gets another number."""


@dataclass(frozen=True)
class Figures:
    """One union with all below it: its year's cards, its register's answers, how many people used a benefit."""

    counts: CardCounts
    answers: AnswerCounts
    used: int

    @property
    def any(self) -> bool:
        """Whether there is anything to tell of."""
        return bool(self.answers.members or self.counts.submitted or self.counts.quota or self.answers.has_card)

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """Of each rate the part and the whole, in the order of `RATES`."""
        c, a = self.counts, self.answers
        return (
            (c.issued, c.quota), (a.has_card, a.members), (c.activated, c.handed_out), (self.used, a.has_card),
        )  # fmt: skip

    @property
    def rates(self) -> "Rates":
        """Each in ten-thousandths, None of nothing."""
        return Rates(*(_rate(part, whole) for part, whole in self.parts))

    @property
    def percents(self) -> tuple[str, ...]:
        """The rates as they are read, to a tenth of a hundredth, half up; a dash where there is nothing to take it of."""
        tenths = ((2_000 * part + whole) // (2 * whole) if whole else None for part, whole in self.parts)
        return tuple("—" if one is None else f"{one // 10}.{one % 10}%" for one in tenths)

    @property
    def steps(self) -> tuple[tuple[str, int], ...]:
        """From members and the plan to use, as page and paper draw them: heading and number."""
        return tuple((HEADINGS[place], self.row[place]) for place in _STEPS)

    @property
    def row(self) -> tuple[int, ...]:
        """The numbers of a line, in the order of `HEADINGS`."""
        c, a = self.counts, self.answers
        return (
            a.members, a.has_card, a.in_progress, a.no_answer, a.declined,
            c.quota, c.collected, c.submitted, c.approved, c.issued, c.handed_out, c.activated, self.used,
        )  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """完成率, 覆盖率, 激活率, 用卡率 in ten-thousandths; None where there is nothing to take it of."""

    completion: int | None
    coverage: int | None
    activation: int | None
    use: int | None


GROUPS = (("会员名册", 5), ("办卡", 5), ("发放和使用", 3), ("比率", 4))
"""What stands over the headings, and over how many of them."""
HEADINGS = (
    "会员",
    "持卡",
    "办理中",
    "未答复",
    "暂不办",
    "计划",
    "采集",
    "合格",
    "通过",
    "发卡",
    "发放",
    "激活",
    "用过",
)
FIELDS = (
    "members", "has_card", "in_progress", "no_answer", "declined", "quota", "collected", "submitted", "approved",
    "issued", "handed_out", "activated", "used",
)  # fmt: skip
"""The names of the same for programs, in the same order."""
RATES = ("完成率", "覆盖率", "激活率", "用卡率")
_STEPS = (0, *range(HEADINGS.index("计划"), len(HEADINGS)))
NOTE = (
    "会员＝持卡＋办理中＋未答复＋本人暂不办。完成率＝发卡÷计划，覆盖率＝持卡÷会员，激活率＝激活÷发放，用卡率＝持卡的人中当年用过的÷持卡。"
    "按完成率排名；采集＝已提交和本人暂不办的人数，补换的卡不重复计算。"
)


@dataclass(frozen=True)
class Line:
    """One union of a level with its place among its siblings by completion (equal rates share a place).

    `own` is the level's union itself, for the people and places it has not through a union below. Without a plan, and
    for the union itself, there is no place: `rank` is None.
    """

    union: UnionNode
    figures: Figures
    rank: int | None
    opens: bool = False
    own: bool = False

    @property
    def name(self) -> str:
        """As a line of the table says it."""
        return f"{self.union.name}（本级）" if self.own else self.union.name


@dataclass(frozen=True)
class Level:
    """One union, its figures and those of the unions directly below it: a page of the bulletin."""

    union: UnionNode
    total: Figures
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Sent:
    """What makes figures an issue: by whom and when it was sent, to whom, in place of which one.

    `edition` is 1; a correction of that is 2, and so on. `before` is the hash of the one it stands in the place of.
    """

    edition: int
    by: str
    addressees: tuple[tuple[str, str], ...]
    copies: str
    words: str
    reason: str = ""
    before: str = ""


@dataclass(frozen=True)
class Issue:
    """The bulletin of one moment: its number in the year (two a month), and its levels, the top one first.

    `weeks` are the people who activated a first card, by union path, in each of the weeks that begin on `mondays`.
    `sent` is None while it is only looked at; `sha256` is of the document of one that was kept.
    """

    year: int
    number: int
    at: datetime
    levels: tuple[Level, ...]
    mondays: tuple[date, ...] = ()
    weeks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sent: Sent | None = None
    sha256: str = ""
    changes: "tuple[Change, ...] | None" = None

    @property
    def first(self) -> Level:
        """The issuer's own level."""
        return self.levels[0]

    @property
    def title(self) -> str:
        """What stands over every page of it."""
        edition = self.sent.edition if self.sent else 1
        corrected = f"（第 {edition - 1} 次更正）" if edition > 1 else ""
        return f"{self.year} 年第 {self.number} 期办卡进度通报{corrected}"

    def level_of(self, path: str) -> Level | None:
        """The page of the union at `path`, if it has one."""
        return next((level for level in self.levels if level.union.path == path), None)


@dataclass(frozen=True)
class Change:
    """One number of a correction that was another one before; None where the union did not stand in one of the two.

    `level` is the path of the page it stands on, `union` None for the sum of the whole, `what` one of `HEADINGS`.
    """

    level: str
    union: UnionNode | None
    own: bool
    what: str
    before: int | None
    after: int | None

    @property
    def name(self) -> str:
        """As a line of the table says it."""
        if self.union is None:
            return "合计"
        return f"{self.union.name}（本级）" if self.own else self.union.name

    @property
    def more(self) -> int:
        """By how much."""
        return (self.after or 0) - (self.before or 0)

    @property
    def field(self) -> str:
        """The name of the number for programs."""
        return FIELDS[HEADINGS.index(self.what)]


@dataclass(frozen=True)
class WeekRow:
    """One union's activations by week, the oldest first; the row without a union is of all the others together."""

    union: UnionNode | None
    weeks: tuple[int, ...]

    @property
    def total(self) -> int:
        """Of all the weeks shown."""
        return sum(self.weeks)


def number_of(year: int, on: date) -> int:
    """Which half of a month it is, counted from January of the quota year.

    22 late in November, 25 early in the next January; a year that has not begun has its first.
    """
    return max(1, 24 * (on.year - year) + 2 * (on.month - 1) + (1 if on.day <= 15 else 2))


def mondays_to(at: datetime) -> tuple[date, ...]:
    """The Mondays of the last weeks, the oldest first."""
    today = day_of(at)
    this_week = today - timedelta(days=today.weekday())
    return tuple(this_week - timedelta(weeks=WEEKS - 1 - n) for n in range(WEEKS))


def level_of(
    top: UnionNode, total: Figures, own: Figures, below: Sequence[tuple[UnionNode, Figures]], parents: Set[uuid.UUID]
) -> Level:
    """A union's page: those directly below it, best completion first, then what is the union's own."""
    best = sorted(below, key=lambda one: (-(one[1].rates.completion or 0), not one[1].counts.quota, one[0].path))
    places: dict[int, int] = {}
    for place, (_, figures) in enumerate(best, start=1):
        if figures.counts.quota:
            places.setdefault(figures.rates.completion or 0, place)
    lines = [
        Line(union, figures, places[figures.rates.completion or 0] if figures.counts.quota else None, union.id in parents)
        for union, figures in best
    ]  # fmt: skip
    if lines and own.any:
        lines.append(Line(top, own, None, own=True))
    return Level(top, total, tuple(lines))


def week_rows(issue: Issue, level: Level, most: int) -> tuple[WeekRow, ...]:
    """Activations by week of the unions directly below a level, the most first; the others added up in one row."""
    direct = {line.union.path: line.union for line in level.lines if not line.own}
    rows: dict[UnionNode, list[int]] = {}
    for path, weeks in issue.weeks.items():
        if not path.startswith(level.union.path):
            continue
        # The path of the union directly below the level: its codes and one more.
        child = "/".join(path.split("/")[: level.union.path.count("/") + 1]) + "/"
        row = rows.setdefault(direct.get(child, level.union), [0] * len(issue.mondays))
        row[:] = [have + more for have, more in zip(row, weeks, strict=True)]
    best: list[tuple[UnionNode, list[int]]] = sorted(rows.items(), key=lambda item: -sum(item[1]))
    shown = [WeekRow(union, tuple(weeks)) for union, weeks in best[:most]]
    if rest := best[most:]:
        shown.append(WeekRow(None, tuple(sum(column) for column in zip(*(weeks for _, weeks in rest), strict=True))))
    return tuple(shown)


# ---- as a document ----


def document_of(issue: Issue) -> str:
    """An issue as text, the same for the same issue."""
    unions = {
        one.path: one for level in issue.levels for one in (level.union, *(line.union for line in level.lines))
    }  # fmt: skip
    document = {
        "form": FORM,
        "year": issue.year,
        "number": issue.number,
        "at": local(issue.at).isoformat(),
        "sent": asdict(issue.sent) if issue.sent else None,
        "unions": [
            {
                "id": str(one.id), "code": one.code, "name": one.name, "tier": str(one.tier), "path": one.path,
                "parent": str(one.parent_id) if one.parent_id else None,
            }
            for one in unions.values()
        ],
        "levels": [
            {
                "union": level.union.path,
                "total": _plain(level.total),
                "lines": [
                    {
                        "union": line.union.path, "rank": line.rank, "opens": line.opens, "own": line.own,
                        "figures": _plain(line.figures),
                    }
                    for line in level.lines
                ],
            }
            for level in issue.levels
        ],
        "mondays": [str(day) for day in issue.mondays],
        "weeks": {path: list(weeks) for path, weeks in issue.weeks.items()},
    }  # fmt: skip
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def issue_from(text: str) -> Issue:
    """The issue a document is of."""
    document = json.loads(text)
    unions = {
        one["path"]: UnionNode(
            uuid.UUID(one["id"]), one["code"], one["name"], Tier(one["tier"]), one["path"],
            uuid.UUID(one["parent"]) if one["parent"] else None,
        )
        for one in document["unions"]
    }  # fmt: skip
    levels = tuple(
        Level(
            unions[level["union"]],
            _figures(level["total"]),
            tuple(
                Line(unions[one["union"]], _figures(one["figures"]), one["rank"], one["opens"], one["own"])
                for one in level["lines"]
            ),
        )
        for level in document["levels"]
    )
    sent = document["sent"]
    if sent:
        sent = Sent(**(sent | {"addressees": tuple((code, name) for code, name in sent["addressees"])}))
    return Issue(
        document["year"],
        document["number"],
        local(datetime.fromisoformat(document["at"])),
        levels,
        tuple(date.fromisoformat(day) for day in document["mondays"]),
        {path: tuple(weeks) for path, weeks in document["weeks"].items()},
        sent,
        hash_of(text),
    )


def hash_of(text: str) -> str:
    """SHA-256 of a document, as printed on every page of what was sent."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_of(digest: str) -> str:
    """The first sixteen digits of a hash, in fours, as people compare them."""
    return " ".join(digest[start : start + 4] for start in range(0, 16, 4)).upper()


def _plain(figures: Figures) -> dict[str, Any]:
    return {"counts": asdict(figures.counts), "answers": asdict(figures.answers), "used": figures.used}


_Counts = TypeVar("_Counts", CardCounts, AnswerCounts)


def _figures(plain: Mapping[str, Any]) -> Figures:
    return Figures(_counts(CardCounts, plain["counts"]), _counts(AnswerCounts, plain["answers"]), plain["used"])


def _counts(kind: type[_Counts], plain: Mapping[str, int]) -> _Counts:
    known = {one.name for one in fields(kind)}
    return kind(**{name: count for name, count in plain.items() if name in known})


def _rate(part: int, whole: int) -> int | None:
    return part * 10_000 // whole if whole else None
