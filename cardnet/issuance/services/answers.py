"""The register with its answers: of each union how many, inside the union who.

"谁没办" has an answer because the register lists every member, asked or not. Names are the union's own; above it
there are counts. A union with others below it (a bureau, a plant with workshops) has people of its own all the same.
"""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, or_, select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance.models import Application, Card
from cardnet.issuance.rules import OPEN_APPLICATION, USABLE_CARD, ApplicationKind
from cardnet.issuance.rules.answers import MemberAnswer
from cardnet.kernel.calendar import day_of
from cardnet.kernel.world import World
from cardnet.membership import services as membership
from cardnet.membership.rules import Answer, PersonView, UnionNode, with_all_below


@dataclass(frozen=True)
class AnswerCounts:
    """Members by answer: `members = has_card + in_progress + declined + no_answer`.

    `to_submit` of those in progress said yes and stand in no application yet; `external` of the holders hold a city's
    or bank's card; `activated` of them have used theirs at least once.
    """

    members: int = 0
    has_card: int = 0
    in_progress: int = 0
    declined: int = 0
    no_answer: int = 0
    to_submit: int = 0
    external: int = 0
    activated: int = 0

    def __add__(self, other: "AnswerCounts") -> "AnswerCounts":
        return AnswerCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class UnionAnswers:
    """A union with its own figures and those of all below it with it."""

    union: UnionNode
    own: AnswerCounts
    total: AnswerCounts


@dataclass(frozen=True)
class RegisterLine:
    """One member of a unit, by name, with the answer. `to_submit`: said yes, in no application yet."""

    person: PersonView
    answer: MemberAnswer
    to_submit: bool
    card_number: str | None
    card_state: str | None
    external: bool


def answers_by_union(session: Session, world: World, path: str) -> tuple[UnionAnswers, ...]:
    """The unions under `path`, parents first, with their figures today; the first line's total is the whole."""
    answered = _answered(world, path).subquery()

    def having(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(*conditions)

    rows = session.execute(
        select(
            answered.c.union_id,
            func.count(),
            *(having(answered.c.answer == answer) for answer in MemberAnswer),
            having(answered.c.answer == MemberAnswer.IN_PROGRESS, answered.c.application_id.is_(None)),
            having(answered.c.external),
            having(answered.c.activated),
        ).group_by(answered.c.union_id)
    )
    found = {
        union_id: AnswerCounts(members, has_card, in_progress, declined, no_answer, to_submit, external, activated)
        for union_id, members, has_card, in_progress, declined, no_answer, to_submit, external, activated in rows
    }
    unions = membership.unions_under(session, path)
    own = {union.path: found.get(union.id, AnswerCounts()) for union in unions}
    totals = with_all_below(own)
    return tuple(UnionAnswers(union, own[union.path], totals[union.path]) for union in unions)


def holders(world: World, path: str) -> Subquery:
    """The members under `path` who have a card today, as part of a larger statement: `person_id` and `union_id`."""
    answered = _answered(world, path).subquery()
    held = select(answered.c.person_id, answered.c.union_id).where(answered.c.answer == MemberAnswer.HAS_CARD)
    return held.subquery()


def register_lines(
    session: Session, world: World, officer: Principal, answer: MemberAnswer | None, limit: int, offset: int
) -> tuple[tuple[RegisterLine, ...], int]:
    """The own people of the officer's union, by name, and how many there are with this answer.

    Members of the unions below it are not among them: those are counted only (`answers_by_union`).
    """
    union = membership.union_of_id(session, officer.union_id)
    answered = _answered(world, union.path).subquery()
    query = select(answered).where(answered.c.union_id == union.id)
    if answer:
        query = query.where(answered.c.answer == answer)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.execute(query.order_by(answered.c.place, answered.c.person_id).limit(limit).offset(offset)).all()
    people = membership.people(session, {row.person_id for row in rows}, day_of(world.now()))
    lines = tuple(
        RegisterLine(
            people[row.person_id],
            MemberAnswer(row.answer),
            row.answer == MemberAnswer.IN_PROGRESS and row.application_id is None,
            row.number,
            row.state,
            bool(row.external),
        )
        for row in rows
    )
    return lines, total


def _answered(world: World, path: str) -> Select[Any]:
    """One row for each member under `path`: person, union, answer, card and open application where there are."""
    today = day_of(world.now())
    member = membership.member_answers(path, today)
    answer = case(
        (Card.id.is_not(None), MemberAnswer.HAS_CARD.value),
        (or_(Application.id.is_not(None), member.c.answer == Answer.GIVEN), MemberAnswer.IN_PROGRESS.value),
        (member.c.answer == Answer.DECLINED, MemberAnswer.DECLINED.value),
        else_=MemberAnswer.NO_ANSWER.value,
    )
    urgent = case(
        {MemberAnswer.NO_ANSWER.value: 0, MemberAnswer.IN_PROGRESS.value: 1, MemberAnswer.DECLINED.value: 2},
        value=answer,
        else_=3,
    )
    return (
        select(
            member.c.person_id,
            member.c.union_id,
            answer.label("answer"),
            urgent.label("place"),
            Application.id.label("application_id"),
            Card.number,
            Card.state,
            func.coalesce(Card.external_index.is_not(None), False).label("external"),
            func.coalesce(Card.activated_at.is_not(None), False).label("activated"),
        )
        .select_from(member)
        .outerjoin(
            Card,
            and_(
                Card.person_id == member.c.person_id,
                Card.state.in_(USABLE_CARD),
                Card.valid_from <= today,
                Card.valid_to >= today,
            ),
        )
        .outerjoin(
            Application,
            and_(
                Application.person_id == member.c.person_id,
                Application.kind == ApplicationKind.NEW,
                Application.state.in_(OPEN_APPLICATION),
            ),
        )
    )
