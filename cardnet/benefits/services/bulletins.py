"""The bulletin (通报): the figures of a year and moment, issues sent round and kept as they were, corrections.

Publishing freezes everything that is shown: numbers, places, names, weeks. What happens afterwards shows in the next
issue only; a mistake is mended by an issue that names the one before.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import ColumnElement, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role
from cardnet.benefits import bulletin
from cardnet.benefits.bulletin import Figures, Issue, Sent
from cardnet.benefits.bulletin_changes import changes_between
from cardnet.benefits.models_bulletin import BulletinIssue
from cardnet.benefits.services.card_use import card_use
from cardnet.issuance import services as issuance
from cardnet.issuance.services import answers
from cardnet.kernel import audit, calendar
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import UnionNode

PUBLISHERS = (Role.TOWNSHIP_OFFICER, Role.DISTRICT_OFFICER)
"""Who sends an issue round: an officer of a union that has others below it."""

_LONGEST = 500


@dataclass(frozen=True)
class PublishBulletin:
    """Send the figures of now round. `to` are codes of unions directly below, all of them when it is empty.

    `copies` are others the letter goes to (抄送), `words` stand under the title. `corrects` is the issue this one stands
    in the place of, `reason` why; one that changes no number is sent only `unchanged_too`.
    """

    officer: Principal
    year: int | None = None
    to: tuple[str, ...] = ()
    copies: str = ""
    words: str = ""
    corrects: uuid.UUID | None = None
    reason: str = ""
    unchanged_too: bool = False


@dataclass(frozen=True)
class IssueLine:
    """An issue that was sent, without its figures. `corrected_by` is the issue that stands in its place now."""

    id: uuid.UUID
    union: UnionNode
    year: int
    number: int
    edition: int
    corrects_id: uuid.UUID | None
    corrected_by: uuid.UUID | None
    addressees: tuple[str, ...]
    by: str
    at: datetime
    sha256: str


@dataclass(frozen=True)
class KeptIssue:
    """An issue exactly as it was sent."""

    line: IssueLine
    issue: Issue


def issue_of(session: Session, world: World, top: str, year: int, *, every_level: bool) -> Issue:
    """The bulletin of the unions under `top`, which is a union's path, as it stands now.

    With every level it has a page for each union that has others below it; else the top one's only.
    """
    at = world.now()
    today = day_of(at)
    register = answers.answers_by_union(session, world, top)
    answered = {one.union.id: one for one in register}
    counted = issuance.counts_beside(session, register, year)
    used = card_use(session, world, top, date(year, 1, 1), min(today, date(year, 12, 31)))
    totals = {
        one.union.path: Figures(one.total, answered[one.union.id].total, used.total.get(one.union.path, 0)) for one in counted
    }  # fmt: skip
    owns = {
        one.union.path: Figures(one.own, answered[one.union.id].own, used.own.get(one.union.path, 0)) for one in counted
    }  # fmt: skip
    parents = {one.union.parent_id for one in counted if one.union.parent_id}
    below: dict[uuid.UUID, list[tuple[UnionNode, Figures]]] = {}
    for one in counted:
        if one.union.parent_id and one.union.path != top:
            below.setdefault(one.union.parent_id, []).append((one.union, totals[one.union.path]))
    levels = tuple(
        bulletin.level_of(one.union, totals[one.union.path], owns[one.union.path], below.get(one.union.id, ()), parents)
        for one in counted
        if one.union.path == top or (every_level and one.union.id in below)
    )
    mondays = bulletin.mondays_to(at)
    return Issue(year, bulletin.number_of(year, today), at, levels, mondays, _weeks(session, top, mondays, today))


def publish_bulletin(session: Session, world: World, command: PublishBulletin) -> KeptIssue:
    """Send the issue of this half of the month round, or a correction of one, and keep it as it was sent.

    Raises NotAllowed("role_missing"), NotFound("issue_unknown", "addressee_unknown", "quota_year_unknown"), InvalidInput("nothing_below",
    "reason_missing", "words_too_long", "bulletin_year_not_begun", "nothing_to_tell"), Conflict("bulletin_published",
    "issue_corrected", "nothing_corrected").
    """
    officer = command.officer
    if not officer.has(*PUBLISHERS):
        raise NotAllowed("role_missing", "通报由镇街道、委局工会或职工援助服务中心发出。")
    copies, words, reason = (_typed(text) for text in (command.copies, command.words, command.reason))
    before = _to_correct(session, officer, command.corrects, reason) if command.corrects else None
    years = issuance.years_shown(session, day_of(world.now()))
    year = before.year if before else command.year or years.shown
    if not before and year not in years.choices:
        raise NotFound("quota_year_unknown", f"{year} 年没有名额，不能发它的通报。")
    if year > day_of(world.now()).year:
        raise InvalidInput("bulletin_year_not_begun", f"{year} 年还没有开始，到元旦以后再发它的通报。")
    issue = issue_of(session, world, officer.scope_path, year, every_level=True)
    if not issue.first.lines:
        raise InvalidInput("nothing_below", "通报发给下级工会：本工会没有下级，不用发。")
    if not issue.first.total.any:
        raise InvalidInput("nothing_to_tell", "还没有可以通报的数字：先导入会员名册、核定名额或提交采集表。")
    to = _addressees(issue, command.to)
    sent = Sent(
        before.edition + 1 if before else 1,
        officer.display_name,
        tuple((union.code, union.name) for union in to),
        copies,
        words,
        reason,
        before.sha256.hex() if before else "",
    )
    issue = replace(issue, number=before.number if before else issue.number, sent=sent)
    if before and not command.unchanged_too and not changes_between(bulletin.issue_from(before.content), issue):
        raise Conflict(
            "nothing_corrected",
            "数字与原来的一期完全相同，更正发出去没有什么可看。只改说明或发送范围的，请确认“没有数字变化，仍要更正”。",
        )
    return _keep(session, world, officer, issue, [union.path for union in to], before)


def bulletin_issues(
    session: Session, officer: Principal, year: int | None = None, limit: int = 100, offset: int = 0
) -> tuple[tuple[IssueLine, ...], int]:
    """Issues of the officer's unions and those sent to them, the newest first, and how many there are."""
    query = select(BulletinIssue).where(_readable(session, officer))
    if year is not None:
        query = query.where(BulletinIssue.year == year)
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.scalars(
        query.order_by(BulletinIssue.at.desc(), BulletinIssue.id.desc()).limit(limit).offset(offset)
    ).all()
    return _lines(session, rows), count


def kept_issue(session: Session, officer: Principal, issue_id: uuid.UUID) -> KeptIssue:
    """An issue exactly as it was sent. Raises NotFound("issue_unknown"), also when it was not sent to the officer."""
    row = session.scalar(select(BulletinIssue).where(BulletinIssue.id == issue_id, _readable(session, officer)))
    if row is None:
        raise _unknown()
    issue = bulletin.issue_from(row.content)
    if row.corrects_id is not None:
        # Both are fixed: the same correction shows the same differences, whoever was sent the earlier one.
        before = session.get_one(BulletinIssue, row.corrects_id)
        issue = replace(issue, changes=changes_between(bulletin.issue_from(before.content), issue))
    return KeptIssue(_lines(session, [row])[0], issue)


def issue_sent(session: Session, path: str, year: int, number: int) -> uuid.UUID | None:
    """The issue of this number that the union that stands at `path` sent, wherever it stood then; the newest edition."""
    return session.scalar(
        select(BulletinIssue.id)
        .where(
            BulletinIssue.union_id.in_(
                [union.id for union in membership.unions_under(session, path) if union.path == path]
            ),
            BulletinIssue.year == year,
            BulletinIssue.number == number,
        )
        .order_by(BulletinIssue.edition.desc())
        .limit(1)
    )


# ---- pieces ----


def _keep(
    session: Session, world: World, officer: Principal, issue: Issue, to: list[str], before: BulletinIssue | None
) -> KeptIssue:
    assert issue.sent is not None
    content = bulletin.document_of(issue)
    row = {
        "id": world.new_id(),
        "union_id": officer.union_id,
        "path": officer.scope_path,
        "year": issue.year,
        "number": issue.number,
        "edition": issue.sent.edition,
        "corrects_id": before.id if before else None,
        "addressees": to,
        "content": content,
        "sha256": bytes.fromhex(bulletin.hash_of(content)),
        "published_by": officer.account_id,
        "at": issue.at,
    }
    kept = session.scalar(insert(BulletinIssue).values(row).on_conflict_do_nothing().returning(BulletinIssue.id))
    if kept is None:
        if before:
            raise _corrected()
        raise Conflict(
            "bulletin_published", f"{issue.year} 年第 {issue.number} 期已经发出，不能改；数字有误请在那一期上发更正。"
        )  # fmt: skip
    act = audit.Act(
        "bulletin.publish", "bulletin", str(kept), officer.account_id,
        after={
            "year": issue.year, "number": issue.number, "edition": issue.sent.edition, "addressees": len(to),
            "sha256": row["sha256"].hex(),  # type: ignore[attr-defined]
        },
    )  # fmt: skip
    audit.record(session, world, act)
    return kept_issue(session, officer, kept)


def _to_correct(session: Session, officer: Principal, issue_id: uuid.UUID, reason: str) -> BulletinIssue:
    row = session.get(BulletinIssue, issue_id)
    if row is None or row.union_id != officer.union_id:
        raise NotFound("issue_unknown", "没有这一期通报，或者不是本工会发出的。")
    if not reason:
        raise InvalidInput("reason_missing", "请写明更正什么、为什么，收到的工会要知道。")
    if session.scalar(select(BulletinIssue.id).filter_by(corrects_id=row.id)):
        raise _corrected()
    return row


def _corrected() -> Conflict:
    return Conflict("issue_corrected", "这一期已经更正过：请打开最新的更正，在那上面再更正。")


def _addressees(issue: Issue, codes: tuple[str, ...]) -> list[UnionNode]:
    below = {line.union.code: line.union for line in issue.first.lines if not line.own}
    if strange := [code for code in codes if code not in below]:
        raise NotFound("addressee_unknown", f"“{strange[0][:40]}”不是本工会的直接下级，请核对发给谁。")
    return [union for code, union in sorted(below.items()) if not codes or code in codes]


def _typed(text: str) -> str:
    plain = text.strip()
    if len(plain) > _LONGEST:
        raise InvalidInput("words_too_long", f"说明最多 {_LONGEST} 个字，请缩短。")
    return plain


def _readable(session: Session, officer: Principal) -> ColumnElement[bool]:
    """Issues of unions now in the officer's scope, and those sent to the officer's union or one now above it."""
    placed = membership.places(session)
    parts = officer.scope_path.strip("/").split("/")
    above = ["/" + "/".join(parts[: n + 1]) + "/" for n in range(len(parts))]
    sent_to = [stored for path in above for stored in placed.stored(path)]
    return or_(
        placed.holds(BulletinIssue.path, officer.scope_path),
        *(BulletinIssue.addressees.op("@>")(literal([path], BulletinIssue.addressees.type)) for path in sent_to),
    )


def _lines(session: Session, rows: Sequence[BulletinIssue]) -> tuple[IssueLine, ...]:
    unions = membership.unions_of_ids(session, {row.union_id for row in rows})
    names = access.display_names(session, [row.published_by for row in rows])
    later = session.execute(
        select(BulletinIssue.corrects_id, BulletinIssue.id).where(
            BulletinIssue.corrects_id.in_([row.id for row in rows])
        )
    )
    corrected: dict[uuid.UUID | None, uuid.UUID] = dict(later.tuples().all())
    return tuple(
        IssueLine(
            row.id, unions[row.union_id], row.year, row.number, row.edition, row.corrects_id, corrected.get(row.id),
            tuple(row.addressees), names[row.published_by], row.at, row.sha256.hex(),
        )
        for row in rows
    )  # fmt: skip


def _unknown() -> NotFound:
    return NotFound("issue_unknown", "没有这一期通报，或者没有发给您的工会。")


def _weeks(session: Session, top: str, mondays: tuple[date, ...], today: date) -> dict[str, tuple[int, ...]]:
    since, until = calendar.start_of(mondays[0]), calendar.end_of(today)
    paths = {union.id: union.path for union in membership.unions_under(session, top)}
    weeks: dict[str, list[int]] = {}
    for one in issuance.activations_by_week(session, top, since, until):
        row = weeks.setdefault(paths[one.union_id], [0] * len(mondays))
        row[mondays.index(one.monday)] += one.activated
    return {path: tuple(row) for path, row in sorted(weeks.items())}


def may_publish(officer: Principal, path: str) -> bool:
    """Whether the officer sends the issues of the union at `path`."""
    return officer.has(*PUBLISHERS) and officer.scope_path == path
