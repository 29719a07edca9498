"""What members say: how content they are with the year, and that a use was not theirs."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cardnet.benefits.models import Redemption
from cardnet.benefits.models_voice import Denial, Satisfaction
from cardnet.benefits.words import DenialOutcome, Feeling
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, FieldError, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.services import notices

FEWEST_ANSWERS = 10
"""Below this many answers a union hears nothing but that there are too few: a few answers would name who gave them."""
LONGEST_WORDS = 200


@dataclass(frozen=True)
class AnswerYear:
    """A member says how content they are with this year or the last one; answering again changes the answer."""

    person_id: uuid.UUID
    year: int
    feeling: Feeling


@dataclass(frozen=True)
class Contentment:
    """How content the members of a union are: nothing of it is known (`percent` None) below `FEWEST_ANSWERS`.

    `percent` counts the satisfied, between 5 and 95: all or nobody would tell what each one answered.
    """

    enough: bool
    answers: int
    percent: int | None


@dataclass(frozen=True)
class DenyRedemption:
    """“不是我”: the member, or the officer `noted_by` for one without a phone, says that a use was not theirs."""

    person_id: uuid.UUID
    redemption_id: uuid.UUID
    words: str = ""
    noted_by: uuid.UUID | None = None


@dataclass(frozen=True)
class SettleDenial:
    """Finance has looked into it; `answer` is what the member reads."""

    denial_id: uuid.UUID
    outcome: DenialOutcome
    answer: str
    officer_id: uuid.UUID


@dataclass(frozen=True)
class DenialView:
    """A “不是我” as finance and its member see it."""

    id: uuid.UUID
    redemption_id: uuid.UUID
    person_id: uuid.UUID
    merchant_id: uuid.UUID
    words: str
    at: datetime
    noted_by: uuid.UUID | None
    outcome: DenialOutcome | None
    answer: str
    settled_at: datetime | None
    merchant_ref: str | None
    happened_at: datetime
    amount_fen: int
    union_fen: int
    business_date: date


# ---- the year ----


def answer_year(session: Session, world: World, command: AnswerYear) -> None:
    """Raises InvalidInput("year_not_asked") for any year but this one and the last."""
    today = day_of(world.now())
    if not today.year - 1 <= command.year <= today.year:
        raise InvalidInput("year_not_asked", "只能评价今年和去年。", [FieldError("/year", "只能评价今年和去年。")])
    unit = membership.person_of_id(session, command.person_id).unit
    path = unit.path if unit else ""
    answer = insert(Satisfaction).values(
        person_id=command.person_id, year=command.year, feeling=str(command.feeling), unit_path=path,
        answered_at=world.now(),
    )  # fmt: skip
    changed = {name: answer.excluded[name] for name in ("feeling", "unit_path", "answered_at")}
    session.execute(answer.on_conflict_do_update(index_elements=["person_id", "year"], set_=changed))
    # The answer is nobody's business but the member's: the trail says that there was one, not what it was.
    audit.record(
        session,
        world,
        audit.Act("satisfaction.answer", "person", str(command.person_id), after={"year": command.year}),
    )


def feeling_of(session: Session, person_id: uuid.UUID, year: int) -> Feeling | None:
    """What the member answered, None for nothing yet."""
    found = session.scalar(
        select(Satisfaction.feeling).where(Satisfaction.person_id == person_id, Satisfaction.year == year)
    )
    return Feeling(found) if found else None


_ANSWERS = f"""
select count(*), count(*) filter (where feeling = 'satisfied') from satisfaction
where year = %(year)s and {membership.stored_under("unit_path")}"""  # noqa: S608 - the piece put in is ours


def contentment(session: Session, path: str, year: int) -> Contentment:
    """How content the members under `path` are with a year, as numbers, and as none where they are too few."""
    asked = {"year": year} | membership.places(session).under(path)
    answers, satisfied = session.connection().exec_driver_sql(_ANSWERS, asked).one()
    if answers < FEWEST_ANSWERS:
        return Contentment(enough=False, answers=0, percent=None)
    return Contentment(
        enough=True, answers=answers, percent=min(95, max(5, (satisfied * 200 + answers) // (answers * 2)))
    )


# ---- not me ----


def deny_redemption(session: Session, world: World, command: DenyRedemption) -> uuid.UUID:
    """Note that a use was not the member's; saying it twice is saying it once. Its merchant is still paid or not by finance.

    Raises NotFound("not_found") for what is not under this member's cards, Conflict("nothing_used") where no benefit was
    used, Conflict("denial_settled") once finance has answered, InvalidInput("invalid_fields") for too many words.
    """
    words = command.words.strip()
    if len(words) > LONGEST_WORDS:
        told = f"最多 {LONGEST_WORDS} 个字。"
        raise InvalidInput("invalid_fields", told, [FieldError("/words", told)])
    row = session.execute(
        select(Redemption.merchant_id, Redemption.captured_fen)
        .where(
            Redemption.id == command.redemption_id,
            Redemption.person_id.in_(membership.ids_of_person(session, command.person_id)),
        )
        # Held: of two who say it at once, the second finds what the first said.
        .with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        raise NotFound("not_found", "没有找到这笔核销记录，请核对编号。")
    if row.captured_fen == 0:
        raise Conflict("nothing_used", "这一笔没有使用优惠，不用处理。")
    if live := _live(session, command.redemption_id):
        if live.outcome is not None:
            raise _settled(session)
        return live.id
    key = world.new_id()
    said = insert(Denial).values(
        id=key, redemption_id=command.redemption_id, person_id=command.person_id, merchant_id=row.merchant_id,
        words=words, at=world.now(), noted_by=command.noted_by,
    )  # fmt: skip
    session.execute(said)
    _record(session, world, "deny", command.redemption_id, command.noted_by, {"denial": str(key)})
    return key


def _settled(session: Session) -> Conflict:
    phone = notices.help_phone(session)
    return Conflict("denial_settled", f"这一笔工会已经查过并答复，如仍有疑问请拨打 {phone}。")


def take_back_denial(session: Session, world: World, person_id: uuid.UUID, redemption_id: uuid.UUID) -> None:
    """It was the member's after all. Raises NotFound("not_found"), Conflict("denial_settled")."""
    live = session.scalar(
        select(Denial)
        .where(
            Denial.redemption_id == redemption_id,
            Denial.person_id.in_(membership.ids_of_person(session, person_id)),
            Denial.taken_back_at.is_(None),
        )
        .with_for_update()
    )
    if live is None:
        raise NotFound("not_found", "没有找到这条反映，请刷新后再看。")
    if live.outcome is not None:
        raise _settled(session)
    session.execute(update(Denial).where(Denial.id == live.id).values(taken_back_at=world.now()))
    _record(session, world, "take_back_denial", redemption_id, None, {"denial": str(live.id)})


def settle_denial(session: Session, world: World, command: SettleDenial) -> DenialView:
    """Answer the member. Raises NotFound, Conflict("denial_settled"), InvalidInput("invalid_fields") without words."""
    answer = command.answer.strip()
    if not 0 < len(answer) <= LONGEST_WORDS:
        said = f"请写明查实的情况，最多 {LONGEST_WORDS} 个字，会员会看到。"
        raise InvalidInput("invalid_fields", said, [FieldError("/answer", said)])
    changed = session.execute(
        update(Denial)
        .where(Denial.id == command.denial_id, Denial.outcome.is_(None), Denial.taken_back_at.is_(None))
        .values(outcome=str(command.outcome), answer=answer, settled_at=world.now(), settled_by=command.officer_id)
        .returning(Denial.redemption_id)
    ).one_or_none()
    if changed is None:
        raise Conflict("denial_settled", "这条反映已经答复过，或会员已收回，请刷新后再看。")
    after = {"denial": str(command.denial_id), "outcome": str(command.outcome)}
    _record(session, world, "settle_denial", changed.redemption_id, command.officer_id, after)
    return denials(session, ids=[command.denial_id])[0]


_DENIALS = f"""
    select d.id, d.redemption_id, d.person_id, d.merchant_id, d.words, d.at, d.noted_by, d.outcome, d.answer,
           d.settled_at, r.merchant_ref, r.event_at as happened_at, r.amount_fen, r.union_fen,
           r.business_date, count(*) over () as total
      from denial d join redemption r on r.id = d.redemption_id
     where d.taken_back_at is null
       and (%(ids)s::uuid[] is null or d.id = any(%(ids)s::uuid[]))
       and (%(people)s::uuid[] is null or d.person_id = any(%(people)s::uuid[]))
       and (not %(open)s or d.outcome is null)
       and {membership.stored_under("r.unit_path")}
     order by d.outcome is not null, case when d.outcome is null then d.at end, d.at desc, d.id
     limit %(limit)s::bigint offset %(offset)s::bigint"""  # noqa: S608 - the piece put in is ours


def denials(
    session: Session,
    *,
    person_id: uuid.UUID | None = None,
    path: str | None = None,
    only_open: bool = False,
    ids: Iterable[uuid.UUID] | None = None,
) -> tuple[DenialView, ...]:
    """What members say was not theirs: of one person, of these numbers, or of members who were under `path`.

    Unanswered first, the one that has waited longest before the others; those answered the newest first.
    """
    people = None if person_id is None else list(membership.ids_of_person(session, person_id))
    rows = _denials(session, path, ids=None if ids is None else list(ids), people=people, open=only_open)
    return tuple(_denial_view(row) for row in rows)


def denials_page(session: Session, path: str, limit: int, offset: int) -> tuple[tuple[DenialView, ...], int]:
    """Some of `denials` of members who were under `path`, and how many there are of all."""
    rows = _denials(session, path, limit=limit, offset=offset)
    if not rows and offset:
        return (), denials_page(session, path, 1, 0)[1]
    return tuple(_denial_view(row) for row in rows), rows[0].total if rows else 0


def _denials(session: Session, path: str | None, **asked: object) -> Sequence[Row[Any]]:
    whole = {"ids": None, "people": None, "open": False, "limit": None, "offset": 0}
    given = whole | asked | membership.places(session).under(path)
    return session.connection().exec_driver_sql(_DENIALS, given).all()


def _denial_view(row: Row[Any]) -> DenialView:
    values = row._asdict()
    del values["total"]
    outcome = values["outcome"]
    return DenialView(**{**values, "outcome": DenialOutcome(outcome) if outcome else None, "answer": row.answer or ""})


def denial(session: Session, denial_id: uuid.UUID, path: str) -> DenialView:
    """One of a member who was under `path`. Raises NotFound("not_found")."""
    found = denials(session, ids=[denial_id], path=path)
    if not found:
        raise NotFound("not_found", "没有找到这条反映，请返回列表重新选择。")
    return found[0]


def denial_to_hold(session: Session, denial_id: uuid.UUID, path: str) -> DenialView:
    """One that is not explained, held to it until the caller commits. Raises NotFound("not_found"), Conflict("denial_settled")."""
    query = select(Denial.outcome).where(Denial.id == denial_id, Denial.taken_back_at.is_(None)).with_for_update()
    if session.scalar(query) == DenialOutcome.EXPLAINED:
        raise Conflict("denial_settled", "这条反映已经查清是本人使用，不用暂缓，请刷新后再看。")
    return denial(session, denial_id, path)


def denials_standing(session: Session, redemption_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, DenialOutcome | None]:
    """Which of these their members say were not theirs: None while nobody has answered, CONFIRMED once that was found."""
    stands = (
        Denial.redemption_id == func.any(list(redemption_ids)),
        Denial.taken_back_at.is_(None),
        func.coalesce(Denial.outcome, "") != DenialOutcome.EXPLAINED,
    )
    rows = session.execute(select(Denial.redemption_id, Denial.outcome).where(*stands))
    return {row.redemption_id: DenialOutcome(row.outcome) if row.outcome else None for row in rows}


def _live(session: Session, redemption_id: uuid.UUID) -> Denial | None:
    return session.scalar(select(Denial).where(Denial.redemption_id == redemption_id, Denial.taken_back_at.is_(None)))


def _record(
    session: Session, world: World, verb: str, redemption_id: uuid.UUID, actor: uuid.UUID | None, after: dict[str, str]
) -> None:
    act = audit.Act(f"redemption.{verb}", "redemption", str(redemption_id), actor, after=after)
    audit.record(session, world, act)
