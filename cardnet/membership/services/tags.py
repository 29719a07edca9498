"""Tags of a person: 劳模, 困难, 一线, 特殊岗位, with the document that gave them. Ended, never deleted.

The document's original is kept sealed; a newer one counts before an older one, and each opening of it is recorded.
"""

import hashlib
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session, undefer

from cardnet.access.rules import Principal
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.scans import EXTENSION, checked_scan
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.models import Person, Tag, TagOriginal
from cardnet.membership.rules import TagKind
from cardnet.membership.services.scope import lock_people, must_see

ORIGINAL_FIELD = "tag.original"


@dataclass(frozen=True)
class GiveTag:
    """A standing from `from_on` to `to_on` inclusive (None: while it lasts).

    `original` is the document's scan (PDF, JPEG or PNG of at most 8 MB), kept sealed; `sha256` is of a scan that stays
    where it is.
    """

    person_id: uuid.UUID
    kind: TagKind
    officer: Principal
    grade: str = ""
    document: str = ""
    from_on: date | None = None
    to_on: date | None = None
    sha256: bytes | None = None
    original: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class KeepTagOriginal:
    """The original of the document a tag rests on, brought later or instead of another."""

    tag_id: uuid.UUID
    officer: Principal
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class EndTag:
    """A standing is over; `last_on` is its last day, None is yesterday (so that it no longer counts today)."""

    tag_id: uuid.UUID
    officer: Principal
    last_on: date | None = None


@dataclass(frozen=True)
class TagView:
    """One tag. `to` is the first day no longer, as periods are stored; `original` the media type of what is kept, or empty."""

    id: uuid.UUID
    kind: TagKind
    grade: str
    from_: date
    to: date | None
    document: str
    document_sha256: str
    original: str


@dataclass(frozen=True)
class OpenedOriginal:
    """An original, opened; `filename` is ours: nothing of the person stands in it."""

    filename: str
    media_type: str
    content: bytes = field(repr=False)


def give_tag(session: Session, world: World, command: GiveTag) -> TagView:
    """A tag with the document that gives it.

    Raises NotFound("person_unknown"), InvalidInput("document_missing", "period"; "file_empty", "file_type",
    "file_too_large" of the original), Conflict("tag_open": the same kind and grade is in force already).
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
        document_sha256=command.sha256,
    )  # fmt: skip
    session.add(tag)
    session.flush()
    after = {"tag": str(tag.id), "kind": tag.kind, "grade": grade, "document": document}
    audit.record(session, world, audit.Act("member.tag", "person", str(tag.person_id), command.officer.account_id, after=after))  # fmt: skip
    if command.original is None:
        return _view(tag)
    return keep_tag_original(session, world, KeepTagOriginal(tag.id, command.officer, command.original))


def keep_tag_original(session: Session, world: World, command: KeepTagOriginal) -> TagView:
    """Keep the original, sealed.

    Raises NotFound("tag_unknown", "person_unknown"), InvalidInput("file_empty", "file_type", "file_too_large").
    """
    tag, holder = _seen(session, command.officer, command.tag_id)
    kind, digest = checked_scan(command.content), hashlib.sha256(command.content).digest()
    row = {
        "id": world.new_id(),
        "tag_id": tag.id,
        "content": vault_of(session).seal(ORIGINAL_FIELD, command.content),
        "media_type": kind,
        "size": len(command.content),
        "sha256": digest,
        "kept_at": world.now(),
        "kept_by": command.officer.account_id,
    }
    session.execute(insert(TagOriginal).values(row))
    tag.document_sha256 = digest
    session.flush()
    after = {"tag": str(tag.id), "sha256": digest.hex(), "size": len(command.content)}
    audit.record(session, world, audit.Act("member.keep_original", "person", str(holder), command.officer.account_id, after=after))  # fmt: skip
    return _view(tag, kind)


def open_tag_original(session: Session, world: World, officer: Principal, tag_id: uuid.UUID) -> OpenedOriginal:
    """The newest original of a tag, for who may see the tag; that it was opened, and by whom, is recorded.

    Raises NotFound("tag_unknown", "person_unknown", "original_missing").
    """
    tag, holder = _seen(session, officer, tag_id)
    newest = select(TagOriginal).where(TagOriginal.tag_id == tag.id).order_by(TagOriginal.id.desc()).limit(1)
    kept = session.scalar(newest.options(undefer(TagOriginal.content)))
    if kept is None:
        raise NotFound("original_missing", "这条身份还没有上传依据文件的原件。")
    content = vault_of(session).open_bytes(ORIGINAL_FIELD, kept.content)
    after = {"tag": str(tag.id), "sha256": kept.sha256.hex()}
    audit.record(session, world, audit.Act("member.open_original", "person", str(holder), officer.account_id, after=after))  # fmt: skip
    return OpenedOriginal(f"{tag.kind}-{kept.sha256.hex()[:12]}.{EXTENSION[kept.media_type]}", kept.media_type, content)


def end_tag(session: Session, world: World, command: EndTag) -> TagView:
    """Raises NotFound("tag_unknown", "person_unknown"), Conflict("tag_over"), InvalidInput("period")."""
    tag, holder = _seen(session, command.officer, command.tag_id)
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
    audit.record(session, world, audit.Act("member.end_tag", "person", str(holder), command.officer.account_id, after=after))  # fmt: skip
    return _view(tag, _kept(session, [tag.id]).get(tag.id, ""))


def tags_of(session: Session, person_id: uuid.UUID) -> tuple[TagView, ...]:
    """Every tag the person ever had, those in force first, then the newest."""
    found = session.scalars(select(Tag).where(Tag.person_id == person_id).order_by(Tag.to.desc().nulls_first(), Tag.from_.desc(), Tag.id)).all()  # fmt: skip
    kept = _kept(session, [tag.id for tag in found])
    return tuple(_view(tag, kept.get(tag.id, "")) for tag in found)


def _seen(session: Session, officer: Principal, tag_id: uuid.UUID) -> tuple[Tag, uuid.UUID]:
    """The tag, and in whose file it stands: that of the person it was given to, or the one that file was merged into."""
    tag = session.get(Tag, tag_id)
    if tag is None:
        raise NotFound("tag_unknown", "没有这条身份记录。")
    file = select(func.coalesce(Person.merged_into_id, Person.id)).where(Person.id == tag.person_id)
    holder = session.scalars(file).one()
    must_see(session, officer, holder)
    return tag, holder


def _kept(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The media types of the newest originals of these tags."""
    if not ids:
        return {}
    newest = (
        select(TagOriginal.tag_id, TagOriginal.media_type)
        .where(TagOriginal.tag_id.in_(ids))
        .distinct(TagOriginal.tag_id)
        .order_by(TagOriginal.tag_id, TagOriginal.id.desc())
    )
    return {row.tag_id: row.media_type for row in session.execute(newest)}


def _view(tag: Tag, original: str = "") -> TagView:
    sha = bytes(tag.document_sha256).hex() if tag.document_sha256 else ""
    return TagView(tag.id, TagKind(tag.kind), tag.grade, tag.from_, tag.to, tag.document, sha, original)
