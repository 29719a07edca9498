"""What tills may do alone, and how long codes live, as the district decides it.

Proposed by one of finance, approved by another, published in the trust pack.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.credential.pack import Policy
from cardnet.credential.store.models import OfflineLimitsRow
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, FieldError, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.world import World

PROPOSED, APPROVED, REJECTED, WITHDRAWN = "proposed", "approved", "rejected", "withdrawn"


@dataclass(frozen=True)
class OfflineLimits:
    """The numbers of card-credential.md §3, which are the district's to set.

    A purchase alone: at most `floor_fen`, or `printed_floor_fen` with a printed card. A card at one terminal a day:
    `card_uses`, `printed_card_uses`. A terminal between two syncs: `uses` in all, `given_fen` of benefit in all. The
    last sync at most `sync_hours` ago.

    A phone shows a new code every `rotation_seconds`; one is taken `*_past_seconds` old and `*_ahead_seconds` ahead, with
    four digits `challenge_seconds` both ways. Offline one that is up to `as_printed_seconds` out may pass without digits,
    by the limits of a printed card; 0: it may not. A phone's credential lives `device_days`, a printed code `printed_months`.

    Not in the pack: when one card's uses raise an alarm, `rush_uses` within `rush_minutes`, or two at different stores
    less than `travel_seconds` apart.
    """

    floor_fen: int = 5_000
    card_uses: int = 2
    uses: int = 40
    given_fen: int = 100_000
    sync_hours: int = 72
    printed_floor_fen: int = 1_000
    printed_card_uses: int = 1
    rotation_seconds: int = 15
    online_past_seconds: int = 35
    online_ahead_seconds: int = 15
    offline_past_seconds: int = 60
    offline_ahead_seconds: int = 30
    challenge_seconds: int = 600
    as_printed_seconds: int = 0
    device_days: int = 14
    printed_months: int = 24
    rush_uses: int = 6
    rush_minutes: int = 10
    travel_seconds: int = 60


BOUNDS: dict[str, tuple[int, int]] = {
    "floor_fen": (0, 100_000),
    "card_uses": (1, 20),
    "uses": (1, 1_000),
    "given_fen": (0, 2_000_000),
    "sync_hours": (1, 168),
    "printed_floor_fen": (0, 20_000),
    "printed_card_uses": (1, 5),
    "rotation_seconds": (5, 60),
    "online_past_seconds": (10, 120),
    "online_ahead_seconds": (5, 120),
    "offline_past_seconds": (15, 300),
    "offline_ahead_seconds": (5, 300),
    "challenge_seconds": (60, 1_800),
    "as_printed_seconds": (0, 1_800),
    "device_days": (2, 30),
    "printed_months": (1, 24),
    "rush_uses": (2, 100),
    "rush_minutes": (1, 1_440),
    "travel_seconds": (0, 7_200),
}
"""Smallest and largest. A status list ends after 168 hours, so no till can go on longer alone.

Tills know a card key for 45 days after its last signature and a print key for 24 months and more, so no credential may
live longer.
"""


_SLOWEST = 5
"""Seconds from the screen to the till's answer."""


@dataclass(frozen=True)
class ProposeLimits:
    """Finance wants other limits, by a document."""

    limits: OfflineLimits
    document: str
    actor_id: uuid.UUID


@dataclass(frozen=True)
class DecideLimits:
    """Somebody else of finance says yes or no."""

    limits_id: uuid.UUID
    approve: bool
    words: str
    actor_id: uuid.UUID


@dataclass(frozen=True)
class LimitsView:
    """One proposal and what became of it."""

    id: uuid.UUID
    limits: OfflineLimits
    document: str
    state: str
    proposed_at: datetime
    proposed_by: uuid.UUID
    decided_at: datetime | None
    decided_by: uuid.UUID | None
    words: str | None


def checked_limits(limits: OfflineLimits) -> OfflineLimits:
    """Raises InvalidInput("limits_invalid") with each number out of its bounds, or that does not go with another.

    Paper is allowed no more than a phone, and the code on a screen counts until the next one is there.
    """
    errors = [
        FieldError(f"/{name}", f"应在 {least} 到 {most} 之间。")
        for name, (least, most) in BOUNDS.items()
        if not least <= getattr(limits, name) <= most
    ]
    if limits.printed_floor_fen > limits.floor_fen:
        errors.append(FieldError("/printed_floor_fen", "实体卡可以被复印，单笔限额不能高于动态码的。"))
    if limits.printed_card_uses > limits.card_uses:
        errors.append(FieldError("/printed_card_uses", "实体卡可以被复印，每天次数不能多于动态码的。"))
    if limits.online_past_seconds < limits.rotation_seconds + _SLOWEST:
        errors.append(
            FieldError("/online_past_seconds", f"应比换码的间隔长 {_SLOWEST} 秒以上，不然屏幕上的码来不及扫。")
        )
    if limits.offline_past_seconds < limits.online_past_seconds:
        errors.append(FieldError("/offline_past_seconds", "断网时对时更难，不能短于联网时的。"))
    if limits.challenge_seconds < limits.offline_past_seconds:
        errors.append(FieldError("/challenge_seconds", "输了四位数字应放宽，不能短于断网时的。"))
    if limits.as_printed_seconds and not (
        limits.offline_past_seconds < limits.as_printed_seconds <= limits.challenge_seconds
    ):
        errors.append(
            FieldError("/as_printed_seconds", "0 就是一律要输四位数字；要放行应长于断网时的，又不长于输了数字的。")
        )
    if errors:
        raise InvalidInput("limits_invalid", "离线限额有不能用的数字，请按提示改正。", errors)
    return limits


def propose_limits(session: Session, world: World, command: ProposeLimits) -> LimitsView:
    """Enter new limits; tills go on with the old ones until somebody else approves.

    Raises InvalidInput("limits_invalid", "document_missing"), Conflict("limits_waiting", "limits_unchanged").
    """
    limits, document = checked_limits(command.limits), command.document.strip()
    if not 1 <= len(document) <= 60 or not document.isprintable():
        raise InvalidInput("document_missing", "请填写决定文号，不超过 60 个字。")
    if limits == limits_in_force(session):
        raise Conflict("limits_unchanged", "与现在的限额一样，不用修改。")
    row = {
        "id": world.new_id(),
        "values": asdict(limits),
        "document": document,
        "state": PROPOSED,
        "proposed_at": world.now(),
        "proposed_by": command.actor_id,
    }
    # Of two who propose at once the second waits here, and finds what the first has proposed.
    made = (
        insert(OfflineLimitsRow)
        .values(row)
        .on_conflict_do_nothing(index_elements=["state"], index_where=text("state = 'proposed'"))
        .returning(OfflineLimitsRow.id)
    )
    if session.scalar(made) is None:
        raise Conflict("limits_waiting", "已有一份限额等待审批，请先审批或撤回它。")
    _note(session, world, "ask", row["id"], command.actor_id, {"document": document, **asdict(limits)})
    return limits_history(session, 1)[0]


def decide_limits(session: Session, world: World, command: DecideLimits) -> LimitsView:
    """Approve or reject what somebody else proposed, or take back what one has proposed oneself.

    Raises NotFound("limits_unknown"), NotAllowed("sod_violation"), Conflict("limits_decided"),
    InvalidInput("reason_missing").
    """
    known = _limits(session, command.limits_id)
    own = known.proposed_by == command.actor_id
    if own and command.approve:
        raise NotAllowed("sod_violation", "离线限额不能由提出的人自己审批，请另一位财务人员办理。")
    words = command.words.strip()
    if not own and (not 1 <= len(words) <= 200 or not words.isprintable()):
        raise InvalidInput("reason_missing", "请写明审批意见，不超过 200 个字。")
    state = WITHDRAWN if own else APPROVED if command.approve else REJECTED
    # Guarded: of two who decide at once, the second finds it decided.
    changed = session.execute(
        update(OfflineLimitsRow)
        .where(OfflineLimitsRow.id == known.id, OfflineLimitsRow.state == PROPOSED)
        .values(state=state, decided_at=world.now(), decided_by=command.actor_id, words=words or None)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("limits_decided", "这份限额已经有人处理过，请刷新后再看。")
    verb = {WITHDRAWN: "withdraw", APPROVED: "approve", REJECTED: "reject"}[state]
    _note(session, world, verb, known.id, command.actor_id, asdict(known.limits))
    return _limits(session, known.id)


def limits_in_force(session: Session) -> OfflineLimits:
    """The limits approved last; those of the design while nobody decided."""
    approved = _approved(session)
    return approved[-1].limits if approved else OfflineLimits()


def limits_history(session: Session, most: int = 20) -> list[LimitsView]:
    """What was proposed, waiting first, then the newest."""
    waiting_first = (OfflineLimitsRow.state != PROPOSED, OfflineLimitsRow.id.desc())
    query = select(OfflineLimitsRow).order_by(*waiting_first).limit(most)
    return [_view(row) for row in session.scalars(query.execution_options(populate_existing=True))]


def policy_in_force(session: Session) -> Policy:
    """The policy of packs that are made now."""
    return policy_of(limits_in_force(session))


def policy_of(limits: OfflineLimits) -> Policy:
    """The pack's policy under these limits."""
    return replace(
        Policy(),
        offline_floor_fen=limits.floor_fen,
        offline_card_uses=limits.card_uses,
        offline_uses=limits.uses,
        offline_given_fen=limits.given_fen,
        offline_sync=limits.sync_hours * 3_600,
        printed_floor_fen=limits.printed_floor_fen,
        printed_card_uses=limits.printed_card_uses,
        rotation=limits.rotation_seconds,
        online_past=limits.online_past_seconds,
        online_ahead=limits.online_ahead_seconds,
        offline_past=limits.offline_past_seconds,
        offline_ahead=limits.offline_ahead_seconds,
        challenge=limits.challenge_seconds,
        as_printed=limits.as_printed_seconds,
        device_life=limits.device_days * 86_400,
        printed_life_months=limits.printed_months,
    )


def policy_as_of(session: Session, then: datetime) -> Policy:
    """By what an offline sale of an earlier moment is judged: the most a till could then honestly believe it may do.

    A till holds a pack for as long as it may go without a sync; where limits were lowered meanwhile it cannot know.
    """
    approved = _approved(session)
    if not approved:
        return Policy()
    longest = max(one.limits.sync_hours for one in approved)
    start = then - timedelta(hours=max(longest, OfflineLimits().sync_hours))
    before = [one for one in approved if one.decided_at and one.decided_at <= start]
    during = [one for one in approved if one.decided_at and start < one.decided_at <= then]
    believed = [before[-1].limits if before else OfflineLimits(), *(one.limits for one in during)]
    most = {one.name: max(getattr(limits, one.name) for limits in believed) for one in fields(OfflineLimits)}
    return policy_of(OfflineLimits(**most))


def _approved(session: Session) -> Sequence[LimitsView]:
    query = select(OfflineLimitsRow).where(OfflineLimitsRow.state == APPROVED)
    rows = session.scalars(query.order_by(OfflineLimitsRow.decided_at, OfflineLimitsRow.id))
    return [_view(row) for row in rows]


def _limits(session: Session, limits_id: uuid.UUID) -> LimitsView:
    row = session.get(OfflineLimitsRow, limits_id, populate_existing=True)
    if row is None:
        raise NotFound("limits_unknown", "没有这份限额，请刷新后再看。")
    return _view(row)


def _view(row: OfflineLimitsRow) -> LimitsView:
    names = {one.name for one in fields(OfflineLimits)}
    values = {name: int(value) for name, value in row.values.items() if name in names}
    return LimitsView(
        row.id,
        OfflineLimits(**values),
        row.document,
        row.state,
        row.proposed_at,
        row.proposed_by,
        row.decided_at,
        row.decided_by,
        row.words,
    )


def _note(
    session: Session, world: World, verb: str, limits_id: Any, actor_id: uuid.UUID, after: dict[str, Any]
) -> None:
    act = audit.Act(f"offline_limits.{verb}", "offline_limits", str(limits_id), actor_id, after=after)
    audit.record(session, world, act)
