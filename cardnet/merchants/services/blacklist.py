"""Whom the union works with no more, by credit code: neither this shop nor the same company under another name."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from cardnet.kernel.audit import Act, record
from cardnet.kernel.errors import Conflict, InvalidInput, NotFound
from cardnet.kernel.world import World
from cardnet.merchants import rules
from cardnet.merchants.models import BlacklistEntry, Merchant
from cardnet.merchants.partnership import checked_reason
from cardnet.merchants.rules import MerchantState
from cardnet.merchants.services.callers import forget_merchant


@dataclass(frozen=True)
class Blacklist:
    """The union decided, by a document, to work with a company no more; what it runs under this code is suspended."""

    credit_code: str
    name: str
    reason: str
    document: str
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class LiftBlacklist:
    """The reason is gone. What was suspended stays so until somebody resumes it."""

    entry_id: uuid.UUID
    words: str
    actor_id: uuid.UUID | None = None


@dataclass(frozen=True)
class BlacklistLine:
    """One entry, lifted or not."""

    id: uuid.UUID
    credit_code: str
    name: str
    reason: str
    document: str
    listed_at: datetime
    listed_by: uuid.UUID | None
    lifted_at: datetime | None
    lifted_words: str | None


def blacklist(session: Session, world: World, command: Blacklist) -> tuple[str, ...]:
    """List a credit code and suspend its active merchants; returns their codes.

    Raises InvalidInput("credit_code_invalid", "name_invalid", "reason_missing", "document_missing"),
    Conflict("blacklisted_already").
    """
    code = rules.checked_credit_code(command.credit_code)
    if not code:
        raise InvalidInput("credit_code_invalid", "请填写统一社会信用代码，18 位。")
    name, reason = rules.checked_name(command.name, "单位名称"), checked_reason(command.reason)
    document = command.document.strip()
    if not 1 <= len(document) <= 60 or not document.isprintable():
        raise InvalidInput("document_missing", "请填写决定文号，不超过 60 个字。")
    hold_credit_code(session, code)
    if is_blacklisted(session, code):
        raise Conflict("blacklisted_already", "这个信用代码已在黑名单里。")
    at = world.now()
    row = {
        "id": world.new_id(),
        "credit_code": code,
        "name": name,
        "reason": reason,
        "document": document,
        "listed_at": at,
        "listed_by": command.actor_id,
    }
    session.execute(insert(BlacklistEntry).values(row))
    stopped = session.execute(
        update(Merchant)
        .where(Merchant.credit_code == code, Merchant.state == MerchantState.ACTIVE)
        .values(state=MerchantState.SUSPENDED)
        .returning(Merchant.id, Merchant.code)
    ).all()
    acts = [
        Act(
            "merchant.state", "merchant", str(merchant_id), command.actor_id,
            before={"state": MerchantState.ACTIVE}, after={"state": MerchantState.SUSPENDED, "reason": "blacklist"},
        )
        for merchant_id, _ in stopped
    ]  # fmt: skip
    after = {"credit_code": code, "document": document, "merchants": sorted(code for _, code in stopped)}
    record(session, world, Act("blacklist.add", "blacklist", str(row["id"]), command.actor_id, after=after), *acts)
    for merchant_id, _ in stopped:
        forget_merchant(session, merchant_id)
    return tuple(sorted(code for _, code in stopped))


def lift_blacklist(session: Session, world: World, command: LiftBlacklist) -> None:
    """Raises NotFound("blacklist_unknown") when it is lifted already or never was, InvalidInput("reason_missing")."""
    words = checked_reason(command.words)
    changed = session.execute(
        update(BlacklistEntry)
        .where(BlacklistEntry.id == command.entry_id, BlacklistEntry.lifted_at.is_(None))
        .values(lifted_at=world.now(), lifted_by=command.actor_id, lifted_words=words)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        raise NotFound("blacklist_unknown", "没有这条黑名单记录，或已经解除，请刷新后再看。")
    record(session, world, Act("blacklist.lift", "blacklist", str(command.entry_id), command.actor_id))


def blacklist_lines(session: Session) -> list[BlacklistLine]:
    """Every entry: those in force first, then the newest."""
    query = select(BlacklistEntry).order_by(BlacklistEntry.lifted_at.is_not(None), BlacklistEntry.id.desc())
    return [
        BlacklistLine(
            row.id, row.credit_code, row.name, row.reason, row.document, row.listed_at, row.listed_by, row.lifted_at,
            row.lifted_words,
        )
        for row in session.scalars(query.execution_options(populate_existing=True))
    ]  # fmt: skip


def hold_credit_code(session: Session, code: str) -> None:
    """Whoever else lists, makes or resumes under this credit code waits until the transaction ends."""
    session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('cardnet.credit_code:' || :code, 0))"), {"code": code}
    )


def is_blacklisted(session: Session, code: str) -> bool:
    """Whether the union works with this credit code no more."""
    listed = select(BlacklistEntry.id).where(BlacklistEntry.credit_code == code, BlacklistEntry.lifted_at.is_(None))
    return session.scalar(listed) is not None


def refuse_blacklisted(session: Session, code: str | None) -> None:
    """Hold a credit code and raise Conflict("merchant_blacklisted") when it is listed."""
    if code is None:
        return
    hold_credit_code(session, code)
    if is_blacklisted(session, code):
        raise Conflict("merchant_blacklisted", "这个统一社会信用代码在黑名单里，不能合作；请先核对黑名单。")
