"""Tags of a person: 劳模, 困难, 一线, 特殊岗位, with the document that gave them. Ended, never deleted."""

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.membership.models import Tag
from cardnet.membership.rules import TagKind
from cardnet.membership.services.scope import lock_people, must_see


@dataclass(frozen=True)
class GiveTag:
    """A standing from `from_on` to `to_on` inclusive (None: while it lasts). Of the document's file the hash is kept."""

    person_id: uuid.UUID
    kind: TagKind
    officer: Principal
    grade: str = ""
    document: str = ""
    from_on: date | None = None
    to_on: date | None = None
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class EndTag:
    """A standing is over; `last_on` is its last day, None is yesterday (so that it no longer counts today)."""

    tag_id: uuid.UUID
    officer: Principal
    last_on: date | None = None


@dataclass(frozen=True)
class TagView:
    """One tag. `to` is the first day no longer, as periods are stored."""

    id: uuid.UUID
    kind: TagKind
    grade: str
    from_: date
    to: date | None
    document: str
    document_sha256: str


def give_tag(session: Session, world: World, command: GiveTag) -> TagView:
    """A tag with the document that gives it.

    Raises NotFound("person_unknown"), InvalidInput("document_missing", "period"), Conflict("tag_open": the same kind
    and grade is in force already).
    """
    must_see(session, command.officer, command.person_id)
    first = command.from_on or day_of(world.now())
    document = command.document.strip()[:120]
    if not document:
        raise InvalidInput("document_missing", "请写明依据文件的名称和文号，例如“云工〔2026〕9号”。")
    if command.to_on and command.to_on < first:
        raise InvalidInput("period", "截止日期不能早于起始日期。")
    lock_people(session, [command.person_id])
    grade = command.grade.strip()[:40]
    same = session.scalars(select(Tag).where(Tag.person_id == command.person_id, Tag.kind == command.kind, Tag.grade == grade))  # fmt: skip
    last = date.fromordinal(command.to_on.toordinal() + 1) if command.to_on else None
    if any((tag.to is None or tag.to > first) and (last is None or tag.from_ < last) for tag in same):
        raise Conflict("tag_open", "此人在这段时间已有同样的身份；请先结束原来的，或换一个等级。")
    tag = Tag(
        id=world.new_id(), person_id=command.person_id, kind=str(command.kind), grade=grade, from_=first, to=last,
        document=document, created_at=world.now(),
        document_sha256=hashlib.sha256(command.content).digest() if command.content else None,
    )  # fmt: skip
    session.add(tag)
    session.flush()
    after = {"tag": str(tag.id), "kind": tag.kind, "grade": grade, "document": document}
    audit.record(session, world, audit.Act("member.tag", "person", str(tag.person_id), command.officer.account_id, after=after))  # fmt: skip
    return _view(tag)


def end_tag(session: Session, world: World, command: EndTag) -> TagView:
    """Raises NotFound("tag_unknown", "person_unknown"), Conflict("tag_over"), InvalidInput("period")."""
    tag = session.get(Tag, command.tag_id)
    if tag is None:
        raise NotFound("tag_unknown", "没有这条身份记录。")
    must_see(session, command.officer, tag.person_id)
    lock_people(session, [tag.person_id])
    session.refresh(tag)
    today = day_of(world.now())
    if tag.to is not None and tag.to <= today:
        raise Conflict("tag_over", "这条身份已经结束。")
    over = date.fromordinal(command.last_on.toordinal() + 1) if command.last_on else max(today, tag.from_)
    if over < tag.from_ or (over > today and tag.to is not None and over > tag.to):
        raise InvalidInput("period", "结束日期要在起始日期之后，不能晚于原来的截止日期。")
    tag.to = over
    session.flush()
    after = {"tag": str(tag.id), "kind": tag.kind, "to": over.isoformat()}
    audit.record(session, world, audit.Act("member.end_tag", "person", str(tag.person_id), command.officer.account_id, after=after))  # fmt: skip
    return _view(tag)


def tags_of(session: Session, person_id: uuid.UUID) -> tuple[TagView, ...]:
    """Every tag the person ever had, those in force first, then the newest."""
    found = session.scalars(select(Tag).where(Tag.person_id == person_id).order_by(Tag.to.desc().nulls_first(), Tag.from_.desc(), Tag.id))  # fmt: skip
    return tuple(_view(tag) for tag in found)


def _view(tag: Tag) -> TagView:
    sha = bytes(tag.document_sha256).hex() if tag.document_sha256 else ""
    return TagView(tag.id, TagKind(tag.kind), tag.grade, tag.from_, tag.to, tag.document, sha)
