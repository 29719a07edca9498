"""Sessions of members' phones: what makes re-binding a lost key one tap."""

import uuid
from collections.abc import Collection

from sqlalchemy import ARRAY, Uuid, any_, insert, literal, select, update
from sqlalchemy.orm import Session

from cardnet.access import rules
from cardnet.access.models import MemberSession
from cardnet.access.tokens import new_token, token_hash
from cardnet.kernel.world import World


def open_member_session(session: Session, world: World, person_id: uuid.UUID) -> str:
    """A token for this person's phone, good for 400 days; stored as SHA-256."""
    token, at = new_token(world, "cnm_"), world.now()
    session.execute(
        insert(MemberSession).values(
            id=world.new_id(),
            person_id=person_id,
            token_hash=token_hash(token),
            created_at=at,
            expires_at=at + rules.MEMBER_SESSION,
        )
    )
    return token


def person_of_member_session(session: Session, world: World, token: str) -> uuid.UUID | None:
    """Whose phone this is; None when the token is unknown, ended or over."""
    return session.scalar(
        select(MemberSession.person_id).where(
            MemberSession.token_hash == token_hash(token),
            MemberSession.ended_at.is_(None),
            MemberSession.expires_at > world.now(),
        )
    )


def id_of_member_session(session: Session, token: str) -> uuid.UUID | None:
    """The session's own id, in which several acts of one member can be told to belong together."""
    return session.scalar(select(MemberSession.id).where(MemberSession.token_hash == token_hash(token)))


def prolong_member_session(session: Session, world: World, token: str) -> None:
    """Start the 400 days anew, on a visit: who opens the wallet at least once a year never signs in again."""
    at = world.now()
    session.execute(
        update(MemberSession)
        .where(
            MemberSession.token_hash == token_hash(token),
            MemberSession.ended_at.is_(None),
            MemberSession.expires_at > at,
        )
        .values(expires_at=at + rules.MEMBER_SESSION)
    )


def end_member_session(session: Session, world: World, token: str) -> None:
    """The member signs this phone out."""
    session.execute(
        update(MemberSession)
        .where(MemberSession.token_hash == token_hash(token), MemberSession.ended_at.is_(None))
        .values(ended_at=world.now())
    )


def end_member_sessions_of_ids(session: Session, world: World, ids: Collection[uuid.UUID]) -> None:
    """The phones that are signed in by these are taken off their cards."""
    session.execute(
        update(MemberSession)
        .where(MemberSession.id == any_(literal(list(ids), ARRAY(Uuid))), MemberSession.ended_at.is_(None))
        .values(ended_at=world.now())
    )


def end_member_sessions(session: Session, world: World, person_id: uuid.UUID, but: Collection[uuid.UUID] = ()) -> None:
    """End every session of a person but these: a phone was lost, or the person died."""
    session.execute(
        update(MemberSession)
        .where(
            MemberSession.person_id == person_id,
            MemberSession.ended_at.is_(None),
            MemberSession.id.not_in(list(but)),
        )
        .values(ended_at=world.now())
    )
