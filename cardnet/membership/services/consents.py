"""What a member agreed to, each purpose on its own: a newer answer supersedes, a withdrawal is dated, nothing is overwritten."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput
from cardnet.kernel.world import World
from cardnet.membership.models import Consent, Membership
from cardnet.membership.rules import Answer, ConsentMethod, Purpose
from cardnet.membership.services.scope import lock_people, must_see


@dataclass(frozen=True)
class RecordConsent:
    """A member's answer, how it came and what proves it (the number of the signed form, for example)."""

    person_id: uuid.UUID
    purpose: Purpose
    answer: Answer
    method: ConsentMethod
    officer: Principal
    evidence: str = ""
    answered_on: date | None = None


@dataclass(frozen=True)
class WithdrawConsent:
    """A member takes an agreement back; what was done under it stays done."""

    person_id: uuid.UUID
    purpose: Purpose
    officer: Principal


@dataclass(frozen=True)
class AnswerOwn:
    """A member answers on their own phone, each purpose for itself; `method` is activation or self-service."""

    person_id: uuid.UUID
    answers: Mapping[Purpose, bool]
    method: ConsentMethod = ConsentMethod.SELF_SERVICE


@dataclass(frozen=True)
class ConsentView:
    """One answer of the past or the present; `counts` is whether it is the one that holds now."""

    id: uuid.UUID
    purpose: Purpose
    answer: Answer
    method: ConsentMethod
    answered_on: date
    evidence: str
    withdrawn_at: datetime | None
    superseded_at: datetime | None

    @property
    def counts(self) -> bool:
        return self.superseded_at is None and self.withdrawn_at is None


def record_consent(session: Session, world: World, command: RecordConsent) -> None:
    """The new answer counts from now on, the one before is superseded.

    Raises NotFound("person_unknown"), InvalidInput("evidence_missing" for a yes that nothing shows, "answered_on"),
    Conflict("consent_unchanged").
    """
    must_see(session, command.officer, command.person_id)
    at = world.now()
    evidence = command.evidence.strip()[:120]
    if command.answer is Answer.GIVEN and not evidence:
        raise InvalidInput("evidence_missing", "请写明凭据，例如同意书的编号和存放处。")
    day = command.answered_on or day_of(at)
    if day > day_of(at):
        raise InvalidInput("answered_on", "答复日期不能晚于今天。")
    current = _current(session, command.person_id, command.purpose)
    if current and current.withdrawn_at is None and current.answer == command.answer and current.evidence == evidence:
        raise Conflict("consent_unchanged", "和现有的答复一样，没有变化。")
    if current:
        current.superseded_at = at
        session.flush()
    session.add(
        Consent(
            id=world.new_id(), person_id=command.person_id, union_id=_union(session, command.person_id),
            purpose=str(command.purpose), answer=str(command.answer), method=str(command.method), answered_on=day,
            evidence=evidence, recorded_at=at,
        )
    )  # fmt: skip
    session.flush()
    after = {"purpose": str(command.purpose), "answer": str(command.answer), "method": str(command.method)}
    audit.record(session, world, audit.Act("member.consent", "person", str(command.person_id), command.officer.account_id, after=after))  # fmt: skip


def withdraw_consent(session: Session, world: World, command: WithdrawConsent) -> None:
    """Raises NotFound("person_unknown"), Conflict("nothing_to_withdraw")."""
    must_see(session, command.officer, command.person_id)
    current = _current(session, command.person_id, command.purpose)
    if current is None or current.withdrawn_at is not None or current.answer != Answer.GIVEN:
        raise Conflict("nothing_to_withdraw", "这一项没有有效的同意可以撤回。")
    current.withdrawn_at = world.now()
    session.flush()
    after = {"purpose": str(command.purpose)}
    audit.record(session, world, audit.Act("member.withdraw_consent", "person", str(command.person_id), command.officer.account_id, after=after))  # fmt: skip


def answer_own(session: Session, world: World, command: AnswerOwn) -> frozenset[Purpose]:
    """Yes is a new answer, no takes an agreement back or, where nothing was said, is recorded. Returns what changed.

    The same answer again changes nothing.
    """
    at = world.now()
    changed: set[Purpose] = set()
    for purpose, given in sorted(command.answers.items()):
        current = _current(session, command.person_id, purpose)
        agrees = current is not None and current.answer == Answer.GIVEN and current.withdrawn_at is None
        if agrees == given and current is not None:
            continue
        changed.add(purpose)
        if agrees and current is not None:
            current.withdrawn_at = at
            session.flush()
            continue
        if current is not None:
            current.superseded_at = at
            session.flush()
        answer = Answer.GIVEN if given else Answer.DECLINED
        session.add(
            Consent(
                id=world.new_id(), person_id=command.person_id, union_id=_union(session, command.person_id),
                purpose=str(purpose), answer=str(answer), method=str(command.method), answered_on=day_of(at),
                evidence=_ON_THE_PHONE, recorded_at=at,
            )
        )  # fmt: skip
        session.flush()
    if changed:
        after = {str(purpose): command.answers[purpose] for purpose in sorted(changed)}
        act = audit.Act("member.answer_own", "person", str(command.person_id), after=after)
        audit.record(session, world, act)
    return frozenset(changed)


_ON_THE_PHONE = "本人手机"
"""What shows that the member answered: the session of their own phone."""


def agreed_purposes(session: Session, person_id: uuid.UUID) -> dict[Purpose, ConsentView | None]:
    """Each purpose with the answer that stands for it now; None where nothing was said yet."""
    standing = {view.purpose: view for view in consents_of(session, person_id) if view.superseded_at is None}
    return {purpose: standing.get(purpose) for purpose in Purpose}


def consents_of(session: Session, person_id: uuid.UUID) -> tuple[ConsentView, ...]:
    """Every answer ever given, the newest first."""
    found = session.scalars(select(Consent).where(Consent.person_id == person_id).order_by(Consent.recorded_at.desc(), Consent.id.desc()))  # fmt: skip
    return tuple(
        ConsentView(
            c.id, Purpose(c.purpose), Answer(c.answer), ConsentMethod(c.method), c.answered_on, c.evidence,
            c.withdrawn_at, c.superseded_at,
        )
        for c in found
    )  # fmt: skip


def _current(session: Session, person_id: uuid.UUID, purpose: Purpose) -> Consent | None:
    lock_people(session, [person_id])
    return session.scalar(
        select(Consent)
        .where(Consent.person_id == person_id, Consent.purpose == purpose, Consent.superseded_at.is_(None))
        .execution_options(populate_existing=True)
    )


def _union(session: Session, person_id: uuid.UUID) -> uuid.UUID | None:
    return session.scalar(select(Membership.union_id).where(Membership.person_id == person_id, Membership.to.is_(None)))
