"""合作协议: what was agreed, for which days, and the signed copy of it."""

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session, undefer

from cardnet.kernel.audit import Act, record
from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.scans import checked_scan
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import Agreement, AgreementFile, Merchant
from cardnet.merchants.partnership import Term

FILE_FIELD = "merchant_agreement.file"


@dataclass(frozen=True)
class SignAgreement:
    """The union and a merchant have signed. `until_on` is the last day, None when it was agreed without one."""

    merchant_id: uuid.UUID
    number: str
    signed_on: date
    from_on: date
    until_on: date | None = None
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class UploadSignedCopy:
    """The signed and stamped copy: a PDF or a photograph of at most 8 MB. A newer one counts before an older one."""

    agreement_id: uuid.UUID
    content: bytes = field(repr=False)
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class AgreementView:
    """An agreement and its newest signed copy. `state` is `upcoming`, `in_force` or `over` on the day asked for."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    number: str
    signed_on: date
    from_on: date
    until_on: date | None
    state: str
    signed_late: bool
    file_type: str | None
    file_sha256: bytes | None
    uploaded_at: datetime | None

    @property
    def term(self) -> Term:
        """What activation asks of it."""
        return Term(self.from_on, self.until_on, self.file_type is not None)


def sign_agreement(session: Session, world: World, command: SignAgreement) -> AgreementView:
    """Enter an agreement; one without an end ends the day before the new one begins.

    Raises InvalidInput("contract_number_missing", "contract_dates_invalid", "signed_in_future"),
    NotFound("merchant_unknown"), Conflict("contract_number_taken", "contract_overlaps").
    """
    number = command.number.strip()
    if not 1 <= len(number) <= 60 or not number.isprintable():
        raise InvalidInput("contract_number_missing", "请填写协议编号，不超过 60 个字。")
    rules.checked_contract(command.from_on, command.until_on)
    if command.signed_on > day_of(world.now()):
        raise InvalidInput("signed_in_future", "签订日期在今天以后，请核对协议上的日期。")
    # Two officers entering agreements of one merchant wait for each other here.
    known = select(Merchant.id).where(Merchant.id == command.merchant_id).with_for_update(key_share=True)
    if session.scalar(known) is None:
        raise NotFound("merchant_unknown", "没有这家商户，请核对。")
    earlier = _rows(session, Agreement.merchant_id == command.merchant_id)
    if any(row.number == number for row in earlier):
        raise Conflict("contract_number_taken", f"协议编号“{number}”在本商户已登记过，请核对。")
    open_one = next((row for row in earlier if row.until_on is None and row.from_on < command.from_on), None)
    others = [row for row in earlier if row is not open_one]
    last = command.until_on or date.max
    if clash := [row for row in others if row.from_on <= last and (row.until_on or date.max) >= command.from_on]:
        days = f"{clash[0].from_on} 至 {clash[0].until_on or '长期'}"
        raise Conflict("contract_overlaps", f"与协议 {clash[0].number}（{days}）的日期重叠，一天只能有一份协议有效。")
    if open_one:
        ended = update(Agreement).where(Agreement.id == open_one.id)
        session.execute(ended.values(until_on=command.from_on - timedelta(days=1)))
    values = {
        "number": number,
        "signed_on": command.signed_on,
        "from_on": command.from_on,
        "until_on": command.until_on,
    }
    row_id = world.new_id()
    made = {"id": row_id, "merchant_id": command.merchant_id, "made_at": world.now(), "made_by": command.actor_id}
    session.execute(insert(Agreement).values(**made, **values))
    if all(row.from_on < command.from_on for row in earlier):
        newest = {"contract_number": number, "contract_signed_on": command.signed_on}
        newest |= {"contract_from": command.from_on, "contract_until": command.until_on}
        session.execute(update(Merchant).where(Merchant.id == command.merchant_id).values(**newest))
    told = {name: str(value) if value else None for name, value in values.items()}
    record(session, world, Act("agreement.sign", "merchant", str(command.merchant_id), command.actor_id, after=told))
    return agreement(session, world, row_id)


def upload_signed_copy(session: Session, world: World, command: UploadSignedCopy) -> AgreementView:
    """Keep the signed copy, sealed. Raises NotFound("agreement_unknown"), InvalidInput("file_type", "file_too_large")."""
    known = agreement(session, world, command.agreement_id)
    kind, digest = checked_scan(command.content), hashlib.sha256(command.content).digest()
    row = {
        "id": world.new_id(),
        "agreement_id": known.id,
        "content": vault_of(session).seal(FILE_FIELD, command.content),
        "media_type": kind,
        "size": len(command.content),
        "sha256": digest,
        "uploaded_at": world.now(),
        "uploaded_by": command.actor_id,
    }
    session.execute(insert(AgreementFile).values(row))
    after = {"agreement": str(known.id), "sha256": digest.hex(), "size": len(command.content)}
    record(session, world, Act("agreement.upload", "merchant", str(known.merchant_id), command.actor_id, after=after))
    return agreement(session, world, known.id)


def signed_copy(session: Session, agreement_id: uuid.UUID) -> tuple[str, str, bytes]:
    """Number of the agreement, media type and content of its newest copy. Raises NotFound("signed_copy_missing")."""
    query = (
        select(AgreementFile, Agreement.number)
        .join(Agreement, Agreement.id == AgreementFile.agreement_id)
        .where(AgreementFile.agreement_id == agreement_id)
        .order_by(AgreementFile.id.desc())
        .limit(1)
        .options(undefer(AgreementFile.content))
    )
    found = session.execute(query).one_or_none()
    if found is None:
        raise NotFound("signed_copy_missing", "这份协议还没有上传签字盖章件。")
    file, number = found
    return number, file.media_type, vault_of(session).open_bytes(FILE_FIELD, file.content)


def agreement(session: Session, world: World, agreement_id: uuid.UUID) -> AgreementView:
    """One agreement. Raises NotFound("agreement_unknown")."""
    found = _views(session, world, _rows(session, Agreement.id == agreement_id))
    if not found:
        raise NotFound("agreement_unknown", "没有这份协议，请返回商户页面重新选择。")
    return found[0]


def agreements_of(session: Session, world: World, merchant_id: uuid.UUID) -> list[AgreementView]:
    """A merchant's agreements, the newest first."""
    return _views(session, world, _rows(session, Agreement.merchant_id == merchant_id))


def _rows(session: Session, *wanted: object) -> list[Agreement]:
    query = select(Agreement).where(*wanted).order_by(Agreement.from_on.desc())  # type: ignore[arg-type]
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _views(session: Session, world: World, rows: list[Agreement]) -> list[AgreementView]:
    newest = (
        select(AgreementFile.agreement_id, AgreementFile.media_type, AgreementFile.sha256, AgreementFile.uploaded_at)
        .where(AgreementFile.agreement_id.in_([row.id for row in rows]))
        .distinct(AgreementFile.agreement_id)
        .order_by(AgreementFile.agreement_id, AgreementFile.id.desc())
    )
    files = {row.agreement_id: row for row in session.execute(newest)} if rows else {}
    today = day_of(world.now())

    def view(row: Agreement) -> AgreementView:
        file = files.get(row.id)
        upcoming, over = today < row.from_on, row.until_on is not None and row.until_on < today
        return AgreementView(
            row.id,
            row.merchant_id,
            row.number,
            row.signed_on,
            row.from_on,
            row.until_on,
            "upcoming" if upcoming else "over" if over else "in_force",
            row.signed_on > row.from_on,
            file.media_type if file else None,
            file.sha256 if file else None,
            file.uploaded_at if file else None,
        )

    return [view(row) for row in rows]
