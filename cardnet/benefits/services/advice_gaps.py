"""Records of a till that are missing, or that do not follow the one before: E12, closed when they come.

What does not close itself is closed by a person with words: a gap that nothing will fill, a chain that was looked
into, an amount over the limits (E11) that finance has seen.
"""

import base64
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from cardnet.access.rules import Principal, Role
from cardnet.benefits.chain import Break, Link, breaks
from cardnet.benefits.models import Redemption
from cardnet.benefits.models_advice import Advice, AdviceException, AdviceReview
from cardnet.benefits.services.advice_losses import REPLAYED
from cardnet.benefits.services.advices import GAP, UNSIGNED, Advise
from cardnet.benefits.words import RedemptionState, ReviewState
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.merchants.rules import Venue

CLOSERS = (Role.FINANCE_MAKER, Role.FINANCE_CHECKER, Role.DISTRICT_OFFICER)
_LONGEST = 500


@dataclass(frozen=True)
class CodeUse:
    """Where else the same code was used, and whether it was scanned there first."""

    redemption_id: uuid.UUID
    merchant_code: str
    terminal_code: str
    at: datetime
    first: bool


@dataclass(frozen=True)
class AdviceExceptionView:
    """What finance must look at. `fen` is what was given beyond the rules; 0 for a gap, whose amounts nobody knows.

    `other_uses` says who else took the code of a sale that is borne because of that.
    """

    id: uuid.UUID
    merchant_id: uuid.UUID
    terminal_id: uuid.UUID
    code: str
    why: str
    advice_id: uuid.UUID | None
    first_seq: int
    last_seq: int
    fen: int
    opened_at: datetime
    closed_at: datetime | None
    closed_by: uuid.UUID | None
    closing_words: str | None
    other_uses: tuple[CodeUse, ...] = ()


@dataclass(frozen=True)
class CloseAdviceException:
    """Somebody has looked into it; `words` say what was found."""

    exception_id: uuid.UUID
    officer: Principal
    words: str


# What lies between the numbers around those that came now; the number before and after them count as known ends.
_GAPS = """
with mine as (select distinct terminal_seq as n from advice
               where terminal_id = %(terminal_id)s and code is distinct from %(unsigned)s),
ends as (select coalesce((select max(n) from mine where n < %(least)s), %(least)s) as low,
                coalesce((select min(n) from mine where n > %(most)s), %(most)s) as high)
select before + 1, n - 1 from (
  select n, lag(n) over (order by n) as before from mine, ends where n between ends.low and ends.high) t
 where n > before + 1"""


def note_gaps(session: Session, world: World, venue: Venue, numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Open what is missing around numbers that came now, close what came; says the gaps, first and last of each."""
    given = {"terminal_id": venue.terminal_id, "least": min(numbers), "most": max(numbers), "unsigned": UNSIGNED}
    gaps = [(int(first), int(last)) for first, last in session.connection().exec_driver_sql(_GAPS, given)]
    known = session.execute(
        select(
            AdviceException.id, AdviceException.first_seq, AdviceException.last_seq, AdviceException.closed_by
        ).where(
            AdviceException.terminal_id == venue.terminal_id,
            AdviceException.code == GAP,
            AdviceException.why == "gap",
            AdviceException.closed_at.is_(None) | AdviceException.closed_by.is_not(None),
        )
    ).all()
    open_ones = [one for one in known if one.closed_by is None]
    given_up = [(one.first_seq, one.last_seq) for one in known if one.closed_by is not None]
    touched = [one for one in open_ones if any(one.first_seq <= number <= one.last_seq for number in numbers)]
    if touched:
        ids = [one.id for one in touched]
        session.execute(update(AdviceException).where(AdviceException.id.in_(ids)).values(closed_at=world.now()))
    still = {(one.first_seq, one.last_seq) for one in open_ones if one not in touched}
    rows = [
        _row(world, venue, "gap", first, last, None)
        for first, last in gaps
        if (first, last) not in still and not any(low <= first and last <= high for low, high in given_up)
    ]
    if rows:
        session.execute(insert(AdviceException), rows)
    return gaps


def note_broken_chain(session: Session, world: World, command: Advise) -> None:
    """Open what `chain.breaks` finds around a record that came, each once; unlinked records in a row are one."""
    known = _links(session, command)
    link = Link(command.terminal_seq, command.digest, command.follows)
    for seq, broken in breaks(link, known, first=_is_first(session, command)):
        asked = command.has_key or broken is not Break.UNLINKED
        if asked and not _is_noted(session, command, broken, seq) and not _joined(session, command, broken, seq):
            row = _row(world, command.venue, broken.value, seq, seq, None)
            session.execute(insert(AdviceException).values(**row))


def _is_noted(session: Session, command: Advise, broken: Break, seq: int) -> bool:
    noted = select(AdviceException.id).where(
        *_noted_as(command, broken), AdviceException.first_seq <= seq, AdviceException.last_seq >= seq
    )
    return session.scalar(noted.limit(1)) is not None


def _joined(session: Session, command: Advise, broken: Break, seq: int) -> bool:
    """A till that never links its records is one matter for finance, not one a sale."""
    if broken is not Break.UNLINKED:
        return False
    before = AdviceException.last_seq == seq - 1, AdviceException.closed_at.is_(None)
    longer = update(AdviceException).where(*_noted_as(command, broken), *before).values(last_seq=seq)
    return session.scalar(longer.returning(AdviceException.id)) is not None


def _noted_as(command: Advise, broken: Break) -> tuple[ColumnElement[bool], ...]:
    return AdviceException.terminal_id == command.venue.terminal_id, AdviceException.why == broken.value


def _links(session: Session, command: Advise) -> list[Link]:
    """The records we have of this number and of those next to it, forged ones left out."""
    seq = command.terminal_seq
    rows = session.execute(
        select(Advice.terminal_seq, Advice.digest, Advice.record["prev_hash"].astext).where(
            *_own(command), Advice.terminal_seq.between(seq - 1, seq + 1)
        )
    )
    return [Link(number, digest, _hash_in(follows)) for number, digest, follows in rows]


def _is_first(session: Session, command: Advise) -> bool:
    earlier = select(Advice.id).where(*_own(command), Advice.terminal_seq < command.terminal_seq)
    return session.scalar(earlier.limit(1)) is None


def _own(command: Advise) -> tuple[ColumnElement[bool], ...]:
    return Advice.terminal_id == command.venue.terminal_id, Advice.code.is_distinct_from(UNSIGNED)


def _hash_in(text: str | None) -> bytes | None:
    """A `prev_hash` as it was sent: the schema has seen that it is 32 bytes in base64url."""
    return base64.urlsafe_b64decode(f"{text}=") if text else None


def advice_exceptions(
    session: Session,
    merchant_id: uuid.UUID | None = None,
    *,
    closed: bool = False,
    limit: int = 1_000,
    after: uuid.UUID | None = None,
) -> list[AdviceExceptionView]:
    """What is open, of one merchant or of all, oldest first; or what is `closed`, the newest first.

    `after`: those that come after this one in that order.
    """
    wanted = select(AdviceException).where(_is_closed(closed=closed))
    place = tuple_(AdviceException.closed_at, AdviceException.id)
    if closed:
        wanted = wanted.order_by(AdviceException.closed_at.desc(), AdviceException.id.desc())
    else:
        wanted = wanted.order_by(AdviceException.id)
    if after is not None:
        last = select(AdviceException.closed_at, AdviceException.id).where(AdviceException.id == after)
        wanted = wanted.where(place < last.scalar_subquery() if closed else AdviceException.id > after)
    if merchant_id is not None:
        wanted = wanted.where(AdviceException.merchant_id == merchant_id)
    rows = session.scalars(wanted.limit(limit).execution_options(populate_existing=True)).all()
    used = _other_uses(session, [row.id for row in rows if row.why == REPLAYED])
    return [replace(_view(row), other_uses=tuple(used[row.id])) for row in rows]


def _other_uses(session: Session, exceptions: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, list[CodeUse]]:
    """Per exception what else was redeemed with its code, in the order of the scans."""
    found: dict[uuid.UUID, list[CodeUse]] = defaultdict(list)
    if not exceptions:
        return found
    borne, other = aliased(Redemption), aliased(Redemption)
    reviewed = (AdviceReview.advice_id == Advice.id) & (AdviceReview.state == ReviewState.DONE)
    asked = (
        select(AdviceException.id, other.id, other.merchant_code, other.terminal_code, other.event_at, borne.event_at)
        .join(Advice, Advice.id == AdviceException.advice_id)
        .outerjoin(AdviceReview, reviewed)
        .join(borne, borne.id == func.coalesce(Advice.redemption_id, AdviceReview.redemption_id))
        .join(
            other,
            (other.person_id == borne.person_id)
            & (other.card_index == borne.card_index)
            & (other.proof_id == borne.proof_id)
            & (other.id != borne.id)
            & (other.state != RedemptionState.REFUSED),
        )
        .where(AdviceException.id.in_(exceptions))
        .order_by(other.event_at, other.id)
    )
    for exception_id, redemption_id, merchant, terminal, at, ours in session.execute(asked):
        found[exception_id].append(CodeUse(redemption_id, merchant, terminal, at, at < ours))
    return found


def count_advice_exceptions(session: Session, *, closed: bool = False) -> int:
    """How many there are in all."""
    return session.scalar(select(func.count()).select_from(AdviceException).where(_is_closed(closed=closed))) or 0


def _is_closed(*, closed: bool) -> ColumnElement[bool]:
    return AdviceException.closed_at.is_not(None) if closed else AdviceException.closed_at.is_(None)


def close_advice_exception(session: Session, world: World, command: CloseAdviceException) -> AdviceExceptionView:
    """Nothing is left to do about it.

    Raises InvalidInput("reason_missing"), NotFound("exception_unknown"), Conflict("exception_closed"), NotAllowed.
    """
    refuse_unless(command.officer, *CLOSERS)
    words = reason_of(command.words)
    row = session.scalar(
        select(AdviceException)
        .where(AdviceException.id == command.exception_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound("exception_unknown", "没有这条离线异常，请核对。")
    if row.closed_at is not None:
        raise Conflict("exception_closed", "这条离线异常已经关闭。", {"closed_at": row.closed_at.isoformat()})
    row.closed_at, row.closed_by, row.closing_words = world.now(), command.officer.account_id, words
    session.flush()
    audit.record(
        session,
        world,
        audit.Act(
            "advice_exception.close",
            "advice_exception",
            str(row.id),
            actor_id=command.officer.account_id,
            after={"code": row.code, "why": row.why, "words": words},
        ),
    )
    return _view(row)


def refuse_unless(officer: Principal, *roles: Role) -> None:
    """Raises NotAllowed("role_missing") to who holds none of `roles`."""
    if not officer.has(*roles):
        raise NotAllowed("role_missing", f"{officer.display_name}的账号没有办理这项事务的权限。")


def reason_of(words: str) -> str:
    """What a person said, in one line. Raises InvalidInput("reason_missing", "reason_long")."""
    said = " ".join(words.split())
    if not said:
        raise InvalidInput("reason_missing", "请写明理由。")
    if len(said) > _LONGEST:
        raise InvalidInput("reason_long", f"理由最多 {_LONGEST} 字，请缩短。")
    return said


def _view(row: AdviceException) -> AdviceExceptionView:
    return AdviceExceptionView(
        row.id,
        row.merchant_id,
        row.terminal_id,
        row.code,
        row.why,
        row.advice_id,
        row.first_seq,
        row.last_seq,
        row.fen,
        row.opened_at,
        row.closed_at,
        row.closed_by,
        row.closing_words,
    )


def _row(world: World, venue: Venue, why: str, first: int, last: int, advice_id: uuid.UUID | None) -> dict[str, object]:
    return {
        "id": world.new_id(),
        "merchant_id": venue.merchant_id,
        "terminal_id": venue.terminal_id,
        "code": GAP,
        "why": why,
        "advice_id": advice_id,
        "first_seq": first,
        "last_seq": last,
        "fen": 0,
        "opened_at": world.now(),
    }
