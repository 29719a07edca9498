"""What codes tell about keys: alarms for the person on call, and the codes seen of each card index."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cardnet.credential import clones
from cardnet.credential.clones import SeenCode
from cardnet.credential.store.models import CodeSeen, CodeWatch, CredentialAlarm
from cardnet.kernel import audit
from cardnet.kernel.errors import NotFound
from cardnet.kernel.world import World

NOT_ISSUED = "not_issued"
CLONE_SUSPECTED = "clone_suspected"
FORGED_CODE = "forged_code"
HARVEST_SUSPECTED = "harvest_suspected"
VELOCITY_SUSPECTED = "velocity_suspected"

_REMEMBERED = timedelta(days=400)
_LOCK = "select pg_try_advisory_xact_lock(hashtext('cardnet.code_watch'))"


@dataclass(frozen=True)
class Alarm:
    """Something an issuer must look at.

    A good signature over what was never issued, a copied phone, a code nobody signed, two codes taken from one phone
    while its holder stood there, or a card used faster than anybody shops.
    `kid` is the key that signed the credential, `terminal` in words; it was shown in the redemption, or in the till's
    record (`advice_id`) of which no redemption was made.
    """

    kind: str
    card_index: int
    kid: bytes
    redemption_id: uuid.UUID | None
    terminal: str
    raised_at: datetime
    advice_id: uuid.UUID | None = None


@dataclass(frozen=True)
class AlarmLine:
    """An alarm with its number, and who has dealt with it."""

    id: uuid.UUID
    alarm: Alarm
    acknowledged_at: datetime | None
    acknowledged_by: uuid.UUID | None
    words: str


@dataclass(frozen=True)
class AcknowledgeAlarm:
    """Somebody has looked into it; what was found goes into the trail."""

    id: uuid.UUID
    words: str
    by: uuid.UUID | None = None


@dataclass(frozen=True)
class ShownCode:
    """A code that was shown at a till, out of a stored redemption, or of a record of which none was made."""

    card_index: int
    kid: bytes
    redemption_id: uuid.UUID | None
    terminal: str
    code: SeenCode
    advice_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Watch:
    """The redemption and the till's record to look on from; None at first."""

    redemption_id: uuid.UUID | None = None
    advice_id: uuid.UUID | None = None


def take_watch(session: Session) -> Watch:
    """How far we are. Raises BlockingIOError when another one looks."""
    if not session.scalar(text(_LOCK)):
        raise BlockingIOError
    row = session.execute(select(CodeWatch.after_id, CodeWatch.after_advice_id)).one_or_none()
    return Watch(*row) if row else Watch()


def keep_watch(session: Session, after: Watch) -> None:
    """Remember how far we are."""
    row = upsert(CodeWatch).values(one=True, after_id=after.redemption_id, after_advice_id=after.advice_id)
    new = {"after_id": row.excluded.after_id, "after_advice_id": row.excluded.after_advice_id}
    session.execute(row.on_conflict_do_update(index_elements=["one"], set_=new))


def forget_old_codes(session: Session, at: datetime) -> None:
    """Codes older than any dispute tell nothing any more."""
    session.execute(delete(CodeSeen).where(CodeSeen.issued_at < int((at - _REMEMBERED).timestamp())))


def note_codes(session: Session, shown: Sequence[ShownCode]) -> tuple[ShownCode, ...]:
    """Add codes to what is known of their cards; one of each card that looks copied comes back."""
    if not shown:
        return ()
    by_proof: dict[tuple[int, bytes], ShownCode] = {(one.card_index, one.code.proof_id): one for one in shown}
    rows = [
        {
            "card_index": index,
            "proof_id": proof_id,
            "issued_at": one.code.issued_at,
            "challenged": one.code.challenged,
        }
        for (index, proof_id), one in sorted(by_proof.items(), key=lambda item: item[0])
    ]
    session.execute(upsert(CodeSeen).on_conflict_do_nothing(), rows)
    known: dict[int, list[SeenCode]] = {}
    query = select(CodeSeen).where(CodeSeen.card_index.in_({one.card_index for one in shown}))
    for row in session.scalars(query):
        known.setdefault(row.card_index, []).append(SeenCode(row.proof_id, row.issued_at, row.challenged))
    newest: Mapping[int, ShownCode] = {one.card_index: one for one in shown}
    found = {index: clones.copied(codes) for index, codes in known.items()}
    return tuple(
        by_proof.get((index, code.proof_id), newest[index]) for index, code in sorted(found.items()) if code is not None
    )


def forget_codes(session: Session, indexes: Collection[int]) -> None:
    """Whoever gets these indexes next counts from one."""
    session.execute(delete(CodeSeen).where(CodeSeen.card_index.in_(indexes)))


def raise_alarm(session: Session, world: World, alarm: Alarm) -> bool:
    """Write the alarm down, once for each redemption or record; False when it is known."""
    row = upsert(CredentialAlarm).values(id=world.new_id(), **vars(alarm)).on_conflict_do_nothing()
    new = session.scalar(row.returning(CredentialAlarm.id)) is not None
    if new:
        shown = {"redemption": alarm.redemption_id} if alarm.redemption_id else {"advice": alarm.advice_id}
        after = {"kid": alarm.kid.hex(), "terminal": alarm.terminal, **{name: str(one) for name, one in shown.items()}}
        audit.record(session, world, audit.Act(f"alarm.{alarm.kind}", "card_index", str(alarm.card_index), after=after))
    return new


def alarms(session: Session, *, open_only: bool = False) -> tuple[AlarmLine, ...]:
    """Alarms, the newest first; at most two hundred."""
    query = select(CredentialAlarm).order_by(CredentialAlarm.raised_at.desc(), CredentialAlarm.id.desc()).limit(200)
    if open_only:
        query = query.where(CredentialAlarm.acknowledged_at.is_(None))
    return tuple(_line(row) for row in session.scalars(query))


def acknowledge_alarm(session: Session, world: World, command: AcknowledgeAlarm) -> None:
    """The alarm is dealt with. Raises NotFound("alarm_unknown"), also when somebody else was first."""
    done = session.execute(
        update(CredentialAlarm)
        .where(CredentialAlarm.id == command.id, CredentialAlarm.acknowledged_at.is_(None))
        .values(acknowledged_at=world.now(), acknowledged_by=command.by, words=command.words)
        .returning(CredentialAlarm.card_index)
    ).all()
    if not done:
        raise NotFound("alarm_unknown", "没有这条待处理的警报，可能已有人处理。")
    after = {"words": command.words}
    audit.record(session, world, audit.Act("alarm.acknowledge", "alarm", str(command.id), command.by, after=after))


def _line(row: CredentialAlarm) -> AlarmLine:
    alarm = Alarm(row.kind, row.card_index, row.kid, row.redemption_id, row.terminal, row.raised_at, row.advice_id)
    return AlarmLine(row.id, alarm, row.acknowledged_at, row.acknowledged_by, row.words or "")
