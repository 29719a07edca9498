"""Keeping a movement out of settlement for a typed reason, and letting it go again."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cardnet.benefits import services as benefits
from cardnet.finance.models import HeldBack, SettlementLine
from cardnet.finance.rules import HoldReason, net_of
from cardnet.finance.services.words import said
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, NotFound
from cardnet.kernel.world import World


@dataclass(frozen=True)
class HoldBack:
    """Somebody of finance keeps one movement back; `net_fen` counts with its sign, `words` say why to the merchant."""

    merchant_id: uuid.UUID
    redemption_id: uuid.UUID
    type: str
    business_date: date
    net_fen: int
    reason: HoldReason
    words: str
    actor_id: uuid.UUID


@dataclass(frozen=True)
class HoldBackSale:
    """The same of the sale under a merchant's own number, as its receipt has it."""

    merchant_id: uuid.UUID
    merchant_ref: str
    reason: HoldReason
    words: str
    actor_id: uuid.UUID


@dataclass(frozen=True)
class Release:
    """The reason is gone, as `words` say: the movement goes into the next settlement."""

    held_id: uuid.UUID
    words: str
    actor_id: uuid.UUID


def one_at_a_time(session: Session) -> None:
    """Whoever decides what goes into settlements does so alone until they commit."""
    session.execute(text("select pg_advisory_xact_lock(hashtext('cardnet.settlement'))"))


def hold_back(session: Session, world: World, command: HoldBack) -> uuid.UUID:
    """What is given back of it later waits with it. Raises Conflict("already_settled", "already_held_back")."""
    one_at_a_time(session)
    line = (SettlementLine.redemption_id == command.redemption_id, SettlementLine.type == command.type)
    if session.scalar(select(SettlementLine.settlement_id).where(*line)):
        raise Conflict("already_settled", "这一笔已经在结算单里，不能再暂缓；请在下期以退款更正。")
    held_id = world.new_id()
    values = {"id": held_id, "held_at": world.now(), "held_by": command.actor_id}
    names = ("merchant_id", "redemption_id", "type", "business_date", "net_fen", "words")
    given = {name: getattr(command, name) for name in names}
    try:
        with session.begin_nested():
            session.execute(insert(HeldBack).values(**values, **given, reason=command.reason.value))
    except IntegrityError:
        raise Conflict("already_held_back", "这一笔已经暂缓结算。") from None
    _record(session, world, "hold_back", command.redemption_id, command.actor_id, {"reason": command.reason.value})
    return held_id


def hold_back_sale(session: Session, world: World, command: HoldBackSale) -> uuid.UUID:
    """Hold back by the number on the receipt.

    Raises what `hold_back` raises, NotFound("not_found"), Conflict("nothing_to_settle") where the union pays nothing,
    InvalidInput("words_missing").
    """
    words = said(command.words, "请写明为什么暂缓，商户会看到")
    sale = benefits.redemption_of_reference(session, command.merchant_id, command.merchant_ref.strip())
    net_fen = net_of("capture", sale.union_fen)
    if sale.id is None or sale.captured_fen == 0 or net_fen == 0:
        raise Conflict("nothing_to_settle", "这一笔没有完成，或者工会没有出钱，不用暂缓。")
    return hold_back(
        session, world,
        HoldBack(
            command.merchant_id, sale.id, "capture", sale.business_date, net_fen, command.reason, words,
            command.actor_id,
        ),
    )  # fmt: skip


def release(session: Session, world: World, command: Release) -> None:
    """Let a movement go into the next settlement.

    Raises NotFound("not_held_back"), Conflict("denial_open") while the member waits for an answer,
    Conflict("denial_confirmed") once it was found not to be theirs, InvalidInput("words_missing").
    """
    words = said(command.words, "请写明查清了什么")
    redemption_id = session.scalar(
        update(HeldBack)
        .where(HeldBack.id == command.held_id, HeldBack.released_at.is_(None))
        .values(released_at=world.now(), released_by=command.actor_id)
        .returning(HeldBack.redemption_id)
    )
    if redemption_id is None:
        raise NotFound("not_held_back", "这一笔没有暂缓结算，请刷新后再看。")
    denied = benefits.denials_standing(session, [redemption_id])
    if denied:
        if denied[redemption_id]:
            raise Conflict("denial_confirmed", "已经查实这一笔不是会员本人使用，不能放行；请商户退款。")
        raise Conflict("denial_open", "会员反映这一笔“不是我”，还没有答复；请先在“不是我”里查实、答复。")
    _record(session, world, "release", redemption_id, command.actor_id, {"words": words})


def release_denied(session: Session, world: World, redemption_id: uuid.UUID, actor_id: uuid.UUID | None) -> bool:
    """The member's “不是我” is over: what was kept back for it goes into the next settlement. False when nothing was.

    Without `actor_id` the member took it back, and who had kept the movement stands for letting it go.
    """
    held = HeldBack.reason == HoldReason.MEMBER_DENIES.value
    changed = session.execute(
        update(HeldBack)
        .where(HeldBack.redemption_id == redemption_id, held, HeldBack.released_at.is_(None))
        .values(released_at=world.now(), released_by=actor_id or HeldBack.held_by)
        .returning(HeldBack.id)
    ).all()
    if changed:
        _record(session, world, "release", redemption_id, actor_id, {"reason": HoldReason.MEMBER_DENIES.value})
    return bool(changed)


def held_back(session: Session, redemption_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these are kept out of settlement now."""
    if not redemption_ids:
        return set()
    live = select(HeldBack.redemption_id).where(
        HeldBack.redemption_id == func.any(list(redemption_ids)), HeldBack.released_at.is_(None)
    )
    return set(session.scalars(live))


@dataclass(frozen=True)
class HeldLine:
    """A movement of a merchant that is kept back, as the merchant may read it; `net_fen` counts with its sign."""

    redemption_id: uuid.UUID
    type: str
    business_date: date
    net_fen: int
    reason: HoldReason
    words: str


def held_of_merchant(session: Session, merchant_id: uuid.UUID, limit: int = 200) -> list[HeldLine]:
    """What is kept out of a merchant's settlements now, the newest day first."""
    query = select(HeldBack).where(HeldBack.merchant_id == merchant_id, HeldBack.released_at.is_(None))
    rows = session.scalars(query.order_by(HeldBack.business_date.desc(), HeldBack.id.desc()).limit(limit))
    return [_line(row) for row in rows]


@dataclass(frozen=True)
class HeldView:
    """A movement that is kept back, as finance reads it."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    line: HeldLine
    held_at: datetime
    held_by: uuid.UUID


def held_page(session: Session, limit: int, offset: int) -> tuple[list[HeldView], int]:
    """What is kept back now, the longest first, and how many there are in all."""
    live = HeldBack.released_at.is_(None)
    rows = session.scalars(
        select(HeldBack).where(live).order_by(HeldBack.held_at, HeldBack.id).limit(limit).offset(offset)
    )
    found = [HeldView(row.id, row.merchant_id, _line(row), row.held_at, row.held_by) for row in rows]
    return found, session.scalar(select(func.count()).select_from(HeldBack).where(live)) or 0


def _line(row: HeldBack) -> HeldLine:
    return HeldLine(row.redemption_id, row.type, row.business_date, row.net_fen, HoldReason(row.reason), row.words)


def _record(
    session: Session, world: World, verb: str, subject: uuid.UUID, actor: uuid.UUID | None, after: dict[str, str]
) -> None:
    audit.record(session, world, audit.Act(f"settlement_line.{verb}", "redemption", str(subject), actor, after=after))
