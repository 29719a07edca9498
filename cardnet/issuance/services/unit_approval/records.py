"""What asking, deciding and listing share: which list an approval is about, and who may handle it."""

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.rules import Principal, Role, in_scope
from cardnet.issuance.models import UnitApproval
from cardnet.issuance.rules.unit_approval import ApprovalKind, ApprovalOutcome, fingerprint
from cardnet.issuance.services.delegation import OFFICER_ROLES
from cardnet.kernel import audit
from cardnet.kernel.errors import Conflict, NotAllowed, NotFound
from cardnet.kernel.world import World
from cardnet.membership.rules import UnionNode, code_of

SIGNER_FIELD = "unit_approval.signer"
FILE_FIELD = "unit_approval.file"

_STANDING = text("""
    select id, row, round, person_id from application
     where batch_id = :batch and path = :path and review_path = :path and state = 'submitted' order by row""")


def standing(session: Session, batch_id: uuid.UUID, path: str) -> list[Row[Any]]:
    """The rows of a union that stand before itself now, in the order of the roster."""
    return list(session.execute(_STANDING, {"batch": batch_id, "path": path}).all())


def same_list(approval: UnitApproval, rows: Sequence[Row[Any]]) -> bool:
    """Whether these are the rows it was asked for; of a union that was merged away the code is another one now."""
    code = code_of(approval.path)
    listed = listed_rows(rows)
    return approval.fingerprint in {fingerprint(approval.batch_id, name, listed) for name in (code, approval.path)}


def listed_rows(rows: Sequence[Row[Any]]) -> list[tuple[uuid.UUID, int, uuid.UUID]]:
    """What the fingerprint of a list is made of."""
    return [(row.id, row.round, row.person_id) for row in rows]


def must_serve(officer: Principal, unit: UnionNode) -> None:
    """Raises NotAllowed("role_missing", "out_of_scope")."""
    if not officer.has(*OFFICER_ROLES):
        raise NotAllowed("role_missing", f"{officer.display_name}不是工会工作人员，不能办理单位确认。")
    if not in_scope(officer.scope_path, unit.path):
        raise NotAllowed("out_of_scope", f"{unit.name}不在{officer.display_name}的管理范围内。")


def officers_of_units(session: Session, units: Iterable[UnionNode], under: str) -> Mapping[uuid.UUID, int]:
    """How many officers each of these unions has, all of them under a path; with two, one reviews what the other sent.

    The district is not among them: what it sends in for its own people has nobody above to be the first review.
    """
    wanted = {unit.id for unit in units if unit.parent_id is not None}
    if not wanted:
        return {}
    roles = (Role.UNIT_OFFICER, Role.TOWNSHIP_OFFICER)
    serving = Counter(one.union_id for one in access.principals_under(session, under, *roles))
    return {unit: serving[unit] for unit in wanted}


def by_token(session: Session, token: str, *, lock: bool = False) -> UnitApproval:
    """The approval a link is about. Raises NotFound("link_unknown")."""
    query = select(UnitApproval).where(UnitApproval.token_hash == hashed(token))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    approval = session.scalar(query)
    if approval is None:
        raise NotFound("link_unknown", "这个链接不对或不完整，请向经办人要一个新的。")
    return approval


def visible(session: Session, officer: Principal, approval_id: uuid.UUID, *, lock: bool = False) -> UnitApproval:
    """The approval, when the officer covers its union. Raises NotFound("approval_unknown")."""
    approval = session.get(UnitApproval, approval_id, with_for_update=lock or None, populate_existing=lock)
    if approval is None or not in_scope(officer.scope_path, approval.path):
        raise unknown()
    return approval


def must_be_unanswered(approval: UnitApproval) -> None:
    """Raises Conflict("link_used", "summary_used") with what became of it."""
    if approval.outcome is None:
        return
    what = "link" if approval.kind == ApprovalKind.LINK else "summary"
    said = _ENDED.get(ApprovalOutcome(approval.outcome)) or (
        "已经用过，不能再次办理。" if what == "link" else "已经上传过，不能再次办理。"
    )
    raise Conflict(f"{what}_used", f"{approval.number} {said}")


_ENDED = {
    ApprovalOutcome.WITHDRAWN: "已由经办人撤回，不能再办理。",
    ApprovalOutcome.REPLACED: "已由新的链接代替，请用最新收到的那个。",
}


def hashed(token: str) -> bytes:
    """What is kept of a token."""
    # SHA-256 is enough: the token has 192 random bits, so there is nothing to guess.
    return hashlib.sha256(token.encode()).digest()


def record(
    session: Session, world: World, action: str, approval_id: uuid.UUID, actor: uuid.UUID | None,
    address: str | None = None, **after: object,
) -> None:  # fmt: skip
    """One act of the trail."""
    act = audit.Act(action, "unit_approval", str(approval_id), actor_id=actor, address=address, after=after or None)
    audit.record(session, world, act)


def unknown() -> NotFound:
    """No such approval, or not yours."""
    return NotFound("approval_unknown", "没有这份单位确认，或者不在您的管理范围内。")
