"""决策依据: which meeting decided, when, under which document number, out of which budget item, with the original."""

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal
from cardnet.issuance.models import Authority
from cardnet.kernel import audit
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import FieldError, InvalidInput, NotFound
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World

_FIELD = "authority.original"
MOST_BYTES = 20_000_000
"""How large an original may be."""

_SIGNS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""How the files begin that an original may be: a scan or a signed PDF, never a page or a program."""


@dataclass(frozen=True)
class NewAuthority:
    """What an officer states. `original` is the scanned document (PDF, PNG or JPEG), None when it is kept on paper."""

    document: str
    meeting: str
    decided_on: date | None
    budget_item: str
    filename: str | None = None
    original: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AuthorityView:
    """A recorded decision; `sha256` is of the original as it came, in hex."""

    id: uuid.UUID
    document: str
    meeting: str
    decided_on: date
    budget_item: str
    filename: str | None
    sha256: str | None
    at: datetime


@dataclass(frozen=True)
class Original:
    """The attached document, opened."""

    filename: str
    media_type: str
    content: bytes = field(repr=False)


def record_authority(session: Session, world: World, officer: Principal | None, new: NewAuthority) -> uuid.UUID:
    """Keep a decision for ever.

    Raises InvalidInput("authority_incomplete") naming every field, ("original_unknown_type", "original_too_large").
    """
    at = world.now()
    _must_be_complete(new, day_of(at))
    authority_id = world.new_id()
    original, sha256 = None, None
    if new.original is not None:
        media_type(new.original)
        original = vault_of(session).seal(_FIELD, new.original)
        sha256 = hashlib.sha256(new.original).digest()
    session.add(
        Authority(
            id=authority_id,
            document=new.document.strip(),
            meeting=new.meeting.strip(),
            decided_on=new.decided_on,
            budget_item=new.budget_item.strip(),
            filename="".join(filter(str.isprintable, new.filename or ""))[:200] or None,
            original=original,
            original_sha256=sha256,
            recorded_by=officer.account_id if officer else None,
            at=at,
        )
    )
    session.flush()
    audit.record(
        session, world,
        audit.Act(
            "authority.record", "authority", str(authority_id), actor_id=officer.account_id if officer else None,
            after={"document": new.document.strip(), "sha256": sha256.hex() if sha256 else None},
        ),
    )  # fmt: skip
    return authority_id


def authority_of(session: Session, authority_id: uuid.UUID) -> AuthorityView:
    """One recorded decision. Raises NotFound("authority_unknown")."""
    return _view(_row(session, authority_id))


def recorded_by(session: Session, authority_id: uuid.UUID) -> uuid.UUID | None:
    """Whose account recorded a decision; None when nobody's did or there is none."""
    return session.scalar(select(Authority.recorded_by).where(Authority.id == authority_id))


def must_have_recorded(session: Session, officer: Principal, authority_id: uuid.UUID) -> None:
    """Nobody rests a request on what somebody else recorded. Raises NotFound("authority_unknown")."""
    if recorded_by(session, authority_id) != officer.account_id:
        raise NotFound("authority_unknown", "没有这份决策依据，请先登记会议、文号和原件。")


def authorities(session: Session, ids: set[uuid.UUID]) -> dict[uuid.UUID, AuthorityView]:
    """Several, by id."""
    return {row.id: _view(row) for row in session.scalars(select(Authority).where(Authority.id.in_(ids)))}


def original_of(session: Session, authority_id: uuid.UUID) -> Original:
    """The attached document, its hash checked. Raises NotFound("authority_unknown", "original_missing")."""
    row = _row(session, authority_id)
    if row.original is None:
        raise NotFound("original_missing", "这份决策依据没有附原件。")
    content = vault_of(session).open_bytes(_FIELD, row.original)
    if hashlib.sha256(content).digest() != row.original_sha256:
        raise NotFound("original_missing", "原件与登记的校验值不符，请联系管理员核查。")
    return Original(row.filename or "决策依据", media_type(content), content)


def media_type(content: bytes) -> str:
    """What a file is by how it begins, whatever its name says. Raises InvalidInput("original_unknown_type", …)."""
    if len(content) > MOST_BYTES:
        raise InvalidInput("original_too_large", "原件超过 20 MB，请压缩扫描件后再传。")
    for sign, kind in _SIGNS.items():
        if content.startswith(sign):
            return kind
    raise InvalidInput("original_unknown_type", "原件须是 PDF、PNG 或 JPEG，请导出或扫描成其中一种再传。")


def _must_be_complete(new: NewAuthority, today: date) -> None:
    wanted = {
        "document": (new.document, "请写明决策依据的文号。"),
        "meeting": (new.meeting, "请写明作出决定的会议。"),
        "budget_item": (new.budget_item, "请写明预算科目。"),
    }
    wrong = [FieldError(f"/{name}", words) for name, (text, words) in wanted.items() if not text.strip()]
    if new.decided_on is None:
        wrong.append(FieldError("/decided_on", "请填写会议日期。"))
    elif new.decided_on > today:
        wrong.append(FieldError("/decided_on", "会议日期不能晚于今天。"))
    if wrong:
        raise InvalidInput("authority_incomplete", "决策依据没有填全。", wrong)


def _row(session: Session, authority_id: uuid.UUID) -> Authority:
    row = session.get(Authority, authority_id)
    if row is None:
        raise NotFound("authority_unknown", "没有这份决策依据。")
    return row


def _view(row: Authority) -> AuthorityView:
    sha256 = row.original_sha256.hex() if row.original_sha256 else None
    return AuthorityView(
        row.id, row.document, row.meeting, row.decided_on, row.budget_item, row.filename, sha256, row.at
    )  # fmt: skip
